//! Texts of any length as a model reads them: one that is too long is cut, and the answer says so.

use super::error::TaskError;
use super::model::Model;
use super::sequence::Sequence;
use serde::Serialize;

/// Where a text was cut that has more tokens than the model has positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Truncated {
    /// Tokens of the whole text, with its special tokens.
    pub tokens: usize,
    /// Characters (Unicode scalar values) of the text that were read, from its beginning.
    pub characters: usize,
}

/// A text as a model reads it.
pub(super) struct ReadText {
    /// `[CLS] text [SEP]`, cut where the model has no more positions.
    pub(super) sequence: Sequence,
    pub(super) truncated: Option<Truncated>,
    /// Whether every token of the text is `[UNK]`: the answer does not depend on what it says.
    pub(super) all_unknown: bool,
}

impl ReadText {
    /// The ids without `[CLS]` and `[SEP]`.
    pub(super) fn words(&self) -> &[u32] {
        &self.sequence.input_ids[1..self.sequence.input_ids.len() - 1]
    }
}

impl Model<'_> {
    /// Reads texts of at most `max_seq_length` tokens, `None` for what the model has positions for; the words behind
    /// are left out, as `truncation=True` does in Hugging Face.
    ///
    /// # Errors
    /// [`TaskError::NoToken`]; [`TaskError::TooLong`] when the model has no position for a token of the text.
    pub(super) fn read_texts(
        &self,
        texts: &[impl AsRef<str>],
        max_seq_length: Option<usize>,
    ) -> Result<Vec<ReadText>, TaskError> {
        let positions = self.bert().config.max_position_embeddings;
        let most = max_seq_length.map_or(positions, |length| length.min(positions));
        let texts = texts.iter().map(AsRef::as_ref).enumerate();
        texts.map(|(index, text)| self.read_text(index, text, most)).collect()
    }

    fn read_text(&self, index: usize, text: &str, most: usize) -> Result<ReadText, TaskError> {
        let vocabulary = self.tokenizer().vocabulary();
        let mut sequence = Sequence::new(self.tokenizer(), text, None);
        let tokens = sequence.input_ids.len();
        if tokens == 2 {
            return Err(TaskError::NoToken { index });
        }
        let mut truncated = None;
        if tokens > most {
            if most < 3 {
                return Err(TaskError::TooLong { index, texts: index + 1, tokens, most });
            }
            sequence.input_ids.truncate(most);
            sequence.token_type_ids.truncate(most);
            sequence.input_ids[most - 1] = vocabulary.sep_id();
            // Token i of the text is at position i + 1.
            let end = self.tokenizer().encode_with_offsets(text)[most - 3].source.end;
            truncated = Some(Truncated { tokens, characters: text[..end].chars().count() });
        }
        let words = &sequence.input_ids[1..sequence.input_ids.len() - 1];
        let all_unknown = words.iter().all(|&id| id == vocabulary.unk_id());
        Ok(ReadText { sequence, truncated, all_unknown })
    }
}
