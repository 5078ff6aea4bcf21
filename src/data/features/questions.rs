//! The features of a question about a text: windows over the context (`convert_examples_to_features` of Google's
//! `run_squad.py`).
//!
//! ```text
//! [CLS] question [SEP] context tokens s … e [SEP]        the next window begins doc_stride tokens later
//! ```

use super::feature::{Feature, Target};
use crate::tokenizer::{Token, Tokenizer};
use std::ops::Range;

/// How windows are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSettings {
    /// Tokens of a window, special tokens included.
    pub max_seq_length: usize,
    /// Tokens between the beginnings of two windows.
    pub doc_stride: usize,
    /// Tokens of the question, at most; the others are cut off.
    pub max_query_length: usize,
}

impl Default for WindowSettings {
    /// Those of `run_squad.py`.
    fn default() -> Self {
        Self { max_seq_length: 384, doc_stride: 128, max_query_length: 64 }
    }
}

impl WindowSettings {
    /// The same with windows of `max_seq_length` tokens. At least half of a small window is for the context.
    pub fn with_max_seq_length(self, max_seq_length: usize) -> Self {
        let max_query_length = self.max_query_length.min((max_seq_length / 2).saturating_sub(2));
        Self { max_seq_length, max_query_length, ..self }
    }
}

/// One window over a context.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// What the model reads.
    pub feature: Feature,
    /// The position of the first token of the context.
    pub first_position: usize,
    /// The bytes of the context that each of its tokens in the window came from, extended to the whole word of the
    /// token.
    pub words: Vec<Range<usize>>,
}

/// The windows of a question, and whether one of them holds the whole answer. `answer` are bytes of the context; a
/// window that does not hold all of it has the target 0, 0. Without an `answer`, all have.
///
/// # Panics
/// When `max_seq_length` leaves no token for the context: it must be above `max_query_length + 3`.
pub fn question_features(
    tokenizer: &Tokenizer,
    question: &str,
    context: &str,
    answer: Option<Range<usize>>,
    settings: WindowSettings,
) -> (Vec<Window>, bool) {
    let vocabulary = tokenizer.vocabulary();
    let mut query = tokenizer.encode(question);
    query.truncate(settings.max_query_length);
    let tokens = tokenizer.encode_with_offsets(context);
    let words = words_of(tokenizer, &tokens);
    let most = settings.max_seq_length - query.len() - 3;
    // The first token that ends behind the beginning of the answer, and the last one that begins before its end.
    let span = answer.and_then(|answer| {
        let first = tokens.iter().position(|token| token.source.end > answer.start)?;
        let last = tokens.iter().rposition(|token| token.source.start < answer.end)?;
        (first <= last).then_some((first, last))
    });
    let mut windows = Vec::new();
    let mut found = false;
    let mut start = 0;
    loop {
        let range = start..tokens.len().min(start + most);
        let mut input_ids = vec![vocabulary.cls_id()];
        input_ids.extend(&query);
        input_ids.push(vocabulary.sep_id());
        let first_position = input_ids.len();
        let mut token_type_ids = vec![0; first_position];
        input_ids.extend(tokens[range.clone()].iter().map(|token| token.id));
        input_ids.push(vocabulary.sep_id());
        token_type_ids.resize(input_ids.len(), 1);
        let inside = span.filter(|(first, last)| *first >= range.start && *last < range.end);
        let position = |token: usize| (first_position + token - range.start) as u32;
        let (first, last) =
            inside.map_or((0, 0), |(first, last)| (position(first), position(last)));
        found |= inside.is_some();
        windows.push(Window {
            feature: Feature { input_ids, token_type_ids, target: Target::Span { first, last } },
            first_position,
            words: words[range.clone()].to_vec(),
        });
        if range.end == tokens.len() {
            return (windows, found);
        }
        start += settings.doc_stride.clamp(1, most);
    }
}

/// For each token, the bytes of its whole word.
fn words_of(tokenizer: &Tokenizer, tokens: &[Token]) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::with_capacity(tokens.len());
    let mut first_of_word = 0;
    for (index, token) in tokens.iter().enumerate() {
        let continues =
            tokenizer.vocabulary().token(token.id).is_some_and(|token| token.starts_with("##"));
        if !continues || index == 0 {
            first_of_word = index;
        }
        words.push(tokens[first_of_word].source.start..token.source.end);
        words[first_of_word..].iter_mut().for_each(|word| word.end = token.source.end);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::{TokenizerOptions, Vocabulary};

    #[test]
    fn windows_overlap_and_only_those_with_the_whole_answer_have_it() {
        let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] who a b c d e ##f";
        let vocabulary =
            Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect()).unwrap();
        let tokenizer = Tokenizer::new(vocabulary, TokenizerOptions::default());
        let settings = WindowSettings { max_seq_length: 7, doc_stride: 2, max_query_length: 1 };
        // Five tokens of context, three fit: 0..3, 2..5.
        let (windows, found) =
            question_features(&tokenizer, "who who", "a b c d ef", Some(4..7), settings);
        let shown: Vec<String> = windows
            .iter()
            .map(|window| tokenizer.tokens(&window.feature.input_ids).join(" "))
            .collect();
        let expected = [
            "[CLS] who [SEP] a b c [SEP]",
            "[CLS] who [SEP] c d e [SEP]",
            "[CLS] who [SEP] e ##f [SEP]",
        ];
        assert_eq!(shown, expected);
        assert!(found);
        let spans: Vec<&Target> = windows.iter().map(|window| &window.feature.target).collect();
        let span = |first, last| Target::Span { first, last };
        assert_eq!(spans, [&span(0, 0), &span(3, 4), &span(0, 0)]);
        assert_eq!(windows[0].feature.token_type_ids, [0, 0, 0, 1, 1, 1, 1]);
        assert_eq!((windows[2].first_position, &windows[2].words), (3, &vec![8..10, 8..10]));

        let (windows, found) =
            question_features(&tokenizer, "who", "a b c d ef", Some(2..10), settings);
        assert!(!found && windows.iter().all(|window| window.feature.target == span(0, 0)));
    }
}
