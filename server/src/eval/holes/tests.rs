use std::collections::BTreeMap;

use super::{Hole, HoleKind, SourceFile, others_suffixes, sample};
use crate::documents::language;

fn corpus() -> Vec<SourceFile> {
    let mut files = Vec::new();
    for number in 0..8 {
        let mut add = |folder: &str, extension: &str, text: String| {
            let path = format!("{folder}/f{number}.{extension}");
            files.push(SourceFile {
                language: language::of_path(path.as_ref()).unwrap(),
                path,
                text,
            });
        };
        let body = format!("    let total = first({number}) + second(1);\n    third(total, \"of some text\", [1, 2]); // a note about it\n").repeat(3);
        add(
            "a",
            "rs",
            (0..9).map(|at| format!("fn f{at}() {{\n{body}}}\n\n")).collect(),
        );
        let body = format!(
            "    total = first({number}) + second(1)\n    third(total, \"of some text\", [1, 2]) # a note about it\n"
        )
        .repeat(3);
        add(
            "b",
            "py",
            (0..9).map(|at| format!("def f{at}():\n{body}\n\n")).collect(),
        );
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn counts<K: Ord>(holes: &[Hole], key: impl Fn(&Hole) -> K) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for hole in holes {
        *counts.entry(key(hole)).or_default() += 1;
    }
    counts
}

#[test]
fn holes_are_spread_evenly() {
    let files = corpus();
    let holes = sample(&files, 140, 1);
    let (texts, holes): (Vec<Hole>, Vec<Hole>) = holes.into_iter().partition(|hole| hole.kind == HoleKind::Text);
    assert_eq!(holes.len(), 140);
    let pairs = counts(&holes, |hole| (hole.language, hole.kind));
    assert_eq!(pairs.len(), 20);
    assert!(pairs.values().all(|count| *count == 7), "{pairs:?}");
    let of_files = counts(&holes, |hole| hole.file);
    assert_eq!(of_files.len(), files.len());
    assert!(of_files.values().all(|count| (7..=10).contains(count)), "{of_files:?}");
    assert_eq!(
        counts(&texts, |text| text.language),
        [("python", 7), ("rust", 7)].into()
    );
    let ids = counts(&holes, |hole| hole.id.clone());
    assert_eq!(ids.len(), 140);
}

#[test]
fn the_number_holds_and_a_language_has_a_text() {
    let files = corpus();
    for count in [1, 6, 13, 15, 99] {
        let holes = sample(&files, count, 5);
        let texts = holes.iter().filter(|hole| hole.kind == HoleKind::Text).count();
        assert_eq!((holes.len() - texts, texts), (count, (count / 10).max(2)));
    }
    // Where there is not enough, there are fewer.
    let few = sample(&files[..1], 10_000, 5);
    assert!(few.len() < 10_000);
}

#[test]
fn the_seed_and_the_files_decide() {
    let files = corpus();
    assert_eq!(sample(&files, 50, 1), sample(&corpus(), 50, 1));
    assert_ne!(sample(&files, 50, 1), sample(&files, 50, 2));
    assert_eq!(sample(&[], 50, 1), []);
    // The same on every machine: a change here moves every committed table.
    let holes = sample(&files, 2, 1);
    let shown: Vec<_> = holes
        .iter()
        .map(|hole| (hole.id.as_str(), hole.file, hole.range.clone()))
        .collect();
    let expected = [
        ("python-text-1", 8, 0..1483),
        ("rust-block-1", 7, 944..1236),
        ("rust-statement-1", 3, 2494..2527),
        ("rust-text-1", 7, 0..1486),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn texts_are_whole_lines() {
    let files = corpus();
    for hole in sample(&files, 200, 3) {
        let text = &files[hole.file].text;
        assert!(text.is_char_boundary(hole.range.start) && !text[hole.range.clone()].trim().is_empty());
        if hole.kind == HoleKind::Text {
            assert!(hole.range.len() <= 1500);
            assert!(hole.range.start == 0 || text[..hole.range.start].ends_with('\n'));
            assert!(text[..hole.range.end].ends_with('\n'));
        }
    }
}

#[test]
fn another_hole_s_suffix_is_never_its_own() {
    let holes = sample(&corpus(), 60, 1);
    let others = others_suffixes(&holes, 1);
    for (at, other) in others.iter().enumerate() {
        assert_eq!(other.is_none(), holes[at].kind == HoleKind::Text);
        let Some(other) = *other else { continue };
        assert_ne!((other, holes[other].kind), (at, HoleKind::Text));
        assert_eq!(holes[other].language, holes[at].language);
    }
    assert_eq!(others, others_suffixes(&holes, 1));
    assert_ne!(others, others_suffixes(&holes, 2));
    assert_eq!(others_suffixes(&holes[..1], 1), [None]);
}
