use super::*;

fn at(line: usize, column: usize) -> LineColumn {
    LineColumn { line, column }
}

fn ranged(start: (usize, usize), end: (usize, usize), text: &str) -> Change {
    Change {
        range: Some((at(start.0, start.1), at(end.0, end.1))),
        text: text.to_owned(),
    }
}

fn whole(text: &str) -> Change {
    Change {
        range: None,
        text: text.to_owned(),
    }
}

#[test]
fn changes_apply_in_order() {
    let mut document = Document::new("one\ntwo\n", 1, "text", None);
    let mut changes = [
        ranged((0, 3), (1, 0), " "),
        ranged((0, 4), (0, 7), "2"),
        whole("x"),
        ranged((0, 1), (0, 1), "y"),
    ];
    document.apply(5, &mut changes[..2], Encoding::Utf16).unwrap();
    assert_eq!((document.text.to_string().as_str(), document.version), ("one 2\n", 5));
    document.apply(6, &mut changes[2..], Encoding::Utf16).unwrap();
    assert_eq!(document.text, "xy");
}

#[test]
fn every_edit_has_a_version_of_its_own() {
    let mut document = Document::new("", 7, "text", None);
    let mut versions = vec![document.version];
    for said in [9, 9, 9, 3, i32::MAX, i32::MAX] {
        document
            .apply(said, &mut [ranged((0, 0), (0, 0), "x")], Encoding::Utf8)
            .unwrap();
        assert!(!versions.contains(&document.version), "{said}: {versions:?}");
        versions.push(document.version);
    }
    assert_eq!((document.text.to_string().as_str(), versions[1]), ("xxxxxx", 9));
}

/// The text after one edit, and the range as it was applied.
#[track_caller]
fn check_range(
    text: &str,
    start: (usize, usize),
    end: (usize, usize),
    new: &str,
    expected: &str,
    applied: [(usize, usize); 2],
) {
    let mut document = Document::new(text, 1, "text", None);
    let mut changes = [ranged(start, end, new)];
    document.apply(2, &mut changes, Encoding::Utf16).unwrap();
    assert_eq!(document.text, expected, "{start:?} to {end:?}");
    let [first, last] = applied.map(|(line, column)| at(line, column));
    assert_eq!(changes[0].range, Some((first, last)), "{start:?} to {end:?}");
}

#[test]
fn what_is_past_the_end_is_the_end_and_what_is_reversed_is_turned() {
    let text = "one\ntwo\n";
    check_range(text, (0, 0), (99_999, 0), "", "", [(0, 0), (2, 0)]);
    check_range(text, (0, 0), (0x7fff_ffff, 0x7fff_ffff), "x", "x", [(0, 0), (2, 0)]);
    check_range(text, (50, 0), (50, 0), "x", "one\ntwo\nx", [(2, 0), (2, 0)]);
    check_range(text, (1, 2), (40, 7), "", "one\ntw", [(1, 2), (2, 0)]);
    check_range(text, (0, 99), (0, 99), "x", "onex\ntwo\n", [(0, 3), (0, 3)]);
    check_range("a\r\nb", (0, 1), (0, 9), "x", "ax\r\nb", [(0, 1), (0, 1)]);
    check_range(text, (1, 3), (0, 3), " ", "one \n", [(0, 3), (1, 3)]);
    check_range(text, (9, 0), (1, 0), "x", "one\nx", [(1, 0), (2, 0)]);
    check_range("", (3, 4), (5, 6), "x", "x", [(0, 0), (0, 0)]);
}

#[test]
fn after_an_edit_that_was_not_understood_only_a_full_text_counts() {
    let mut document = Document::new("a\n", 1, "text", None);
    document.lose();
    let mut edit = [ranged((0, 0), (0, 0), "x")];
    assert_eq!(document.apply(3, &mut edit, Encoding::Utf8), Err(Stale));
    assert!(!document.is_current());
    document.apply(4, &mut [whole("b")], Encoding::Utf8).unwrap();
    document.apply(5, &mut edit, Encoding::Utf8).unwrap();
    assert_eq!(
        (document.text.to_string().as_str(), document.is_current()),
        ("xb", true)
    );
}

/// A small xorshift generator: the edits must be the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// The plain implementation: where each line starts in a `String`.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for i in 0..bytes.len() {
        let crlf = bytes[i] == b'\r' && bytes.get(i + 1) == Some(&b'\n');
        if bytes[i] == b'\n' || (bytes[i] == b'\r' && !crlf) {
            starts.push(i + 1);
        }
    }
    starts
}

fn plain_place(text: &str, offset: usize, encoding: Encoding) -> LineColumn {
    let starts = line_starts(text);
    let line = starts.partition_point(|&start| start <= offset) - 1;
    let before = &text[starts[line]..offset];
    let column = match encoding {
        Encoding::Utf8 => before.len(),
        Encoding::Utf16 => before.encode_utf16().count(),
        Encoding::Utf32 => before.chars().count(),
    };
    at(line, column)
}

#[test]
fn random_edits_agree_with_a_plain_string() {
    let pieces = [
        "a", "é", "😀", "\n", "\r\n", "\r", "\t", "fn x", "\u{2028}", "", "\n\n", "日本",
    ];
    for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut plain = String::from("fn main() {\r\n}\n");
        let mut document = Document::new(&plain, 0, "text", None);
        for version in 1..2000 {
            // A place between `\r` and `\n` cannot be named by line and column.
            let ends: Vec<usize> = (0..=plain.len())
                .filter(|&i| plain.is_char_boundary(i))
                .filter(|&i| !(plain[..i].ends_with('\r') && plain[i..].starts_with('\n')))
                .collect();
            let mut range = [random.below(ends.len()), random.below(ends.len())];
            range.sort_unstable();
            // Short removals keep the text growing until it is cut back.
            let last = if plain.len() < 400 {
                (range[0] + 3).min(range[1])
            } else {
                range[1]
            };
            let (from, to) = (ends[range[0]], ends[last]);
            let new: String = (0..random.below(4))
                .map(|_| pieces[random.below(pieces.len())])
                .collect();
            let change = Change {
                range: Some((plain_place(&plain, from, encoding), plain_place(&plain, to, encoding))),
                text: new.clone(),
            };
            document.apply(version, &mut [change], encoding).unwrap();
            plain.replace_range(from..to, &new);
            assert_eq!(document.text, plain.as_str(), "edit {version}");
            let probe = ends[range[0]].min(plain.len());
            if plain.is_char_boundary(probe) && !(plain[..probe].ends_with('\r') && plain[probe..].starts_with('\n')) {
                let place = position::from_offset(&document.text, probe, encoding);
                assert_eq!(place, plain_place(&plain, probe, encoding));
                assert_eq!(position::to_offset(&document.text, place, encoding), probe);
            }
        }
    }
}

/// Where a place is, by the rules of vscode-languageserver-textdocument: a line past the last is the end, a column past
/// the end of its line is before the line's break.
fn plain_offset(text: &str, place: LineColumn, encoding: Encoding) -> usize {
    let starts = line_starts(text);
    let Some(&start) = starts.get(place.line) else {
        return text.len();
    };
    let end = starts.get(place.line + 1).copied().unwrap_or(text.len());
    let line = text[start..end].trim_end_matches(['\r', '\n']);
    let width = |character: char| match encoding {
        Encoding::Utf8 => character.len_utf8(),
        Encoding::Utf16 => character.len_utf16(),
        Encoding::Utf32 => 1,
    };
    let mut column = 0;
    let before = line.chars().take_while(|&character| {
        column += width(character);
        column <= place.column
    });
    start + before.map(char::len_utf8).sum::<usize>()
}

#[test]
fn random_places_agree_with_a_plain_string() {
    let pieces = ["a", "é", "😀", "\n", "\r\n", "\r", "x y", "", "日本\n"];
    for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        let mut plain = String::from("fn main() {\r\n}\n");
        let mut document = Document::new(&plain, 0, "text", None);
        let mut number = |bound: usize| match random.below(6) {
            0 => [bound, u32::MAX as usize, usize::MAX, 99_999][random.below(4)],
            _ => random.below(bound + 3),
        };
        for version in 1..3000 {
            let lines = line_starts(&plain).len();
            // Short ranges, or the text would be gone again and again.
            let start = at(number(lines), number(8));
            let end = match number(8) {
                0 => at(number(lines), number(8)),
                down => at(start.line.saturating_add(down / 5).saturating_sub(down / 7), number(8)),
            };
            let new = pieces[number(pieces.len()) % pieces.len()];
            let new = new.repeat(number(3) % 5);
            let mut changes = [Change {
                range: Some((start, end)),
                text: new.clone(),
            }];
            document.apply(version, &mut changes, encoding).unwrap();
            let (a, b) = (
                plain_offset(&plain, start, encoding),
                plain_offset(&plain, end, encoding),
            );
            let expected = (
                plain_place(&plain, a.min(b), encoding),
                plain_place(&plain, a.max(b), encoding),
            );
            plain.replace_range(a.min(b)..a.max(b), &new);
            assert_eq!(document.text, plain.as_str(), "edit {version}: {start:?} to {end:?}");
            assert_eq!(changes[0].range, Some(expected), "edit {version}");
            if plain.len() > 600 {
                plain.truncate(0);
                document.apply(version, &mut [whole("")], encoding).unwrap();
            }
        }
    }
}
