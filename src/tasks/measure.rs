//! Evaluation of a fine-tuned model on labelled examples.

use super::embed::EmbedOptions;
use super::error::TaskError;
use super::finetuned::FinetunedTask;
use super::model::Model;
use crate::data::labelled::{
    Columns, LabelledError, ReadSettings, TextExample, read_questions, read_tagged, read_texts,
};
use crate::model::Pooling;
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
                let data = read_questions(file)?;
                Dataset::questions(tokenizer, &data, self.windows(), false)?
            }
        };
        Ok(data.measure(&self.head_logits(&data.features)?, &labels))
    }

    /// How well the cosines of sentence embeddings follow the labels of the pairs in `file`: Spearman's and Pearson's
    /// correlation; without labels, how often the partner of a text is the most similar of 32.
    ///
    /// # Errors
    /// [`TaskError::Labelled`], naming the line.
    pub fn measure_embeddings(
        &self,
        file: &Path,
        columns: &Columns,
        pooling: Pooling,
    ) -> Result<Evaluation, TaskError> {
        let data =
            read_texts(file, &ReadSettings { columns: columns.clone(), needs_labels: false })?;
        if data.examples[0].text_b.is_none() {
            return Err(LabelledError::Whole {
                path: data.path,
                message: "it holds single texts; embeddings are measured on pairs of texts".into(),
            }
            .into());
        }
        let both = |example: &TextExample| [Some(example.text.clone()), example.text_b.clone()];
        let texts: Vec<String> = data.examples.iter().flat_map(both).flatten().collect();
        let most = self.bert().config.max_position_embeddings;
        let data = Dataset::texts(self.tokenizer(), &data, most)?;
        let options = EmbedOptions { pooling, normalize: false };
        let embeddings = self.embed(&texts, &options)?;
        let embeddings: Vec<Vec<f32>> = embeddings.into_iter().map(|e| e.embedding).collect();
        Ok(data.measure(&embeddings, &[]))
    }
}

/// How the sentence encoder in `directory` makes embeddings; `None` when it holds none (no `modules.json`).
pub fn sentence_pooling(directory: &Path) -> Option<Pooling> {
    if !directory.join("modules.json").is_file() {
        return None;
    }
    let text = std::fs::read(directory.join("1_Pooling/config.json")).ok()?;
    let config: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let of_cls = config["pooling_mode_cls_token"].as_bool().unwrap_or(false);
    Some(if of_cls { Pooling::Cls } else { Pooling::Mean })
}
