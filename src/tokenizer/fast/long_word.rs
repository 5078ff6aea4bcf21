//! Merges in a word of many symbols, such as a million letters without a space: a merge visits only the
//! positions of its pair. The plain counterpart, which reads the whole word, is
//! [`merge_word`](crate::tokenizer::merge_word::merge_word).

use super::number_map::NumberMap;
use crate::tokenizer::merge_word::Pair;

/// Replaces a symbol that was merged into the one before it.
const GONE: u32 = u32::MAX;

/// The neighbour before the first and after the last symbol.
const NO_PLACE: u32 = u32::MAX;

/// The symbols of a word, linked to their neighbours, and the positions of every pair.
#[derive(Debug)]
pub(in crate::tokenizer) struct LongWord {
    symbols: Vec<u32>,
    before: Vec<u32>,
    after: Vec<u32>,
    /// The positions of each pair, and some former ones.
    places: NumberMap<Pair, Vec<u32>>,
}

impl LongWord {
    /// The word of these symbols.
    ///
    /// # Panics
    /// When there are 2³² symbols or more.
    pub(in crate::tokenizer) fn new(symbols: Vec<u32>) -> Self {
        let length = u32::try_from(symbols.len()).expect("a line is shorter than 4 GB");
        let mut places: NumberMap<Pair, Vec<u32>> = NumberMap::default();
        for (place, window) in (0..).zip(symbols.windows(2)) {
            places.entry((window[0], window[1])).or_default().push(place);
        }
        let before = (0..length).map(|place| place.checked_sub(1).unwrap_or(NO_PLACE)).collect();
        let end = |place| if place == length { NO_PLACE } else { place };
        let after = (1..=length).map(end).collect();
        Self { symbols, before, after, places }
    }

    /// Replaces `pair` by `replacement`, from left to right. Calls `changed(pair, is_new)` for each pair
    /// of neighbours that disappears or appears, in the order of `merge_word`.
    pub(in crate::tokenizer) fn merge(
        &mut self,
        pair: Pair,
        replacement: u32,
        mut changed: impl FnMut(Pair, bool),
    ) {
        let Self { symbols, before, after, places } = self;
        let mut found = places.remove(&pair).unwrap_or_default();
        found.sort_unstable();
        for place in found {
            let first = place as usize;
            let second = after[first] as usize;
            if symbols[first] != pair.0 || symbols.get(second) != Some(&pair.1) {
                continue;
            }
            let (left, right) = (before[first], after[second]);
            if let Some(&symbol) = symbols.get(left as usize) {
                changed((symbol, pair.0), false);
                changed((symbol, replacement), true);
                places.entry((symbol, replacement)).or_default().push(left);
            }
            if let Some(&symbol) = symbols.get(right as usize) {
                changed((pair.1, symbol), false);
                changed((replacement, symbol), true);
                places.entry((replacement, symbol)).or_default().push(place);
                before[right as usize] = place;
            }
            after[first] = right;
            (symbols[first], symbols[second]) = (replacement, GONE);
        }
    }

    /// The current symbols of the word.
    #[cfg(test)]
    pub(in crate::tokenizer) fn symbols(&self) -> Vec<u32> {
        self.symbols.iter().copied().filter(|&symbol| symbol != GONE).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::merge_word::merge_word;
    use proptest::prelude::*;

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
