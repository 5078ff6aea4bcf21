//! Splitting normalized text into words: at whitespace, and around every punctuation character, which
//! is a word by itself.
//!
//! As `BertPreTokenizer` of `tokenizers` and `BasicTokenizer` of Google's `tokenization.py` do.

use super::normalizer::{Normalizer, is_punctuation};
use std::ops::Range;

/// Calls `visit(word, sources)` for each word of the normalized `text` in order. `sources[i]` is the
/// range of bytes of `text` that character `i` of the word came from.
pub fn for_each_word(
    normalizer: &Normalizer,
    text: &str,
    mut visit: impl FnMut(&str, &[Range<usize>]),
) {
    let mut word = String::new();
    let mut sources = Vec::new();
    let mut end_word = |word: &mut String, sources: &mut Vec<Range<usize>>| {
        if !word.is_empty() {
            visit(word, sources);
            word.clear();
            sources.clear();
        }
    };
    normalizer.for_each_character(text, |character, source| {
        if character.is_whitespace() {
            end_word(&mut word, &mut sources);
            return;
        }
        let stands_alone = is_punctuation(character);
        if stands_alone {
            end_word(&mut word, &mut sources);
        }
        word.push(character);
        sources.push(source);
        if stands_alone {
            end_word(&mut word, &mut sources);
        }
    });
    end_word(&mut word, &mut sources);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let normalizer =
            Normalizer { tokenize_chinese_chars: true, strip_accents: true, lower_case: true };
        let mut words = Vec::new();
        for_each_word(&normalizer, text, |word, sources| {
            assert_eq!(word.chars().count(), sources.len());
            words.push(word.to_owned());
        });
        words
    }

    #[test]
    fn splits_at_space_and_around_punctuation() {
        assert_eq!(words("  Don't stop—now!! "), ["don", "'", "t", "stop", "—", "now", "!", "!"]);
        assert_eq!(words("中文abc"), ["中", "文", "abc"]);
        assert_eq!(words("1+1=2 a_b £5"), ["1", "+", "1", "=", "2", "a", "_", "b", "£5"]);
        assert!(words(" \u{0}\n").is_empty());
    }
}
