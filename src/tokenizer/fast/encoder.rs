//! Text to ids: splitter, cache and trie in a row.

use super::piece_trie::PieceTrie;
use super::word_cache::{self, WordCache};
use super::word_splitter::WordSplitter;
use crate::tokenizer::normalizer::Normalizer;
use crate::tokenizer::vocabulary::Vocabulary;

/// Encodes text without special tokens, with the ids of the plain tokenizer.
#[derive(Clone, Debug)]
pub(in crate::tokenizer) struct FastEncoder {
    splitter: &'static WordSplitter,
    trie: PieceTrie,
    /// Names this vocabulary in the caches of the threads. Clones share it.
    cache_owner: u64,
}

impl FastEncoder {
    /// The encoder of `vocabulary`; `None` when the vocabulary is too large for a [`PieceTrie`].
    pub(in crate::tokenizer) fn new(
        vocabulary: &Vocabulary,
        normalizer: Normalizer,
        max_characters_per_word: usize,
    ) -> Option<Self> {
        let splitter = WordSplitter::of(normalizer);
        let trie = PieceTrie::new(vocabulary, max_characters_per_word)?;
        Some(Self { splitter, trie, cache_owner: word_cache::new_owner() })
    }

    /// Appends the ids of `text` to `ids`.
    pub(in crate::tokenizer) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        WordCache::with(self.cache_owner, |cache| {
            self.splitter.for_each_word(text, |word| {
                cache.encode(word, ids, |word, ids| self.trie.encode_word(word, ids));
            });
        });
    }
}
