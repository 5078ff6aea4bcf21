//! The pieces of a vocabulary as a trie of bytes: one walk finds the longest piece at a position.
//!
//! The ids are those of [`WordPiece::encode_word`](super::super::wordpiece::WordPiece::encode_word), the
//! plain counterpart. An edge of the trie is one slot of a hash table: parent, byte and child in 64
//! bits.

use crate::tokenizer::vocabulary::Vocabulary;
use crate::tokenizer::wordpiece::{CONTINUATION_PREFIX, may_match};

/// The number of bits of a node's number. It limits the vocabulary to 2²⁸ bytes of tokens.
const NODE_BITS: u32 = 28;

/// Marks a node at which no token ends.
const NONE: u32 = u32::MAX;

/// A vocabulary, prepared for matching.
#[derive(Clone, Debug)]
pub(super) struct PieceTrie {
    /// The edges: (parent, byte) in the high bits, child in the low bits. An empty slot is 0, which is
    /// no edge because the root is never a child.
    slots: Vec<u64>,
    /// By how many bits a hash is shifted right to give a slot.
    shift: u32,
    /// The token that ends at each node, or `NONE`.
    ids: Vec<u32>,
    /// The node of `##`; `None` if no token starts with it.
    continuation: Option<u32>,
    unk_id: u32,
    max_characters_per_word: usize,
}

impl PieceTrie {
    /// The trie of `vocabulary`, without the tokens that are longer than any word; `None` if it would be too
    /// large.
    pub(super) fn new(vocabulary: &Vocabulary, max_characters_per_word: usize) -> Option<Self> {
        let tokens =
            || vocabulary.iter().filter(|(_, token)| may_match(token, max_characters_per_word));
        let bytes: usize = tokens().map(|(_, token)| token.len()).sum();
        if bytes + 1 >= 1 << NODE_BITS {
            return None;
        }
        let mut trie = Self {
            slots: vec![0; 2],
            shift: 63,
            ids: vec![NONE],
            continuation: None,
            unk_id: vocabulary.unk_id(),
            max_characters_per_word,
        };
        for (id, token) in tokens() {
            let node = token.bytes().fold(0, |node, byte| trie.child_or_new(node, byte));
            trie.ids[node as usize] = id;
        }
        let prefix = CONTINUATION_PREFIX.bytes();
        trie.continuation = prefix.into_iter().try_fold(0, |node, byte| trie.child(node, byte));
        Some(trie)
    }

    /// The slot of an edge, or the empty slot where it belongs.
    #[inline]
    fn slot(&self, parent: u32, byte: u8) -> usize {
        let key = u64::from(parent) << 8 | u64::from(byte);
        let mut slot = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize;
        while self.slots[slot] != 0 && self.slots[slot] >> NODE_BITS != key {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        slot
    }

    #[inline]
    fn child(&self, parent: u32, byte: u8) -> Option<u32> {
        let slot = self.slots[self.slot(parent, byte)];
        (slot != 0).then_some((slot & ((1 << NODE_BITS) - 1)) as u32)
    }

    fn child_or_new(&mut self, parent: u32, byte: u8) -> u32 {
        let slot = self.slot(parent, byte);
        if self.slots[slot] != 0 {
            return (self.slots[slot] & ((1 << NODE_BITS) - 1)) as u32;
        }
        let (key, child) = (u64::from(parent) << 8 | u64::from(byte), self.ids.len() as u32);
        self.slots[slot] = key << NODE_BITS | u64::from(child);
        self.ids.push(NONE);
        if 2 * self.ids.len() > self.slots.len() {
            self.grow();
        }
        child
    }

    /// Doubles the number of slots, so that at most half of them are used.
    fn grow(&mut self) {
        let double = vec![0; 2 * self.slots.len()];
        let old = std::mem::replace(&mut self.slots, double);
        self.shift -= 1;
        for edge in old.into_iter().filter(|&edge| edge != 0) {
            let key = edge >> NODE_BITS;
            let slot = self.slot((key >> 8) as u32, key as u8);
            self.slots[slot] = edge;
        }
    }

    /// Appends the ids of the pieces of one word to `ids`.
    pub(super) fn encode_word(&self, word: &str, ids: &mut Vec<u32>) {
        let old_length = ids.len();
        let limit = self.max_characters_per_word;
        let too_long = word.len() > limit && word.chars().nth(limit).is_some();
        let bytes = word.as_bytes();
        let mut start = 0;
        while start < bytes.len() && !too_long {
            let root = if start == 0 { Some(0) } else { self.continuation };
            let Some((id, end)) = root.and_then(|root| self.longest_match(root, bytes, start))
            else {
                break;
            };
            ids.push(id);
            start = end;
        }
        if start < bytes.len() {
            ids.truncate(old_length);
            ids.push(self.unk_id);
        }
    }

    /// The longest token below `root` that matches `word` from byte `start`, and the byte where it ends.
    fn longest_match(&self, root: u32, word: &[u8], start: usize) -> Option<(u32, usize)> {
        let (mut node, mut found) = (root, None);
        for (at, &byte) in word.iter().enumerate().skip(start) {
            let Some(child) = self.child(node, byte) else { break };
            node = child;
            if self.ids[node as usize] != NONE {
                found = Some((self.ids[node as usize], at + 1));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::special_tokens::SPECIAL_TOKENS;
    use crate::tokenizer::wordpiece::WordPiece;
    use proptest::prelude::*;

    #[test]
    fn a_token_that_is_longer_than_any_word_takes_no_memory() {
        let own = ["a".repeat(1 << 20), format!("##{}", "a".repeat(101)), "b".repeat(100)];
        let tokens = SPECIAL_TOKENS.map(String::from).into_iter().chain(own).collect();
        let trie = PieceTrie::new(&Vocabulary::from_tokens(tokens).unwrap(), 100).unwrap();
        assert!(trie.ids.len() < 150, "{}", trie.ids.len());
        let mut ids = Vec::new();
        trie.encode_word(&"b".repeat(100), &mut ids);
        assert_eq!(ids, [7]);
    }

    proptest! {
        #[test]
        fn any_word_has_the_pieces_of_word_piece(
            own in prop::collection::btree_set("(##)?[abé]{0,4}", 0..20),
            words in prop::collection::vec("[abéx#]{1,12}", 1..20),
            limit in 1usize..12,
        ) {
            let own = own.iter().filter(|token| !token.is_empty()).map(String::as_str);
            let tokens = SPECIAL_TOKENS.into_iter().chain(own).map(String::from).collect();
            let vocabulary = Vocabulary::from_tokens(tokens).unwrap();
            let trie = PieceTrie::new(&vocabulary, limit).unwrap();
            let plain = WordPiece::with_limit(&vocabulary, limit);
            for word in words {
                let (mut ids, mut pieces) = (vec![77], Vec::new());
                trie.encode_word(&word, &mut ids);
                plain.encode_word(&word, &mut pieces);
                let plain: Vec<u32> = pieces.iter().map(|piece| piece.id).collect();
                prop_assert_eq!(&ids[1..], plain);
            }
        }
    }
}
