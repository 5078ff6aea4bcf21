//! The whole tokenizer: from text to ids, and from ids back to text.

use super::fast::FastEncoder;
use super::normalizer::Normalizer;
use super::pre_tokenizer::for_each_word_up_to;
use super::special_tokens::{SPECIAL_TOKENS, Segment, SpecialTokens, UNK};
use super::vocabulary::Vocabulary;
use super::wordpiece::{CONTINUATION_PREFIX, Piece, WordPiece};
use std::ops::Range;

/// The settings of BERT's tokenizer, with the names that Hugging Face uses.
///
/// ```
/// use cloze::tokenizer::TokenizerOptions;
///
/// let cased = TokenizerOptions::default().with_do_lower_case(false);
/// assert!(!cased.normalizer().strip_accents);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenizerOptions {
    /// Whether text is lower-cased; false for cased vocabularies.
    pub do_lower_case: bool,
    /// Whether accents are stripped; `None` means the same as `do_lower_case`.
    pub strip_accents: Option<bool>,
    /// Whether every CJK ideograph becomes a word.
    pub tokenize_chinese_chars: bool,
}

impl Default for TokenizerOptions {
    /// The settings of the uncased BERT.
    fn default() -> Self {
        Self { do_lower_case: true, strip_accents: None, tokenize_chinese_chars: true }
    }
}

impl TokenizerOptions {
    /// Sets [`do_lower_case`](Self::do_lower_case).
    #[must_use]
    pub fn with_do_lower_case(self, do_lower_case: bool) -> Self {
        Self { do_lower_case, ..self }
    }

    /// Sets [`strip_accents`](Self::strip_accents).
    #[must_use]
    pub fn with_strip_accents(self, strip_accents: Option<bool>) -> Self {
        Self { strip_accents, ..self }
    }

    /// Sets [`tokenize_chinese_chars`](Self::tokenize_chinese_chars).
    #[must_use]
    pub fn with_tokenize_chinese_chars(self, tokenize_chinese_chars: bool) -> Self {
        Self { tokenize_chinese_chars, ..self }
    }

    /// The normalizer with these settings.
    pub fn normalizer(&self) -> Normalizer {
        Normalizer {
            tokenize_chinese_chars: self.tokenize_chinese_chars,
            strip_accents: self.strip_accents.unwrap_or(self.do_lower_case),
            lower_case: self.do_lower_case,
        }
    }
}

/// A token and its position in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its id in the vocabulary.
    pub id: u32,
    /// The range of bytes of the text that it came from. Both ends are character boundaries.
    pub source: Range<usize>,
}

/// A token that is kept whole where it stands in the normalised text.
#[derive(Clone, Debug)]
pub(super) struct NormalizedToken {
    /// The token as its file writes it.
    pub(super) content: String,
    /// Its id in the vocabulary.
    pub(super) id: u32,
    /// Whether decoding can leave it out.
    pub(super) special: bool,
}

/// BERT's tokenizer: normalizer, word splitting, WordPiece.
///
/// ```
/// use cloze::tokenizer::{TokenizerOptions, Tokenizer, Vocabulary};
///
/// let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox", "##es", "."];
/// let vocabulary = Vocabulary::from_tokens(tokens.map(String::from).to_vec())?;
/// let tokenizer = Tokenizer::new(vocabulary, TokenizerOptions::default());
/// let ids = tokenizer.encode("The [MASK] foxes.");
/// assert_eq!(ids, [5, 4, 6, 7, 8]);
/// assert_eq!(tokenizer.tokens(&ids), ["the", "[MASK]", "fox", "##es", "."]);
/// # Ok::<(), cloze::tokenizer::TokenizerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    options: TokenizerOptions,
    wordpiece: WordPiece,
    special_tokens: SpecialTokens,
    normalized_tokens: Vec<NormalizedToken>,
    /// The same with their content normalised; `None` when there are none.
    in_normalized_text: Option<SpecialTokens>,
    /// `None` if the vocabulary is too large for it; then the plain steps do all the work.
    fast: Option<FastEncoder>,
}

impl Tokenizer {
    /// A tokenizer with this vocabulary. The five special tokens are kept whole.
    pub fn new(vocabulary: Vocabulary, options: TokenizerOptions) -> Self {
        let id = |token| vocabulary.id(token).expect("a Vocabulary has the five special tokens");
        let special = SPECIAL_TOKENS.iter().map(|&token| (token.to_owned(), id(token))).collect();
        let wordpiece = WordPiece::new(&vocabulary);
        Self::from_parts(vocabulary, options, wordpiece, SpecialTokens::new(special))
    }

    pub(super) fn from_parts(
        vocabulary: Vocabulary,
        options: TokenizerOptions,
        wordpiece: WordPiece,
        special_tokens: SpecialTokens,
    ) -> Self {
        let limit = wordpiece.max_characters_per_word();
        let fast = FastEncoder::new(&vocabulary, options.normalizer(), limit);
        let (normalized_tokens, in_normalized_text) = (Vec::new(), None);
        Self {
            vocabulary,
            options,
            wordpiece,
            special_tokens,
            normalized_tokens,
            in_normalized_text,
            fast,
        }
    }

    /// With tokens that are kept whole in the normalised text.
    pub(super) fn with_normalized_tokens(self, normalized_tokens: Vec<NormalizedToken>) -> Self {
        let normalizer = self.options.normalizer();
        let contents =
            normalized_tokens.iter().map(|token| (normalizer.normalize(&token.content), token.id));
        let in_normalized_text =
            (!normalized_tokens.is_empty()).then(|| SpecialTokens::new(contents.collect()));
        Self { normalized_tokens, in_normalized_text, ..self }
    }

    /// Cuts `text` at the special tokens, then at the tokens in the normalised text.
    fn for_each_segment(&self, text: &str, mut visit: impl FnMut(Segment)) {
        self.special_tokens.for_each_segment(text, |segment| match segment {
            Segment::Text(start, end) => self.for_each_text_segment(text, start..end, &mut visit),
            special => visit(special),
        });
    }

    /// Cuts the bytes `range` of `text` at the tokens in the normalised text.
    fn for_each_text_segment(
        &self,
        text: &str,
        range: Range<usize>,
        visit: &mut dyn FnMut(Segment),
    ) {
        let Some(tokens) = &self.in_normalized_text else {
            return visit(Segment::Text(range.start, range.end));
        };
        let normalizer = self.options.normalizer();
        let mut found = Vec::new();
        tokens.for_each_segment(&normalizer.normalize(&text[range.clone()]), |segment| {
            if let Segment::Special(first, end, id) = segment {
                found.push((first, end, id));
            }
        });
        if found.is_empty() {
            return visit(Segment::Text(range.start, range.end));
        }
        // The text is normalised again, because the sources of all its bytes would take much memory.
        let mut done = range.start;
        let mut found = found.into_iter().peekable();
        let (mut length, mut from) = (0, 0);
        normalizer.for_each_character(&text[range.clone()], |character, source| {
            let before = length;
            length += character.len_utf8();
            let Some(&(first, end, id)) = found.peek() else { return };
            if (before..length).contains(&first) {
                from = (range.start + source.start).max(done);
            }
            if (before..length).contains(&(end - 1)) {
                let to = (range.start + source.end).max(from);
                if done < from {
                    visit(Segment::Text(done, from));
                }
                visit(Segment::Special(from, to, id));
                done = to;
                found.next();
            }
        });
        if done < range.end {
            visit(Segment::Text(done, range.end));
        }
    }

    /// The ids of `text`, without adding `[CLS]` and `[SEP]`. Special tokens written in the text, such
    /// as `[MASK]`, are kept whole.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 4);
        self.encode_into(text, &mut ids);
        ids
    }

    /// The ids of `text`, in which special tokens have no meaning: `[SEP]` written in it becomes
    /// punctuation and letters, as in Google's `tokenization.py`. For text to train on, which must not
    /// contain special tokens of its own.
    pub fn encode_text(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 4);
        self.for_each_text_segment(
            text,
            0..text.len(),
            &mut |segment| match (segment, &self.fast) {
                (Segment::Special(_, _, id), _) => ids.push(id),
                (Segment::Text(start, end), Some(fast)) => fast.encode(&text[start..end], &mut ids),
                (Segment::Text(start, end), None) => {
                    let (text, pieces) = (&text[start..end], &mut Vec::new());
                    self.for_each_token_of_text(text, pieces, &mut |id, _| ids.push(id));
                }
            },
        );
        ids
    }

    /// As [`encode`](Self::encode), but appends to `ids`.
    pub fn encode_into(&self, text: &str, ids: &mut Vec<u32>) {
        let Some(fast) = &self.fast else {
            return self.for_each_token(text, |id, _| ids.push(id));
        };
        self.for_each_segment(text, |segment| match segment {
            Segment::Special(_, _, id) => ids.push(id),
            Segment::Text(start, end) => fast.encode(&text[start..end], ids),
        });
    }

    /// As [`encode`](Self::encode), with the range of bytes of each token. Accents dropped at the end of
    /// a token are not part of its range.
    pub fn encode_with_offsets(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        self.for_each_token(text, |id, source| tokens.push(Token { id, source }));
        tokens
    }

    /// Calls `visit(id, source)` for each token in order.
    fn for_each_token(&self, text: &str, mut visit: impl FnMut(u32, Range<usize>)) {
        let mut pieces = Vec::new();
        self.for_each_segment(text, |segment| match segment {
            Segment::Special(start, end, id) => visit(id, start..end),
            Segment::Text(base, end) => {
                self.for_each_token_of_text(&text[base..end], &mut pieces, &mut |id, source| {
                    visit(id, base + source.start..base + source.end);
                });
            }
        });
    }

    /// As [`for_each_token`](Self::for_each_token), for text without special tokens. `pieces` is a
    /// buffer to reuse.
    fn for_each_token_of_text(
        &self,
        text: &str,
        pieces: &mut Vec<Piece>,
        visit: &mut dyn FnMut(u32, Range<usize>),
    ) {
        let limit = self.max_characters_per_word();
        for_each_word_up_to(limit, &self.options.normalizer(), text, |word, sources| {
            self.wordpiece.encode_word(word, pieces);
            for piece in pieces.drain(..) {
                let first = &sources[piece.characters.start];
                // A word beyond the limit is one piece, with one source.
                let last = &sources[piece.characters.end.min(sources.len()) - 1];
                visit(piece.id, first.start..last.end);
            }
        });
    }

    /// The tokens with these ids; `[UNK]` for an id that is not in the vocabulary.
    pub fn tokens(&self, ids: &[u32]) -> Vec<&str> {
        ids.iter().map(|&id| self.vocabulary.token(id).unwrap_or(UNK)).collect()
    }

    /// The ids as readable text. Pieces are joined, and spaces before punctuation and in English
    /// contractions are removed, as `decoders.WordPiece` of `tokenizers` does. Case, accents and spacing
    /// lost in normalization are not restored. Ids that are not in the vocabulary are skipped.
    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> String {
        let mut text = String::new();
        let mut is_first = true;
        for &id in ids {
            let Some(token) = self.vocabulary.token(id) else { continue };
            if skip_special_tokens && self.is_special_token(id) {
                continue;
            }
            text += &match token.strip_prefix(CONTINUATION_PREFIX) {
                _ if is_first => clean_up(token),
                Some(continuation) => clean_up(continuation),
                None => clean_up(&format!(" {token}")),
            };
            is_first = false;
        }
        text
    }

    /// The tokens, with their ids, that are kept whole in text before it is normalized, in the order of the
    /// ids: the special tokens.
    pub fn tokens_in_text(&self) -> Vec<(&str, u32)> {
        self.special_tokens.by_id()
    }

    /// Whether `id` is a special token, which is kept whole in text.
    pub fn is_special_token(&self, id: u32) -> bool {
        self.special_tokens.by_id().iter().any(|&(_, special)| special == id)
            || self.normalized_tokens.iter().any(|token| token.special && token.id == id)
    }

    /// The vocabulary.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The settings of the tokenizer.
    pub fn options(&self) -> TokenizerOptions {
        self.options
    }

    pub(super) fn special_tokens(&self) -> &SpecialTokens {
        &self.special_tokens
    }

    /// The tokens, with their ids, that are kept whole in the normalised text, also by
    /// [`encode_text`](Self::encode_text): the added tokens that a `tokenizer.json` calls `normalized`.
    pub fn tokens_in_normalized_text(&self) -> impl Iterator<Item = (&str, u32)> {
        self.normalized_tokens.iter().map(|token| (token.content.as_str(), token.id))
    }

    pub(super) fn normalized_tokens(&self) -> &[NormalizedToken] {
        &self.normalized_tokens
    }

    /// The most characters of a word; a longer word is `[UNK]`.
    pub fn max_characters_per_word(&self) -> usize {
        self.wordpiece.max_characters_per_word()
    }
}

/// `cleanup` of `decoders.WordPiece` for one token, with the space before it.
fn clean_up(token: &str) -> String {
    const REPLACEMENTS: [(&str, &str); 11] = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" do not", " don't"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    REPLACEMENTS.iter().fold(token.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
#[path = "tokenizer_tests.rs"]
mod tests;
