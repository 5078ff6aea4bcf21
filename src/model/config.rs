//! The configuration of a BERT: sizes, settings and labels, under the keys of Hugging Face's
//! `config.json`.

use super::config_defaults;
use super::config_error::ConfigError;
use super::head::Head;
use crate::system::files;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// The sizes and settings of a BERT. Every key has the meaning that it has in Hugging Face's
/// `BertConfig`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The class that transformers loads the directory as, for example `BertForPreTraining`;
    /// [`Config::head`] is the head that it names.
    #[serde(default, deserialize_with = "config_defaults::null_as_default")]
    pub architectures: Vec<String>,
    /// Always `bert`.
    #[serde(default = "config_defaults::model_type")]
    pub model_type: String,
    /// Rows of the word embedding table.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Encoder layers.
    pub num_hidden_layers: usize,
    /// Attention heads of a layer; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// The activation; only `gelu`, the exact form with erf, is supported.
    #[serde(default = "config_defaults::gelu")]
    pub hidden_act: String,
    /// Dropout rate of embeddings and sub-layer outputs, at least 0 and below 1.
    #[serde(default = "config_defaults::tenth")]
    pub hidden_dropout_prob: f32,
    /// Dropout rate of attention probabilities, at least 0 and below 1.
    #[serde(default = "config_defaults::tenth")]
    pub attention_probs_dropout_prob: f32,
    /// The longest sequence, in tokens.
    #[serde(default = "config_defaults::default_positions")]
    pub max_position_embeddings: usize,
    /// Rows of the segment embedding table: sentence A and sentence B.
    #[serde(default = "config_defaults::two")]
    pub type_vocab_size: usize,
    /// Standard deviation of the truncated normal distribution of the first weights.
    #[serde(default = "config_defaults::initial_range")]
    pub initializer_range: f32,
    /// ε of LayerNorm.
    #[serde(default = "config_defaults::epsilon")]
    pub layer_norm_eps: f32,
    /// The id of `[PAD]`; `null` in a file is 0.
    #[serde(default, deserialize_with = "config_defaults::null_as_default")]
    pub pad_token_id: u32,
    /// The position encoding; only `absolute` is supported.
    #[serde(default = "config_defaults::absolute")]
    pub position_embedding_type: String,
    /// Whether attention sees earlier tokens only; only `false` is supported.
    #[serde(default)]
    pub is_decoder: bool,
    /// Whether the decoder of the masked-LM head is the word embeddings; only `true` is supported.
    #[serde(default = "config_defaults::tied")]
    pub tie_word_embeddings: bool,
    /// Dropout before a classifier; `hidden_dropout_prob` when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classifier_dropout: Option<f32>,
    /// Outputs of a classifier, in files without `id2label`; see [`Config::num_labels`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_labels: Option<usize>,
    /// The name of each label of a classifier, by id from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id2label: Option<BTreeMap<usize, String>>,
    /// The id of each label: `id2label` inverted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label2id: Option<BTreeMap<String, usize>>,
    /// What a sequence classifier computes: `regression`, `single_label_classification` or
    /// `multi_label_classification`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem_type: Option<String>,
    /// The keys that have no meaning here, in the order of the file they were read from. They are
    /// written back as they are.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The part of a configuration that every model of Hugging Face's has.
#[derive(Deserialize)]
struct Kind {
    #[serde(default = "config_defaults::model_type")]
    model_type: String,
}

fn check_model_type(model_type: &str, origin: &str) -> Result<(), ConfigError> {
    if model_type == "bert" {
        return Ok(());
    }
    Err(ConfigError::Value {
        origin: origin.into(),
        key: "model_type",
        value: model_type.into(),
        needed: "only bert is supported".into(),
    })
}

/// Hugging Face's name of a label that has none.
fn default_label(id: usize) -> String {
    format!("LABEL_{id}")
}

/// The sizes by name (Turc et al., 2019, "Well-Read Students Learn Better", table 1).
const SIZES: [(&str, usize, usize); 5] =
    [("tiny", 2, 128), ("mini", 4, 256), ("small", 4, 512), ("medium", 8, 512), ("base", 12, 768)];

impl Config {
    /// A BERT of `num_hidden_layers` layers of width `hidden_size`, with attention heads of width 64
    /// (one head below that), a feed-forward layer four times as wide, and the settings of the BERT
    /// paper.
    pub fn new(num_hidden_layers: usize, hidden_size: usize, vocab_size: usize) -> Self {
        Self {
            architectures: vec![Head::Pretraining.architecture().into()],
            model_type: config_defaults::model_type(),
            vocab_size,
            hidden_size,
            num_hidden_layers,
            num_attention_heads: (hidden_size / 64).max(1),
            intermediate_size: hidden_size.saturating_mul(4),
            hidden_act: config_defaults::gelu(),
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            max_position_embeddings: config_defaults::default_positions(),
            type_vocab_size: 2,
            initializer_range: config_defaults::initial_range(),
            layer_norm_eps: config_defaults::epsilon(),
            pad_token_id: 0,
            position_embedding_type: config_defaults::absolute(),
            is_decoder: false,
            tie_word_embeddings: true,
            classifier_dropout: None,
            num_labels: None,
            id2label: None,
            label2id: None,
            problem_type: None,
            other: Map::new(),
        }
    }

    /// The size called `name` (`tiny`, `mini`, `small`, `medium`, `base`), or given as `layers/width` as Turc et
    /// al. write sizes (`2/128`); `None` when `name` is neither.
    pub fn named(name: &str, vocab_size: usize) -> Option<Self> {
        let named = SIZES.into_iter().find(|(size, ..)| *size == name);
        let (layers, hidden) = match named {
            Some((_, layers, hidden)) => (layers, hidden),
            None => {
                let (layers, hidden) = name.split_once('/')?;
                (layers.parse().ok()?, hidden.parse().ok()?)
            }
        };
        Some(Self::new(layers, hidden, vocab_size))
    }

    /// A size by name, or the file at the path `name` with its vocabulary size replaced.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn named_or_file(name: &str, vocab_size: usize) -> Result<Self, ConfigError> {
        if let Some(config) = Self::named(name, vocab_size) {
            return Ok(config);
        }
        let path = Path::new(name);
        if !path.exists() {
            return Err(ConfigError::Unknown(name.into()));
        }
        let mut config = Self::from_file(path)?;
        config.vocab_size = vocab_size;
        Ok(config)
    }

    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = files::read_to_string(path)?;
        let error = |line, message| ConfigError::Json { path: path.to_path_buf(), line, message };
        // An array gets its own message.
        if text.trim_start().starts_with('[') {
            return Err(error(
                1,
                "an array, but a configuration is an object {\"hidden_size\": …}".into(),
            ));
        }
        let origin = format!("`{}`", path.display());
        // Models of other types have other keys: say the type, not the first key that is missing.
        if let Ok(Kind { model_type }) = serde_json::from_str(&text) {
            check_model_type(&model_type, &origin)?;
        }
        let mut config: Self =
            serde_json::from_str(&text).map_err(|e| error(e.line(), e.to_string()))?;
        // They give the type of the weights beside this file; cloze writes float32.
        config.other.retain(|key, _| key != "dtype" && key != "torch_dtype");
        config.validate(&origin)?;
        Ok(config)
    }

    /// The text of `config.json`.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("plain numbers and strings");
        text.push('\n');
        text
    }

    /// Checks every value; `origin` is named in the error.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn validate(&self, origin: &str) -> Result<(), ConfigError> {
        let check = |fits: bool, key: &'static str, value: &dyn std::fmt::Display, needed: &str| {
            if fits {
                return Ok(());
            }
            Err(ConfigError::Value {
                origin: origin.into(),
                key,
                value: value.to_string(),
                needed: needed.into(),
            })
        };
        for (key, value) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
        ] {
            // Bounded so that no product of two overflows.
            check((1..=1 << 24).contains(&value), key, &value, "it must be from 1 to 16777216")?;
        }
        let types = self.type_vocab_size;
        let needed = "sentence A and B take 2, and more than 16777216 are not supported";
        check((2..=1 << 24).contains(&types), "type_vocab_size", &types, needed)?;
        let layers = self.num_hidden_layers;
        check(layers <= 1024, "num_hidden_layers", &layers, "at most 1024 are supported")?;
        check(
            self.hidden_size.is_multiple_of(self.num_attention_heads),
            "hidden_size",
            &self.hidden_size,
            &format!("it must be a multiple of num_attention_heads, {}", self.num_attention_heads),
        )?;
        check_model_type(&self.model_type, origin)?;
        let act = &self.hidden_act;
        check(act == "gelu", "hidden_act", act, "only gelu (the exact form) is supported")?;
        let position = &self.position_embedding_type;
        let needed = "only absolute is supported";
        check(position == "absolute", "position_embedding_type", position, needed)?;
        check(!self.is_decoder, "is_decoder", &true, "only encoders are supported")?;
        let tied = self.tie_word_embeddings;
        let needed = "only a decoder tied to the word embeddings is supported";
        check(tied, "tie_word_embeddings", &tied, needed)?;
        for (key, rate) in [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            ("attention_probs_dropout_prob", self.attention_probs_dropout_prob),
        ] {
            check((0.0..1.0).contains(&rate), key, &rate, "it must be at least 0 and below 1")?;
        }
        let eps = self.layer_norm_eps;
        check(eps > 0.0 && eps < 1.0, "layer_norm_eps", &eps, "it must be above 0 and below 1")?;
        let range = self.initializer_range;
        check(
            (0.0..100.0).contains(&range),
            "initializer_range",
            &range,
            "it must be from 0 to 100",
        )?;
        let pad = self.pad_token_id;
        let needed = format!("it must be below vocab_size, {}", self.vocab_size);
        check((pad as usize) < self.vocab_size, "pad_token_id", &pad, &needed)?;
        if let Some(rate) = self.classifier_dropout {
            let needed = "it must be at least 0 and below 1";
            check((0.0..1.0).contains(&rate), "classifier_dropout", &rate, needed)?;
        }
        if self.head().num_labels().is_some() { self.validate_labels(origin) } else { Ok(()) }
    }

    /// Checks that `num_labels`, `id2label` and `label2id` agree.
    fn validate_labels(&self, origin: &str) -> Result<(), ConfigError> {
        let error = |key: &'static str, value: String, needed: &str| {
            Err(ConfigError::Value { origin: origin.into(), key, value, needed: needed.into() })
        };
        let count = self.num_labels();
        if !(1..=1 << 24).contains(&count) {
            return error("num_labels", count.to_string(), "it must be from 1 to 16777216");
        }
        if let Some(given) = self.num_labels.filter(|&given| given != count) {
            let needed = format!("id2label has {count} labels; leave num_labels out");
            return error("num_labels", given.to_string(), &needed);
        }
        if let Some(id2label) = &self.id2label {
            if id2label.keys().copied().ne(0..count) {
                let needed = "its ids must count up from 0 without a gap";
                return error("id2label", format!("{id2label:?}"), needed);
            }
            let inverse: BTreeMap<_, _> =
                id2label.iter().map(|(&id, label)| (label.clone(), id)).collect();
            if let Some(label2id) = self.label2id.as_ref().filter(|&given| *given != inverse) {
                let needed = "it must be id2label inverted, each label once";
                return error("label2id", format!("{label2id:?}"), needed);
            }
        }
        match self.problem_type.as_deref() {
            None
            | Some("regression" | "single_label_classification" | "multi_label_classification") => {
                Ok(())
            }
            Some(other) => error(
                "problem_type",
                other.into(),
                "it must be regression, single_label_classification or multi_label_classification",
            ),
        }
    }

    /// The head that `architectures` names; [`Head::Pretraining`], which includes the parts of most
    /// others, when it names none or a class that is not supported.
    pub fn head(&self) -> Head {
        let known = |name: &String| Head::from_architecture(name, self.num_labels());
        self.architectures.iter().find_map(known).unwrap_or_default()
    }

    /// Makes this the configuration of a model with the head `head`: sets `architectures`, keeps the
    /// names of the labels when there are as many as `head` has, and removes the settings of a
    /// classifier from a head that is none.
    pub fn set_head(&mut self, head: Head) {
        self.architectures = vec![head.architecture().into()];
        match head.num_labels() {
            Some(count) if count == self.num_labels() && self.id2label.is_some() => {}
            Some(count) => {
                let labels: Vec<String> = (0..count).map(default_label).collect();
                self.set_labels(&labels);
            }
            None => {
                (self.num_labels, self.id2label, self.label2id) = (None, None, None);
                self.problem_type = None;
            }
        }
    }

    /// The number of labels of a classifier: that of `id2label`, else the key `num_labels`, else 2,
    /// as in Hugging Face.
    pub fn num_labels(&self) -> usize {
        self.id2label.as_ref().map(BTreeMap::len).or(self.num_labels).unwrap_or(2)
    }

    /// The names of the labels of a classifier by id; `LABEL_0`, `LABEL_1` … where none are given.
    pub fn labels(&self) -> Vec<String> {
        match &self.id2label {
            Some(id2label) => id2label.values().cloned().collect(),
            None => (0..self.num_labels()).map(default_label).collect(),
        }
    }

    /// Sets the names of the labels; the id of a label is its index in `labels`.
    pub fn set_labels(&mut self, labels: &[impl AsRef<str>]) {
        let names = || labels.iter().map(|label| label.as_ref().to_string());
        self.num_labels = None;
        self.id2label = Some((0..).zip(names()).collect());
        self.label2id = Some(names().zip(0..).collect());
    }

    /// The width of one attention head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
