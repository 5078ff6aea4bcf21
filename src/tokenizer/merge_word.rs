//! One byte-pair merge in one word: the plain way, a single pass over the word's symbols.

/// Two neighbouring symbols.
pub(super) type Pair = (u32, u32);

/// Replaces `pair` by `replacement` in one word, from left to right, and returns the word's new
/// length. Calls `changed(pair, is_new)` for each pair of neighbours that disappears (`false`) or
/// appears (`true`).
pub(super) fn merge_word(
    symbols: &mut [u32],
    pair: Pair,
    replacement: u32,
    mut changed: impl FnMut(Pair, bool),
) -> usize {
    let (mut read, mut written) = (0, 0);
    while read < symbols.len() {
        if symbols[read..].starts_with(&[pair.0, pair.1]) {
            if written > 0 {
                let before = symbols[written - 1];
                changed((before, pair.0), false);
                changed((before, replacement), true);
            }
            if let Some(&after) = symbols.get(read + 2) {
                changed((pair.1, after), false);
                changed((replacement, after), true);
            }
            symbols[written] = replacement;
            read += 2;
        } else {
            symbols[written] = symbols[read];
            read += 1;
        }
        written += 1;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_pairs_merge_from_the_left() {
        let mut word = [1, 1, 1, 2];
        let mut changes = Vec::new();
        let length = merge_word(&mut word, (1, 1), 9, |pair, is_new| changes.push((pair, is_new)));
        assert_eq!(word[..length], [9, 1, 2]);
        assert_eq!(changes, [((1, 1), false), ((9, 1), true)]);
    }
}
