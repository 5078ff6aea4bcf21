//! The token store: a corpus tokenized once, compactly, with the bounds of sentences and documents.
//!
//! Two bytes a token while the vocabulary allows. Sentences without a token and documents without a
//! sentence are dropped (as Google's script drops them).

use super::corpus::Corpus;
use super::error::DataError;
use crate::tensor::threads;
use std::ops::Range;

/// Documents that are tokenized at once: enough to keep every thread busy, small beside the corpus.
const GROUP_BYTES: usize = 4 << 20;

/// Tokens, in the fewest bytes that hold every id.
enum Tokens {
    Short(Vec<u16>),
    Long(Vec<u32>),
}

/// A tokenized corpus.
pub struct TokenStore {
    tokens: Tokens,
    /// Where each sentence ends, in tokens.
    sentence_ends: Vec<u64>,
    /// Where each document ends, in sentences.
    document_ends: Vec<u64>,
}

impl TokenStore {
    /// Tokenizes `corpus` with `encode`, whose ids are below `vocab_size`. `progress` is told the
    /// bytes of text done so far.
    ///
    /// # Errors
    /// [`DataError`] of reading; [`DataError::NoSentence`] when nothing is left.
    pub fn build(
        corpus: &Corpus,
        vocab_size: usize,
        encode: impl Fn(&str) -> Vec<u32> + Sync + Send,
        mut progress: impl FnMut(u64),
    ) -> Result<Self, DataError> {
        let short = vocab_size <= 1 << 16;
        let mut store = Self {
            tokens: if short { Tokens::Short(Vec::new()) } else { Tokens::Long(Vec::new()) },
            sentence_ends: Vec::new(),
            document_ends: Vec::new(),
        };
        let mut group: Vec<Vec<String>> = Vec::new();
        let (mut group_bytes, mut bytes) = (0, 0);
        let flush = |group: &mut Vec<Vec<String>>, store: &mut Self| {
            let encoded = threads::map(group, |document| {
                document.iter().map(|sentence| encode(sentence)).collect::<Vec<_>>()
            });
            encoded.iter().for_each(|document| store.push(document));
            group.clear();
        };
        corpus.for_each_document(|document| {
            let length: usize = document.iter().map(String::len).sum();
            group_bytes += length;
            bytes += length as u64;
            group.push(document);
            if group_bytes >= GROUP_BYTES {
                flush(&mut group, &mut store);
                group_bytes = 0;
                progress(bytes);
            }
            Ok::<_, DataError>(())
        })?;
        flush(&mut group, &mut store);
        progress(bytes);
        if store.documents() == 0 {
            return Err(DataError::NoSentence(corpus.name()));
        }
        Ok(store)
    }

    fn push(&mut self, document: &[Vec<u32>]) {
        let before = self.sentence_ends.len();
        for sentence in document.iter().filter(|sentence| !sentence.is_empty()) {
            match &mut self.tokens {
                Tokens::Short(tokens) => tokens.extend(sentence.iter().map(|&id| id as u16)),
                Tokens::Long(tokens) => tokens.extend(sentence),
            }
            self.sentence_ends.push(self.tokens());
        }
        if self.sentence_ends.len() > before {
            self.document_ends.push(self.sentence_ends.len() as u64);
        }
    }

    /// The number of documents.
    pub fn documents(&self) -> usize {
        self.document_ends.len()
    }

    /// The number of sentences.
    pub fn sentences(&self) -> usize {
        self.sentence_ends.len()
    }

    /// The number of tokens.
    pub fn tokens(&self) -> u64 {
        match &self.tokens {
            Tokens::Short(tokens) => tokens.len() as u64,
            Tokens::Long(tokens) => tokens.len() as u64,
        }
    }

    /// The sentences of document `document`.
    ///
    /// # Panics
    /// When there is no such document.
    pub fn document(&self, document: usize) -> Range<usize> {
        let start = if document == 0 { 0 } else { self.document_ends[document - 1] };
        start as usize..self.document_ends[document] as usize
    }

    /// The tokens of sentence `sentence`, as a range of the store.
    ///
    /// # Panics
    /// When there is no such sentence.
    pub fn sentence(&self, sentence: usize) -> Range<u64> {
        let start = if sentence == 0 { 0 } else { self.sentence_ends[sentence - 1] };
        start..self.sentence_ends[sentence]
    }

    /// Appends the ids of a range of tokens to `ids`.
    ///
    /// # Panics
    /// When the range is not inside the store.
    pub fn extend(&self, range: Range<u64>, ids: &mut Vec<u32>) {
        let range = range.start as usize..range.end as usize;
        match &self.tokens {
            Tokens::Short(tokens) => ids.extend(tokens[range].iter().map(|&id| u32::from(id))),
            Tokens::Long(tokens) => ids.extend(&tokens[range]),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A store of text, one id a distinct word, from 5 on.
    pub fn store(text: &'static str) -> TokenStore {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        words.sort_unstable();
        words.dedup();
        let encode = |sentence: &str| {
            let id = |word: &str| 5 + words.binary_search(&word).unwrap() as u32;
            sentence.split_whitespace().filter(|word| *word != "-").map(id).collect()
        };
        TokenStore::build(&Corpus::Text("test", text), 1000, encode, |_| {}).unwrap()
    }

    #[test]
    fn bounds_are_kept_and_empty_sentences_dropped() {
        let store = store("a b\n-\nc\n\n-\n\nd e f");
        assert_eq!((store.documents(), store.sentences(), store.tokens()), (2, 3, 6));
        assert_eq!((store.document(0), store.document(1)), (0..2, 2..3));
        let mut ids = Vec::new();
        store.extend(store.sentence(2), &mut ids);
        store.extend(store.sentence(0), &mut ids);
        assert_eq!(ids.len(), 5);
        assert_eq!((store.sentence(0), store.sentence(1), store.sentence(2)), (0..2, 2..3, 3..6));
    }

    #[test]
    fn both_widths_give_the_same() {
        let text = Corpus::Text("test", "a b\nc\n\nd");
        let encode = |s: &str| s.bytes().filter(|b| *b != b' ').map(u32::from).collect();
        let read = |vocab_size| {
            let store = TokenStore::build(&text, vocab_size, encode, |_| {}).unwrap();
            let mut ids = Vec::new();
            store.extend(0..store.tokens(), &mut ids);
            ids
        };
        assert_eq!(read(1 << 16), read((1 << 16) + 1));
        let error = TokenStore::build(&text, 10, |_| Vec::new(), |_| {}).err().unwrap();
        assert!(error.to_string().contains("no usable sentence"));
    }
}
