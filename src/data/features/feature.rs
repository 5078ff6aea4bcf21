//! A feature: ids, segments, and what is to be learned.

/// A text or a pair as the model reads it, with what is to be learned from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]`, `[tokens]`.
    pub input_ids: Vec<u32>,
    /// 0 up to the first `[SEP]`, 1 behind it, `[tokens]`.
    pub token_type_ids: Vec<u32>,
    /// What is to be learned.
    pub target: Target,
}

/// What is to be learned from a feature.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// Nothing: a text to answer, or one of a pair of texts that belong together.
    None,
    /// A class.
    Class(u32),
    /// A number.
    Number(f32),
    /// A label for each token, `[tokens]`; `None` for special tokens and the later pieces of a word (label −100 in
    /// Hugging Face).
    Tags(Vec<Option<u32>>),
    /// The positions of the first and the last token of the answer; both 0, which is `[CLS]`, when the feature
    /// holds no answer.
    Span {
        /// The first token.
        first: u32,
        /// The last token.
        last: u32,
    },
}
