//! Many judged holes as a table: one row for each language and kind, for each language, for each kind, and for all.
//!
//! It must not know how holes are judged or what a table is compared with.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::holes::{Hole, HoleKind};
use super::score::HoleScore;

/// One hole, completed.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// The language.
    pub language: &'static str,
    /// What was cut out.
    pub kind: HoleKind,
    /// How good the suggestion is; `None` for a text that was only read.
    pub score: Option<HoleScore>,
    /// How good what is shown to who did not ask is; `None` where nothing is.
    pub shown: Option<HoleScore>,
    /// Why nothing was suggested, where nothing was.
    pub empty: Option<&'static str>,
    /// The loss on the truth, in bits.
    pub bits: Option<f64>,
    /// How long the truth is.
    pub bytes: usize,
    /// How long the first token took.
    pub first_token_ms: Option<f64>,
}

impl Outcome {
    /// A hole before anything is known of it.
    pub(crate) fn new(hole: &Hole) -> Self {
        Self {
            language: hole.language,
            kind: hole.kind,
            score: (hole.kind != HoleKind::Text).then(HoleScore::default),
            shown: None,
            empty: None,
            bits: None,
            bytes: hole.range.len(),
            first_token_ms: None,
        }
    }
}

/// The name of a row that is about all languages or all kinds.
pub(super) const ALL: &str = "all";

/// How many holes of a row are so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Counts {
    /// The truth.
    pub exact: usize,
    /// Right: exact, or beginning with the few characters that were cut out.
    pub correct: usize,
    /// Right in the first line.
    pub first_line: usize,
    /// Repetitions of what follows.
    pub duplicated: usize,
    /// With a closing bracket that closes nothing.
    pub unmatched: usize,
    /// With an error of syntax.
    pub misparsed: usize,
    /// With a bracket, or a block, that is left open.
    pub open: usize,
    /// Without a suggestion.
    pub empty: usize,
    /// Shown to who did not ask.
    pub shown: usize,
    /// Of these, right.
    pub shown_right: usize,
    /// Of these, harmful.
    pub shown_harmful: usize,
}

/// How many these are.
pub(super) const COUNTS: usize = 11;

impl Counts {
    /// In the order of the columns.
    pub(super) fn array(self) -> [usize; COUNTS] {
        [
            self.exact,
            self.correct,
            self.first_line,
            self.duplicated,
            self.unmatched,
            self.misparsed,
            self.open,
            self.empty,
            self.shown,
            self.shown_right,
            self.shown_harmful,
        ]
    }
}

/// The first line of a CSV.
pub(super) const COLUMNS: &str = "language,kind,holes,exact,correct,first_line,duplicated,unmatched,misparsed,open,\
                                  empty,shown,shown_right,shown_harmful,edit_similarity,\
                                  kept_rate,bits_per_byte,first_token_ms";

/// A row of the table. What nothing was measured of is `None`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct Row {
    /// The language, or `all`.
    pub language: String,
    /// The kind, or `all`.
    pub kind: String,
    /// How many holes, or texts, it is about.
    pub holes: usize,
    /// What is true of how many; `None` for texts.
    #[serde(flatten)]
    pub counts: Option<Counts>,
    /// The mean of the similarities.
    pub edit_similarity: Option<f64>,
    /// Of all tokens that were shown, the share that is in the truth.
    pub kept_rate: Option<f64>,
    /// The loss on the truth.
    pub bits_per_byte: Option<f64>,
    /// The median.
    pub first_token_ms: Option<f64>,
}

impl Row {
    /// What the row is about, for messages.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.language, self.kind)
    }
}

/// Makes the table, in a fixed order: each language's kinds and all of it, the kinds, everything.
pub(crate) fn rows(outcomes: &[Outcome]) -> Vec<Row> {
    let mut groups: BTreeMap<(bool, &str, bool, Option<HoleKind>), Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        let (language, kind) = (outcome.language, outcome.kind);
        for (everywhere, language) in [(false, language), (true, ALL)] {
            groups
                .entry((everywhere, language, false, Some(kind)))
                .or_default()
                .push(outcome);
            // A text is no hole; adding them up would say nothing.
            if kind != HoleKind::Text {
                groups
                    .entry((everywhere, language, true, None))
                    .or_default()
                    .push(outcome);
            }
        }
    }
    let row = |((_, language, _, kind), group): ((bool, &str, bool, Option<HoleKind>), Vec<&Outcome>)| {
        summary(language, kind.map_or(ALL, HoleKind::as_str), &group)
    };
    groups.into_iter().map(row).collect()
}

fn summary(language: &str, kind: &str, group: &[&Outcome]) -> Row {
    let scores: Vec<&HoleScore> = group.iter().filter_map(|outcome| outcome.score.as_ref()).collect();
    let shown: Vec<&HoleScore> = group.iter().filter_map(|outcome| outcome.shown.as_ref()).collect();
    let count = |of: fn(&HoleScore) -> bool| scores.iter().filter(|score| of(score)).count();
    let counts = Counts {
        exact: count(|score| score.exact),
        correct: count(|score| score.correct),
        first_line: count(|score| score.first_line),
        duplicated: count(|score| score.duplicated),
        unmatched: count(|score| score.unmatched),
        misparsed: count(|score| score.misparsed),
        open: count(|score| score.open),
        empty: group.iter().filter(|outcome| outcome.empty.is_some()).count(),
        shown: shown.len(),
        shown_right: shown.iter().filter(|score| score.is_right()).count(),
        shown_harmful: shown.iter().filter(|score| score.is_harmful()).count(),
    };
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    let sum = |of: fn(&HoleScore) -> usize| scores.iter().map(|score| of(score)).sum::<usize>() as f64;
    let similarity: f64 = scores.iter().map(|score| score.edit_similarity).sum();
    let read = || group.iter().filter_map(|outcome| Some((outcome.bits?, outcome.bytes)));
    Row {
        language: language.to_owned(),
        kind: kind.to_owned(),
        holes: group.len(),
        counts: (!scores.is_empty()).then_some(counts),
        edit_similarity: share(similarity, scores.len() as f64),
        kept_rate: share(sum(|score| score.kept), sum(|score| score.shown)),
        bits_per_byte: share(
            read().map(|(bits, _)| bits).sum(),
            read().map(|(_, bytes)| bytes).sum::<usize>() as f64,
        ),
        first_token_ms: median(group.iter().filter_map(|outcome| outcome.first_token_ms).collect()),
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// The table as a CSV. What nothing was measured of is an empty field.
pub(crate) fn csv(rows: &[Row]) -> String {
    let mut out = format!("{COLUMNS}\n");
    let number =
        |value: Option<f64>, digits: usize| value.map_or_else(String::new, |value| format!("{value:.digits$}"));
    for row in rows {
        let mut fields = vec![row.language.clone(), row.kind.clone(), row.holes.to_string()];
        let counts = row.counts.map(|counts| counts.array().map(|count| count.to_string()));
        fields.extend(counts.unwrap_or_default());
        fields.push(number(row.edit_similarity, 4));
        fields.push(number(row.kept_rate, 4));
        fields.push(number(row.bits_per_byte, 4));
        fields.push(number(row.first_token_ms, 1));
        out += &fields.join(",");
        out.push('\n');
    }
    out
}

/// The table for people: shares instead of counts, and why some holes are empty.
pub(crate) fn readable(rows: &[Row], outcomes: &[Outcome]) -> String {
    let heads = COLUMNS.split(',').map(|column| column.replace('_', " "));
    let mut lines: Vec<Vec<String>> = vec![heads.collect()];
    for row in rows {
        let percent = |part: f64| format!("{:.1} %", 100.0 * part);
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let mut line = vec![row.language.clone(), row.kind.clone(), row.holes.to_string()];
        let shares = row.counts.map(|counts| {
            counts
                .array()
                .map(|count| Some(percent(count as f64 / row.holes as f64)))
        });
        line.extend(shares.unwrap_or_default().map(or_dash));
        line.push(or_dash(row.edit_similarity.map(percent)));
        line.push(or_dash(row.kept_rate.map(percent)));
        line.push(or_dash(row.bits_per_byte.map(|bits| format!("{bits:.3}"))));
        line.push(or_dash(row.first_token_ms.map(|time| format!("{time:.0}"))));
        lines.push(line);
    }
    let columns = lines[0].len();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        let mut text = String::new();
        for (column, (field, &width)) in line.iter().zip(&widths).enumerate() {
            // Names to the left, numbers to the right.
            let done = match column {
                0 | 1 => write!(text, "{field:<width$}  "),
                _ => write!(text, "{field:>width$}  "),
            };
            done.expect("a string takes everything");
        }
        out += text.trim_end();
        out.push('\n');
    }
    let mut reasons = BTreeMap::<&str, usize>::new();
    for reason in outcomes.iter().filter_map(|outcome| outcome.empty) {
        *reasons.entry(reason).or_default() += 1;
    }
    if !reasons.is_empty() {
        let reasons: Vec<String> = reasons.iter().map(|(name, count)| format!("{name} {count}")).collect();
        out += &format!("empty: {}\n", reasons.join(", "));
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Holes of two languages with all that is measured.
    pub(in crate::eval) fn outcomes() -> Vec<Outcome> {
        let outcome = |language, kind, exact: bool, kept, bits| Outcome {
            language,
            kind,
            score: Some(HoleScore {
                exact,
                correct: exact,
                first_line: exact,
                edit_similarity: if exact { 1.0 } else { 0.5 },
                kept,
                shown: 4,
                ..HoleScore::default()
            }),
            shown: exact.then(|| HoleScore {
                right: true,
                ..HoleScore::default()
            }),
            empty: (!exact).then_some("blank"),
            bits: Some(bits),
            bytes: 10,
            first_token_ms: Some(bits * 2.0),
        };
        vec![
            outcome("go", HoleKind::Line, true, 4, 5.0),
            outcome("go", HoleKind::Line, false, 1, 15.0),
            outcome("go", HoleKind::Block, true, 4, 40.0),
            outcome("rust", HoleKind::Line, false, 0, 20.0),
            Outcome {
                score: None,
                empty: None,
                first_token_ms: None,
                bytes: 100,
                shown: None,
                ..outcome("rust", HoleKind::Text, true, 0, 150.0)
            },
        ]
    }

    #[test]
    fn rows_add_up() {
        let expected = "\
language,kind,holes,exact,correct,first_line,duplicated,unmatched,misparsed,open,empty,shown,shown_right,shown_harmful,edit_similarity,kept_rate,bits_per_byte,first_token_ms
go,line,2,1,1,1,0,0,0,0,1,1,1,0,0.7500,0.6250,1.0000,20.0
go,block,1,1,1,1,0,0,0,0,0,1,1,0,1.0000,1.0000,4.0000,80.0
go,all,3,2,2,2,0,0,0,0,1,2,2,0,0.8333,0.7500,2.0000,30.0
rust,line,1,0,0,0,0,0,0,0,1,0,0,0,0.5000,0.0000,2.0000,40.0
rust,text,1,,,,,,,,,,,,,,1.5000,
rust,all,1,0,0,0,0,0,0,0,1,0,0,0,0.5000,0.0000,2.0000,40.0
all,line,3,1,1,1,0,0,0,0,2,1,1,0,0.6667,0.4167,1.3333,30.0
all,block,1,1,1,1,0,0,0,0,0,1,1,0,1.0000,1.0000,4.0000,80.0
all,text,1,,,,,,,,,,,,,,1.5000,
all,all,4,2,2,2,0,0,0,0,2,2,2,0,0.7500,0.5625,2.0000,35.0
";
        assert_eq!(csv(&rows(&outcomes())), expected);
    }

    #[test]
    fn what_was_not_measured_is_not_made_up() {
        let mut outcomes = outcomes();
        for outcome in &mut outcomes {
            (outcome.bits, outcome.first_token_ms) = (None, None);
        }
        let rows = rows(&outcomes[..1]);
        assert!(csv(&rows).contains("\ngo,line,1,1,1,1,0,0,0,0,0,1,1,0,1.0000,1.0000,,\n"));
        assert!(readable(&rows, &outcomes[..1]).contains(" 100.0 %  "));
        assert!(!readable(&rows, &outcomes[..1]).contains("empty:"));
    }

    #[test]
    fn the_readable_table_is_aligned() {
        let outcomes = outcomes();
        let table = readable(&rows(&outcomes), &outcomes);
        let lines: Vec<&str> = table.lines().collect();
        let ends = lines[0].find("holes").unwrap() + "holes".len();
        for line in &lines[1..lines.len() - 1] {
            assert!(line.as_bytes()[ends - 1].is_ascii_digit(), "{table}");
        }
        assert!(lines[3].contains("66.7 %"), "{table}");
        assert_eq!(lines.last(), Some(&"empty: blank 2"));
    }
}
