//! The metrics of fine-tuning, each equal to its reference: scikit-learn, scipy, seqeval, SQuAD's official
//! script.

mod classes;
mod correlation;
mod entities;
mod squad;

pub use classes::{accuracy, confusion, f1, matthews_correlation};
pub use correlation::{pearson, spearman};
pub use entities::{Entity, EntityScores, entities, entity_scores};
pub use squad::{answer_f1, exact_match, normalize_answer};
