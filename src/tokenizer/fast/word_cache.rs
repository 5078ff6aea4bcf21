//! A cache of the ids of recent words, one per thread: a few thousand words make up most of a text. The
//! ids depend on the word and the vocabulary alone, so the cache does not change results.

use super::word::Word;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most ids of a cached word.
const IDS: usize = 3;

/// The number of entries, 1 MiB in all. The hash of a word decides its only entry.
const WORDS: usize = 1 << 15;

#[derive(Clone, Copy)]
struct Entry {
    /// A short word; 0 if the entry is empty.
    word: u128,
    ids: [u32; IDS],
    count: u32,
}

const EMPTY: Entry = Entry { word: 0, ids: [0; IDS], count: 0 };

/// The cache of one thread, for the vocabulary used last.
pub(super) struct WordCache {
    owner: u64,
    entries: Vec<Entry>,
}

thread_local! {
    static CACHE: RefCell<WordCache> = const { RefCell::new(WordCache { owner: 0, entries: Vec::new() }) };
}

/// A new number that identifies a vocabulary.
pub(super) fn new_owner() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

impl WordCache {
    /// Calls `work` with the cache of this thread, which is emptied if another owner used it last.
    pub(super) fn with<T>(owner: u64, work: impl FnOnce(&mut Self) -> T) -> T {
        CACHE.with_borrow_mut(|cache| {
            if cache.owner != owner {
                cache.entries.clear();
                cache.entries.resize(WORDS, EMPTY);
                cache.owner = owner;
            }
            work(cache)
        })
    }

    /// Appends the ids of `word`. `encode` computes them if they are not cached.
    #[inline]
    pub(super) fn encode(
        &mut self,
        word: Word<'_>,
        ids: &mut Vec<u32>,
        encode: impl FnOnce(&str, &mut Vec<u32>),
    ) {
        let Word::Short(number) = word else {
            return word.with_text(|text| encode(text, ids));
        };
        let hash = (number as u64 ^ ((number >> 64) as u64).rotate_left(29))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let entry = &mut self.entries[(hash >> (64 - WORDS.ilog2())) as usize];
        if entry.word == number {
            let [first, rest @ ..] = &entry.ids;
            ids.push(*first);
            ids.extend_from_slice(&rest[..entry.count as usize - 1]);
            return;
        }
        let before = ids.len();
        word.with_text(|text| encode(text, ids));
        let new = &ids[before..];
        if (1..=IDS).contains(&new.len()) {
            entry.ids[..new.len()].copy_from_slice(new);
            (entry.word, entry.count) = (number, new.len() as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_owners_are_kept_apart() {
        let encode = |owner, word: &str, length: usize| {
            let mut ids = vec![7];
            let found = |_: &str, ids: &mut Vec<u32>| ids.extend((0..length).map(|i| i as u32));
            WordCache::with(owner, |cache| cache.encode(Word::of(word), &mut ids, found));
            ids
        };
        let (one, two) = (new_owner(), new_owner());
        assert_eq!(encode(one, "fox", 2), [7, 0, 1]);
        // Cached: the function is not called.
        assert_eq!(encode(one, "fox", 1), [7, 0, 1]);
        assert_eq!(encode(one, "fo", 1), [7, 0]);
        assert_eq!(encode(two, "fox", 1), [7, 0]);
        assert_eq!(encode(one, "fox", 3), [7, 0, 1, 2]);
        // Too long, or too many ids: computed each time.
        for word in ["a word of 17 byte", "many"] {
            assert_eq!(encode(one, word, 5).len(), 6);
            assert_eq!(encode(one, word, 6).len(), 7);
        }
    }
}
