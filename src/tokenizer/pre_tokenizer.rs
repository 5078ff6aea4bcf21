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
    visit: impl FnMut(&str, &[Range<usize>]),
) {
    for_each_word_up_to(usize::MAX, normalizer, text, visit);
}

/// As [`for_each_word`], but a word of more than `limit` characters has one source, that of the whole word,
/// so that memory does not hold a range for each character of a text without spaces.
pub(super) fn for_each_word_up_to(
    limit: usize,
    normalizer: &Normalizer,
    text: &str,
    mut visit: impl FnMut(&str, &[Range<usize>]),
) {
    let mut word = String::new();
    let mut sources: Vec<Range<usize>> = Vec::new();
    // Whether the word has more than `limit` characters.
    let mut is_long = false;
    let mut end_word = |word: &mut String, sources: &mut Vec<Range<usize>>, is_long: &mut bool| {
        if !word.is_empty() {
            visit(word, sources);
            word.clear();
            sources.clear();
            *is_long = false;
        }
    };
    normalizer.for_each_character(text, |character, source| {
        if character.is_whitespace() {
            end_word(&mut word, &mut sources, &mut is_long);
            return;
        }
        let stands_alone = is_punctuation(character);
        if stands_alone {
            end_word(&mut word, &mut sources, &mut is_long);
        }
        word.push(character);
        is_long |= sources.len() == limit;
        match sources.first_mut() {
            Some(whole) if is_long => {
                whole.end = source.end;
                sources.truncate(1);
            }
            _ => sources.push(source),
        }
        if stands_alone {
            end_word(&mut word, &mut sources, &mut is_long);
        }
    });
    end_word(&mut word, &mut sources, &mut is_long);
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
    fn a_word_beyond_the_limit_has_one_source() {
        let normalizer =
            Normalizer { tokenize_chinese_chars: true, strip_accents: true, lower_case: true };
        let mut found = Vec::new();
        for_each_word_up_to(3, &normalizer, "abc Éxyzé ab, abcdefgh", |word, sources| {
            found.push((word.to_owned(), sources.to_vec()));
        });
        let expected = [
            ("abc", &[(0, 1), (1, 2), (2, 3)][..]),
            ("exyze", &[(4, 11)]),
            ("ab", &[(12, 13), (13, 14)]),
            (",", &[(14, 15)]),
            ("abcdefgh", &[(16, 24)]),
        ];
        let expected = expected.map(|(word, sources)| {
            let ranges = sources.iter().map(|&(start, end)| start..end);
            (word.to_owned(), ranges.collect::<Vec<_>>())
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn splits_at_space_and_around_punctuation() {
        assert_eq!(words("  Don't stop—now!! "), ["don", "'", "t", "stop", "—", "now", "!", "!"]);
        assert_eq!(words("中文abc"), ["中", "文", "abc"]);
        assert_eq!(words("1+1=2 a_b £5"), ["1", "+", "1", "=", "2", "a", "_", "b", "£5"]);
        assert!(words(" \u{0}\n").is_empty());
    }
}
