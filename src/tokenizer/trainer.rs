//! Learning a WordPiece vocabulary from counted words.
//!
//! The algorithm is that of `BertWordPieceTokenizer.train` of `tokenizers`: byte-pair encoding (Sennrich
//! et al., 2016) with `##` before every piece that continues a word. The vocabulary starts with the
//! single characters. Then the most frequent pair of neighbouring pieces is merged into a new piece,
//! until the vocabulary is full.
//!
//! # Order
//!
//! The vocabulary contains, in this order: the special tokens; the alphabet, sorted by code point; the
//! alphabet with `##`, sorted by code point; the merged pieces in the order of merging. Ties are broken
//! as follows. Of equally frequent pairs, the pair with the smaller ids (left piece first, then right
//! piece) is merged first. Of equally frequent characters at the limit of the alphabet, the smaller
//! code point is kept.
//!
//! # The reference
//!
//! The reference breaks ties by ids, too, but a randomly seeded hash map decides the ids of the `##`
//! characters and the order of equally frequent characters, so its vocabulary differs from run to run.
//! The vocabulary learned here is that of the run in which these orders happen to be sorted.
//!
//! In 14 MB of English Wikipedia, 487 characters that occur once compete for the last 440 places of an
//! alphabet of 1000. Of 8,192 entries, two runs of the reference have 8,137 to 8,144 in common, and so
//! do a run of the reference and the vocabulary learned here. When no characters compete for the
//! alphabet, all these vocabularies have the same 8,192 entries.

use super::error::TokenizerError;
use super::fast::NumberMap;
use super::merges::Merges;
use super::special_tokens::SPECIAL_TOKENS;
use super::vocabulary::Vocabulary;
use super::word_counts::WordCounts;
use super::wordpiece::CONTINUATION_PREFIX;
use std::collections::HashMap;

/// How a vocabulary is learned. The defaults are those of the reference, with the vocabulary size of
/// the original BERT.
///
/// ```
/// use cloze::tokenizer::TrainerOptions;
///
/// let options = TrainerOptions::default().with_vocab_size(8192);
/// assert_eq!((options.vocab_size, options.min_frequency, options.limit_alphabet), (8192, 2, 1000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrainerOptions {
    /// The most entries the vocabulary may have, special tokens included.
    pub vocab_size: usize,
    /// A pair is merged only if it occurs at least this often.
    pub min_frequency: u64,
    /// The most characters of the alphabet. The most frequent ones are kept; a word with any other
    /// character becomes `[UNK]`.
    pub limit_alphabet: usize,
}

impl Default for TrainerOptions {
    fn default() -> Self {
        Self { vocab_size: 30_522, min_frequency: 2, limit_alphabet: 1000 }
    }
}

impl TrainerOptions {
    /// Sets [`vocab_size`](Self::vocab_size).
    #[must_use]
    pub fn with_vocab_size(self, vocab_size: usize) -> Self {
        Self { vocab_size, ..self }
    }

    /// Sets [`min_frequency`](Self::min_frequency).
    #[must_use]
    pub fn with_min_frequency(self, min_frequency: u64) -> Self {
        Self { min_frequency, ..self }
    }

    /// Sets [`limit_alphabet`](Self::limit_alphabet).
    #[must_use]
    pub fn with_limit_alphabet(self, limit_alphabet: usize) -> Self {
        Self { limit_alphabet, ..self }
    }
}

/// Learns a vocabulary. The result depends only on the words, their counts and the options. It has
/// fewer than `vocab_size` entries if no pair is left that occurs `min_frequency` times.
///
/// # Errors
/// [`TokenizerError::NoWords`] when `words` is empty; [`TokenizerError::VocabularySizeTooSmall`] when
/// `vocab_size` is smaller than the number of special tokens and characters.
pub fn learn(words: &WordCounts, options: &TrainerOptions) -> Result<Vocabulary, TokenizerError> {
    let words = words.sorted();
    if words.is_empty() {
        return Err(TokenizerError::NoWords);
    }
    let mut pieces = Pieces::default();
    for token in SPECIAL_TOKENS {
        pieces.add(token);
    }
    let special = pieces.tokens.len();
    let starts = add_alphabet(&mut pieces, &words, options.limit_alphabet);
    let continuations = add_continuations(&mut pieces, &words, &starts);
    let minimum = pieces.tokens.len();
    if options.vocab_size < minimum {
        let (vocab_size, alphabet) = (options.vocab_size, minimum - special);
        return Err(TokenizerError::VocabularySizeTooSmall {
            vocab_size,
            special,
            alphabet,
            minimum,
        });
    }

    let mut merges = Merges::new();
    for (word, count) in &words {
        // A character outside the alphabet is skipped.
        let id = |(at, c)| if at == 0 { starts.get(&c) } else { continuations.get(&c) };
        merges.add_word(word.char_indices().filter_map(id).copied(), *count);
    }
    while pieces.tokens.len() < options.vocab_size {
        let Some(candidate) = merges.pop() else { break };
        if candidate.count < options.min_frequency.max(1) {
            break;
        }
        let (left, right) = candidate.pair.0;
        let (left, right) = (&pieces.tokens[left as usize], &pieces.tokens[right as usize]);
        let right = right.strip_prefix(CONTINUATION_PREFIX).unwrap_or(right);
        let merged = format!("{left}{right}");
        // Two different merges may give the same piece; it is one entry.
        let id = pieces.add(&merged);
        merges.apply(&candidate, id);
    }
    Vocabulary::build("the learned vocabulary", "entry", 1, pieces.tokens)
}

/// The entries of the vocabulary so far, with their ids.
#[derive(Default)]
struct Pieces {
    tokens: Vec<String>,
    ids: HashMap<String, u32>,
}

impl Pieces {
    /// The id of a piece. A new piece is added.
    fn add(&mut self, token: &str) -> u32 {
        if let Some(&id) = self.ids.get(token) {
            return id;
        }
        let id = self.tokens.len() as u32;
        self.tokens.push(token.to_owned());
        self.ids.insert(token.to_owned(), id);
        id
    }
}

/// Adds the `limit` most frequent characters, sorted by code point. Returns their ids.
fn add_alphabet(
    pieces: &mut Pieces,
    words: &[(Box<str>, u64)],
    limit: usize,
) -> NumberMap<char, u32> {
    let mut counts: NumberMap<char, u64> = NumberMap::default();
    for (word, count) in words {
        word.chars().for_each(|character| *counts.entry(character).or_default() += count);
    }
    let mut alphabet: Vec<(char, u64)> = counts.into_iter().collect();
    alphabet.sort_unstable_by_key(|&(character, count)| (std::cmp::Reverse(count), character));
    alphabet.truncate(limit);
    alphabet.sort_unstable_by_key(|&(character, _)| character);
    alphabet.iter().map(|&(c, _)| (c, pieces.add(c.encode_utf8(&mut [0; 4])))).collect()
}

/// Adds `##` pieces for the characters of the alphabet that occur inside a word, after its first
/// character, sorted by code point. Returns their ids.
fn add_continuations(
    pieces: &mut Pieces,
    words: &[(Box<str>, u64)],
    alphabet: &NumberMap<char, u32>,
) -> NumberMap<char, u32> {
    let mut is_inner: NumberMap<char, bool> = alphabet.keys().map(|&c| (c, false)).collect();
    for character in words.iter().flat_map(|(word, _)| word.chars().skip(1)) {
        is_inner.entry(character).and_modify(|inner| *inner = true);
    }
    let mut inner: Vec<char> =
        is_inner.into_iter().filter_map(|(c, inner)| inner.then_some(c)).collect();
    inner.sort_unstable();
    inner.into_iter().map(|c| (c, pieces.add(&format!("{CONTINUATION_PREFIX}{c}")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(words: &[(&str, u64)]) -> WordCounts {
        let mut counts = WordCounts::new();
        words.iter().for_each(|&(word, count)| counts.add_word(word, count));
        counts
    }

    fn tokens(vocabulary: &Vocabulary) -> Vec<&str> {
        vocabulary.iter().skip(SPECIAL_TOKENS.len()).map(|(_, token)| token).collect()
    }

    #[test]
    fn special_tokens_then_alphabet_then_merges_by_frequency() {
        let words = counts(&[("hug", 10), ("pug", 5), ("pun", 12), ("bun", 4), ("hugs", 5)]);
        let options = TrainerOptions { vocab_size: 20, ..Default::default() };
        let vocabulary = learn(&words, &options).unwrap();
        assert_eq!(vocabulary.iter().take(5).map(|(_, t)| t).collect::<Vec<_>>(), SPECIAL_TOKENS);
        let expected = "b g h n p s u ##g ##n ##s ##u ##ug ##un hug pun";
        // ug 20 > un 16; then h+ug 15, p+un 12.
        assert_eq!(tokens(&vocabulary).join(" "), expected);
    }

    #[test]
    fn rare_pairs_are_not_merged() {
        let words = counts(&[("ab", 3), ("cd", 2)]);
        let options = TrainerOptions { min_frequency: 3, ..Default::default() };
        let vocabulary = learn(&words, &options).unwrap();
        assert_eq!(tokens(&vocabulary).join(" "), "a b c d ##b ##d ab");
    }

    #[test]
    fn the_alphabet_keeps_its_most_frequent_characters() {
        let words = counts(&[("aab", 3), ("xay", 1), ("c", 3)]);
        let options = TrainerOptions { limit_alphabet: 2, ..Default::default() };
        // b and c are equally frequent: the smaller code point is kept. x and y are skipped, so "xay"
        // becomes "##a".
        assert_eq!(tokens(&learn(&words, &options).unwrap()).join(" "), "a b ##a ##b aa aab");
    }

    #[test]
    fn ties_go_to_the_earlier_entries() {
        let words = counts(&[("cd", 2), ("ab", 2), ("ad", 2)]);
        let vocabulary = learn(&words, &TrainerOptions::default()).unwrap();
        assert_eq!(tokens(&vocabulary).join(" "), "a b c d ##b ##d ab ad cd");
    }

    #[test]
    fn a_size_below_the_alphabet_names_the_smallest_possible_size() {
        let words = counts(&[("ab", 3)]);
        let learn =
            |vocab_size| learn(&words, &TrainerOptions { vocab_size, ..Default::default() });
        let message = learn(7).unwrap_err().to_string();
        assert!(message.contains("size of 7") && message.contains("at least 8"), "{message}");
        assert_eq!(learn(8).unwrap().len(), 8);
        assert!(super::learn(&WordCounts::new(), &TrainerOptions::default()).is_err());
    }
}
