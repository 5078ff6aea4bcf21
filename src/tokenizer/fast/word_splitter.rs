//! Normalising and splitting at once, fast: the same words as
//! [`for_each_word`](super::super::pre_tokenizer::for_each_word), without where they came from.
//!
//! What normalisation makes of a character depends on the character alone, but for combining marks
//! that stay and may change places with each other. So a table says what becomes of each character of
//! the basic plane, and a word with such a mark goes the plain way, as does what follows it up to a
//! space. Of most text, a word is 16 bytes or less of ASCII letters and digits, and is found in one
//! step.

use super::word::{SHORT_BYTES, Word, leading_letters};
use crate::tokenizer::normalizer::{Normalizer, is_punctuation, may_change_places};
use crate::tokenizer::pre_tokenizer;
use std::sync::OnceLock;

/// What becomes of a character.
#[derive(Clone, Copy)]
enum CharClass {
    /// Dropped.
    Removed,
    /// Ends a word.
    Space,
    /// Continues a word, as this character.
    Letter(char),
    /// A word by itself: punctuation, or a Chinese character set apart.
    Alone(char),
    /// Several characters, to be looked at one by one.
    Several,
    /// May change places with its neighbours.
    Mark,
}

/// Splits text into normalised words.
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
    /// The splitter that normalises so. Its table is made when it is first asked for.
    pub(in crate::tokenizer) fn of(normalizer: Normalizer) -> &'static Self {
        static SPLITTERS: [OnceLock<WordSplitter>; 8] = [const { OnceLock::new() }; 8];
        let Normalizer { tokenize_chinese_chars, strip_accents, lower_case } = normalizer;
        let settings = [tokenize_chinese_chars, strip_accents, lower_case];
        let index = settings.iter().fold(0, |index, &on| 2 * index + usize::from(on));
        SPLITTERS[index].get_or_init(|| Self::new(normalizer))
    }

    fn new(normalizer: Normalizer) -> Self {
        let fate =
            |value: u32| char::from_u32(value).map_or(CharClass::Removed, |c| fate(&normalizer, c));
        let basic_plane: Vec<CharClass> = (0..0x1_0000).map(fate).collect();
        let ascii = std::array::from_fn(|byte| basic_plane[byte]);
        Self { normalizer, ascii, basic_plane }
    }

    fn fate(&self, character: char) -> CharClass {
        match self.basic_plane.get(character as usize) {
            Some(fate) => *fate,
            None => fate(&self.normalizer, character),
        }
    }

    /// Calls `visit` for each word of `text` in order.
    pub(in crate::tokenizer) fn for_each_word(&self, text: &str, mut visit: impl FnMut(Word<'_>)) {
        let bytes = text.as_bytes();
        // The word that has begun at `start`, as far as it has been put together.
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
            match self.fate(character) {
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
                    // Nothing moves past a space.
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

    /// Visits the word at the start of `bytes` if it is short and of ASCII letters and digits only, and
    /// the space or symbol behind it. How many bytes that was; 0 if it is not so.
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

fn end_word(word: &mut String, visit: &mut impl FnMut(Word<'_>)) {
    if !word.is_empty() {
        visit(Word::of(word));
        word.clear();
    }
}

/// What becomes of `character` when it stands alone, which is what becomes of it anywhere.
fn fate(normalizer: &Normalizer, character: char) -> CharClass {
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
    fn the_ascii_characters_that_go_on_are_letters_and_digits() {
        for normalizer in normalizers() {
            let splitter = WordSplitter::of(normalizer);
            for byte in 0..128u8 {
                let letter = matches!(splitter.ascii[usize::from(byte)], CharClass::Letter(_));
                assert_eq!(letter, byte.is_ascii_alphanumeric(), "{normalizer:?} {byte}");
            }
        }
    }

    #[test]
    fn every_character_has_the_fate_of_the_plain_way() {
        for normalizer in normalizers() {
            for character in '\0'..=char::MAX {
                // Planes 3 to 16 hold next to nothing; a sample of them will do.
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
        fn any_text_has_the_words_of_the_plain_way(
            text in r"(\PC|[a-zA-Z .,ÉÇı中文]|[a-zA-Z0-9]{1,18}[ .\-]|\p{M}|\p{C}|[\x{302e}\x{302f}\x{1d165}\x{1d16d}\x{345}\x{f73}\x{1df6}ﬁ; ]){0,60}",
            index in 0usize..8,
        ) {
            let [fast, plain] = both_ways(normalizers()[index], &text);
            prop_assert_eq!(fast, plain);
        }
    }
}
