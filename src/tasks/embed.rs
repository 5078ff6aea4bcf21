//! Embedding: one vector for a text, from the last hidden state of its tokens. Texts with similar meaning
//! should have vectors with a high cosine; a model that was only pretrained is a weak one for that, until it is
//! fine-tuned (Reimers & Gurevych, 2019; Gao et al., 2021).

use super::error::TaskError;
use super::inference::{Output, blocks, lengths};
use super::model::Model;
use super::read_text::Truncated;
use serde::Serialize;

pub use crate::model::Pooling;

/// The settings of [`Model::embed`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbedOptions {
    /// How the hidden states become one vector.
    pub pooling: Pooling,
    /// Whether the vector is divided by its length.
    pub normalize: bool,
    /// Tokens of a text, at most; `None` for what the model has positions for.
    pub max_seq_length: Option<usize>,
}

/// The vector of one text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Embedding {
    /// The text as it was given.
    pub text: String,
    /// The vector, `[hidden]`.
    pub embedding: Vec<f32>,
    /// Where a text that is too long for the model was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<Truncated>,
    /// Whether every token of the text is `[UNK]`: all such texts of a length have the same vector.
    #[serde(skip)]
    pub all_unknown: bool,
}

impl Model<'_> {
    /// The vector of every text, in the order of `texts`. A text with more tokens than
    /// `max_seq_length`, or than the model has positions, is cut ([`Embedding::truncated`]).
    ///
    /// ```
    /// use cloze::model::{Bert, Config};
    /// use cloze::tasks::{EmbedOptions, Model, cosine};
    /// use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
    ///
    /// // A model in memory, not trained. `Model::open("run")?` reads one that is.
    /// let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat dog sat .";
    /// let vocabulary = Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect())?;
    /// let bert = Bert::new(Config::new(1, 32, vocabulary.len()), 1);
    /// let model = Model::new(bert, Tokenizer::new(vocabulary, TokenizerOptions::default()));
    ///
    /// let options = EmbedOptions { normalize: true, ..EmbedOptions::default() };
    /// let embeddings = model.embed(&["The cat sat.", "The dog sat."], &options)?;
    /// assert_eq!(embeddings[0].embedding.len(), 32);
    /// println!("{}", cosine(&embeddings[0].embedding, &embeddings[1].embedding));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TaskError::NoToken`]; [`TaskError::TooLong`] when no token of a text fits. No text is answered then.
    pub fn embed(
        &self,
        texts: &[impl AsRef<str>],
        options: &EmbedOptions,
    ) -> Result<Vec<Embedding>, TaskError> {
        let mut embeddings = Vec::with_capacity(texts.len());
        self.for_each_embedding(texts, options, |embedding| {
            embeddings.push(embedding);
            Ok::<_, TaskError>(())
        })?;
        Ok(embeddings)
    }

    /// [`Model::embed`] that calls `visit` with each answer, in the order of `texts`. Memory holds the answers
    /// of a block of texts. All texts are checked before the first one is answered.
    ///
    /// # Errors
    /// As [`Model::embed`]; the error of `visit`, which ends the work.
    pub fn for_each_embedding<E: From<TaskError>>(
        &self,
        texts: &[impl AsRef<str>],
        options: &EmbedOptions,
        mut visit: impl FnMut(Embedding) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut about = Vec::with_capacity(texts.len());
        let mut sequences = Vec::with_capacity(texts.len());
        for (text, read) in texts.iter().zip(self.read_texts(texts, options.max_seq_length)?) {
            about.push((text.as_ref(), read.truncated, read.all_unknown));
            sequences.push(read.sequence);
        }
        for block in blocks(lengths(&sequences)) {
            let sequences = &sequences[block.clone()];
            let mut vectors = vec![Vec::new(); sequences.len()];
            let output = match options.pooling {
                Pooling::Mean => Output::Encoding { pooled: false },
                Pooling::Cls => Output::FirstToken,
            };
            let read = |i: usize, values: &[&[f32]]| {
                vectors[i] = pool(values[0], self.bert().config.hidden_size, options);
            };
            self.inference
                .run(self.bert(), output, sequences, &[], read)
                .map_err(TaskError::from)?;
            for (&(text, truncated, all_unknown), embedding) in about[block].iter().zip(vectors) {
                visit(Embedding { text: text.into(), embedding, truncated, all_unknown })?;
            }
        }
        Ok(())
    }
}

/// One vector `[width]` of the hidden states `[tokens, width]`. Sums are in `f64`, in the order of the tokens.
fn pool(hidden_state: &[f32], width: usize, options: &EmbedOptions) -> Vec<f32> {
    let mut vector = match options.pooling {
        Pooling::Cls => hidden_state[..width].to_vec(),
        Pooling::Mean => {
            let mut sums = vec![0.0; width];
            for row in hidden_state.chunks_exact(width) {
                for (sum, &value) in sums.iter_mut().zip(row) {
                    *sum += f64::from(value);
                }
            }
            let tokens = (hidden_state.len() / width) as f64;
            sums.into_iter().map(|sum| (sum / tokens) as f32).collect()
        }
    };
    if options.normalize {
        // The smallest length that is divided by is that of torch.nn.functional.normalize.
        let length = dot(&vector, &vector).sqrt().max(1e-12);
        vector.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
    vector
}

/// The cosine of the angle between two vectors, from −1 to 1; 0 when one of them is zero.
///
/// # Panics
/// When the vectors have different lengths.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "vectors of different models");
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { (dot(a, b) / lengths).clamp(-1.0, 1.0) as f32 } else { 0.0 }
}

/// Σ a·b, in `f64`, in order.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (&a, &b)| sum + f64::from(a) * f64::from(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pooling: Pooling, normalize: bool) -> EmbedOptions {
        EmbedOptions { pooling, normalize, max_seq_length: None }
    }

    #[test]
    fn vectors_are_pooled_and_normalized() {
        let hidden_state = [1.0, 2.0, 3.0, 6.0, 5.0, 4.0]; // [3, 2]
        let pool = |pooling, normalize| pool(&hidden_state, 2, &options(pooling, normalize));
        assert_eq!(pool(Pooling::Mean, false), [3.0, 4.0]);
        assert_eq!(pool(Pooling::Mean, true), [0.6, 0.8]);
        assert_eq!(pool(Pooling::Cls, false), [1.0, 2.0]);
    }

    #[test]
    fn cosines() {
        assert_eq!(cosine(&[1.0, 2.0], &[1.0, 2.0]), 1.0);
        assert_eq!(cosine(&[1.0, 2.0], &[-2.0, -4.0]), -1.0);
        assert_eq!(cosine(&[1.0, 2.0], &[-2.0, 1.0]), 0.0);
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]), 0.0);
        let zero = options(Pooling::Mean, true);
        assert_eq!(pool(&[0.0, 0.0], 2, &zero), [0.0, 0.0]);
    }
}
