//! A text or a pair of texts as the model reads it.

use crate::tokenizer::Tokenizer;

/// `[CLS] first [SEP]`, or `[CLS] first [SEP] second [SEP]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Ids of the word pieces, `[tokens]`.
    pub input_ids: Vec<u32>,
    /// 0 up to the first `[SEP]`, 1 behind it, `[tokens]`.
    pub token_type_ids: Vec<u32>,
}

impl Sequence {
    /// The sequence of one text or of a pair, of any length.
    pub(super) fn new(tokenizer: &Tokenizer, first: &str, second: Option<&str>) -> Self {
        let vocabulary = tokenizer.vocabulary();
        let mut input_ids = vec![vocabulary.cls_id()];
        tokenizer.encode_into(first, &mut input_ids);
        input_ids.push(vocabulary.sep_id());
        let mut token_type_ids = vec![0; input_ids.len()];
        if let Some(second) = second {
            tokenizer.encode_into(second, &mut input_ids);
            input_ids.push(vocabulary.sep_id());
            token_type_ids.resize(input_ids.len(), 1);
        }
        Self { input_ids, token_type_ids }
    }
}
