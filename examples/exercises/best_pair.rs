//! Chapter 3, learning a vocabulary: the pair of neighbours that is merged next.
//!
//! ```text
//! count(a, b) = Σ over words of (how often the word occurs) × (how often a, b are neighbours in it)
//! best pair   = the pair with the largest count; of equal counts, the pair with the smaller ids
//! ```
//!
//! The left id is compared first, then the right id: (3, 9) is smaller than (4, 1). Rust compares tuples so, too.

/// The best pair and its count, or `None` if no word has two pieces. Each word has the ids of its pieces, and how
/// often it occurs.
pub fn best_pair(words: &[(Vec<u32>, u64)]) -> Option<((u32, u32), u64)> {
    None // write this function
}
