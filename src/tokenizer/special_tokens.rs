//! The five special tokens, and finding them in text.

/// Fills a batch up to its longest sequence.
pub const PAD: &str = "[PAD]";
/// Stands for a word the vocabulary has no pieces for.
pub const UNK: &str = "[UNK]";
/// Opens every sequence; its last hidden state is what the next-sentence head reads.
pub const CLS: &str = "[CLS]";
/// Ends each of the two sentences.
pub const SEP: &str = "[SEP]";
/// Stands for a token to be predicted.
pub const MASK: &str = "[MASK]";

/// The special tokens in the order that a learned vocabulary begins with.
pub const SPECIAL_TOKENS: [&str; 5] = [PAD, UNK, CLS, SEP, MASK];

/// A stretch of text between, or at, special tokens.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// Bytes `start .. end` of the text are ordinary text.
    Text(usize, usize),
    /// Bytes `start .. end` of the text are a special token with this id.
    Special(usize, usize, u32),
}

/// The tokens that are kept whole where they are written in the text, before normalisation and case
/// and all: `[MASK]` is one token, `[mask]` is three words.
#[derive(Clone, Debug)]
pub(super) struct SpecialTokens {
    tokens: Vec<(String, u32)>,
    is_first_byte: [bool; 256],
}

impl SpecialTokens {
    /// The given tokens and ids. Where two match at the same place the longer wins.
    pub(super) fn new(mut tokens: Vec<(String, u32)>) -> Self {
        tokens.retain(|(token, _)| !token.is_empty());
        tokens.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        let mut is_first_byte = [false; 256];
        for (token, _) in &tokens {
            is_first_byte[usize::from(token.as_bytes()[0])] = true;
        }
        Self { tokens, is_first_byte }
    }

    /// The tokens and ids in order of id.
    pub(super) fn by_id(&self) -> Vec<(&str, u32)> {
        let mut tokens: Vec<_> = self.tokens.iter().map(|(token, id)| (&token[..], *id)).collect();
        tokens.sort_by_key(|&(_, id)| id);
        tokens
    }

    /// Cuts `text` at the special tokens, leftmost and then longest first.
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
