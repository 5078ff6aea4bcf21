//! Token classification: a label for each word, and the entities that the labels mark.

use super::classify::argmax;
use super::error::TaskError;
use super::finetuned::FinetunedTask;
use super::model::Model;
use super::offsets::Offsets;
use crate::data::features::{sentence_features, split_words};
use crate::tensor::softmax::softmax;
use crate::train::metrics::entities;
use serde::Serialize;
use std::ops::Range;

/// A text with a label for each of its words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tagged {
    /// The text as it was given.
    pub text: String,
    /// Its words, in order.
    pub words: Vec<TaggedWord>,
    /// The entities that labels in IOB2 (`B-…`, `I-…`, `O`) mark, in order. As in seqeval's strict mode, an entity
    /// begins with `B-`.
    pub entities: Vec<TaggedEntity>,
}

/// A word with its label.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaggedWord {
    /// The word.
    pub word: String,
    /// Its first character in the text.
    pub start: usize,
    /// The character behind its last one.
    pub end: usize,
    /// The likeliest label.
    pub label: String,
    /// The probability of the label, from 0 to 1.
    pub probability: f32,
}

/// An entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaggedEntity {
    /// Its type, for example `PER`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its part of the text.
    pub text: String,
    /// Its first character in the text.
    pub start: usize,
    /// The character behind its last one.
    pub end: usize,
}

impl Model<'_> {
    /// A label for every word of every text, in the order of `texts`. Words are split as BERT does: at white space, and
    /// around every punctuation character. A long text is cut between words.
    ///
    /// ```
    /// use cloze::run::Finetuning;
    ///
    /// let text = "The fox ran.\nIt was quick.\n\nThe dog slept.\nIt was lazy.\n\nThe cat sat.\nIt sat still.";
    /// let run = cloze::pretrain(text).model("1/32").vocab_size(100).max_seq_length(16).steps(5).run()?;
    /// let examples = [vec![("The", "O"), ("fox", "B-ANIMAL"), ("ran", "O")], vec![("It", "O"), ("sat", "O")]];
    /// let run = Finetuning::tag(run.bert, run.tokenizer, &examples)
    ///     .learning_rates([1e-3])
    ///     .eval_fraction(0.0)
    ///     .run()?;
    ///
    /// // Or from a directory, ours or Hugging Face's: cloze::Model::open("names")?
    /// let model = cloze::Model::from(run);
    /// let tagged = model.tag(&["The dog sat."])?;
    /// let words: Vec<&str> = tagged[0].words.iter().map(|word| word.word.as_str()).collect();
    /// assert_eq!(words, ["The", "dog", "sat", "."]);
    /// # Ok::<(), cloze::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TaskError::OtherTask`], [`TaskError::NotFinetuned`]; no text is answered then.
    pub fn tag(&self, texts: &[impl AsRef<str>]) -> Result<Vec<Tagged>, TaskError> {
        let split = |text: &str| (text.to_string(), split_words(self.tokenizer(), text));
        let sentences: Vec<_> = texts.iter().map(|text| split(text.as_ref())).collect();
        self.tag_words(&sentences)
    }

    /// [`Model::tag`] for texts that are split into words already: each text with the bytes of its words.
    ///
    /// # Errors
    /// As [`Model::tag`].
    ///
    /// # Panics
    /// When the bytes of a word are not a part of its text.
    pub fn tag_words(
        &self,
        sentences: &[(String, Vec<Range<usize>>)],
    ) -> Result<Vec<Tagged>, TaskError> {
        self.need_task(FinetunedTask::Tag)?;
        let labels = self.bert().config.labels();
        let most = self.bert().config.max_position_embeddings;
        let (mut features, mut parts) = (Vec::new(), Vec::new());
        for (sentence, (text, words)) in sentences.iter().enumerate() {
            for part in sentence_features(self.tokenizer(), text, words, None, most) {
                features.push(part.feature);
                parts.push((sentence, part.words));
            }
        }
        let empty = |(text, words): &(String, Vec<Range<usize>>)| Tagged {
            text: text.clone(),
            words: Vec::with_capacity(words.len()),
            entities: Vec::new(),
        };
        let mut tagged: Vec<Tagged> = sentences.iter().map(empty).collect();
        for ((sentence, words), logits) in parts.iter().zip(self.head_logits(&features)?) {
            let (text, ranges) = &sentences[*sentence];
            let offsets = Offsets::new(text);
            for &(word, position) in words {
                let logits = &logits[position * labels.len()..][..labels.len()];
                let best = argmax(logits);
                let range = ranges[word].clone();
                tagged[*sentence].words.push(TaggedWord {
                    word: text[range.clone()].into(),
                    start: offsets.character(range.start),
                    end: offsets.character(range.end),
                    label: labels[best].clone(),
                    probability: softmax(logits)[best],
                });
            }
        }
        for (tagged, (text, ranges)) in tagged.iter_mut().zip(sentences) {
            let labels: Vec<&str> = tagged.words.iter().map(|word| word.label.as_str()).collect();
            let entity = |entity: crate::train::metrics::Entity| {
                let (first, last) = (entity.words.start, entity.words.end - 1);
                TaggedEntity {
                    kind: entity.kind,
                    text: text[ranges[first].start..ranges[last].end].into(),
                    start: tagged.words[first].start,
                    end: tagged.words[last].end,
                }
            };
            tagged.entities = entities(&labels).into_iter().map(entity).collect();
        }
        Ok(tagged)
    }
}
