//! Sentences to token ids, in the form that a token store needs.

use crate::system::digest::{Digest, Sha256};
use crate::tokenizer::Tokenizer;

type Encode<'t> = dyn Fn(&str) -> Vec<u32> + Sync + Send + 't;

/// A function from sentences to token ids, with the size of its vocabulary and a digest that
/// identifies it.
pub struct SentenceEncoder<'t> {
    /// Every id is below it.
    pub(super) vocab_size: usize,
    /// Differs between encoders that may give different ids.
    pub(super) digest: Digest,
    /// The ids of a sentence.
    pub(super) encode: Box<Encode<'t>>,
}

impl<'t> SentenceEncoder<'t> {
    /// The encoder that calls [`Tokenizer::encode_text`] of `tokenizer`.
    pub fn of(tokenizer: &'t Tokenizer) -> Self {
        let (vocabulary, normalizer) = (tokenizer.vocabulary(), tokenizer.options().normalizer());
        let mut digest = Sha256::new();
        for (id, token) in vocabulary.iter() {
            digest.update_text(token);
            digest.update(&[tokenizer.is_special_token(id).into()]);
        }
        digest.update(&[
            normalizer.lower_case.into(),
            normalizer.strip_accents.into(),
            normalizer.tokenize_chinese_chars.into(),
        ]);
        digest.update(&(tokenizer.max_characters_per_word() as u64).to_le_bytes());
        Self {
            vocab_size: vocabulary.len(),
            digest: digest.finish(),
            encode: Box::new(|sentence| tokenizer.encode_text(sentence)),
        }
    }

    /// An encoder that calls any function. Its ids must be below `vocab_size`. `name` identifies the function:
    /// a store in a file is reused only for the same name.
    pub fn from_fn(
        name: &str,
        vocab_size: usize,
        encode: impl Fn(&str) -> Vec<u32> + Sync + Send + 't,
    ) -> Self {
        Self { vocab_size, digest: Digest::of(name.as_bytes()), encode: Box::new(encode) }
    }

    /// Bytes per token in a store: 2, or 4 for a vocabulary of more than 65,536 entries.
    pub(super) fn token_bytes(&self) -> u32 {
        if self.vocab_size > 1 << 16 { 4 } else { 2 }
    }
}
