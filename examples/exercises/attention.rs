//! Chapter 7, attention: one head.
//!
//! ```text
//! S[i][j] = Σ_c q[i][c]·k[j][c] / √d        S[i][j] = −∞ where token j is padding
//! P       = softmax(S), each row by itself
//! C[i][c] = Σ_j P[i][j]·v[j][c]
//! ```
//!
//! d is the length of a query. You may use your `super::softmax`.

/// The context C, one row for each token. Query, key and value have one row for each token; `attention_mask` is 1 for
/// a token and 0 for padding. At least one token is no padding.
pub fn attention(
    q: &[Vec<f64>],
    k: &[Vec<f64>],
    v: &[Vec<f64>],
    attention_mask: &[u32],
) -> Vec<Vec<f64>> {
    Vec::new() // write this function
}
