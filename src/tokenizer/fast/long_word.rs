//! Merges in a word of many symbols, such as a million letters without a space: a merge visits only the
//! positions of its pair. The plain counterpart, which reads the whole word, is
//! [`merge_word`](crate::tokenizer::merge_word::merge_word).

use super::number_map::NumberMap;
use crate::tokenizer::merge_word::Pair;

/// Set in a cell that holds no symbol, because the symbol in it was merged into one before it. The other
/// bits are the number of cells of that symbol; they are right in its second and in its last cell.
const GONE: u32 = 1 << 31;

/// The symbols of a word, each in the first of its cells, and the positions of every pair. It takes four
/// bytes for each character and four for each pair, because a word may be as long as the text.
#[derive(Debug)]
pub(in crate::tokenizer) struct LongWord {
    cells: Vec<u32>,
    /// The positions of each pair, and some former ones.
    places: NumberMap<Pair, Vec<u32>>,
}

impl LongWord {
    /// The word of these symbols, which are below 2³¹.
    ///
    /// # Panics
    /// When there are 2³¹ symbols or more.
    pub(in crate::tokenizer) fn new(symbols: Vec<u32>) -> Self {
        assert!(symbols.len() < GONE as usize, "a word is shorter than 2 GB");
        let mut places: NumberMap<Pair, Vec<u32>> = NumberMap::default();
        for (place, window) in (0..).zip(symbols.windows(2)) {
            places.entry((window[0], window[1])).or_default().push(place);
        }
        Self { cells: symbols, places }
    }

    /// The number of cells of the symbol at `place`.
    fn extent(&self, place: usize) -> usize {
        match self.cells.get(place + 1) {
            Some(cell) if cell & GONE != 0 => (cell & !GONE) as usize,
            _ => 1,
        }
    }

    /// The position of the symbol before the one at `place`.
    fn before(&self, place: usize) -> Option<usize> {
        let last = place.checked_sub(1)?;
        Some(match self.cells[last] {
            cell if cell & GONE != 0 => place - (cell & !GONE) as usize,
            _ => last,
        })
    }

    /// Replaces `pair` by `replacement`, from left to right. Calls `changed(pair, is_new)` for each pair
    /// of neighbours that disappears or appears, in the order of `merge_word`.
    pub(in crate::tokenizer) fn merge(
        &mut self,
        pair: Pair,
        replacement: u32,
        mut changed: impl FnMut(Pair, bool),
    ) {
        let mut found = self.places.remove(&pair).unwrap_or_default();
        found.sort_unstable();
        for place in found {
            let first = place as usize;
            let second = first + self.extent(first);
            if self.cells[first] != pair.0 || self.cells.get(second) != Some(&pair.1) {
                continue;
            }
            let end = second + self.extent(second);
            if let Some(left) = self.before(first) {
                let symbol = self.cells[left];
                changed((symbol, pair.0), false);
                changed((symbol, replacement), true);
                self.places.entry((symbol, replacement)).or_default().push(left as u32);
            }
            if let Some(&symbol) = self.cells.get(end) {
                changed((pair.1, symbol), false);
                changed((replacement, symbol), true);
                self.places.entry((replacement, symbol)).or_default().push(place);
            }
            let gone = GONE | (end - first) as u32;
            self.cells[first] = replacement;
            for cell in [first + 1, second, end - 1] {
                self.cells[cell] = gone;
            }
        }
    }

    /// The current symbols of the word.
    #[cfg(test)]
    pub(in crate::tokenizer) fn symbols(&self) -> Vec<u32> {
        self.cells.iter().copied().filter(|cell| cell & GONE == 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::merge_word::merge_word;
    use proptest::prelude::*;

    #[test]
    fn a_word_of_a_million_letters_takes_a_few_bytes_a_letter() {
        const LETTERS: usize = 1 << 20;
        let mut word = LongWord::new(vec![0; LETTERS]);
        for symbol in 0..5 {
            let places = word.places.values().map(Vec::capacity).sum::<usize>();
            assert!(word.cells.capacity() + places < 3 * LETTERS, "merge {symbol}: {places}");
            word.merge((symbol, symbol), symbol + 1, |_, _| {});
        }
        assert_eq!(word.symbols(), vec![5; LETTERS >> 5]);
    }

    proptest! {
        #[test]
        fn merges_equal_those_of_merge_word(
            symbols in prop::collection::vec(0u32..3, 0..60),
            picks in prop::collection::vec((any::<prop::sample::Index>(), 0u32..3), 1..12),
        ) {
            let mut plain = symbols.clone();
            let mut long = LongWord::new(symbols);
            for (step, (pick, reuse)) in (0..).zip(picks) {
                let Some(last) = plain.len().checked_sub(1).filter(|&last| last > 0) else { break };
                let at = pick.index(last);
                let pair = (plain[at], plain[at + 1]);
                // Sometimes a piece that an earlier merge has made.
                let replacement = if reuse == 0 { 10 } else { 11 + step };
                prop_assume!(replacement != pair.0 && replacement != pair.1);
                let (mut expected, mut found) = (Vec::new(), Vec::new());
                let length =
                    merge_word(&mut plain, pair, replacement, |pair, new| expected.push((pair, new)));
                plain.truncate(length);
                long.merge(pair, replacement, |pair, new| found.push((pair, new)));
                prop_assert_eq!(&found, &expected);
                prop_assert_eq!(&long.symbols(), &plain);
            }
        }
    }
}
