//! The sizes of a BERT, in Hugging Face's `config.json` keys.

use crate::system::files::{self, FileError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not JSON, or lacks a key, or holds a value of another type.
    #[error("`{}`, line {line}: {message}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A value that no BERT of ours can have.
    #[error("{origin}: {key} is {value}, but {needed}")]
    Value {
        /// The file, or the option, that gave the value.
        origin: String,
        /// The key of `config.json`.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        needed: String,
    },
    /// Neither a size by name nor a file.
    #[error(
        "no model `{0}`: give a size (tiny, mini, small, medium, base) or the path of a config.json"
    )]
    Unknown(String),
}

/// The sizes and settings of a BERT; every key means what it means in Hugging Face's `BertConfig`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// What transformers loads the directory as: `BertForPreTraining`.
    #[serde(default = "bert", skip_deserializing)]
    pub architectures: [String; 1],
    /// Always `bert`.
    #[serde(default = "model_type")]
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
    /// The activation: `gelu`, the exact form with erf.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// Dropout of embeddings and sub-layer outputs.
    #[serde(default = "tenth")]
    pub hidden_dropout_prob: f32,
    /// Dropout of attention probabilities.
    #[serde(default = "tenth")]
    pub attention_probs_dropout_prob: f32,
    /// The longest sequence.
    #[serde(default = "default_positions")]
    pub max_position_embeddings: usize,
    /// Segments: sentence A and B.
    #[serde(default = "two")]
    pub type_vocab_size: usize,
    /// Standard deviation of the truncated normal that weights start from.
    #[serde(default = "initial_range")]
    pub initializer_range: f32,
    /// ε of LayerNorm.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f32,
    /// The id of `[PAD]`.
    #[serde(default)]
    pub pad_token_id: u32,
    /// How positions are told: `absolute`.
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
    /// Whether attention looks only back: never.
    #[serde(default)]
    pub is_decoder: bool,
    /// Whether the decoder of the masked-LM head is the word embeddings: always.
    #[serde(default = "tied")]
    pub tie_word_embeddings: bool,
}

fn bert() -> [String; 1] {
    ["BertForPreTraining".into()]
}
fn model_type() -> String {
    "bert".into()
}
fn gelu() -> String {
    "gelu".into()
}
fn tenth() -> f32 {
    0.1
}
fn default_positions() -> usize {
    512
}
fn two() -> usize {
    2
}
fn initial_range() -> f32 {
    0.02
}
fn epsilon() -> f32 {
    1e-12
}
fn tied() -> bool {
    true
}
fn absolute() -> String {
    "absolute".into()
}

/// The sizes by name (Turc et al., 2019, "Well-Read Students Learn Better", table 1).
const SIZES: [(&str, usize, usize); 5] =
    [("tiny", 2, 128), ("mini", 4, 256), ("small", 4, 512), ("medium", 8, 512), ("base", 12, 768)];

impl Config {
    /// A BERT of `layers` layers and width `hidden_size`, heads of 64 (or one head), feed-forward
    /// layer four times as wide, and the settings of the BERT paper.
    pub fn new(num_hidden_layers: usize, hidden_size: usize, vocab_size: usize) -> Self {
        Self {
            architectures: bert(),
            model_type: model_type(),
            vocab_size,
            hidden_size,
            num_hidden_layers,
            num_attention_heads: (hidden_size / 64).max(1),
            intermediate_size: 4 * hidden_size,
            hidden_act: gelu(),
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            max_position_embeddings: default_positions(),
            type_vocab_size: 2,
            initializer_range: initial_range(),
            layer_norm_eps: epsilon(),
            pad_token_id: 0,
            position_embedding_type: absolute(),
            is_decoder: false,
            tie_word_embeddings: true,
        }
    }

    /// The size called `name` (`tiny`, `mini`, `small`, `medium`, `base`), if there is one.
    pub fn named(name: &str, vocab_size: usize) -> Option<Self> {
        let (_, layers, hidden) = SIZES.into_iter().find(|(size, ..)| *size == name)?;
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
        // serde would take an array for the fields in their order.
        if text.trim_start().starts_with('[') {
            return Err(error(
                1,
                "an array, but a configuration is an object {\"hidden_size\": …}".into(),
            ));
        }
        let config: Self =
            serde_json::from_str(&text).map_err(|e| error(e.line(), e.to_string()))?;
        config.validate(&format!("`{}`", path.display()))?;
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
        check(self.model_type == "bert", "model_type", &self.model_type, "only bert is supported")?;
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
        check((pad as usize) < self.vocab_size, "pad_token_id", &pad, &needed)
    }

    /// The width of one attention head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut value = serde_json::to_value(Config::named("tiny", 100).unwrap()).unwrap();
        change(&mut value);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        std::fs::write(&path, serde_json::to_string_pretty(&value).unwrap()).unwrap();
        let error = Config::from_file(&path).unwrap_err().to_string();
        assert!(error.contains("config.json"), "{error}");
        error
    }

    #[test]
    fn a_config_is_read_back_as_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        let config = Config::named("mini", 8192).unwrap();
        std::fs::write(&path, config.to_json()).unwrap();
        assert_eq!(Config::from_file(&path).unwrap(), config);
        assert!(config.to_json().contains("\"architectures\": [\n    \"BertForPreTraining\""));
    }

    #[test]
    fn every_bad_value_is_named() {
        assert!(error(|v| v["num_attention_heads"] = 3.into()).contains("hidden_size is 128"));
        assert!(error(|v| v["hidden_size"] = 0.into()).contains("hidden_size is 0"));
        assert!(error(|v| v["hidden_size"] = "x".into()).contains("line"));
        assert!(error(|v| v["hidden_act"] = "relu".into()).contains("hidden_act is relu"));
        assert!(error(|v| v["model_type"] = "gpt2".into()).contains("model_type is gpt2"));
        assert!(
            error(|v| v["hidden_dropout_prob"] = 1.into()).contains("hidden_dropout_prob is 1")
        );
        assert!(error(|v| v["layer_norm_eps"] = 0.into()).contains("layer_norm_eps is 0"));
        assert!(error(|v| v["pad_token_id"] = 100.into()).contains("pad_token_id is 100"));
        assert!(error(|v| v["is_decoder"] = true.into()).contains("is_decoder"));
        assert!(error(|v| v["tie_word_embeddings"] = false.into()).contains("tie_word_embeddings"));
        assert!(error(|v| v["type_vocab_size"] = 1.into()).contains("type_vocab_size is 1"));
        assert!(error(|v| *v = serde_json::json!([["BertForPreTraining"]])).contains("an array"));
        assert!(
            error(|v| drop(v.as_object_mut().unwrap().remove("vocab_size"))).contains("vocab_size")
        );
        let unknown = Config::named_or_file("huge", 10).unwrap_err().to_string();
        assert!(unknown.contains("tiny, mini, small, medium, base"), "{unknown}");
    }
}
