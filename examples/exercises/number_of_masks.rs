//! Chapter 5, masks: how many tokens are chosen.
//!
//! ```text
//! min(max_predictions_per_seq, max(1, round(length × masked_lm_prob)))
//! ```
//!
//! Halves round to the even number: 2.5 becomes 2, and 3.5 becomes 4.

/// The number of chosen tokens of a sequence of `length` tokens, `[CLS]` and `[SEP]` included.
pub fn number_of_masks(
    length: usize,
    masked_lm_prob: f64,
    max_predictions_per_seq: usize,
) -> usize {
    0 // write this function
}
