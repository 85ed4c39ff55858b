use super::*;
use crate::completion::trigger::Cursor;
use crate::documents::language::{self, LANGUAGES};
use crate::documents::syntax::Inside;

/// Pieces are separated by `|`, each with its probability in percent after a `:`.
fn written(marked: &str) -> Written {
    let mut written = Written::default();
    for piece in marked.split('|') {
        let (text, percent) = piece.rsplit_once(':').unwrap();
        written.text.push_str(text);
        written.pieces.push(Piece {
            end: written.text.len(),
            logprob: (percent.parse::<f32>().unwrap() / 100.0).ln(),
        });
    }
    written
}

fn model(name: &str) -> ModelInfo {
    ModelInfo {
        name: name.to_owned(),
        architecture: String::new(),
        quantization: String::new(),
        context_tokens: 100,
        fill_in_the_middle: true,
    }
}

/// What is known of each line, as far as `kept` goes: its probabilities in percent, whether it was cut, and its length.
#[track_caller]
fn check_lines(marked: &str, kept: &str, expected: &[(&str, [i32; 4], bool)]) {
    let written = written(marked);
    assert!(written.text.starts_with(kept));
    let mut start = 0;
    let mut found = Vec::new();
    for line in lines(&written.text, &written.pieces, kept.len(), &Around::default()) {
        let known = line.features();
        let percent = |name: &str| {
            let (_, value) = known.iter().find(|(known, _)| *known == name).unwrap();
            (value.exp() * 100.0).round() as i32
        };
        let cut = known.contains(&("cut", 1.0));
        let text = &written.text[start..line.end];
        found.push((text, ["sum", "first", "least", "ends"].map(percent), cut));
        start = line.end;
    }
    assert_eq!(found, expected, "{marked:?}");
}

#[test]
fn each_line_has_its_pieces() {
    check_lines("a:90| b:80|:70", "a b", &[("a b", [72, 90, 80, 70], false)]);
    check_lines("a:90| b:80|:70", "a", &[("a", [90, 90, 90, 100], true)]);
    check_lines(
        "a:90|\n:50|b:80|\n:60",
        "a\nb",
        &[("a", [90, 90, 90, 50], false), ("\nb", [40, 50, 50, 60], false)],
    );
    // What ends one line may begin with the end of another, or be part of it.
    check_lines(
        "a:90|;\n  :50|b:80|:60",
        "a;\n  b",
        &[("a;", [45, 90, 50, 100], false), ("\n  b", [80, 80, 80, 60], false)],
    );
    // A body begins with the end of the line before it.
    check_lines("\n  :90|b:50|:60", "\n  b", &[("\n  b", [45, 90, 50, 60], false)]);
    check_lines(" :90|b:50", " b", &[(" b", [45, 90, 50, 100], true)]);
}

#[test]
fn words_that_stand_near_are_known() {
    let near = Around::new("self.height = height\nself.he", ", width");
    let known = |text: &str| {
        let lines = lines(text, &[], text.len(), &near);
        let of_line = |line: &Line| line.features().iter().find(|(name, _)| *name == "known").unwrap().1;
        lines.iter().map(of_line).collect::<Vec<_>>()
    };
    assert_eq!(known("ight)"), [1.0], "the rest of a word");
    assert_eq!(known("ad(width)\nheight()"), [0.5, 1.0]);
    assert_eq!(known(" ight)"), [0.0]);
    assert_eq!(known(");"), [0.0]);
}

/// A gate that knows nothing of a place, and shows what is at least `least` likely.
fn gate(least: f64) -> Gate {
    Gate::new(
        &model("codegemma-starter"),
        Kind::LineEnd,
        language::of_id("rust"),
        least,
    )
}

#[test]
fn what_is_likelier_is_shown_longer() {
    let sure = written("foo:99|(:99|near:99|):99|;\n:99|bar:99|(:99|):99|;:99|:99");
    let unsure = written("foo:9|(:20|near:9|):9|;\n:9|bar:99|(:99|):99|;:99|:99");
    let shown = |written: &Written, least| gate(least).shown(written, written.text.len(), &Around::default());
    assert_eq!(shown(&sure, 0.0), Some(sure.text.len()));
    assert_eq!(shown(&sure, 0.3), Some(sure.text.len()));
    assert_eq!(shown(&sure, 1.0), None);
    assert_eq!(shown(&unsure, 0.3), None);
    let later = written("foo:99|(:99|near:99|):99|;\n:99|bar:9|(:9|):9|;:9|:9");
    assert_eq!(shown(&later, 0.3), Some("foo(near);".len()));
    // Whoever wrote it did not say.
    let other = Written {
        pieces: Vec::new(),
        ..unsure
    };
    assert_eq!(shown(&other, 0.99), Some(other.text.len()));
}

#[test]
fn what_is_hopeless_is_not_shown_however_it_goes_on() {
    for marked in [
        "foo:1|(:1|near:1|):1|;:1|:1",
        "foo:60|(:50|near:40|):60|;:70|:80",
        "f:30|oo:99|:99",
        "):20|:90",
    ] {
        let whole = written(marked);
        for least in [0.2, 0.4, 0.6, 0.8] {
            let shown = gate(least)
                .shown(&whole, whole.text.len(), &Around::default())
                .is_some();
            let hopeless = (1..=whole.pieces.len()).any(|count| {
                let pieces = &whole.pieces[..count];
                gate(least).is_hopeless(&whole.text[..pieces[count - 1].end], pieces)
            });
            assert!(!(shown && hopeless), "{marked:?} at {least}");
        }
    }
    let unlikely = written("foo:1|(:1|near:1");
    assert!(gate(0.5).is_hopeless(&unlikely.text, &unlikely.pieces));
    assert!(!gate(0.0).is_hopeless(&unlikely.text, &unlikely.pieces));
}

#[test]
fn the_table_is_whole() {
    for name in ["codegemma-starter", "Gemma 3 270m", "codegemma-2b", "scripted"] {
        let least = least(&model(name), None, 0.0);
        assert!((0.2..0.95).contains(&least), "{name}: {least}");
    }
    assert!(least(&model("codegemma-starter"), None, 0.0) <= least(&model("scripted"), None, 0.0));
    assert_eq!(least(&model("codegemma-starter"), Some(0.25), 0.0), 0.25);
    // A name that the server has no feature or place for would change nothing, silently.
    let known = |name: &str| {
        let numbers = lines("a", &[], 1, &Around::default())[0].features();
        let places = [
            Kind::NewLine,
            Kind::WordEnd,
            Kind::LineEnd,
            Kind::WithinLine,
            Kind::Comment,
            Kind::String,
            Kind::Data,
            Kind::Prose,
        ];
        match name.split_once(':') {
            None => ["bias", "threshold"].contains(&name) || numbers.iter().any(|(known, _)| *known == name),
            Some(("language", language)) => LANGUAGES.iter().any(|known| known.id == language),
            Some(("place" | "alone", place)) => places.iter().any(|kind| kind.as_str() == place),
            Some(_) => false,
        }
    };
    let rows = include_str!("coefficients.csv").lines().skip(1);
    for name in rows.filter_map(|row| row.split(',').next()) {
        assert!(known(name), "{name}");
    }
}

#[test]
fn a_place_is_of_one_kind() {
    #[track_caller]
    fn check(language: &str, inside: Inside, marked: &str, expected: &str) {
        let path = match language {
            "markdown" => "a.md",
            _ => "a.b",
        };
        let (before, after) = marked.split_once('|').unwrap();
        let cursor = Cursor {
            before,
            after,
            inside,
            language: language::of_id(language),
        };
        assert_eq!(Kind::of(&cursor, Some(path)).as_str(), expected, "{marked:?}");
    }
    check("rust", Inside::Code, "    |", "new_line");
    check("rust", Inside::Code, "    |}", "new_line");
    check("rust", Inside::Code, "let a|;", "word_end");
    check("rust", Inside::Code, "let a = |;", "line_end");
    check("rust", Inside::Code, "let a = | + 1;", "within_line");
    check("rust", Inside::String, "f(\"a|\")", "string");
    check("rust", Inside::Comment, "// a |", "comment");
    check("json", Inside::Code, "\"a\": |", "data");
    check("json", Inside::String, "\"a|\"", "string");
    check("markdown", Inside::Code, "Some |", "prose");
    check("zig", Inside::Code, "const a = |", "line_end");
}
