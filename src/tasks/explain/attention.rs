//! Attention: where each token looks, by layer and head.

use crate::model::{Bert, attention_probabilities};
use serde::Serialize;

/// The attention of one layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerAttention {
    /// The layer, counted from 1. Layer 1 is `bert.encoder.layer.0` of the weights.
    pub layer: usize,
    /// Its heads.
    pub heads: Vec<HeadAttention>,
}

/// The attention of one head. A mean is over all tokens of the sequence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeadAttention {
    /// The head, counted from 1.
    pub head: usize,
    /// `[query][key]`: how much the token at position `query` takes from the token at position `key`. A row adds up
    /// to 1.
    pub probabilities: Vec<Vec<f32>>,
    /// The position that each token looks at most, `[tokens]`; of equals, the first.
    pub strongest: Vec<usize>,
    /// The mean distance between a token and what it looks at: Σ p · |query − key|, in positions.
    pub average_distance: f32,
    /// The mean share that stays at the token itself.
    pub to_self: f32,
    /// The mean share that goes to the previous token.
    pub to_previous: f32,
    /// The mean share that goes to the next token.
    pub to_next: f32,
    /// The mean share that goes to `[CLS]` and `[SEP]`.
    pub to_special: f32,
}

/// The attention of all layers. `hidden_states` belong to one sequence; each is `[tokens, hidden]`. `is_special`
/// `[tokens]` tells which tokens are `[CLS]` or `[SEP]`.
pub(super) fn attention(
    bert: &Bert,
    hidden_states: &[Vec<f32>],
    is_special: &[bool],
) -> Vec<LayerAttention> {
    let tokens = is_special.len();
    let layers = hidden_states.iter().take(bert.config.num_hidden_layers).enumerate();
    layers
        .map(|(index, x)| {
            let probabilities = attention_probabilities(bert, index, x); // [heads, tokens, tokens]
            let heads = probabilities.chunks_exact(tokens * tokens).enumerate();
            let heads = heads.map(|(head, p)| head_attention(head + 1, p, is_special)).collect();
            LayerAttention { layer: index + 1, heads }
        })
        .collect()
}

/// What one head does; `p` is `[tokens, tokens]`.
fn head_attention(head: usize, p: &[f32], is_special: &[bool]) -> HeadAttention {
    let tokens = is_special.len();
    // Σ over all queries and keys of p · weight(query, key), divided by the queries.
    let mean = |weight: &dyn Fn(usize, usize) -> f64| {
        let rows = p.chunks_exact(tokens).enumerate();
        let of_row = |(query, row): (usize, &[f32])| -> f64 {
            row.iter().enumerate().map(|(key, &p)| f64::from(p) * weight(query, key)).sum()
        };
        (rows.map(of_row).sum::<f64>() / tokens as f64) as f32
    };
    let share = |is_counted: &dyn Fn(usize, usize) -> bool| {
        mean(&|query, key| if is_counted(query, key) { 1.0 } else { 0.0 })
    };
    let strongest = |row: &[f32]| {
        (0..tokens).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or_default()
    };
    HeadAttention {
        head,
        probabilities: p.chunks_exact(tokens).map(<[f32]>::to_vec).collect(),
        strongest: p.chunks_exact(tokens).map(strongest).collect(),
        average_distance: mean(&|query, key| query.abs_diff(key) as f64),
        to_self: share(&|query, key| query == key),
        to_previous: share(&|query, key| key + 1 == query),
        to_next: share(&|query, key| key == query + 1),
        to_special: share(&|_, key| is_special[key]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_head_follow_from_its_probabilities() {
        #[rustfmt::skip]
        let p = [
            0.5, 0.5, 0.0, 0.0, // the first of equals is the strongest
            1.0, 0.0, 0.0, 0.0,
            0.0, 0.0, 0.0, 1.0,
            0.0, 0.25, 0.0, 0.75,
        ];
        let head = head_attention(3, &p, &[true, false, false, true]);
        assert_eq!((head.head, head.strongest), (3, vec![0, 0, 3, 3]));
        assert_eq!(head.average_distance, (0.5 + 1.0 + 1.0 + 0.5) / 4.0);
        assert_eq!([head.to_self, head.to_previous], [1.25 / 4.0, 0.25]);
        assert_eq!([head.to_next, head.to_special], [1.5 / 4.0, 3.25 / 4.0]);
        assert_eq!(head.probabilities[3], [0.0, 0.25, 0.0, 0.75]);
    }
}
