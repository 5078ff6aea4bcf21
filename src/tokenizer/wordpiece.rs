//! WordPiece: splitting a word into pieces by greedy longest match.
//!
//! As `WordpieceTokenizer` of Google's `tokenization.py` and `WordPiece` of `tokenizers` do: take the
//! longest piece of the vocabulary at the start of the word, then the longest `##` piece where the last
//! one ended, and so on up to the end of the word. If no piece fits somewhere, the whole word becomes
//! `[UNK]`. A word of more than 100 characters becomes `[UNK]`, too.

use super::vocabulary::Vocabulary;
use std::collections::HashMap;
use std::ops::Range;

/// The prefix of pieces that continue a word.
pub const CONTINUATION_PREFIX: &str = "##";

/// The most characters of a word in BERT; a longer word is `[UNK]`.
pub const MAX_CHARACTERS_PER_WORD: usize = 100;

/// Whether `token` may be a piece of a word of at most `limit` characters. A vocabulary learned from text
/// without spaces has tokens of millions of characters; they take no memory in the tables.
pub(super) fn may_match(token: &str, limit: usize) -> bool {
    let piece = token.strip_prefix(CONTINUATION_PREFIX).unwrap_or(token);
    piece.len() <= limit || piece.chars().nth(limit).is_none()
}

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its id in the vocabulary.
    pub id: u32,
    /// The range of characters of the word that it covers.
    pub characters: Range<usize>,
}

/// The pieces of a vocabulary, prepared for matching.
#[derive(Clone, Debug)]
pub struct WordPiece {
    /// The tokens that a word may start with.
    starts: HashMap<Box<str>, u32>,
    /// The `##` tokens, without the prefix.
    continuations: HashMap<Box<str>, u32>,
    /// The length of the longest token in bytes.
    longest: usize,
    unk_id: u32,
    max_characters_per_word: usize,
}

impl WordPiece {
    /// The pieces of `vocabulary`, with BERT's limit of 100 characters per word.
    pub fn new(vocabulary: &Vocabulary) -> Self {
        Self::with_limit(vocabulary, MAX_CHARACTERS_PER_WORD)
    }

    /// The pieces of `vocabulary`, with another limit of characters per word.
    pub fn with_limit(vocabulary: &Vocabulary, max_characters_per_word: usize) -> Self {
        let (mut starts, mut continuations) = (HashMap::<Box<str>, u32>::new(), HashMap::new());
        let tokens =
            || vocabulary.iter().filter(|(_, token)| may_match(token, max_characters_per_word));
        for (id, token) in tokens() {
            if let Some(piece) = token.strip_prefix(CONTINUATION_PREFIX) {
                continuations.insert(piece.into(), id);
            }
            starts.insert(token.into(), id);
        }
        let longest = tokens().map(|(_, token)| token.len()).max().unwrap_or(0);
        let unk_id = vocabulary.unk_id();
        Self { starts, continuations, longest, unk_id, max_characters_per_word }
    }

    /// The most characters of a word; a longer word is `[UNK]`.
    pub fn max_characters_per_word(&self) -> usize {
        self.max_characters_per_word
    }

    /// Appends the pieces of one word to `pieces`. There is at least one piece, and together they cover
    /// all characters of the word. The result depends on the word alone, so it can be cached.
    pub fn encode_word(&self, word: &str, pieces: &mut Vec<Piece>) {
        let old_length = pieces.len();
        let characters = word.chars().count();
        let (mut start, mut first_character) = (0, 0);
        while start < word.len() && characters <= self.max_characters_per_word {
            let table = if start == 0 { &self.starts } else { &self.continuations };
            let Some((id, end)) = self.longest_match(table, word, start) else { break };
            let last_character = first_character + word[start..end].chars().count();
            pieces.push(Piece { id, characters: first_character..last_character });
            (start, first_character) = (end, last_character);
        }
        if start < word.len() {
            pieces.truncate(old_length);
            pieces.push(Piece { id: self.unk_id, characters: 0..characters });
        }
    }

    /// The longest entry of `table` that matches `word` from byte `start`, and the byte where it ends.
    fn longest_match(
        &self,
        table: &HashMap<Box<str>, u32>,
        word: &str,
        start: usize,
    ) -> Option<(u32, usize)> {
        let furthest = word.len().min(start + self.longest);
        (start + 1..=furthest)
            .rev()
            .filter(|&end| word.is_char_boundary(end))
            .find_map(|end| table.get(&word[start..end]).map(|&id| (id, end)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::special_tokens::SPECIAL_TOKENS;
    use super::*;

    fn encode(word: &str) -> Vec<(u32, Range<usize>)> {
        let own = ["un", "##aff", "##able", "##a", "una", "é", "##é"];
        let tokens = SPECIAL_TOKENS.iter().chain(&own).map(|token| token.to_string()).collect();
        let wordpiece = WordPiece::new(&Vocabulary::from_tokens(tokens).unwrap());
        let mut pieces = vec![Piece { id: 77, characters: 0..0 }];
        wordpiece.encode_word(word, &mut pieces);
        assert_eq!(pieces.remove(0).id, 77, "earlier pieces stay");
        pieces.into_iter().map(|piece| (piece.id, piece.characters)).collect()
    }

    #[test]
    fn the_longest_piece_first_even_where_another_way_would_succeed() {
        assert_eq!(encode("unable"), [(1, 0..6)]); // una + nothing
        assert_eq!(encode("unaffable"), [(1, 0..9)]);
        assert_eq!(encode("unaa"), [(9, 0..3), (8, 3..4)]);
        assert_eq!(encode("unéaff"), [(5, 0..2), (11, 2..3), (6, 3..6)]);
        assert_eq!(encode("éxé"), [(1, 0..3)]);
    }

    #[test]
    fn a_token_that_is_longer_than_any_word_takes_no_memory() {
        let own = ["a".repeat(101), format!("##{}", "a".repeat(101)), "é".repeat(100)];
        let tokens: Vec<String> = SPECIAL_TOKENS.map(String::from).into_iter().chain(own).collect();
        let wordpiece = WordPiece::new(&Vocabulary::from_tokens(tokens).unwrap());
        assert_eq!((wordpiece.starts.len(), wordpiece.continuations.len()), (6, 0));
        assert_eq!(wordpiece.longest, 200);
        let mut pieces = Vec::new();
        wordpiece.encode_word(&"é".repeat(100), &mut pieces);
        assert_eq!(pieces, [Piece { id: 7, characters: 0..100 }]);
    }

    #[test]
    fn a_word_of_100_characters_is_cut_and_one_of_101_is_unknown() {
        assert_eq!(encode(&"é".repeat(100)).len(), 100);
        assert_eq!(encode(&"é".repeat(101)), [(1, 0..101)]);
    }
}
