//! Encoding: the hidden states of a text.

use super::error::TaskError;
use super::inference::Output;
use super::model::Model;
use super::sequence::Sequence;
use ndarray::{Array1, Array2, ArrayView};

/// The hidden states of one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoding {
    /// The tokens with their special tokens, `[tokens]`.
    pub tokens: Vec<String>,
    /// Their ids, `[tokens]`.
    pub input_ids: Vec<u32>,
    /// The output of the last layer, `[tokens, hidden]`.
    pub last_hidden_state: Array2<f32>,
    /// The output of the pooler, `[hidden]`, when the model has one.
    pub pooler_output: Option<Array1<f32>>,
}

impl Model<'_> {
    /// The hidden states of every text, in the order of `texts`.
    ///
    /// ```
    /// use cloze::model::{Bert, Config};
    /// use cloze::tasks::Model;
    /// use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
    ///
    /// // A model in memory, not trained. `Model::open("run")?` reads one that is.
    /// let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat sat .";
    /// let vocabulary = Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect())?;
    /// let bert = Bert::new(Config::new(1, 32, vocabulary.len()), 1);
    /// let model = Model::new(bert, Tokenizer::new(vocabulary, TokenizerOptions::default()));
    ///
    /// let encodings = model.encode(&["The cat sat.", "The cat."])?;
    /// assert_eq!(encodings[0].tokens, ["[CLS]", "the", "cat", "sat", ".", "[SEP]"]);
    /// assert_eq!(encodings[0].last_hidden_state.shape(), [6, 32]);
    /// assert_eq!(encodings[1].last_hidden_state.shape(), [5, 32]);
    /// assert_eq!(encodings[1].pooler_output.as_ref().unwrap().len(), 32);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TaskError::TooLong`]; no text is encoded then.
    pub fn encode(&self, texts: &[impl AsRef<str>]) -> Result<Vec<Encoding>, TaskError> {
        let texts: Vec<_> = texts.iter().map(|text| (text.as_ref(), None)).collect();
        self.encode_sequences(&self.sequences(&texts)?)
    }

    /// [`Model::encode`] for sequences, which may be pairs.
    ///
    /// # Errors
    /// [`TaskError::Graph`] when there is not enough memory.
    ///
    /// # Panics
    /// When a sequence is longer than `max_position_embeddings`.
    pub fn encode_sequences(&self, sequences: &[Sequence]) -> Result<Vec<Encoding>, TaskError> {
        let hidden = self.bert().config.hidden_size;
        let encoding = |sequence: &Sequence| Encoding {
            tokens: self
                .tokenizer()
                .tokens(&sequence.input_ids)
                .iter()
                .map(ToString::to_string)
                .collect(),
            input_ids: sequence.input_ids.clone(),
            last_hidden_state: Array2::default((0, 0)),
            pooler_output: None,
        };
        let mut encodings: Vec<Encoding> = sequences.iter().map(encoding).collect();
        let pooled = self.has_pooler();
        self.inference.run(
            self.bert(),
            Output::Encoding { pooled },
            sequences,
            &[],
            |i, values| {
                let shape = (values[0].len() / hidden, hidden);
                let last = ArrayView::from_shape(shape, values[0]).expect("whole rows");
                encodings[i].last_hidden_state = last.to_owned();
                encodings[i].pooler_output = values.get(1).map(|pooled| pooled.to_vec().into());
            },
        )?;
        Ok(encodings)
    }
}
