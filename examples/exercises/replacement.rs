//! Chapter 5, masks: what stands in the place of a chosen token.
//!
//! ```text
//! 80 %   [MASK]
//! 10 %   the token itself
//! 10 %   a random token
//! ```
//!
//! u is a random number, 0 ≤ u < 1, and all such numbers are equally likely. So u < 0.8 is true in 80 % of the draws.

/// The id that the model reads in the place of `id`. `random_id` is a random token, already drawn.
pub fn replacement(id: u32, mask_id: u32, random_id: u32, u: f64) -> u32 {
    id // write this function
}
