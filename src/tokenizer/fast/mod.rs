//! The fast tokenizer: the ids and word counts of the plain files above it, without offsets.
//!
//! Every file has a plain counterpart, and a property test compares the two on random input.
//!
//! | file | plain counterpart | why it is faster |
//! |---|---|---|
//! | `word` | a `String` | a word of at most 16 bytes is one 128-bit number |
//! | `word_splitter` | [`Normalizer`](super::Normalizer), [`for_each_word`](super::for_each_word) | one table look-up per character; short ASCII words in one step |
//! | `piece_trie` | [`WordPiece`](super::WordPiece) | one walk through a trie finds the longest piece |
//! | `word_cache` | none: it only remembers results | frequent words are not cut again |
//! | `encoder` | [`Tokenizer`](super::Tokenizer) | the three above in a row |
//! | `long_word` | `merge_word` | a merge visits only the occurrences of its pair |
//! | `number_map` | `HashMap` | a hash function for short keys |
//!
//! The plain files do not depend on these, except for those that choose between the two ways
//! (`tokenizer`, `word_counts`, `trainer`, `merges`).

mod encoder;
mod long_word;
mod number_map;
mod piece_trie;
mod word;
mod word_cache;
mod word_splitter;

pub(super) use encoder::FastEncoder;
pub(super) use long_word::LongWord;
pub(super) use number_map::NumberMap;
pub(super) use word::Word;
pub(super) use word_splitter::WordSplitter;
