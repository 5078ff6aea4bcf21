//! Chapter 2, text to pieces: the pieces of a word by greedy longest match.
//!
//! ```text
//! pieces(word) = [first] + pieces(the rest of the word)
//! first        = the longest entry of the vocabulary with which the word begins
//! ```
//!
//! - A piece that continues the word has `##` before it, in the vocabulary and in the answer.
//! - If nothing fits somewhere, the whole word is one piece, `[UNK]`.
//!
//! With the vocabulary `fox`, `##e`, `##es`: "foxes" is `["fox", "##es"]`, and "foxy" is `["[UNK]"]`.
//!
//! The words are ASCII, so each byte is a character.

/// The pieces of `word`.
pub fn pieces(word: &str, vocabulary: &[&str]) -> Vec<String> {
    Vec::new() // write this function
}
