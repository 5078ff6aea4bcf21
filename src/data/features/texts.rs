//! The feature of a text or of a pair (`convert_single_example` of Google's `run_classifier.py`).

use super::feature::{Feature, Target};
use crate::tokenizer::Tokenizer;

/// `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]` of at most `max_seq_length` tokens, and whether a text was cut to fit:
/// the longer of a pair loses its last tokens first (`_truncate_seq_pair`; B on a tie).
///
/// # Panics
/// When `max_seq_length` is below 5.
pub fn text_feature(
    tokenizer: &Tokenizer,
    text: &str,
    text_b: Option<&str>,
    max_seq_length: usize,
) -> (Feature, bool) {
    let vocabulary = tokenizer.vocabulary();
    let mut a = tokenizer.encode(text);
    let mut b = text_b.map(|text| tokenizer.encode(text));
    let most = max_seq_length - if b.is_some() { 3 } else { 2 };
    let cut = a.len() + b.as_ref().map_or(0, Vec::len) > most;
    let mut none = Vec::new();
    let second = b.as_mut().unwrap_or(&mut none);
    while a.len() + second.len() > most {
        if a.len() > second.len() {
            a.pop()
        } else {
            second.pop()
        };
    }
    let mut input_ids = vec![vocabulary.cls_id()];
    input_ids.append(&mut a);
    input_ids.push(vocabulary.sep_id());
    let mut token_type_ids = vec![0; input_ids.len()];
    if let Some(b) = &mut b {
        input_ids.append(b);
        input_ids.push(vocabulary.sep_id());
        token_type_ids.resize(input_ids.len(), 1);
    }
    (Feature { input_ids, token_type_ids, target: Target::None }, cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::{TokenizerOptions, Vocabulary};

    #[test]
    fn the_longer_text_of_a_pair_is_cut() {
        let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] a b c d e f";
        let vocabulary =
            Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect()).unwrap();
        let tokenizer = Tokenizer::new(vocabulary, TokenizerOptions::default());
        let ids = |a: &str, b: Option<&str>, most| {
            let (feature, cut) = text_feature(&tokenizer, a, b, most);
            assert_eq!(feature.input_ids.len(), feature.token_type_ids.len());
            let ones = feature.token_type_ids.iter().sum::<u32>();
            (tokenizer.tokens(&feature.input_ids).join(" "), ones, cut)
        };
        assert_eq!(ids("a b", None, 8), ("[CLS] a b [SEP]".into(), 0, false));
        assert_eq!(ids("a b c d e", None, 5), ("[CLS] a b c [SEP]".into(), 0, true));
        let (a, b) = ("a b c", Some("d e f"));
        assert_eq!(ids(a, b, 9), ("[CLS] a b c [SEP] d e f [SEP]".into(), 4, false));
        assert_eq!(ids(a, b, 8), ("[CLS] a b c [SEP] d e [SEP]".into(), 3, true));
        assert_eq!(ids(a, b, 7), ("[CLS] a b [SEP] d e [SEP]".into(), 3, true));
        assert_eq!(ids(a, Some("d"), 6), ("[CLS] a b [SEP] d [SEP]".into(), 2, true));
    }
}
