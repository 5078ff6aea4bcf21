//! From bytes to characters of a text.

/// Counts the characters (Unicode scalar values) before a byte of a text.
pub(super) struct Offsets<'t> {
    text: &'t str,
    /// The number of characters before each block of [`BLOCK`] bytes; empty for ASCII.
    blocks: Vec<usize>,
}

const BLOCK: usize = 256;

/// The number of characters that begin in `bytes`.
fn begin(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

impl<'t> Offsets<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut blocks = Vec::new();
        if !text.is_ascii() {
            let mut before = 0;
            for block in text.as_bytes().chunks(BLOCK) {
                blocks.push(before);
                before += begin(block);
            }
        }
        Self { text, blocks }
    }

    /// The number of characters before `byte`, which is a character boundary.
    pub(super) fn character(&self, byte: usize) -> usize {
        match self.blocks.get(byte / BLOCK) {
            Some(before) => before + begin(&self.text.as_bytes()[byte / BLOCK * BLOCK..byte]),
            None if self.blocks.is_empty() => byte,
            // The end of a text of whole blocks.
            None => begin(self.text.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted() {
        for text in ["plain".to_string(), "aé".repeat(300), "汉字𝒳 ".repeat(100), "é".repeat(128)]
        {
            let offsets = Offsets::new(&text);
            let ends = text.char_indices().map(|(byte, _)| byte).chain([text.len()]);
            for (character, byte) in ends.enumerate() {
                assert_eq!(offsets.character(byte), character, "{byte} of {text:?}");
            }
        }
    }
}
