//! Chapter 6, embeddings: the sum of three vectors for each token.
//!
//! ```text
//! x[t] = word[input_ids[t]] + position[t] + segment[token_type_ids[t]]
//! ```
//!
//! Each table has one row for each id. LayerNorm follows, but not here.

/// One vector for each token. All rows of the three tables are equally long.
pub fn embedding_sum(
    input_ids: &[usize],
    token_type_ids: &[usize],
    word: &[Vec<f64>],
    position: &[Vec<f64>],
    segment: &[Vec<f64>],
) -> Vec<Vec<f64>> {
    Vec::new() // write this function
}
