//! A word in the form that splitter, cache and counts exchange. Most words fit in one 128-bit number,
//! which is compared, hashed and copied in one step.

/// The most bytes of a short word.
pub(in crate::tokenizer) const SHORT_BYTES: usize = 16;

/// A word that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tokenizer) enum Word<'w> {
    /// A word of at most 16 bytes, little-endian, padded with zeros: no word contains U+0000.
    Short(u128),
    /// A longer word.
    Long(&'w str),
}

impl<'w> Word<'w> {
    /// The word `text`.
    pub(in crate::tokenizer) fn of(text: &'w str) -> Self {
        if text.len() > SHORT_BYTES {
            return Self::Long(text);
        }
        let mut bytes = [0; SHORT_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Self::Short(u128::from_le_bytes(bytes))
    }

    /// The word of one character.
    pub(in crate::tokenizer) fn of_character(character: char) -> Self {
        let mut bytes = [0; SHORT_BYTES];
        character.encode_utf8(&mut bytes);
        Self::Short(u128::from_le_bytes(bytes))
    }

    /// Calls `work` with the text of the word.
    pub(in crate::tokenizer) fn with_text<T>(self, work: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::Long(text) => work(text),
            Self::Short(number) => {
                let bytes = number.to_le_bytes();
                let length = SHORT_BYTES - number.leading_zeros() as usize / 8;
                work(std::str::from_utf8(&bytes[..length]).expect("it was text"))
            }
        }
    }
}

/// The ASCII letters and digits at the start of 16 bytes (little-endian, as [`Word::Short`]),
/// lower-cased if asked for, and their number. All 16 bytes are tested at once: no step carries from one
/// byte into the next.
#[inline]
pub(in crate::tokenizer) fn leading_letters(block: u128, lower_case: bool) -> (u128, usize) {
    const ONES: u128 = u128::MAX / 0xff;
    const HIGH_BITS: u128 = 0x80 * ONES;
    // Sets the high bit of each byte that is at least `least`. All bytes must be below 0x80.
    let at_least = |bytes: u128, least: u8| (bytes + (0x80 - u128::from(least)) * ONES) & HIGH_BITS;
    let is_ascii = !block & HIGH_BITS;
    let low_bits = block & !HIGH_BITS;
    let folded = low_bits | (0x20 * ONES);
    let is_letter = at_least(folded, b'a') & !at_least(folded, b'z' + 1);
    let is_digit = at_least(low_bits, b'0') & !at_least(low_bits, b'9' + 1);
    let ends = !(is_ascii & (is_letter | is_digit)) & HIGH_BITS;
    let length = ends.trailing_zeros() as usize / 8;
    let kept = 1u128.checked_shl(8 * length as u32).unwrap_or(0).wrapping_sub(1);
    // The case bit, 0x20, is the high bit shifted right by two.
    let lowered = if lower_case { block | is_letter >> 2 } else { block };
    (lowered & kept, length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_keep_their_text_and_differ_from_each_other() {
        let texts = ["a", "b", "ab", "é", "sixteen bytes ok", "seventeen bytes !", "中"];
        for (i, text) in texts.iter().enumerate() {
            Word::of(text).with_text(|found| assert_eq!(found, *text));
            assert!(texts[..i].iter().all(|other| Word::of(other) != Word::of(text)));
        }
        assert_eq!(Word::of_character('中'), Word::of("中"));
        assert_eq!(Word::of_character('a'), Word::of("a"));
    }

    proptest! {
        #[test]
        fn leading_letters_equal_a_scan_byte_by_byte(
            start in prop::collection::vec(prop::sample::select(b"azAZ09ghGH".as_slice()), 0..17),
            rest in prop::array::uniform16(any::<u8>()),
            lower_case: bool,
        ) {
            let bytes: [u8; 16] = [&start[..], &rest].concat()[..16].try_into().unwrap();
            let length = bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let mut word = [0; 16];
            word[..length].copy_from_slice(&bytes[..length]);
            if lower_case {
                word.make_ascii_lowercase();
            }
            let found = leading_letters(u128::from_le_bytes(bytes), lower_case);
            prop_assert_eq!(found, (u128::from_le_bytes(word), length));
        }
    }
}
