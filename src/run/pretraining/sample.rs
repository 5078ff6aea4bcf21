//! A sentence to watch the model learn on, taken from held-out text.

use crate::data::Batch;
use crate::tokenizer::Tokenizer;

/// Tokens of a sample, at most, so that it fits a line.
const LONGEST: usize = 20;

/// The beginning of the first sentence A of `batches` that is long enough, with a whole word near its
/// middle replaced by `[MASK]`; and that word.
pub(super) fn sample(batches: &[Batch], tokenizer: &Tokenizer) -> Option<(String, String)> {
    let vocabulary = tokenizer.vocabulary();
    let continues = |id: &u32| vocabulary.token(*id).is_some_and(|token| token.starts_with("##"));
    let is_word = |id: u32| {
        let token = vocabulary.token(id).unwrap_or_default();
        token.chars().count() > 2 && token.chars().all(char::is_alphabetic)
    };
    for batch in batches {
        let mut original = batch.input_ids.clone();
        for (i, &row) in batch.masked_lm_positions.iter().enumerate() {
            if batch.masked_lm_weights[i] > 0.0 {
                original[row as usize] = batch.masked_lm_ids[i];
            }
        }
        for sequence in original.chunks_exact(batch.max_seq_length).take(batch.instances) {
            // Without [CLS], up to the first [SEP], ending with a whole word.
            let length = sequence[1..].iter().position(|&id| id == vocabulary.sep_id())?;
            let mut sentence = &sequence[1..1 + length.min(LONGEST)];
            while sentence.len() < length && continues(&sequence[1 + sentence.len()]) {
                sentence = &sentence[..sentence.len() - 1];
            }
            let middle = sentence.len() / 2;
            let place = (middle..sentence.len().saturating_sub(1))
                .find(|&i| is_word(sentence[i]) && !continues(&sentence[i + 1]));
            if let (true, Some(place)) = (sentence.len() >= 8, place) {
                let [before, word, after] =
                    [&sentence[..place], &sentence[place..=place], &sentence[place + 1..]]
                        .map(|ids| tokenizer.decode(ids, false));
                return Some((format!("{before} [MASK] {after}"), word));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Instance;
    use crate::tokenizer::{TokenizerOptions, Vocabulary};

    #[test]
    fn a_whole_word_near_the_middle_is_hidden() {
        let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the quick brown fox jump ##ed over lazy dog .";
        let vocabulary =
            Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect()).unwrap();
        let tokenizer = Tokenizer::new(vocabulary, TokenizerOptions::default());
        let mut input_ids = vec![2];
        input_ids.extend(tokenizer.encode("the quick brown fox jumped over the lazy dog."));
        input_ids.push(3);
        let mut batch = Batch::new(1, 16, 1);
        let masked = std::mem::replace(&mut input_ids[7], 4);
        batch.push(&Instance {
            token_type_ids: vec![0; input_ids.len()],
            input_ids,
            is_random_next: None,
            masked_lm_positions: vec![7],
            masked_lm_labels: vec![masked],
        });
        let expected = ("the quick brown fox jumped [MASK] the lazy dog.".into(), "over".into());
        assert_eq!(sample(&[batch], &tokenizer), Some(expected));
        assert_eq!(sample(&[], &tokenizer), None);
    }
}
