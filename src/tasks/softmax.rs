//! Probabilities from logits.

pub(super) use crate::train::finetuning::softmax;
