//! Sequence classification and regression: the class of a text or a pair, or a number for it.

use super::error::TaskError;
use super::finetuned::FinetunedTask;
use super::model::Model;
use crate::data::features::text_feature;
use crate::tensor::math;
use crate::tensor::softmax::softmax;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// The class of a text or a pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Classified {
    /// The text as it was given.
    pub text: String,
    /// The second text of a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_b: Option<String>,
    /// The likeliest label.
    pub label: String,
    /// The probability of every label, from 0 to 1, by id. They add up to 1, unless a text can have several labels
    /// (`multi_label_classification`).
    #[serde(serialize_with = "as_object")]
    pub probabilities: Vec<(String, f32)>,
}

/// The number of a text or a pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Regressed {
    /// The text as it was given.
    pub text: String,
    /// The second text of a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_b: Option<String>,
    /// The number.
    pub value: f32,
}

fn as_object<S: Serializer>(pairs: &[(String, f32)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (name, value) in pairs {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

/// A text, or a pair of texts.
pub type TextOrPair<'t> = (&'t str, Option<&'t str>);

impl Model<'_> {
    /// The class of every text or pair, in the order of `texts`. A text that is longer than the model reads loses its
    /// end.
    ///
    /// ```
    /// use cloze::run::Finetuning;
    ///
    /// let text = "The fox ran.\nIt was quick.\n\nThe dog slept.\nIt was lazy.\n\nThe cat sat.\nIt sat still.";
    /// let run = cloze::pretrain(text).model("1/32").vocab_size(100).max_seq_length(16).steps(5).run()?;
    /// let examples = [("The fox ran.", "moves"), ("The dog slept.", "rests"), ("The cat sat.", "rests")];
    /// let run = Finetuning::classify(run.bert, run.tokenizer, &examples)
    ///     .learning_rates([1e-3])
    ///     .eval_fraction(0.0)
    ///     .run()?;
    ///
    /// // Or from a directory, ours or Hugging Face's: cloze::Model::open("sentiment")?
    /// let model = cloze::Model::from(run);
    /// let classified = model.classify(&[("The dog ran.", None)])?;
    /// assert_eq!(classified[0].probabilities.len(), 2);
    /// println!("{} {:?}", classified[0].label, classified[0].probabilities);
    /// # Ok::<(), cloze::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TaskError::OtherTask`], [`TaskError::NotFinetuned`]; no text is answered then.
    pub fn classify(&self, texts: &[TextOrPair<'_>]) -> Result<Vec<Classified>, TaskError> {
        self.need_task(FinetunedTask::Classify)?;
        let labels = self.bert().config.labels();
        let several =
            self.bert().config.problem_type.as_deref() == Some("multi_label_classification");
        let answer = |(&(text, text_b), logits): (&TextOrPair<'_>, Vec<f32>)| {
            let probabilities = match several {
                true => logits.iter().map(|&z| sigmoid(z)).collect(),
                false => softmax(&logits),
            };
            Classified {
                text: text.into(),
                text_b: text_b.map(String::from),
                label: labels[argmax(&logits)].clone(),
                probabilities: labels.iter().cloned().zip(probabilities).collect(),
            }
        };
        Ok(texts.iter().zip(self.text_logits(texts)?).map(answer).collect())
    }

    /// The number of every text or pair, in the order of `texts`. A text that is longer than the model reads loses its
    /// end.
    ///
    /// ```
    /// use cloze::run::Finetuning;
    ///
    /// let text = "The fox ran.\nIt was quick.\n\nThe dog slept.\nIt was lazy.\n\nThe cat sat.\nIt sat still.";
    /// let run = cloze::pretrain(text).model("1/32").vocab_size(100).max_seq_length(16).steps(5).run()?;
    /// let examples = [("The fox ran.", 2.5), ("The dog slept.", 0.0), ("The cat sat.", 0.5)];
    /// let run = Finetuning::regress(run.bert, run.tokenizer, &examples)
    ///     .learning_rates([1e-3])
    ///     .eval_fraction(0.0)
    ///     .run()?;
    ///
    /// // Or from a directory, ours or Hugging Face's: cloze::Model::open("similarity")?
    /// let model = cloze::Model::from(run);
    /// let value = model.regress(&[("The dog ran.", None)])?[0].value;
    /// // Regression begins at the mean of the numbers, and these are few.
    /// assert!((0.0..2.5).contains(&value), "{value}");
    /// # Ok::<(), cloze::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TaskError::OtherTask`], [`TaskError::NotFinetuned`]; no text is answered then.
    pub fn regress(&self, texts: &[TextOrPair<'_>]) -> Result<Vec<Regressed>, TaskError> {
        self.need_task(FinetunedTask::Regress)?;
        let logits = self.text_logits(texts)?;
        let answer = |(&(text, text_b), logits): (&TextOrPair<'_>, Vec<f32>)| Regressed {
            text: text.into(),
            text_b: text_b.map(String::from),
            value: logits[0],
        };
        Ok(texts.iter().zip(logits).map(answer).collect())
    }

    /// The logits of every text or pair, cut to what the model reads.
    fn text_logits(&self, texts: &[TextOrPair<'_>]) -> Result<Vec<Vec<f32>>, TaskError> {
        let most = self.bert().config.max_position_embeddings;
        let feature =
            |&(text, text_b): &TextOrPair<'_>| text_feature(self.tokenizer(), text, text_b, most).0;
        self.head_logits(&texts.iter().map(feature).collect::<Vec<_>>())
    }
}

/// The index of the largest number, the first of several.
pub(super) fn argmax(numbers: &[f32]) -> usize {
    let mut best = 0;
    for (i, number) in numbers.iter().enumerate() {
        if *number > numbers[best] {
            best = i;
        }
    }
    best
}

fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + math::exp(-z))
}
