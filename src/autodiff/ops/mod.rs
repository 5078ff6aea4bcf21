//! The operations of BERT, one file each, always in the same order: the equations, shapes, what is
//! saved, the order of summation and the source; the reference in `f64` and plain loops, forward and
//! backward (read this first); the struct and the functions that push it; the sizes of its buffers; the
//! fast forward and backward; the cases of the gradient check.
//!
//! | operation | what it computes |
//! |---|---|
//! | [`mod@embedding`] | word + position + segment embeddings |
//! | [`mod@linear`] | y = x·Wᵀ + b, with or without GELU |
//! | [`mod@layer_norm`] | LayerNorm of x, or of dropout(x) + residual |
//! | [`mod@dropout`] | dropout alone |
//! | [`mod@attention`] | self-attention of all heads |
//! | [`mod@gather_rows`] | picks rows: masked positions, `[CLS]` |
//! | [`mod@tanh`] | the pooler's activation |
//! | [`mod@masked_lm_loss`] | cross-entropy over the tied decoder |
//! | [`mod@cross_entropy`] | cross-entropy over given logits |
//! | [`mod@squared_error`] | the loss of regression |
//! | [`mod@span_cross_entropy`] | cross-entropy of the first and the last token of an answer |
//! | [`mod@mean_rows`] | the mean over the tokens of a sequence |
//! | [`mod@contrastive_loss`] | pairs of embeddings against the other pairs of the batch |

use super::operation::{Case, Operation};

/// Compiles the files in and lists their cases for the gradient check, so an operation without a check
/// cannot exist.
macro_rules! operations {
    ($($file:ident: $operation:ident, $builder:ident $(, $other:ident)*;)*) => {
        $(
            pub mod $file;
            pub use $file::{$operation, $builder $(, $other)*};
        )*

        /// The cases of every operation, by file.
        pub fn all_cases() -> Vec<(&'static str, Vec<Case>)> {
            vec![$((stringify!($file), <$operation as Operation>::cases())),*]
        }
    };
}

operations! {
    embedding: Embedding, embedding_sum, EmbeddingIds, EmbeddingTables;
    linear: Linear, linear, linear_gelu;
    layer_norm: LayerNorm, layer_norm, add_layer_norm, LayerNormParameters;
    dropout: DropoutRows, dropout, RowIds;
    attention: Attention, attention, attention_of, AttentionRows, Queries;
    gather_rows: GatherRows, gather_rows, gather_counted_rows;
    tanh: Tanh, tanh;
    masked_lm_loss: MaskedLmLoss, masked_lm_loss;
    cross_entropy: CrossEntropy, cross_entropy;
    squared_error: SquaredError, squared_error;
    span_cross_entropy: SpanCrossEntropy, span_cross_entropy, SpanLabels;
    mean_rows: MeanRows, mean_rows;
    contrastive_loss: ContrastiveLoss, contrastive_loss;
}

#[cfg(test)]
mod check;
