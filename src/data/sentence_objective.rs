//! What a model learns about two segments of text, beside masked language modelling.

use serde::{Deserialize, Serialize};

/// What is learned about the segments A and B of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SentenceObjective {
    /// Whether B follows A in the text or comes from another document (Devlin et al., 2019, section 3.1).
    #[default]
    NextSentence,
    /// Whether B follows A in the text or A follows B: the segments of half of the pairs are swapped
    /// (sentence-order prediction; Lan et al., 2020, section 3.1).
    SentenceOrder,
    /// Nothing: sequences have one segment.
    None,
}

impl SentenceObjective {
    /// Whether sequences are pairs.
    pub fn has_pairs(self) -> bool {
        self != Self::None
    }
}
