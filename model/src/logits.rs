//! The logits of a forward pass, in memory that is used again for the next one.

/// A row of logits, one for each entry of the vocabulary, for each token that they were asked for after.
#[derive(Debug, Default)]
pub struct Logits {
    numbers: Vec<f32>,
    rows: usize,
}

impl Logits {
    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// A row. The error says that there is none.
    pub(crate) fn row(&mut self, row: usize) -> Result<&mut [f32], String> {
        let width = self.numbers.len().checked_div(self.rows).unwrap_or(0);
        let numbers = self.numbers.get_mut(row * width..(row + 1) * width);
        numbers
            .filter(|row| !row.is_empty())
            .ok_or_else(|| "it gave no logits".to_owned())
    }

    /// The memory for the numbers of other rows, empty.
    pub fn refill(&mut self, rows: usize) -> &mut Vec<f32> {
        self.rows = rows;
        self.numbers.clear();
        &mut self.numbers
    }
}
