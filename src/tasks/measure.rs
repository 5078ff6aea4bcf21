//! Evaluation of a fine-tuned model on labelled examples.

use super::embed::EmbedOptions;
use super::error::TaskError;
use super::finetuned::FinetunedTask;
use super::model::Model;
use crate::data::labelled::{
    Columns, LabelledError, ReadSettings, TextExample, read_questions, read_tagged, read_texts,
};
use crate::train::Evaluation;
use crate::train::finetuning::Dataset;
use std::path::Path;

impl Model<'_> {
    /// The metrics of a fine-tuned model on the labelled examples in `file`, by the task that the model is for.
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
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let file = directory.path().join("dev.tsv");
    /// # std::fs::write(&file, "text\tlabel\nThe dog ran.\tmoves\nThe cat slept.\trests\n").unwrap();
    /// // `file` has the lines "text<TAB>label", "The dog ran.<TAB>moves", "The cat slept.<TAB>rests".
    /// let evaluation = model.measure(&file, &Default::default())?;
    /// assert_eq!(evaluation.instances, 2);
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
        options: &EmbedOptions,
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
        let embeddings = self.embed(&texts, options)?;
        let embeddings: Vec<Vec<f32>> = embeddings.into_iter().map(|e| e.embedding).collect();
        Ok(data.measure(&embeddings, &[]))
    }
}
