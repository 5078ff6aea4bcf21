//! Chapter 4, sentence pairs: shorten A and B until they fit.
//!
//! ```text
//! while A and B together have more than max tokens:
//!     the longer one loses a token; if they are equally long, B does
//!     toss a coin: heads, the first token goes; tails, the last one
//! ```
//!
//! The coin is tossed once for each token that goes.

/// Shortens `a` and `b` to at most `max` tokens together. `coin()` tosses the coin; `true` is heads.
pub fn truncate_pair(
    a: &mut Vec<u32>,
    b: &mut Vec<u32>,
    max: usize,
    coin: &mut dyn FnMut() -> bool,
) {
    // write this function
}
