//! From text to word pieces and back: BERT's tokenizer, and learning its vocabulary.
//!
//! ```text
//! text ─► special tokens kept whole ─► normalised characters ─► words ─► word pieces ─► ids
//!         special_tokens               normalizer               pre_tokenizer  wordpiece  vocabulary
//! ```
//!
//! - [`Normalizer`]: drops control characters, sets Chinese characters apart, strips accents, lower-cases.
//! - [`for_each_word`]: splits at whitespace and around punctuation.
//! - [`WordPiece`]: cuts one word into the longest pieces the vocabulary has, from the left.
//! - [`Vocabulary`]: the pieces and their ids, `vocab.txt`.
//! - [`Tokenizer`]: all of these in a row; reads any Hugging Face BERT directory and writes one.
//! - [`WordCounts`] and [`learn`]: a vocabulary from text.
//!
//! The reference is `BertWordPieceTokenizer` of Hugging Face's `tokenizers` 0.23.3, which follows
//! `tokenization.py` of Google's BERT: same ids, same offsets. Where nobody asks for offsets, two fast
//! files do the same work: `word_splitter` for [`Normalizer`] and [`for_each_word`], `piece_trie` (behind
//! `word_cache`) for [`WordPiece`]. The plain ones are their oracles. What makes them fast is `word`: a
//! word of 16 bytes or less is one number.
//!
//! This room uses nothing above it: of this crate only [`files`](crate::system::files).

mod error;
mod fast;
mod files;
mod merge_word;
mod merges;
mod normalizer;
mod pre_tokenizer;
mod special_tokens;
#[allow(clippy::module_inception)] // The tokenizer itself.
mod tokenizer;
mod tokenizer_json;
mod trainer;
mod unicode_tables;
mod vocabulary;
mod word_counts;
mod wordpiece;

pub use error::TokenizerError;
pub use normalizer::Normalizer;
pub use pre_tokenizer::for_each_word;
pub use special_tokens::{CLS, MASK, PAD, SEP, SPECIAL_TOKENS, UNK};
pub use tokenizer::{Token, Tokenizer, TokenizerOptions};
pub use trainer::{TrainerOptions, learn};
pub use vocabulary::Vocabulary;
pub use word_counts::WordCounts;
pub use wordpiece::{CONTINUATION_PREFIX, MAX_CHARACTERS_PER_WORD, Piece, WordPiece};
