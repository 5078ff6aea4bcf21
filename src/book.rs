#![doc = include_str!("book/README.md")]
#![doc = include_str!("../docs/README.md")]
// Each page is two files: `docs/NAME.md`, whose links suit a repository's page, and `book/NAME.md` before it, which
// defines the same links for rustdoc (of two definitions the first counts) and holds the pictures. `tests/book` makes
// the second from the first.

macro_rules! chapters {
    ($($module:ident = $file:literal;)*) => {$(
        #[doc = include_str!(concat!("book/", $file))]
        #[doc = include_str!(concat!("../docs/", $file))]
        pub mod $module {}
    )*};
}

chapters! {
    what_pretraining_is = "01-what-pretraining-is.md";
    text_to_pieces = "02-text-to-pieces.md";
    learning_a_vocabulary = "03-learning-a-vocabulary.md";
    sentence_pairs = "04-sentence-pairs.md";
    masks = "05-masks.md";
    embeddings = "06-embeddings.md";
    attention = "07-attention.md";
    layernorm_and_residuals = "08-layernorm-and-residuals.md";
    heads_and_loss = "09-heads-and-loss.md";
    backward_pass = "10-backward-pass.md";
    optimizer_and_schedule = "11-optimizer-and-schedule.md";
    why_training_stands_still = "12-why-training-stands-still.md";
    what_it_is_for = "13-what-it-is-for.md";
    how_one_knows_it_is_right = "14-how-one-knows-it-is-right.md";
    same_bits = "15-same-bits.md";
}

/// The training loop on one page: `examples/pretrain.rs`.
///
/// ```ignore
#[doc = include_str!("../examples/pretrain.rs")]
/// ```
pub mod example_pretrain {}

/// A gradient by hand and by the graph: `examples/autodiff.rs`.
///
/// ```ignore
#[doc = include_str!("../examples/autodiff.rs")]
/// ```
pub mod example_autodiff {}
