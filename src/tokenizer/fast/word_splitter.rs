//! Normalizing and splitting in one pass: the same words as
//! [`for_each_word`](super::super::pre_tokenizer::for_each_word), without their sources.
//!
//! The normalization of a character depends on the character alone, except for combining marks that
//! are not stripped, whose order may change. A table therefore holds the result for each character of
//! the basic plane. A word with such a mark is passed to the plain splitter, with the text after it up
//! to the next space. Most words are at most 16 bytes of ASCII letters and digits, which are found in
//! one step.

use super::word::{SHORT_BYTES, Word, leading_letters};
use crate::tokenizer::normalizer::{Normalizer, is_punctuation, may_change_places};
use crate::tokenizer::pre_tokenizer;
use std::sync::OnceLock;

/// The result of normalizing and splitting a character.
#[derive(Clone, Copy)]
enum CharClass {
    /// It is dropped.
    Removed,
    /// It ends a word.
    Space,
    /// It continues a word, as this character.
    Letter(char),
    /// It is a word by itself, as this character: punctuation or a Chinese character.
    Alone(char),
    /// It becomes several characters, which are handled one by one.
    Several,
    /// It is a mark that may change places with its neighbours.
    Mark,
}

/// Splits text into normalized words.
pub(in crate::tokenizer) struct WordSplitter {
    normalizer: Normalizer,
    ascii: [CharClass; 128],
    basic_plane: Vec<CharClass>,
}

impl std::fmt::Debug for WordSplitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WordSplitter").field("normalizer", &self.normalizer).finish_non_exhaustive()
    }
}

impl WordSplitter {
    /// The splitter for `normalizer`. Its table is computed at the first call.
    pub(in crate::tokenizer) fn of(normalizer: Normalizer) -> &'static Self {
        static SPLITTERS: [OnceLock<WordSplitter>; 8] = [const { OnceLock::new() }; 8];
        let Normalizer { tokenize_chinese_chars, strip_accents, lower_case } = normalizer;
        let settings = [tokenize_chinese_chars, strip_accents, lower_case];
        let index = settings.iter().fold(0, |index, &on| 2 * index + usize::from(on));
        SPLITTERS[index].get_or_init(|| Self::new(normalizer))
    }

    fn new(normalizer: Normalizer) -> Self {
        let class = |value: u32| {
            char::from_u32(value).map_or(CharClass::Removed, |c| classify(&normalizer, c))
        };
        let basic_plane: Vec<CharClass> = (0..0x1_0000).map(class).collect();
        let ascii = std::array::from_fn(|byte| basic_plane[byte]);
        Self { normalizer, ascii, basic_plane }
    }

    /// The class of `character`.
    fn class(&self, character: char) -> CharClass {
        match self.basic_plane.get(character as usize) {
            Some(class) => *class,
            None => classify(&self.normalizer, character),
        }
    }

    /// Calls `visit` for each word of `text` in order.
    pub(in crate::tokenizer) fn for_each_word(&self, text: &str, mut visit: impl FnMut(Word<'_>)) {
        let bytes = text.as_bytes();
        // The normalized characters so far of the word that starts at byte `start`.
        let (mut word, mut start) = (String::new(), 0);
        let mut at = 0;
        while at < bytes.len() {
            if word.is_empty() {
                start = at;
                let length = self.whole_word(&bytes[at..], &mut visit);
                if length > 0 {
                    at += length;
                    continue;
                }
            }
            let letters =
                bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            if letters > 0 {
                let length = word.len();
                word.push_str(&text[at..at + letters]);
                if self.normalizer.lower_case {
                    word[length..].make_ascii_lowercase();
                }
                at += letters;
                continue;
            }
            let character = text[at..].chars().next().expect("not at the end");
            at += character.len_utf8();
            match self.class(character) {
                CharClass::Letter(letter) => word.push(letter),
                CharClass::Space => end_word(&mut word, &mut visit),
                CharClass::Alone(alone) => {
                    end_word(&mut word, &mut visit);
                    visit(Word::of_character(alone));
                }
                CharClass::Removed => {}
                CharClass::Several => {
                    let text = character.encode_utf8(&mut [0; 4]).to_owned();
                    self.normalizer.for_each_character(&text, |character, _| {
                        if character.is_whitespace() {
                            end_word(&mut word, &mut visit);
                        } else if is_punctuation(character) {
                            end_word(&mut word, &mut visit);
                            visit(Word::of_character(character));
                        } else {
                            word.push(character);
                        }
                    });
                }
                CharClass::Mark => {
                    // No mark moves across a space.
                    let end = text[at..].find(' ').map_or(text.len(), |space| at + space);
                    let text = &text[start..end];
                    pre_tokenizer::for_each_word(&self.normalizer, text, |word, _| {
                        visit(Word::of(word));
                    });
                    word.clear();
                    at = end;
                }
            }
        }
        end_word(&mut word, &mut visit);
    }

    /// If `bytes` starts with fewer than 16 ASCII letters and digits, then a space or a punctuation
    /// character: visits the word and the punctuation. Returns the number of bytes visited, or 0.
    #[inline]
    fn whole_word(&self, bytes: &[u8], visit: &mut impl FnMut(Word<'_>)) -> usize {
        let Some(block) = bytes.first_chunk().filter(|block| block[0] < 0x80) else { return 0 };
        let block = u128::from_le_bytes(*block);
        let (word, length) = leading_letters(block, self.normalizer.lower_case);
        if length == SHORT_BYTES {
            return 0;
        }
        match self.ascii.get(usize::from(bytes[length])) {
            Some(CharClass::Space) => {
                if length > 0 {
                    visit(Word::Short(word));
                }
            }
            Some(CharClass::Alone(_)) => {
                if length > 0 {
                    visit(Word::Short(word));
                }
                visit(Word::Short(bytes[length].into()));
            }
            _ => return 0,
        }
        length + 1
    }
}

/// Visits `word` unless it is empty, and empties it.
fn end_word(word: &mut String, visit: &mut impl FnMut(Word<'_>)) {
    if !word.is_empty() {
        visit(Word::of(word));
        word.clear();
    }
}

/// The class of `character`, found by normalizing it alone.
fn classify(normalizer: &Normalizer, character: char) -> CharClass {
    if normalizer.strip_accents && may_change_places(character) {
        return CharClass::Mark;
    }
    let mut result = Vec::new();
    let text = character.encode_utf8(&mut [0; 4]).to_owned();
    normalizer.for_each_character(&text, |character, _| result.push(character));
    match result[..] {
        [] => CharClass::Removed,
        [c] if c.is_whitespace() => CharClass::Space,
        [c] if is_punctuation(c) => CharClass::Alone(c),
        [c] => CharClass::Letter(c),
        [' ', c, ' '] if !c.is_whitespace() => CharClass::Alone(c),
        _ => CharClass::Several,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normalizers() -> Vec<Normalizer> {
        let bits = |index: usize, bit: usize| index >> bit & 1 == 1;
        (0..8)
            .map(|index| Normalizer {
                tokenize_chinese_chars: bits(index, 2),
                strip_accents: bits(index, 1),
                lower_case: bits(index, 0),
            })
            .collect()
    }

    fn both_ways(normalizer: Normalizer, text: &str) -> [Vec<String>; 2] {
        let (mut fast, mut plain) = (Vec::new(), Vec::new());
        let splitter = WordSplitter::of(normalizer);
        splitter.for_each_word(text, |word| fast.push(word.with_text(str::to_owned)));
        pre_tokenizer::for_each_word(&normalizer, text, |word, _| plain.push(word.to_owned()));
        [fast, plain]
    }

    #[test]
    fn the_ascii_characters_that_continue_a_word_are_letters_and_digits() {
        for normalizer in normalizers() {
            let splitter = WordSplitter::of(normalizer);
            for byte in 0..128u8 {
                let letter = matches!(splitter.ascii[usize::from(byte)], CharClass::Letter(_));
                assert_eq!(letter, byte.is_ascii_alphanumeric(), "{normalizer:?} {byte}");
            }
        }
    }

    #[test]
    fn every_character_is_treated_as_by_the_plain_splitter() {
        for normalizer in normalizers() {
            for character in '\0'..=char::MAX {
                // Planes 3 to 16 are almost empty; a sample is enough.
                if (character as u32) < 0x3_0000 || (character as u32).is_multiple_of(251) {
                    let text = format!("aB{character}c");
                    let [fast, plain] = both_ways(normalizer, &text);
                    assert_eq!(fast, plain, "{normalizer:?} U+{:04X}", character as u32);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_has_the_words_of_the_plain_splitter(
            text in r"(\PC|[a-zA-Z .,ÉÇı中文]|[a-zA-Z0-9]{1,18}[ .\-]|\p{M}|\p{C}|[\x{302e}\x{302f}\x{1d165}\x{1d16d}\x{345}\x{f73}\x{1df6}ﬁ; ]){0,60}",
            index in 0usize..8,
        ) {
            let [fast, plain] = both_ways(normalizers()[index], &text);
            prop_assert_eq!(fast, plain);
        }
    }
}
