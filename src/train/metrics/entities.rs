//! Entities in IOB2, strict, and their scores (seqeval, `mode="strict", scheme=IOB2`).

use std::collections::HashSet;
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
    /// Right entities ÷ predicted entities; 0 when there are none.
    pub precision: f64,
    /// Right entities ÷ entities; 0 when there are none.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

/// The entities of a sentence. An `I-` that continues no entity of its type is none.
pub fn entities(labels: &[impl AsRef<str>]) -> Vec<Entity> {
    let mut found: Vec<Entity> = Vec::new();
    for (word, label) in labels.iter().enumerate() {
        let label = label.as_ref();
        if let Some(kind) = label.strip_prefix("B-") {
            found.push(Entity { words: word..word + 1, kind: kind.into() });
        } else if let Some(kind) = label.strip_prefix("I-")
            && let Some(last) = found.last_mut()
            && last.words.end == word
            && last.kind == kind
        {
            last.words.end += 1;
        }
    }
    found
}

/// The scores over all sentences.
pub fn entity_scores(
    predicted: &[Vec<impl AsRef<str>>],
    gold: &[Vec<impl AsRef<str>>],
) -> EntityScores {
    let (mut right, mut in_predicted, mut in_gold) = (0, 0, 0);
    for (predicted, gold) in predicted.iter().zip(gold) {
        let predicted: HashSet<Entity> = entities(predicted).into_iter().collect();
        let gold: HashSet<Entity> = entities(gold).into_iter().collect();
        right += predicted.intersection(&gold).count();
        in_predicted += predicted.len();
        in_gold += gold.len();
    }
    let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
    let precision = ratio(right as f64, in_predicted as f64);
    let recall = ratio(right as f64, in_gold as f64);
    let f1 = ratio(2.0 * precision * recall, precision + recall);
    EntityScores { precision, recall, f1 }
}
