//! Entities in IOB2, strict, and their scores (seqeval, `mode="strict", scheme=IOB2`).

use std::ops::Range;

/// An entity: a `B-` and the `I-` of the same type behind it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entity {
    /// Its words.
    pub words: Range<usize>,
    /// Its type, for example `PER`.
    pub kind: String,
}

/// The micro-averaged scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EntityScores {
    /// Right entities ÷ predicted entities.
    pub precision: f64,
    /// Right entities ÷ entities.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

/// The entities of a sentence.
pub fn entities(_labels: &[impl AsRef<str>]) -> Vec<Entity> {
    Vec::new()
}

/// The scores over all sentences.
pub fn entity_scores(
    _predicted: &[Vec<impl AsRef<str>>],
    _gold: &[Vec<impl AsRef<str>>],
) -> EntityScores {
    EntityScores { precision: f64::NAN, recall: f64::NAN, f1: f64::NAN }
}
