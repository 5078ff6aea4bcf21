//! Counting the words of a corpus, the first step of learning a vocabulary.

use super::corpus::Corpus;
use super::error::DataError;
use super::part::Part;
use super::read_report::{ChunkTally, ReadReport, Tally};
use super::reader::Chunk;
use crate::tokenizer::{Normalizer, WordCounts};
use std::sync::Mutex;

/// The words of a corpus.
#[derive(Debug)]
#[non_exhaustive]
pub struct Words {
    /// How often each word occurs.
    pub counts: WordCounts,
    /// What was read.
    pub read: ReadReport,
}

/// Counts the words of `corpus`, normalized by `normalizer`, on all threads. `progress` receives the
/// number of bytes read so far.
///
/// # Errors
/// [`DataError`] when the text cannot be read; [`DataError::NoSentence`] when it contains no word.
pub fn count_words(
    corpus: &Corpus,
    normalizer: Normalizer,
    progress: &mut dyn FnMut(u64),
) -> Result<Words, DataError> {
    // One count for each thread, merged at the end. The sums do not depend on the order.
    let counts: Mutex<Vec<WordCounts>> = Mutex::default();
    let lock = || counts.lock().expect("nothing panics while it is locked");
    let count = |chunk: &Chunk<'_>| {
        let mut words = lock().pop().unwrap_or_default();
        let mut tally = ChunkTally::default();
        let result = chunk.for_each_part(|part| {
            tally.add(part);
            if let Part::Sentence(text) = part {
                words.add_text(&normalizer, text);
            }
        });
        lock().push(words);
        result.map(|()| tally)
    };
    let mut tally = Tally::default();
    let add = |chunk| {
        tally.add(&chunk);
        Ok(())
    };
    corpus.map_chunks(count, add, progress)?;
    let mut counts = counts.into_inner().expect("nothing panics while it is locked").into_iter();
    let mut words = counts.next().unwrap_or_default();
    counts.for_each(|part| words.merge(part));
    if words.distinct() == 0 {
        return Err(DataError::NoSentence(corpus.name()));
    }
    Ok(Words { counts: words, read: corpus.read_report(tally.documents, tally.sentences) })
}
