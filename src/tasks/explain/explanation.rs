//! All steps of one explanation, and the function that takes them.

use super::super::error::TaskError;
use super::super::model::Model;
use super::super::sequence::Sequence;
use super::attention::{LayerAttention, attention};
use super::backward::{BackwardStep, Example, backward_step};
use super::embeddings::{EmbeddedToken, embedded_tokens};
use super::masking::{MaskingStep, masking_step};
use super::predictions::{HiddenPosition, NextSentenceStep, hidden_positions, next_sentence_step};
use super::text::{ReadToken, TextSteps, read, read_tokens};
use crate::data::MaskSettings;
use crate::model::hidden_states;
use crate::run::pretraining::check_shares;
use crate::train::{check_number, check_setting};
use serde::Serialize;

/// The settings of [`Model::explain`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExplainOptions {
    /// The seed of the masks.
    pub seed: u64,
    /// How a text without `[MASK]` is masked. The default is that of Google's script.
    pub masks: MaskSettings,
    /// The number of predictions at each hidden position.
    pub top: usize,
    /// Whether sentence B is a random one. Then "random" is the right answer about the pair.
    pub is_random_next: bool,
    /// The learning rate of the step, from 0 to 1. The default, 1e-4, is that of the BERT paper.
    pub learning_rate: f64,
    /// The most tokens that are read, `[CLS]` and `[SEP]` included. A model with fewer positions reads fewer.
    pub max_seq_length: usize,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self {
            seed: 12345,
            masks: MaskSettings::default(),
            top: 5,
            is_random_next: false,
            learning_rate: 1e-4,
            max_seq_length: 128,
        }
    }
}

/// One text, or a pair, through every step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The sizes of the model.
    pub model: ModelSizes,
    /// Characters, normalized text, words and pieces of each text.
    pub texts: Vec<TextSteps>,
    /// The sequence `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]`, before masking.
    pub tokens: Vec<ReadToken>,
    /// What is hidden. From here on, the model reads [`MaskingStep::input_ids`].
    pub masking: MaskingStep,
    /// The embeddings, `[tokens]`.
    pub embeddings: Vec<EmbeddedToken>,
    /// The attention, by layer.
    pub attention: Vec<LayerAttention>,
    /// What the model predicts at each hidden position.
    pub predictions: Vec<HiddenPosition>,
    /// Whether B follows A; `None` for a single text, or a model without a next-sentence head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_sentence: Option<NextSentenceStep>,
    /// The gradient and one step of training; `None` when the right words are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backward: Option<BackwardStep>,
}

/// The sizes of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ModelSizes {
    /// Encoder layers.
    pub num_hidden_layers: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Heads of a layer.
    pub num_attention_heads: usize,
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// The longest sequence, in tokens.
    pub max_position_embeddings: usize,
    /// All parameters.
    pub parameters: usize,
}

impl Model<'_> {
    /// Takes `text`, or the pair of `text` and `next`, through every step of pretraining: characters, words, pieces,
    /// masks, embeddings, attention, predictions, loss, gradient, and one step of AdamW.
    ///
    /// The `[MASK]` in a text are its blanks. A text without one is masked by the recipe.
    ///
    /// ```
    /// use cloze::model::{Bert, Config};
    /// use cloze::tasks::{ExplainOptions, Model};
    /// use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
    ///
    /// // A model in memory, not trained. `Model::open("run")?` reads one that is.
    /// let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat dog sat on mat .";
    /// let vocabulary = Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect())?;
    /// let bert = Bert::new(Config::new(1, 32, vocabulary.len()), 1);
    /// let model = Model::new(bert, Tokenizer::new(vocabulary, TokenizerOptions::default()));
    ///
    /// let explained = model.explain("The cat sat on the mat.", None, &ExplainOptions::default())?;
    /// assert_eq!(explained.tokens.len(), 9); // [CLS] the cat sat on the mat . [SEP]
    /// assert_eq!(explained.predictions.len(), 1); // 15 % of 9, rounded
    /// let step = &explained.backward.as_ref().unwrap().step;
    /// assert!(step.words[0].probability.after > step.words[0].probability.before);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TaskError::Finetuned`], [`TaskError::NoHead`], [`TaskError::HeadNotStored`]; [`TaskError::NoToken`];
    /// [`TaskError::TooLong`] when not even one token of each text can be read; [`TaskError::Setting`];
    /// [`TaskError::NotFinite`].
    pub fn explain(
        &self,
        text: &str,
        next: Option<&str>,
        options: &ExplainOptions,
    ) -> Result<Explanation, TaskError> {
        if let Ok(task) = self.finetuned_task() {
            return Err(TaskError::Finetuned { task: task.to_string() });
        }
        self.need_masked_lm()?;
        check(options)?;
        let (bert, vocabulary) = (self.bert(), self.tokenizer().vocabulary());
        let config = &bert.config;
        let most = options.max_seq_length.min(config.max_position_embeddings);
        let given: Vec<&str> = [text].into_iter().chain(next).collect();
        let (texts, given) = read(self.tokenizer(), &given, most)?;
        let tokens = read_tokens(vocabulary, &texts, &given);

        let masking = masking_step(vocabulary, options.masks, options.seed, &given.input_ids);
        let masked = Sequence { input_ids: masking.input_ids.clone(), ..given.clone() };

        let states = hidden_states(bert, &masked.input_ids, &masked.token_type_ids)?;
        let embeddings = embedded_tokens(bert, &masked, &states[0]);
        let special = [vocabulary.cls_id(), vocabulary.sep_id()];
        let is_special: Vec<bool> = given.input_ids.iter().map(|id| special.contains(id)).collect();
        let attention = attention(bert, &states, &is_special);

        let predictions = hidden_positions(self, &masked, &masking.hidden, options.top)?;
        let next_sentence = match next.and(self.need_next_sentence("").ok()) {
            Some(()) => Some(next_sentence_step(self, &given, &masking, options.is_random_next)?),
            None => None,
        };
        let example = Example {
            given: &given,
            masking: &masking,
            predictions: &predictions,
            next_sentence: next_sentence.as_ref(),
        };
        let backward = backward_step(self, &example, options.learning_rate as f32)?;
        let model = ModelSizes {
            num_hidden_layers: config.num_hidden_layers,
            hidden_size: config.hidden_size,
            num_attention_heads: config.num_attention_heads,
            vocab_size: config.vocab_size,
            max_position_embeddings: config.max_position_embeddings,
            parameters: bert.parameters.len(),
        };
        let explanation = Explanation {
            model,
            texts,
            tokens,
            masking,
            embeddings,
            attention,
            predictions,
            next_sentence,
            backward,
        };
        explanation.check()?;
        Ok(explanation)
    }
}

/// Checks the settings that are numbers.
fn check(options: &ExplainOptions) -> Result<(), TaskError> {
    check_shares(options.masks.masked_lm_prob, 0.0)?;
    let most = options.masks.max_predictions_per_seq;
    check_setting(most > 0, "max_predictions_per_seq", most, "it must be at least 1")?;
    let fits = |rate: f64| (0.0..=1.0).contains(&rate);
    Ok(check_number("learning_rate", options.learning_rate, fits, "it must be from 0 to 1")?)
}

impl Explanation {
    /// Checks that every number is finite: JSON has no others.
    fn check(&self) -> Result<(), TaskError> {
        let check = |what, mut numbers: Box<dyn Iterator<Item = f32> + '_>| {
            if numbers.all(f32::is_finite) { Ok(()) } else { Err(TaskError::NotFinite(what)) }
        };
        let embeddings = self.embeddings.iter().flat_map(|token| {
            let parts = [token.word_norm, token.position_norm, token.segment_norm];
            parts.into_iter().chain([token.sum_norm, token.output_norm])
        });
        check("an embedding", Box::new(embeddings))?;
        let heads = self.attention.iter().flat_map(|layer| &layer.heads);
        let rows = heads.flat_map(|head| head.probabilities.iter().flatten().copied());
        check("the attention", Box::new(rows))?;
        let predictions = self.predictions.iter().flat_map(|hidden| {
            let best = hidden.predictions.iter().map(|prediction| prediction.probability);
            let right = hidden.right.iter().map(|right| right.loss);
            best.chain(right).chain([hidden.entropy])
        });
        check("a prediction", Box::new(predictions))?;
        let pair = self
            .next_sentence
            .iter()
            .flat_map(|step| [step.logits[0], step.logits[1], step.is_next_probability, step.loss]);
        check("the judgement of the pair", Box::new(pair))?;
        let backward = self.backward.iter().flat_map(|backward| {
            let step = &backward.step;
            let words = step.words.iter().map(|word| word.probability.after);
            words.chain([backward.loss.total, step.loss_after.total, step.largest_change])
        });
        check("the loss", Box::new(backward))
    }
}
