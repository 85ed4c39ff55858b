//! Tables for people to read.

use std::fmt::Write as _;

/// Columns that begin one below the other, two spaces apart.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a text does not fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// A number of parameters.
pub(super) fn parameters(count: u64) -> String {
    match count {
        0..1_000_000_000 => format!("{}M", (count + 500_000) / 1_000_000),
        _ => format!("{:.1}B", count as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [["a", "bb", "c"], ["ää", "b", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "a   bb  c\nää  b\n");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            (parameters(268_098_176), parameters(2_506_172_416)),
            ("268M".to_owned(), "2.5B".to_owned())
        );
    }
}
