//! The steps by name and number, each with its chapters of the book.

use std::fmt;
use std::str::FromStr;

/// A step of an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// From characters to words.
    Text,
    /// From words to pieces, ids, segments and positions.
    Pieces,
    /// What is hidden.
    Masks,
    /// The sum of three vectors.
    Embeddings,
    /// Where each token looks.
    Attention,
    /// The likeliest words at the hidden positions.
    Predictions,
    /// Whether B follows A.
    NextSentence,
    /// The gradient.
    Backward,
    /// One step of AdamW.
    Optimizer,
}

/// A step that does not exist.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a step is one of {}, or its number from 1 to 9", Step::ALL.map(Step::name).join(", "))]
pub struct NoSuchStep;

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 9] = [
        Self::Text,
        Self::Pieces,
        Self::Masks,
        Self::Embeddings,
        Self::Attention,
        Self::Predictions,
        Self::NextSentence,
        Self::Backward,
        Self::Optimizer,
    ];

    /// Its name, as `--step` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Pieces => "pieces",
            Self::Masks => "masks",
            Self::Embeddings => "embeddings",
            Self::Attention => "attention",
            Self::Predictions => "predictions",
            Self::NextSentence => "next-sentence",
            Self::Backward => "backward",
            Self::Optimizer => "optimizer",
        }
    }

    /// Its number, counted from 1.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    /// The chapter of the book that explains it.
    pub fn chapter(self) -> &'static str {
        match self {
            Self::Text => "docs/02-text-to-pieces.md",
            Self::Pieces => "docs/03-learning-a-vocabulary.md",
            Self::Masks => "docs/05-masks.md",
            Self::Embeddings => "docs/06-embeddings.md",
            Self::Attention => "docs/07-attention.md",
            Self::Predictions => "docs/09-heads-and-loss.md",
            Self::NextSentence => "docs/04-sentence-pairs.md",
            Self::Backward => "docs/10-backward-pass.md",
            Self::Optimizer => "docs/11-optimizer-and-schedule.md",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Step {
    type Err = NoSuchStep;

    fn from_str(text: &str) -> Result<Self, NoSuchStep> {
        let is_it = |step: &Self| step.name() == text || step.number().to_string() == text;
        Self::ALL.into_iter().find(is_it).ok_or(NoSuchStep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_names_and_numbers() {
        for (index, step) in Step::ALL.into_iter().enumerate() {
            assert_eq!(step.number(), index + 1);
            assert_eq!(step.name().parse(), Ok(step));
            assert_eq!(step.number().to_string().parse(), Ok(step));
        }
        for unknown in ["", "0", "10", "mask", "Text"] {
            assert_eq!(unknown.parse::<Step>(), Err(NoSuchStep));
        }
        let message = NoSuchStep.to_string();
        assert!(message.starts_with("a step is one of text, pieces, masks,"), "{message}");
    }
}
