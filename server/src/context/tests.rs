use super::*;
use crate::documents::language;

const DOCUMENT: &str = "fn main() {\n    let shape = Shape::square(3);\n    println!(\"{}\", area_of(&shape));\n}\n";

fn candidate(path: &str, text: &str, why: Why) -> Candidate {
    Candidate {
        path: path.to_owned(),
        language: language::of_path(std::path::Path::new(path)),
        text: Ok(text.into()),
        why,
    }
}

fn open(rank: usize) -> Why {
    Why {
        open: Some(rank),
        ..Why::default()
    }
}

fn imported(distance: usize) -> Why {
    Why {
        imported: Some(distance),
        ..Why::default()
    }
}

fn choose_from(candidates: &[Candidate], budget: usize, previous: Option<&Choice>) -> Choice {
    choose(&Rope::from_str(DOCUMENT), 1, candidates, budget, previous)
}

/// A line for each piece: whether it is in, why, and its path.
fn shown(choice: &Choice) -> Vec<String> {
    let line = |piece: &ChoicePiece| {
        let sign = if piece.text.is_some() { "+" } else { "-" };
        format!("{sign} {} {}", piece.source.as_str(), piece.path)
    };
    choice.pieces.iter().map(line).collect()
}

#[test]
fn what_has_to_do_with_the_code_is_taken() {
    let candidates = [
        candidate("shape.rs", "pub struct Shape;", imported(1)),
        candidate("far.rs", "fn unrelated() {}", imported(2)),
        candidate("area.rs", "pub fn area_of(shape: &Shape) -> u32;", open(0)),
        candidate("notes.md", "nothing to see", open(1)),
        candidate(
            "shape_test.rs",
            "fn it_works() {}",
            Why {
                test_pair: true,
                ..Why::default()
            },
        ),
        Candidate {
            text: Err("ignored"),
            ..candidate(".env", "", open(2))
        },
    ];
    let choice = choose_from(&candidates, 200, None);
    assert_eq!(
        shown(&choice),
        [
            "+ open area.rs",
            "+ test shape_test.rs",
            "+ imported shape.rs",
            "- open .env",
            "- imported far.rs",
            "- open notes.md",
        ]
    );
    assert_eq!((choice.pieces[3].reason, choice.pieces[3].bytes), ("ignored", 0));
    let files = choice.files();
    assert_eq!(
        (files.len(), files[2].path.as_str(), files[2].text.as_str()),
        (3, "shape.rs", "pub struct Shape;")
    );
}

#[test]
fn the_budget_holds() {
    let long: String = (0..50)
        .map(|n| format!("pub fn area_of_{n}(shape: &Shape) -> u32 {{\n    shape.width * {n}\n}}\n\n"))
        .collect();
    let candidates: Vec<_> = (0..20)
        .map(|n| candidate(&format!("src/file_{n}.rs"), &long, imported(1)))
        .collect();
    for budget in [0, 10, 32, 64, 100, 500, 1024, 100_000] {
        let choice = choose_from(&candidates, budget, None);
        let bytes: usize = choice
            .files()
            .iter()
            .map(|file| file.path.len() + 2 + file.text.len())
            .sum();
        assert!(bytes <= budget * BYTES_A_TOKEN, "{bytes} in {budget}");
        assert_eq!(choice.pieces.len(), candidates.len(), "every candidate has its record");
        assert!(choice.files().len() <= MOST_FILES);
        assert!(budget < 64 || !choice.files().is_empty(), "{budget}");
    }
}

#[test]
fn the_order_does_not_depend_on_who_was_used_last() {
    let files = |ranks: [usize; 2]| {
        let candidates = [
            candidate("b.rs", "struct Shape;", open(ranks[0])),
            candidate("a.rs", "fn area_of();", open(ranks[1])),
        ];
        choose_from(&candidates, 200, None).files()
    };
    assert_eq!(files([0, 1]), files([1, 0]));
}

#[test]
fn a_choice_that_is_still_good_is_kept() {
    let first = [candidate("z.rs", "struct Shape;", imported(1))];
    let before = choose_from(&first, 200, None);
    // Another file that would be shown too, and stand before it, is not worth reading everything again.
    let more = [first[0].clone(), candidate("a.rs", "fn area_of() {}", open(1))];
    assert_eq!(choose_from(&more, 200, None).files().len(), 2);
    let kept = choose_from(&more, 200, Some(&before));
    assert_eq!(kept.files(), before.files());
    assert_eq!(shown(&kept), ["+ imported z.rs", "- open a.rs"]);
    // One that is imported is, and so is another text.
    let imports = [first[0].clone(), candidate("a.rs", "fn area_of() {}", imported(1))];
    assert_eq!(choose_from(&imports, 200, Some(&before)).files().len(), 2);
    let edited = [candidate("z.rs", "struct Shape { width: u32 }", imported(1))];
    let after = choose_from(&edited, 200, Some(&before));
    assert_eq!(after.files()[0].text, "struct Shape { width: u32 }");
    let gone = choose_from(&[], 200, Some(&before));
    assert_eq!(gone.files(), []);
    let shut = [Candidate {
        text: Err("ignored"),
        ..first[0].clone()
    }];
    assert_eq!(choose_from(&shut, 200, Some(&before)).files(), []);
}

#[test]
fn the_cursor_s_exact_place_does_not_matter() {
    let text: String = (0..30).map(|n| format!("let value_{n} = Shape::new({n});\n")).collect();
    let document = Rope::from_str(&text);
    let candidates = [
        candidate("a.rs", "struct Shape;", open(0)),
        candidate("b.rs", "fn value_3() {}", open(1)),
    ];
    let at = |line| choose(&document, line, &candidates, 200, None);
    assert!((0..30).all(|line| at(line) == at(0)));
}

#[test]
fn the_budget_follows_the_model() {
    assert_eq!((budget(1024), budget(8192), budget(131_072)), (256, 1024, 1024));
    assert_eq!((estimated_tokens(0), estimated_tokens(4)), (0, 2));
}
