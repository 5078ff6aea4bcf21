//! A 64-bit fingerprint of bytes, to notice damage and change (not to resist an attacker).

/// The multiplier: 2⁶⁴ ÷ golden ratio, made odd (Knuth, TAOCP vol. 3, 6.4).
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// A running fingerprint: the same bytes give the same number, however they are cut into pieces.
///
/// Each 8 bytes are folded in by a step that can be undone, so that a change confined to one such
/// word always changes the result.
#[derive(Clone, Debug, Default)]
pub struct Fingerprint {
    state: u64,
    /// Bytes that do not fill a word yet.
    rest: [u8; 8],
    length: u64,
}

impl Fingerprint {
    /// The fingerprint of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        let filled = (self.length % 8) as usize;
        self.length = self.length.wrapping_add(bytes.len() as u64);
        if filled > 0 {
            let taken = bytes.len().min(8 - filled);
            self.rest[filled..filled + taken].copy_from_slice(&bytes[..taken]);
            if filled + taken < 8 {
                return;
            }
            self.fold(u64::from_le_bytes(self.rest));
            bytes = &bytes[taken..];
        }
        let mut words = bytes.chunks_exact(8);
        for word in words.by_ref() {
            self.fold(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        }
        self.rest[..words.remainder().len()].copy_from_slice(words.remainder());
    }

    /// Adds a text so that its end is marked: `"ab"`, `"c"` differs from `"a"`, `"bc"`.
    pub fn update_text(&mut self, text: &str) {
        self.update(&(text.len() as u64).to_le_bytes());
        self.update(text.as_bytes());
    }

    /// The fingerprint of everything added so far.
    pub fn finish(&self) -> u64 {
        let mut last = self.clone();
        let filled = (self.length % 8) as usize;
        last.rest[filled..].fill(0);
        last.fold(u64::from_le_bytes(last.rest));
        last.fold(self.length);
        last.state ^ (last.state >> 32)
    }

    fn fold(&mut self, word: u64) {
        self.state = (self.state.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&[u8]]) -> u64 {
        let mut fingerprint = Fingerprint::new();
        pieces.iter().for_each(|piece| fingerprint.update(piece));
        fingerprint.finish()
    }

    #[test]
    fn the_cut_does_not_matter() {
        let bytes: Vec<u8> = (0..100).collect();
        for cut in 0..=bytes.len() {
            let (left, right) = bytes.split_at(cut);
            assert_eq!(of(&[left, right]), of(&[&bytes]), "cut at {cut}");
        }
        assert_eq!(of(&[b"a", b"b", b"c"]), of(&[b"abc"]));
    }

    #[test]
    fn every_bit_and_the_length_matter() {
        let bytes = [7u8; 41];
        for bit in 0..8 * bytes.len() {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(of(&[&changed]), of(&[&bytes]), "bit {bit}");
        }
        assert_ne!(of(&[&[0; 8]]), of(&[&[0; 9]]));
        assert_ne!(of(&[]), of(&[&[0]]));
    }
}
