//! Normalization: the first step of BERT's tokenizer.
//!
//! The steps are, in the order of `BertNormalizer` of `tokenizers` and `BasicTokenizer` of Google's
//! `tokenization.py`:
//!
//! 1. Clean the text: drop control, format and private-use characters, U+0000 and U+FFFD; turn every
//!    kind of whitespace into a space.
//! 2. Put spaces around Chinese characters.
//! 3. Strip accents: decompose (NFD) and drop nonspacing marks.
//! 4. Lower-case.
//!
//! Each normalized character comes with the range of bytes of the text that it came from.

use super::unicode_tables as tables;
use std::ops::Range;
use unicode_normalization::char::{canonical_combining_class, decompose_canonical};

/// The normalization of text before it is split into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalizer {
    /// Whether spaces are put around every CJK ideograph, so that it becomes a word.
    pub tokenize_chinese_chars: bool,
    /// Whether text is decomposed (NFD) and nonspacing marks are dropped: `é` becomes `e`.
    pub strip_accents: bool,
    /// Whether text is lower-cased, each character by itself: a final sigma becomes `σ`.
    pub lower_case: bool,
}

impl Normalizer {
    /// Calls `emit(character, source)` for each normalized character in order. `source` is the range of
    /// bytes of the original character in `text`. If one character becomes several, all have the same
    /// range.
    ///
    /// The text is always cleaned, whatever the settings are. The memory needed is bounded by the
    /// longest run of combining marks.
    pub fn for_each_character(&self, text: &str, mut emit: impl FnMut(char, Range<usize>)) {
        let mut lower = |character: char, source: Range<usize>| {
            if character.is_ascii() {
                let lower =
                    if self.lower_case { character.to_ascii_lowercase() } else { character };
                emit(lower, source);
            } else if self.lower_case {
                character.to_lowercase().for_each(|lower| emit(lower, source.clone()));
            } else {
                emit(character, source);
            }
        };
        let mut marks = CombiningMarks::default();
        let mut decompose = |character: char, source: Range<usize>| {
            if !self.strip_accents {
                lower(character, source);
            } else if character.is_ascii() || !contains(tables::DECOMPOSED_OR_REORDERED, character)
            {
                marks.flush(&mut lower);
                marks.last_source = source.clone();
                strip_mark(character, source, &mut lower);
            } else {
                let mut is_first = true;
                decompose_canonical(character, |part| {
                    let class = canonical_combining_class(part);
                    let part = Part { character: part, source: is_first.then(|| source.clone()) };
                    is_first = false;
                    marks.push(class, part, &mut lower);
                });
            }
        };
        for (start, character) in text.char_indices() {
            let source = start..start + character.len_utf8();
            if contains(tables::REMOVED, character) {
            } else if character.is_whitespace() {
                decompose(' ', source);
            } else if self.tokenize_chinese_chars && is_chinese(character) {
                decompose(' ', source.clone());
                decompose(character, source.clone());
                decompose(' ', source);
            } else {
                decompose(character, source);
            }
        }
        marks.flush(&mut lower);
    }

    /// The normalized text as one string.
    pub fn normalize(&self, text: &str) -> String {
        let mut normalized = String::with_capacity(text.len());
        self.for_each_character(text, |character, _| normalized.push(character));
        normalized
    }
}

/// Classes of characters, each as sorted, inclusive ranges of Unicode scalar values. They are those of the
/// reference tokenizer and never change, whatever Unicode version another program has.
#[derive(Clone, Copy, Debug)]
pub struct CharacterClasses {
    /// Dropped by cleaning.
    pub removed: &'static [(u32, u32)],
    /// Words by themselves.
    pub punctuation: &'static [(u32, u32)],
    /// Dropped when accents are stripped.
    pub nonspacing_marks: &'static [(u32, u32)],
    /// Changed by NFD, alone or beside others. All other characters stay where they are.
    pub decomposed: &'static [(u32, u32)],
}

impl CharacterClasses {
    /// The classes of BERT's tokenizer.
    pub const BERT: Self = Self {
        removed: tables::REMOVED,
        punctuation: tables::PUNCTUATION,
        nonspacing_marks: tables::NONSPACING_MARKS,
        decomposed: tables::DECOMPOSED_OR_REORDERED,
    };
}

/// A character of a decomposition. The first one carries the source of the original character. The
/// others get the source of the character before them in canonical order, as in the reference.
struct Part {
    character: char,
    source: Option<Range<usize>>,
}

/// A run of combining marks, collected to be sorted into canonical order (Unicode Standard, D108–D109).
#[derive(Default)]
struct CombiningMarks {
    run: Vec<(u8, Part)>,
    last_source: Range<usize>,
}

impl CombiningMarks {
    /// Adds a mark to the run. A starter (class 0) ends the run and is emitted at once.
    fn push(&mut self, class: u8, part: Part, emit: &mut impl FnMut(char, Range<usize>)) {
        if class == 0 {
            self.flush(emit);
        }
        self.run.push((class, part));
        if class == 0 {
            self.flush(emit);
        }
    }

    /// Emits the run in canonical order, without the nonspacing marks. Sorting moves the characters but
    /// not their sources: source i goes to the i-th sorted character that carries one.
    fn flush(&mut self, emit: &mut impl FnMut(char, Range<usize>)) {
        if self.run.is_empty() {
            return;
        }
        let sources: Vec<_> = self.run.iter().filter_map(|(_, part)| part.source.clone()).collect();
        let mut sources = sources.into_iter();
        self.run.sort_by_key(|&(class, _)| class);
        for (_, part) in self.run.drain(..) {
            if part.source.is_some() {
                self.last_source = sources.next().expect("as many sources as first parts");
            }
            strip_mark(part.character, self.last_source.clone(), emit);
        }
    }
}

/// Emits `character` unless it is a nonspacing mark.
fn strip_mark(character: char, source: Range<usize>, emit: &mut impl FnMut(char, Range<usize>)) {
    if character.is_ascii() || !contains(tables::NONSPACING_MARKS, character) {
        emit(character, source);
    }
}

/// Whether `character` decomposes into a combining mark that is not stripped. The position of such a
/// mark may depend on the characters around it.
pub(super) fn may_change_places(character: char) -> bool {
    let mut stays = false;
    if contains(tables::DECOMPOSED_OR_REORDERED, character) {
        decompose_canonical(character, |part| {
            let mark = canonical_combining_class(part) != 0;
            stays |= mark && !contains(tables::NONSPACING_MARKS, part);
        });
    }
    stays
}

/// Whether BERT treats `character` as punctuation: ASCII symbols and the Unicode categories P*.
pub(super) fn is_punctuation(character: char) -> bool {
    if character.is_ascii() {
        character.is_ascii_punctuation()
    } else {
        contains(tables::PUNCTUATION, character)
    }
}

/// Whether `character` is a CJK ideograph: the blocks of Google's `_is_chinese_char`, without kana and
/// Hangul. As in the reference, the sixth block starts at U+2B920; Google's starts at U+2B820.
fn is_chinese(character: char) -> bool {
    matches!(character as u32,
        0x4e00..=0x9fff
        | 0x3400..=0x4dbf
        | 0x20000..=0x2a6df
        | 0x2a700..=0x2b73f
        | 0x2b740..=0x2b81f
        | 0x2b920..=0x2ceaf
        | 0xf900..=0xfaff
        | 0x2f800..=0x2fa1f)
}

/// Whether one of the sorted, inclusive ranges contains `character`.
fn contains(ranges: &[(u32, u32)], character: char) -> bool {
    let value = character as u32;
    let next = ranges.partition_point(|&(first, _)| first <= value);
    next > 0 && value <= ranges[next - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNCASED: Normalizer =
        Normalizer { tokenize_chinese_chars: true, strip_accents: true, lower_case: true };
    const CASED: Normalizer =
        Normalizer { tokenize_chinese_chars: true, strip_accents: false, lower_case: false };

    fn with_sources(normalizer: Normalizer, text: &str) -> Vec<(char, usize, usize)> {
        let mut all = Vec::new();
        normalizer.for_each_character(text, |c, source| all.push((c, source.start, source.end)));
        all
    }

    #[test]
    fn cleans_strips_and_lowers() {
        assert_eq!(UNCASED.normalize("Ça\u{0} va,\u{a0}İstanbul?\r\n"), "ca va, istanbul?  ");
        assert_eq!(CASED.normalize("Ça\u{200d}\u{fffd} va"), "Ça va");
        assert_eq!(UNCASED.normalize("ab中c"), "ab 中 c");
        assert_eq!(UNCASED.normalize("ΟΔΟΣ ẞ"), "οδοσ ß");
    }

    #[test]
    fn chinese_characters_stay_together_when_not_asked_for() {
        let normalizer = Normalizer { tokenize_chinese_chars: false, ..CASED };
        assert_eq!(normalizer.normalize("中文"), "中文");
    }

    #[test]
    fn marks_that_stay_are_put_into_canonical_order() {
        // U+302E is a spacing mark of class 224, U+1DF6 (class 232) is newer than the tables: both
        // stay. U+1D165 has class 216.
        assert_eq!(UNCASED.normalize("a\u{302e}\u{1d165}b"), "a\u{1d165}\u{302e}b");
        assert_eq!(UNCASED.normalize("a\u{1df6}\u{1d165}b"), "a\u{1df6}\u{1d165}b");
    }

    #[test]
    fn sources_are_the_bytes_of_the_original_characters() {
        assert_eq!(with_sources(UNCASED, "É\u{0}x"), [('e', 0, 2), ('x', 3, 4)]);
        assert_eq!(
            with_sources(UNCASED, "한"),
            [('\u{1112}', 0, 3), ('\u{1161}', 0, 3), ('\u{11ab}', 0, 3)]
        );
        assert_eq!(with_sources(CASED, "中"), [(' ', 0, 3), ('中', 0, 3), (' ', 0, 3)]);
    }
}
