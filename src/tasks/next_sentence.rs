//! Next-sentence prediction: does sentence B follow sentence A? A model that was pretrained on sentence order
//! (ALBERT's objective) tells the two orders of neighbouring segments apart instead.

use super::error::TaskError;
use super::inference::{Output, blocks, lengths};
use super::model::Model;
use super::sequence::Sequence;
use crate::data::SentenceObjective;
use crate::tensor::softmax::softmax;
use serde::Serialize;

/// The answer to one pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NextSentence {
    /// Sentence A.
    pub sentence_a: String,
    /// Sentence B.
    pub sentence_b: String,
    /// The probability that B follows A, from 0 to 1.
    pub is_next_probability: f32,
    /// The logits of "is next" and "is random"; for sentence order, of "B follows A" and "A follows B" (swapped).
    pub logits: [f32; 2],
    /// What the model was trained to tell, and so what the numbers mean. Left out of JSON for next-sentence prediction.
    #[serde(skip_serializing_if = "is_usual")]
    pub sentence_objective: SentenceObjective,
}

fn is_usual(objective: &SentenceObjective) -> bool {
    *objective == SentenceObjective::NextSentence
}

impl Model<'_> {
    /// Predicts for every pair (A, B) whether sentence B follows sentence A. Answers are in the order
    /// of `pairs`.
    ///
    /// ```
    /// use cloze::model::{Bert, Config};
    /// use cloze::tasks::Model;
    /// use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
    ///
    /// // A model in memory, not trained. `Model::open("run")?` reads one that is.
    /// let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat dog sat ran on mat .";
    /// let vocabulary = Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect())?;
    /// let bert = Bert::new(Config::new(1, 32, vocabulary.len()), 1);
    /// let model = Model::new(bert, Tokenizer::new(vocabulary, TokenizerOptions::default()));
    ///
    /// let answers = model.next_sentence(&[("The cat sat.", "The dog ran.")])?;
    /// assert!((0.0..=1.0).contains(&answers[0].is_next_probability));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TaskError::TooLong`], [`TaskError::NoHead`]; no pair is answered then.
    pub fn next_sentence(
        &self,
        pairs: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Result<Vec<NextSentence>, TaskError> {
        let mut answers = Vec::with_capacity(pairs.len());
        self.for_each_judged(pairs, |answer| {
            answers.push(answer);
            Ok::<_, TaskError>(())
        })?;
        Ok(answers)
    }

    /// [`Model::next_sentence`] that calls `visit` with each answer, in the order of `pairs`. Memory holds the
    /// answers of a block of pairs. All pairs are checked before the first one is answered.
    ///
    /// # Errors
    /// As [`Model::next_sentence`]; the error of `visit`, which ends the work.
    pub fn for_each_judged<E: From<TaskError>>(
        &self,
        pairs: &[(impl AsRef<str>, impl AsRef<str>)],
        mut visit: impl FnMut(NextSentence) -> Result<(), E>,
    ) -> Result<(), E> {
        let texts: Vec<_> = pairs.iter().map(|(a, b)| (a.as_ref(), Some(b.as_ref()))).collect();
        let sequences = self.sequences(&texts)?;
        for block in blocks(lengths(&sequences)) {
            let logits = self.next_sentence_logits(&sequences[block.clone()])?;
            for ((a, b), logits) in texts[block].iter().zip(logits) {
                visit(NextSentence {
                    sentence_a: a.to_string(),
                    sentence_b: b.unwrap_or_default().into(),
                    is_next_probability: softmax(&logits)[0],
                    logits,
                    sentence_objective: self.sentence_objective(),
                })?;
            }
        }
        Ok(())
    }

    /// The logits of "is next" and "is random" for every sequence.
    ///
    /// # Errors
    /// [`TaskError::NoHead`].
    ///
    /// # Panics
    /// When a sequence is longer than `max_position_embeddings`.
    pub fn next_sentence_logits(&self, sequences: &[Sequence]) -> Result<Vec<[f32; 2]>, TaskError> {
        self.need_next_sentence("use a model that was pretrained with one")?;
        let mut logits = vec![[0.0; 2]; sequences.len()];
        self.inference.run(self.bert(), Output::NextSentence, sequences, &[], |i, values| {
            logits[i].copy_from_slice(values[0]);
        })?;
        Ok(logits)
    }
}
