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
        for (content, id) in tokenizer.tokens_in_normalized_text() {
            digest.update_text(content);
            digest.update(&id.to_le_bytes());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::{TokenizerOptions, Vocabulary};
    use std::fs;

    /// The digest of a tokenizer whose token `cat` is, or is not, an added token that the file calls ordinary.
    fn digest(is_added: bool) -> Digest {
        let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cat", "##s"];
        let vocabulary = Vocabulary::from_tokens(tokens.map(String::from).to_vec()).unwrap();
        let tokenizer = Tokenizer::new(vocabulary, TokenizerOptions::default());
        let directory = tempfile::tempdir().unwrap();
        tokenizer.save_pretrained(directory.path(), 512).unwrap();
        if is_added {
            let path = directory.path().join("tokenizer.json");
            let token = r#""added_tokens": [{"id": 5, "content": "cat", "normalized": true, "special": false},"#;
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("\"added_tokens\": [", token)).unwrap();
        }
        let tokenizer = Tokenizer::from_directory(directory.path()).unwrap();
        // As an added token, `cat` is found inside a word.
        assert_eq!(tokenizer.encode_text("tomcat"), if is_added { vec![1, 5] } else { vec![1] });
        SentenceEncoder::of(&tokenizer).digest
    }

    #[test]
    fn an_ordinary_added_token_is_part_of_the_digest() {
        assert_eq!(digest(false), digest(false));
        assert_ne!(digest(true), digest(false));
    }
}
