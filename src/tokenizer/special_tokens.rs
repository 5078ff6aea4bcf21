//! The five special tokens, and how they are found in text.

/// Pads the sequences of a batch to one length.
pub const PAD: &str = "[PAD]";
/// Replaces a word that cannot be split into pieces of the vocabulary.
pub const UNK: &str = "[UNK]";
/// The first token of every sequence. The next-sentence head reads its last hidden state.
pub const CLS: &str = "[CLS]";
/// The last token of each segment.
pub const SEP: &str = "[SEP]";
/// Replaces a token to be predicted.
pub const MASK: &str = "[MASK]";

/// The special tokens, in the order in which a learned vocabulary starts with them.
pub const SPECIAL_TOKENS: [&str; 5] = [PAD, UNK, CLS, SEP, MASK];

/// A part of a text: ordinary text or a special token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// Bytes `start .. end` of the text are ordinary text.
    Text(usize, usize),
    /// Bytes `start .. end` of the text are a special token with this id.
    Special(usize, usize, u32),
}

/// The tokens that are kept whole in text. They are matched before normalization and with their case:
/// `[MASK]` is one token, `[mask]` is three words.
#[derive(Clone, Debug)]
pub(super) struct SpecialTokens {
    tokens: Vec<(String, u32)>,
    is_first_byte: [bool; 256],
}

impl SpecialTokens {
    /// Special tokens with their ids. If two match at the same position, the longer one wins.
    pub(super) fn new(mut tokens: Vec<(String, u32)>) -> Self {
        tokens.retain(|(token, _)| !token.is_empty());
        tokens.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        let mut is_first_byte = [false; 256];
        for (token, _) in &tokens {
            is_first_byte[usize::from(token.as_bytes()[0])] = true;
        }
        Self { tokens, is_first_byte }
    }

    /// The tokens and ids, sorted by id.
    pub(super) fn by_id(&self) -> Vec<(&str, u32)> {
        let mut tokens: Vec<_> = self.tokens.iter().map(|(token, id)| (&token[..], *id)).collect();
        tokens.sort_by_key(|&(_, id)| id);
        tokens
    }

    /// Calls `visit` for each part of `text` in order. The leftmost special token is found first; of
    /// several at one position, the longest.
    pub(super) fn for_each_segment(&self, text: &str, mut visit: impl FnMut(Segment)) {
        let bytes = text.as_bytes();
        let (mut text_start, mut at) = (0, 0);
        while at < bytes.len() {
            let may_start = |&byte: &u8| self.is_first_byte[usize::from(byte)];
            let Some(next) = bytes[at..].iter().position(may_start) else { break };
            at += next;
            let here = &bytes[at..];
            let found = self.tokens.iter().find(|(token, _)| here.starts_with(token.as_bytes()));
            let Some((token, id)) = found else {
                at += 1;
                continue;
            };
            if text_start < at {
                visit(Segment::Text(text_start, at));
            }
            visit(Segment::Special(at, at + token.len(), *id));
            at += token.len();
            text_start = at;
        }
        if text_start < bytes.len() {
            visit(Segment::Text(text_start, bytes.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_whole_tokens_only_and_prefers_the_longer() {
        let tokens = [("[A]", 1), ("[A][B]", 2), ("é", 3)].map(|(t, id)| (t.to_owned(), id));
        let special = SpecialTokens::new(tokens.to_vec());
        let mut segments = Vec::new();
        special.for_each_segment("x[A][B][A] [a]éç", |segment| segments.push(segment));
        use Segment::{Special, Text};
        assert_eq!(
            segments,
            [
                Text(0, 1),
                Special(1, 7, 2),
                Special(7, 10, 1),
                Text(10, 14),
                Special(14, 16, 3),
                Text(16, 18)
            ]
        );
    }
}
