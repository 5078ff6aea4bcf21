//! What a fine-tuned model is for, and the logits of its head.

use super::error::TaskError;
use super::inference::Output;
use super::model::Model;
use super::sequence::Sequence;
use crate::data::features::Feature;
use crate::model::Head;
use std::fmt;

/// The task that a model was fine-tuned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinetunedTask {
    /// A class for a text or a pair.
    Classify,
    /// A number for a text or a pair.
    Regress,
    /// A label for each word.
    Tag,
    /// The answer to a question, as a part of a text.
    Answer,
}

impl fmt::Display for FinetunedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classify => "classify",
            Self::Regress => "regress",
            Self::Tag => "tag",
            Self::Answer => "answer",
        })
    }
}

impl Model<'_> {
    /// The task that the model was fine-tuned for, by its class and, for sequence classification, its `problem_type`; a
    /// single label without a `problem_type` is regression, as in Hugging Face.
    ///
    /// # Errors
    /// [`TaskError::NotFinetuned`]; [`TaskError::HeadNotStored`] when the files do not have the head.
    pub fn finetuned_task(&self) -> Result<FinetunedTask, TaskError> {
        let task = match self.bert().head {
            Head::SequenceClassification { num_labels } => {
                match (self.bert().config.problem_type.as_deref(), num_labels) {
                    (Some("regression"), _) | (None, 1) => FinetunedTask::Regress,
                    _ => FinetunedTask::Classify,
                }
            }
            Head::TokenClassification { .. } => FinetunedTask::Tag,
            Head::QuestionAnswering => FinetunedTask::Answer,
            head => return Err(TaskError::NotFinetuned { architecture: head.architecture() }),
        };
        let mut parameters = vec!["classifier.", "qa_outputs."];
        if self.bert().head.has_pooler() {
            parameters.push("bert.pooler.");
        }
        self.need(true, "head of its class", &parameters, "fine-tune it first")?;
        Ok(task)
    }

    /// Checks that the model was fine-tuned for `task`.
    pub(super) fn need_task(&self, task: FinetunedTask) -> Result<(), TaskError> {
        match self.finetuned_task()? {
            known if known == task => Ok(()),
            known => {
                Err(TaskError::OtherTask { known: known.to_string(), asked: task.to_string() })
            }
        }
    }

    /// The logits of the head for every feature: `[num_labels]`, or `[tokens, num_labels]`, flat.
    pub(super) fn head_logits(&self, features: &[Feature]) -> Result<Vec<Vec<f32>>, TaskError> {
        let sequence = |feature: &Feature| Sequence {
            input_ids: feature.input_ids.clone(),
            token_type_ids: feature.token_type_ids.clone(),
        };
        let sequences: Vec<Sequence> = features.iter().map(sequence).collect();
        let mut logits = vec![Vec::new(); features.len()];
        self.inference.run(self.bert(), Output::Head, &sequences, &[], |i, values| {
            logits[i] = values[0].to_vec();
        })?;
        Ok(logits)
    }
}
