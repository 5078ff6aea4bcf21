//! The features of a sentence of words. The first piece of a word carries its label (BERT paper, section 5.3).

use super::feature::{Feature, Target};
use crate::tokenizer::Tokenizer;
use std::ops::Range;

/// A part of a sentence that fits the model.
#[derive(Clone, Debug, PartialEq)]
pub struct SentencePart {
    /// What the model reads.
    pub feature: Feature,
    /// For each word of the part, its index in the sentence and the position of its first piece.
    pub words: Vec<(usize, usize)>,
}

/// The words of `text` as BERT splits them: at white space, and around every punctuation character. Ranges of bytes.
pub fn split_words(tokenizer: &Tokenizer, text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    for token in tokenizer.encode_with_offsets(text) {
        let continues =
            tokenizer.vocabulary().token(token.id).is_some_and(|token| token.starts_with("##"));
        match words.last_mut() {
            Some(word) if continues => word.end = token.source.end,
            _ => words.push(token.source),
        }
    }
    words
}

/// The features of the sentence `text` with the words `words` (ranges of bytes) and their labels, if it has any. A
/// sentence that is longer than `max_seq_length` tokens is cut between words; of a word that is longer itself, the
/// first pieces are kept. A word without any piece (white space alone) is read as `[UNK]`.
///
/// # Panics
/// When `max_seq_length` is below 3, or there are labels, but not one for each word.
pub fn sentence_features(
    tokenizer: &Tokenizer,
    text: &str,
    words: &[Range<usize>],
    labels: Option<&[u32]>,
    max_seq_length: usize,
) -> Vec<SentencePart> {
    assert!(labels.is_none_or(|labels| labels.len() == words.len()), "one label a word");
    let vocabulary = tokenizer.vocabulary();
    let most = max_seq_length - 2;
    let mut parts: Vec<SentencePart> = Vec::new();
    let begin = || {
        let feature = Feature {
            input_ids: vec![vocabulary.cls_id()],
            token_type_ids: Vec::new(),
            target: Target::None,
        };
        SentencePart { feature, words: Vec::new() }
    };
    for (index, word) in words.iter().enumerate() {
        let mut pieces = tokenizer.encode(&text[word.clone()]);
        if pieces.is_empty() {
            pieces.push(vocabulary.unk_id());
        }
        pieces.truncate(most);
        let is_full = |part: &SentencePart| part.feature.input_ids.len() + pieces.len() > most + 1;
        if parts.last().is_none_or(is_full) {
            parts.push(begin());
        }
        let part = parts.last_mut().expect("pushed above");
        part.words.push((index, part.feature.input_ids.len()));
        part.feature.input_ids.append(&mut pieces);
    }
    for SentencePart { feature, words } in &mut parts {
        feature.input_ids.push(vocabulary.sep_id());
        feature.token_type_ids = vec![0; feature.input_ids.len()];
        if let Some(labels) = labels {
            let mut tags = vec![None; feature.input_ids.len()];
            words.iter().for_each(|&(word, position)| tags[position] = Some(labels[word]));
            feature.target = Target::Tags(tags);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::labelled::TaggedExample;
    use crate::tokenizer::{TokenizerOptions, Vocabulary};

    fn tokenizer() -> Tokenizer {
        let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the fox ##es ran . ,";
        let vocabulary =
            Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect()).unwrap();
        Tokenizer::new(vocabulary, TokenizerOptions::default())
    }

    #[test]
    fn the_first_piece_carries_the_label_and_long_sentences_are_cut_between_words() {
        let tokenizer = tokenizer();
        let sentence = TaggedExample::new(&["The", "foxes", "ran", "."], Vec::new(), 1);
        let features = |most| {
            let labels = Some([3, 1, 2, 0].as_slice());
            sentence_features(&tokenizer, &sentence.text, &sentence.words, labels, most)
        };
        let [whole] = &features(7)[..] else { panic!("one part") };
        let tokens = tokenizer.tokens(&whole.feature.input_ids);
        assert_eq!(tokens, ["[CLS]", "the", "fox", "##es", "ran", ".", "[SEP]"]);
        let tags = vec![None, Some(3), Some(1), None, Some(2), Some(0), None];
        assert_eq!(whole.feature.target, Target::Tags(tags));
        assert_eq!(whole.words, [(0, 1), (1, 2), (2, 4), (3, 5)]);

        let words: Vec<_> = features(5).into_iter().map(|part| part.words).collect();
        assert_eq!(words, [vec![(0, 1), (1, 2)], vec![(2, 1), (3, 2)]]);
        let parts = features(3);
        assert_eq!(parts.len(), 4);
        assert_eq!(tokenizer.tokens(&parts[1].feature.input_ids), ["[CLS]", "fox", "[SEP]"]);
    }

    #[test]
    fn words_are_split_as_bert_does() {
        let text = "The foxes, ran.";
        let words: Vec<&str> =
            split_words(&tokenizer(), text).into_iter().map(|word| &text[word]).collect();
        assert_eq!(words, ["The", "foxes", ",", "ran", "."]);
    }
}
