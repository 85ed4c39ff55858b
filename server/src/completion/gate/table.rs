//! The coefficients, as `tests/eval/fit.py` writes them: a row a feature, a column a model.

use std::collections::HashMap;
use std::sync::LazyLock;

use codegemma_model::ModelInfo;

static TABLE: LazyLock<Vec<Column>> = LazyLock::new(|| read(include_str!("coefficients.csv")));

/// The column for models that are not in the table.
const OTHER: &str = "other";

/// The coefficients of a model.
#[derive(Debug)]
pub(super) struct Column {
    model: &'static str,
    coefficients: HashMap<&'static str, f64>,
}

impl Column {
    /// The coefficient of a feature; 0 where the table has none.
    pub(super) fn coefficient(&self, feature: &str) -> f64 {
        self.coefficients.get(feature).copied().unwrap_or(0.0)
    }

    /// Whether the table says something of a feature.
    pub(super) fn has(&self, feature: &str) -> bool {
        self.coefficients.contains_key(feature)
    }
}

/// The coefficients for a model: its own, or those of all.
pub(super) fn column(model: &ModelInfo) -> &'static Column {
    let name = model.name.to_lowercase().replace([' ', '_'], "-");
    let own = TABLE.iter().find(|column| name == column.model);
    own.unwrap_or_else(|| {
        TABLE
            .iter()
            .find(|column| column.model == OTHER)
            .expect("the table has it")
    })
}

/// A field that is empty says nothing.
fn read(text: &'static str) -> Vec<Column> {
    let mut rows = text.lines().map(|line| line.split(','));
    let models = rows.next().into_iter().flatten().skip(1);
    let mut columns: Vec<Column> = models
        .map(|model| Column {
            model,
            coefficients: HashMap::new(),
        })
        .collect();
    for mut row in rows {
        let feature = row.next().unwrap_or_default();
        for (column, field) in columns.iter_mut().zip(row) {
            if let Ok(value) = field.parse() {
                column.coefficients.insert(feature, value);
            }
        }
    }
    columns
}
