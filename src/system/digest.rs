//! SHA-256 (FIPS 180-4) of files and settings: the digests that `sha256sum` prints.
//!
//! A digest detects damage and differences. Nothing secret is hashed.

use std::fmt;
use std::io::{self, Write};

/// The SHA-256 digest of some bytes; displayed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(bytes);
        hasher.finish()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Computes a [`Digest`] from bytes that arrive in parts of any size. Also a [`Write`]r, which never
/// fails.
#[derive(Clone, Default)]
pub struct Sha256(hmac_sha256::Hash);

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256")
    }
}

impl Sha256 {
    /// A hasher that has seen no byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds the length of `text` in bytes (`u64`, little-endian), then the text: so that `"ab"`, `"c"`
    /// differs from `"a"`, `"bc"`.
    pub fn update_text(&mut self, text: &str) {
        self.update(&(text.len() as u64).to_le_bytes());
        self.update(text.as_bytes());
    }

    /// The digest of all bytes added.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize())
    }
}

impl Write for Sha256 {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of FIPS 180-2, appendix B, and the empty message.
    #[test]
    fn the_published_digests() {
        let million = vec![b'a'; 1_000_000];
        for (bytes, digest) in [
            (b"".as_slice(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            (&million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ] {
            assert_eq!(Digest::of(bytes).to_string(), digest);
        }
    }

    #[test]
    fn parts_do_not_matter() {
        let bytes: Vec<u8> = (0..1000u32).map(|i| (i * 7) as u8).collect();
        for size in [1, 3, 63, 64, 65, 200] {
            let mut hasher = Sha256::new();
            bytes.chunks(size).for_each(|part| hasher.update(part));
            assert_eq!(hasher.finish(), Digest::of(&bytes), "parts of {size}");
        }
    }

    #[test]
    fn texts_are_delimited() {
        let of = |texts: &[&str]| {
            let mut hasher = Sha256::new();
            texts.iter().for_each(|text| hasher.update_text(text));
            hasher.finish()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_eq!(of(&["ab"]), Digest::of(b"\x02\0\0\0\0\0\0\0ab"));
    }
}
