//! Evaluation of a fine-tuned model on labelled examples.

use super::error::TaskError;
use super::finetuned::FinetunedTask;
use super::model::Model;
use crate::data::labelled::{Columns, ReadSettings, read_questions, read_tagged, read_texts};
use crate::train::Evaluation;
use crate::train::finetuning::Dataset;
use std::path::Path;

impl Model<'_> {
    /// The metrics of a fine-tuned model on the labelled examples in `file`, by the task that the model is for.
    ///
    /// ```no_run
    /// let model = cloze::Model::open("sentiment")?;
    /// let evaluation = model.measure("dev.tsv".as_ref(), &Default::default())?;
    /// println!("{:?}", evaluation.metric("accuracy"));
    /// # Ok::<(), cloze::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TaskError::Labelled`], naming the line; [`TaskError::NotFinetuned`].
    pub fn measure(&self, file: &Path, columns: &Columns) -> Result<Evaluation, TaskError> {
        let task = self.finetuned_task()?;
        let settings = ReadSettings::labelled(columns);
        let labels = self.bert().config.labels();
        let (tokenizer, most) = (self.tokenizer(), self.bert().config.max_position_embeddings);
        let data = match task {
            FinetunedTask::Classify => {
                Dataset::classes(tokenizer, &read_texts(file, &settings)?, &labels, most)?
            }
            FinetunedTask::Regress => {
                Dataset::numbers(tokenizer, &read_texts(file, &settings)?, most)?
            }
            FinetunedTask::Tag => {
                Dataset::tags(tokenizer, &read_tagged(file, &settings)?, &labels, most)?
            }
            FinetunedTask::Answer => {
                let data = read_questions(file, &settings)?;
                Dataset::questions(tokenizer, &data, self.windows(), false)?
            }
        };
        Ok(data.measure(&self.head_logits(&data.features)?, &labels))
    }
}
