//! How a file of labelled examples is read.

use serde::{Deserialize, Serialize};

/// The names of the columns, where they are not the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Columns {
    /// The text: `text`, `sentence`, or `sentence1` when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_column: Option<String>,
    /// The second text of a pair: `sentence2` when `None`, if there is such a column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_b_column: Option<String>,
    /// The label: `label` or `score` when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
}

/// How a file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadSettings {
    /// The names of columns.
    pub columns: Columns,
    /// Whether a file without labels is an error.
    pub needs_labels: bool,
}

impl ReadSettings {
    /// Settings for examples to learn from, or to be measured on.
    pub fn labelled(columns: &Columns) -> Self {
        Self { columns: columns.clone(), needs_labels: true }
    }
}
