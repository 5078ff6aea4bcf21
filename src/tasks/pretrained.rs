//! A pretrained BERT with its tokenizer, read from a directory: ours or any of Hugging Face's.

use super::TaskError;
use crate::autodiff::{Graph, GraphError, Integers, Mode, Plan, Tensor};
use crate::model::{Bert, Config, EncoderInputs, Head, LoadReport, Padding, Sequences, encoder};
use crate::tensor::dropout::DropoutKey;
use crate::tokenizer::Tokenizer;
use std::path::Path;

/// A BERT and the tokenizer it was trained with.
pub struct Pretrained {
    /// The model.
    pub bert: Bert,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// Heads that the directory did not have (initialised at random), tensors that have no use here.
    pub report: LoadReport,
}

/// A BERT and its tokenizer, borrowed: what every task works on.
#[derive(Clone, Copy)]
pub struct Model<'a> {
    /// The model.
    pub bert: &'a Bert,
    /// Its tokenizer.
    pub tokenizer: &'a Tokenizer,
}

impl Pretrained {
    /// Reads `config.json`, `model.safetensors` and the tokenizer of `directory`.
    ///
    /// # Errors
    /// [`TaskError`], naming the file at fault.
    pub fn open(directory: &Path) -> Result<Self, TaskError> {
        let config = Config::from_file(&directory.join("config.json"))?;
        let tokenizer = Tokenizer::from_directory(directory)?;
        check_vocabulary(directory, &tokenizer, &config)?;
        let (bert, report) = Bert::from_directory(directory, config, Head::Pretraining, 0)?;
        Ok(Self { bert, tokenizer, report })
    }

    /// What tasks work on.
    pub fn model(&self) -> Model<'_> {
        Model { bert: &self.bert, tokenizer: &self.tokenizer }
    }
}

impl Model<'_> {
    /// `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`: ids, and 0 or 1 for the sentence.
    ///
    /// # Errors
    /// [`TaskError::TooLong`] when the model has fewer positions than that.
    pub fn sequence(
        &self,
        first: &str,
        second: Option<&str>,
    ) -> Result<(Vec<u32>, Vec<u32>), TaskError> {
        let vocabulary = self.tokenizer.vocabulary();
        let mut input_ids = vec![vocabulary.cls_id()];
        input_ids.extend(self.tokenizer.encode(first));
        input_ids.push(vocabulary.sep_id());
        let mut token_type_ids = vec![0; input_ids.len()];
        if let Some(second) = second {
            input_ids.extend(self.tokenizer.encode(second));
            input_ids.push(vocabulary.sep_id());
            token_type_ids.resize(input_ids.len(), 1);
        }
        let most = self.bert.config.max_position_embeddings;
        if input_ids.len() > most {
            return Err(TaskError::TooLong { tokens: input_ids.len(), most });
        }
        Ok((input_ids, token_type_ids))
    }

    /// Runs one sequence through the encoder and what `head` puts on its last hidden state
    /// `[1, seq, hidden]`. `rows` are handed to `head` as integers. Returns the head's values.
    ///
    /// # Errors
    /// [`TaskError`] when the graph cannot be built.
    pub fn run(
        &self,
        (input_ids, token_type_ids): &(Vec<u32>, Vec<u32>),
        rows: &[u32],
        head: impl FnOnce(&mut Graph<'_>, Tensor, Integers) -> Result<Tensor, GraphError>,
    ) -> Result<Vec<f32>, TaskError> {
        let mut g = Graph::new(&self.bert.layout);
        let inputs = EncoderInputs::new(&mut g, 1, input_ids.len());
        let row_input = g.integers(rows.len());
        let hidden_states = encoder(&mut g, &self.bert.config, &inputs)?;
        let last = *hidden_states.last().expect("at least the embeddings");
        let output = head(&mut g, last, row_input)?;
        g.keep(output);
        let mut plan = Plan::new(g, Mode::Evaluation)?;
        let attention_mask = &vec![1; input_ids.len()];
        let sequences = Sequences { input_ids, token_type_ids, attention_mask };
        inputs.load(&mut plan, sequences, Padding::LeftOut);
        plan.integers_mut(row_input).copy_from_slice(rows);
        plan.forward(&self.bert.parameters, DropoutKey { seed: 0, step: 0, first_sequence: 0 });
        Ok(plan.value(output).to_vec())
    }
}

/// Every id of the tokenizer must have a row in the embedding table.
fn check_vocabulary(
    directory: &Path,
    tokenizer: &Tokenizer,
    config: &Config,
) -> Result<(), TaskError> {
    let tokens = tokenizer.vocabulary().len();
    if tokens > config.vocab_size {
        let directory = directory.to_path_buf();
        return Err(TaskError::Vocabulary { directory, tokens, vocab_size: config.vocab_size });
    }
    Ok(())
}
