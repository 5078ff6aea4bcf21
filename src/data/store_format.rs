//! The constants and the header of a token store. [`store`](super::store) describes the layout.

use crate::system::digest::Digest;

/// The first bytes of a store.
pub(super) const MAGIC: &[u8; 8] = b"CLOZETOK";

/// Raised when the layout changes.
pub(super) const VERSION: u32 = 4;

/// Size of the header in bytes; a multiple of 8.
pub(super) const HEADER_BYTES: usize = 56;

/// Size of the trailer in bytes.
pub(super) const TRAILER_BYTES: usize = 96;

/// The values of a store's header and trailer, and where its sections begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoreHeader {
    /// Bytes per token: 2 or 4.
    pub token_bytes: usize,
    /// Number of tokens.
    pub tokens: usize,
    /// Number of sentences.
    pub sentences: usize,
    /// Number of documents.
    pub documents: usize,
    /// Number of files with a document.
    pub files: usize,
    /// Byte offset of the sentence starts.
    pub sentence_starts: usize,
    /// Byte offset of the document starts.
    pub document_starts: usize,
    /// Byte offset of the file starts.
    pub file_starts: usize,
    /// Every token id is below it.
    pub vocab_size: u64,
    /// [`SentenceEncoder::digest`](super::sentence_encoder::SentenceEncoder) of the tokenizer.
    pub vocabulary_digest: Digest,
    /// [`Corpus::digest`](super::Corpus::digest) of the text.
    pub text_digest: Digest,
}

/// The little-endian `u64` at byte `offset`.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().expect("eight bytes"))
}

/// The digest at byte `offset`.
pub(super) fn digest_at(bytes: &[u8], offset: usize) -> Digest {
    Digest(bytes[offset..offset + 32].try_into().expect("32 bytes"))
}
