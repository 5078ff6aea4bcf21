//! What a chunk of text is made of, for everything that reads text.

/// A part of a [`Chunk`](super::Chunk).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'t> {
    /// The end of a document. Sentences between two boundaries belong to one document, also across
    /// chunks.
    Boundary,
    /// A sentence, trimmed and not empty.
    Sentence(&'t str),
}
