//! A table against an earlier one: what changed, and what got worse.
//!
//! Counts are judged and losses reported; times are not compared, they are another machine's. It must not know where the tables lie.

use std::collections::BTreeMap;

use super::table::{ALL, COLUMNS, COUNTS, Counts, Row};

/// The columns that are judged, in the order of [`Counts`]; whether more is better, where it is the one or the other.
const JUDGED: [(&str, Option<bool>); COUNTS] = [
    ("exact", Some(true)),
    ("correct", Some(true)),
    ("first_line", Some(true)),
    ("duplicated", Some(false)),
    ("unmatched", Some(false)),
    ("misparsed", Some(false)),
    ("open", Some(false)),
    ("empty", Some(false)),
    ("shown", None),
    ("shown_right", Some(true)),
    ("shown_harmful", Some(false)),
];

/// An earlier table.
#[derive(Debug)]
pub(crate) struct Baseline {
    rows: Vec<Row>,
}

/// A value that is another one now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableChange {
    /// The row, the column, and both values.
    pub text: String,
    /// It is a count that got worse in a row about all languages or all kinds.
    pub worse: bool,
}

impl Baseline {
    /// Reads a CSV. An error says which line is damaged, counted from 1, and how.
    pub(crate) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        match lines.next() {
            Some((_, COLUMNS)) => {}
            _ => return Err((1, format!("expected the columns {COLUMNS}"))),
        }
        let rows = lines.map(|(number, line)| row(line).map_err(|what| (number, what)));
        let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
        if rows.is_empty() {
            return Err((1, "the table has no rows".to_owned()));
        }
        Ok(Self { rows })
    }

    /// Whether it is about the same numbers of holes; an error names the first difference.
    pub(crate) fn check_holes(&self, rows: &[Row]) -> Result<(), String> {
        let counts =
            |rows: &[Row]| -> BTreeMap<String, usize> { rows.iter().map(|row| (row.name(), row.holes)).collect() };
        let (old, new) = (counts(&self.rows), counts(rows));
        let differs = old
            .keys()
            .chain(new.keys())
            .find(|name| old.get(*name) != new.get(*name));
        differs.map_or(Ok(()), |name| {
            let count = |counts: &BTreeMap<String, usize>| counts.get(name).copied().unwrap_or(0);
            Err(format!(
                "{name}: the baseline has {} holes, this run {}",
                count(&old),
                count(&new)
            ))
        })
    }

    /// What is different now, row by row.
    pub(crate) fn changes(&self, rows: &[Row]) -> Vec<TableChange> {
        let mut changes = Vec::new();
        for new in rows {
            let Some(old) = self.rows.iter().find(|old| old.name() == new.name()) else {
                continue;
            };
            let judged = new.language == ALL || new.kind == ALL;
            let counts = old.counts.zip(new.counts);
            for (at, (column, more_is_better)) in JUDGED.iter().enumerate() {
                let Some((before, now)) = counts.map(|(old, new)| (old.array()[at], new.array()[at])) else {
                    continue;
                };
                if before != now {
                    changes.push(TableChange {
                        text: format!("{}: {column} {before}, now {now}", new.name()),
                        worse: judged && more_is_better.is_some_and(|more_is_better| (now < before) == more_is_better),
                    });
                }
            }
            let measured = [
                ("edit_similarity", old.edit_similarity, new.edit_similarity, 4),
                ("kept_rate", old.kept_rate, new.kept_rate, 4),
                ("bits_per_byte", old.bits_per_byte, new.bits_per_byte, 4),
            ];
            for (column, before, now, digits) in measured {
                let show = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
                let (before, now) = (show(before), show(now));
                if before != now {
                    changes.push(TableChange {
                        text: format!("{}: {column} {before}, now {now}", new.name()),
                        worse: false,
                    });
                }
            }
        }
        changes
    }
}

/// Reads a line of a CSV.
fn row(line: &str) -> Result<Row, String> {
    let fields: Vec<&str> = line.split(',').collect();
    let columns: Vec<&str> = COLUMNS.split(',').collect();
    if fields.len() != columns.len() {
        return Err(format!("expected {} fields, found {}", columns.len(), fields.len()));
    }
    let wrong = |at: usize, wanted: &str| format!("{}: expected {wanted}, found {:?}", columns[at], fields[at]);
    let count = |at: usize| fields[at].parse::<usize>().map_err(|_| wrong(at, "a count"));
    let number = |at: usize| match fields[at] {
        "" => Ok(None),
        field => match field.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(wrong(at, "a number or nothing")),
        },
    };
    let counts = match fields[3..3 + COUNTS].iter().all(|field| field.is_empty()) {
        true => None,
        false => Some(Counts {
            exact: count(3)?,
            correct: count(4)?,
            first_line: count(5)?,
            duplicated: count(6)?,
            unmatched: count(7)?,
            misparsed: count(8)?,
            open: count(9)?,
            empty: count(10)?,
            shown: count(11)?,
            shown_right: count(12)?,
            shown_harmful: count(13)?,
        }),
    };
    Ok(Row {
        language: fields[0].to_owned(),
        kind: fields[1].to_owned(),
        holes: count(2)?,
        counts,
        edit_similarity: number(14)?,
        kept_rate: number(15)?,
        bits_per_byte: number(16)?,
        first_token_ms: number(17)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::table::{csv, rows, tests::outcomes};

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let rows = rows(&outcomes());
        let baseline = Baseline::parse(&csv(&rows)).unwrap();
        assert_eq!(csv(&baseline.rows), csv(&rows));
        assert_eq!(baseline.check_holes(&rows), Ok(()));
        assert_eq!(baseline.changes(&rows), []);
    }

    /// Which changes a table has against the one of [`outcomes`], and which are for the worse.
    #[track_caller]
    fn check(change: impl Fn(&mut Vec<crate::eval::Outcome>), worse: &[&str], reported: &[&str]) {
        let baseline = Baseline::parse(&csv(&rows(&outcomes()))).unwrap();
        let mut changed = outcomes();
        change(&mut changed);
        let rows = rows(&changed);
        assert_eq!(baseline.check_holes(&rows), Ok(()));
        let changes = baseline.changes(&rows);
        let found: Vec<_> = changes
            .iter()
            .filter(|change| change.worse)
            .map(|change| change.text.as_str())
            .collect();
        assert_eq!(found, worse);
        for text in reported {
            assert!(
                changes.iter().any(|change| change.text == *text && !change.worse),
                "{changes:?}"
            );
        }
    }

    #[test]
    fn a_count_that_got_worse_is_named() {
        check(
            |outcomes| outcomes[0].score.as_mut().unwrap().exact = false,
            &[
                "go all: exact 2, now 1",
                "all line: exact 1, now 0",
                "all all: exact 2, now 1",
            ],
            &["go line: exact 1, now 0"],
        );
        check(
            |outcomes| outcomes[0].score.as_mut().unwrap().duplicated = true,
            &[
                "go all: duplicated 0, now 1",
                "all line: duplicated 0, now 1",
                "all all: duplicated 0, now 1",
            ],
            &[],
        );
        // Better counts, times and losses fail nothing.
        check(|outcomes| outcomes[1].empty = None, &[], &["go all: empty 1, now 0"]);
        check(
            |outcomes| outcomes[0].bits = Some(25.0),
            &[],
            &["go all: bits_per_byte 2.0000, now 2.6667"],
        );
        check(|outcomes| outcomes[0].first_token_ms = None, &[], &[]);
    }

    #[test]
    fn other_holes_are_refused() {
        let baseline = Baseline::parse(&csv(&rows(&outcomes()))).unwrap();
        let error = baseline.check_holes(&rows(&outcomes()[1..])).unwrap_err();
        assert_eq!(error, "all all: the baseline has 4 holes, this run 3");
        let error = baseline.check_holes(&rows(&outcomes()[..3])).unwrap_err();
        assert_eq!(error, "all all: the baseline has 4 holes, this run 3");
    }

    #[test]
    fn a_damaged_table_names_its_line() {
        let good = csv(&rows(&outcomes()));
        let check = |text: &str, line: usize, what: &str| {
            let (number, message) = Baseline::parse(text).unwrap_err();
            assert_eq!((number, message.contains(what)), (line, true), "{message}");
        };
        check("", 1, "expected the columns language,kind");
        check("a,b\n", 1, "expected the columns");
        check(&format!("{COLUMNS}\n"), 1, "no rows");
        check(
            &good.replacen("go,block,1", "go,block", 1),
            3,
            "expected 18 fields, found 17",
        );
        check(
            &good.replacen("go,block,1", "go,block,x", 1),
            3,
            "holes: expected a count, found \"x\"",
        );
        check(
            &good.replacen("0.7500", "NaN", 1),
            2,
            "edit_similarity: expected a number",
        );
        check(&format!("{good}\n"), 12, "expected 18 fields, found 1");
    }
}
