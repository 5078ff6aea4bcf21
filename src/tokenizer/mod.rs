//! From text to word pieces and back: BERT's tokenizer, and learning its vocabulary.
//!
//! ```text
//! text ─► special tokens kept whole ─► normalized characters ─► words ─► word pieces ─► ids
//!         special_tokens               normalizer               pre_tokenizer  wordpiece  vocabulary
//! ```
//!
//! - [`Normalizer`] drops control characters, isolates Chinese characters, strips accents and
//!   lower-cases.
//! - [`for_each_word`] splits at whitespace and around punctuation.
//! - [`WordPiece`] splits a word into the longest pieces of the vocabulary, from left to right.
//! - [`Vocabulary`] maps pieces to ids; on disk it is `vocab.txt`.
//! - [`Tokenizer`] performs all these steps. It reads any Hugging Face BERT directory and writes one.
//! - [`WordCounts`] and [`learn`] make a vocabulary from text.
//!
//! The reference is `BertWordPieceTokenizer` of Hugging Face's `tokenizers` 0.23.3, which follows
//! `tokenization.py` of Google's BERT: the ids and offsets are the same.
//!
//! The private folder `fast` does the same work faster when no offsets are needed. Tests compare it
//! with the plain files described here.

mod error;
mod fast;
mod files;
mod merge_word;
mod merges;
pub mod normalizer;
pub mod pre_tokenizer;
mod special_tokens;
#[allow(clippy::module_inception)] // The tokenizer itself.
mod tokenizer;
mod tokenizer_json;
pub mod trainer;
mod unicode_tables;
mod vocabulary;
mod word_counts;
pub mod wordpiece;

pub use error::TokenizerError;
pub use normalizer::{CharacterClasses, Normalizer};
pub use pre_tokenizer::for_each_word;
pub use special_tokens::{CLS, MASK, PAD, SEP, SPECIAL_TOKENS, UNK};
pub use tokenizer::{Token, Tokenizer, TokenizerOptions};
pub use trainer::{TrainerOptions, learn};
pub use vocabulary::Vocabulary;
pub use word_counts::WordCounts;
pub use wordpiece::{CONTINUATION_PREFIX, MAX_CHARACTERS_PER_WORD, Piece, WordPiece};
