//! The operations of BERT, one file each, always in the same order: the equations, shapes, what is
//! saved, the order of summation and the source; the struct; forward; backward; a naive `f64`
//! reference in plain loops (a student's first reading, and the oracle); the cases it is checked on.
//!
//! | file | what |
//! |---|---|
//! | `embedding.rs` | word + position + segment embeddings |
//! | `linear.rs` | y = x·Wᵀ + b, with or without GELU |
//! | `layer_norm.rs` | LayerNorm of x, or of dropout(x) + residual |
//! | `dropout.rs` | dropout alone |
//! | `attention.rs` | self-attention of all heads |
//! | `gather_rows.rs` | picks rows: masked positions, `[CLS]` |
//! | `tanh.rs` | the pooler's activation |
//! | `masked_lm_loss.rs` | cross-entropy over the tied decoder |
//! | `cross_entropy.rs` | cross-entropy over given logits |

use super::operation::{Case, Operation};

/// Compiles the files in and lists their cases for the gradient check: nothing can be in one list
/// and not in the other.
macro_rules! operations {
    ($($file:ident: $operation:ident, $builder:ident $(, $other:ident)*;)*) => {
        $(
            mod $file;
            pub use $file::{$operation, $builder $(, $other)*};
        )*

        /// The cases of every operation there is, by file.
        pub fn all_cases() -> Vec<(&'static str, Vec<Case>)> {
            vec![$((stringify!($file), <$operation as Operation>::cases())),*]
        }
    };
}

operations! {
    embedding: Embedding, embedding_sum;
    linear: Linear, linear, linear_gelu;
    layer_norm: LayerNorm, layer_norm, add_layer_norm;
    dropout: DropoutRows, dropout;
    attention: Attention, attention;
    gather_rows: GatherRows, gather_rows;
    tanh: Tanh, tanh;
    masked_lm_loss: MaskedLmLoss, masked_lm_loss;
    cross_entropy: CrossEntropy, cross_entropy;
}

#[cfg(test)]
mod check;
