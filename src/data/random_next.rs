//! Which document a random sentence B of next-sentence prediction comes from.
//!
//! Google's script takes any other document. Where the text mixes genres, a model then tells a random
//! sentence by its genre, and what it learns does not carry over to text of one genre. A document of the
//! same file, or one near by in it, leaves the model only coherence to go by.

use super::store::TokenStore;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The documents before, and the documents after, that are near by: ten each.
pub const NEARBY_DOCUMENTS: usize = 10;

/// Which document a random sentence B comes from. All documents are equally likely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RandomNext {
    /// Any other document, as in Google's `create_pretraining_data.py`.
    #[default]
    Any,
    /// Another document of the same file.
    SameFile,
    /// One of the ten documents before and the ten after ([`NEARBY_DOCUMENTS`]) in the same file.
    Nearby,
}

impl RandomNext {
    /// The indices into `documents` that a random B of document `documents[index]` is drawn from; `index`
    /// itself is one of them, and is left out of the draw. Those of all documents when there is no other
    /// document of the same file.
    ///
    /// `documents` are numbers of documents of `store` in ascending order.
    pub(super) fn among(self, store: &TokenStore, documents: &[u32], index: usize) -> Range<usize> {
        let all = 0..documents.len();
        if self == Self::Any {
            return all;
        }
        let file = in_file(store, documents, store.file_of(documents[index] as usize));
        match self {
            _ if file.len() < 2 => all,
            Self::Nearby => {
                let (first, last) =
                    (index.saturating_sub(NEARBY_DOCUMENTS), index + NEARBY_DOCUMENTS);
                file.start.max(first)..file.end.min(last + 1)
            }
            Self::Any | Self::SameFile => file,
        }
    }

    /// The number of `documents` whose random sentences come from any other document because no other of
    /// `documents` is of the same file.
    pub(super) fn alone(self, store: &TokenStore, documents: &[u32]) -> usize {
        if self == Self::Any {
            return 0;
        }
        let files = (0..store.files()).map(|file| in_file(store, documents, file).len());
        files.filter(|&documents| documents == 1).count()
    }
}

/// The indices into `documents`, numbers in ascending order, of those that file `file` of `store` has.
fn in_file(store: &TokenStore, documents: &[u32], file: usize) -> Range<usize> {
    let file = store.file(file);
    let before = |end: usize| documents.partition_point(|&document| (document as usize) < end);
    before(file.start)..before(file.end)
}

#[cfg(test)]
#[path = "random_next_tests.rs"]
mod tests;
