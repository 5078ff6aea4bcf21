//! The first weights of a model that begins from nothing, by name: [`Initialization`].
//!
//! `normal` is BERT's ([`initialize`]): every weight from a truncated
//! normal distribution. Attention is then uniform over all positions. A small model stays so for
//! millions of tokens: it learns how often words occur, and nothing of their order.
//!
//! `mimetic` begins where trained models end ("Mimetic Initialization of Self-Attention Layers", Trockman &
//! Kolter, 2023, <https://arxiv.org/abs/2305.09828>): each head of the first layer attends to a neighbour.
//! It draws the same numbers as `normal` and changes them in four ways. The architecture, the files and all
//! that follows stay the same.
//!
//! Let h be `hidden_size`, s the size of a head, and P the number of pairs of columns that hold the position:
//! [`PAIRS`], but at most s/2 and h/4.
//!
//! **Positions.** The first 2P of the h columns of the position embeddings are sinusoids (Vaswani et al.,
//! 2017, section 3.5), the others 0. Pair i has the wavelength λᵢ, a geometric sequence from
//! [`SHORTEST`] to [`LONGEST`](constant@LONGEST) tokens:
//!
//! ```text
//! position[p][2i], position[p][2i+1] = a·cos(2πp/λᵢ), a·sin(2πp/λᵢ)        a = σ·√(h/P)
//! ```
//!
//! σ is the standard deviation of a word's numbers, so a position is as long a vector as a word.
//!
//! **Words and segments.** In the columns of positions, word embeddings and segment embeddings are
//! multiplied by [`UNDER_POSITIONS`], so that positions can be read there. Segment
//! embeddings are multiplied by [`SEGMENTS`] everywhere: there are two of them, and both
//! would otherwise be as long as a word.
//!
//! **Queries and keys of the first layer.** The head with offset d has keys = g·(the columns of positions)
//! and queries = g·(the same columns, each pair turned by 2πd/λᵢ). Then the score of the query at p and the
//! key at q is
//!
//! ```text
//! score(p, q) = g²·c/(P·√s) · Σᵢ cos(2π(q − p − d)/λᵢ)
//! ```
//!
//! with its peak at q = p + d. Here c is the squared length of the columns of positions after LayerNorm. The
//! factor g is such that the peak lies [`MARGIN`] above the scores of the two positions
//! beside it; so the share of attention at p + d is the same for every h, s and P. Heads 0, 1, 2, 3, … have
//! the offsets −1, 1, −2, 2, …. Rows of a head that its pairs do not need keep their normal numbers: rows of
//! zeros in both queries and keys would never receive a gradient.
//!
//! With word vectors from counting ([`word_embeddings`]), which are longer, positions and
//! segments are multiplied by [`BESIDE_WORD_VECTORS`], and g follows, so that the share of attention stays the same.
//!
//! **Values and outputs** of attention in every layer have the scale [`GAIN`]/√h instead of
//! `initializer_range`, so that what attention has read counts from the first step.

use super::config::Config;
use super::config_error::ConfigError;
use super::parameters::{TRUNCATED_DEVIATION, draw, initialize, layer};
use super::word_embeddings::{self, WordEmbeddings};
use crate::autodiff::Layout;
use crate::tensor::math_f64::{cos_sin_of_turns, root};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Pairs of columns that hold the position, at most.
pub const PAIRS: usize = 16;
/// Pairs of columns that hold the position, at least: with fewer, distant positions look like near ones.
pub const FEWEST_PAIRS: usize = 4;
/// The shortest wavelength, in tokens.
pub const SHORTEST: f64 = 3.0;
/// The longest wavelength, in tokens.
pub const LONGEST: f64 = 200.0;
/// The score at the offset minus the score one position beside it. e^−3.45 is 0.032, so a head begins with
/// some 94 % of its attention at its offset.
pub const MARGIN: f64 = 3.45;
/// The factor of words and segments in the columns of positions.
pub const UNDER_POSITIONS: f64 = 0.1;
/// The factor of segments.
pub const SEGMENTS: f64 = 0.5;
/// The factor of positions and segments where word embeddings begin as word vectors from counting.
pub const BESIDE_WORD_VECTORS: f64 = 2.0;
/// The scale of values and outputs of attention, times √`hidden_size`.
pub const GAIN: f64 = 0.55;

/// The first weights of a model that begins from nothing. See the [module](self).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Initialization {
    /// BERT's: a truncated normal distribution.
    #[default]
    Normal,
    /// The heads of the first layer attend to neighbours.
    Mimetic,
}

impl Initialization {
    /// Checks that a model of sizes `config` can begin so; `origin` is named in the error.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when the heads are too small for `mimetic`.
    pub fn check(self, config: &Config, origin: &str) -> Result<(), ConfigError> {
        if self == Self::Normal || pairs(config) >= FEWEST_PAIRS {
            return Ok(());
        }
        let least = 2 * FEWEST_PAIRS;
        Err(ConfigError::Value {
            origin: origin.into(),
            key: "hidden_size",
            value: config.hidden_size.to_string(),
            needed: format!(
                "with 'initialization' mimetic it must be at least {}, and {least} for each of the {} heads; \
                 normal takes any size",
                4 * FEWEST_PAIRS,
                config.num_attention_heads
            ),
        })
    }

    /// The first values of all parameters of `layout`, a function of `config` and `seed`. Word embeddings are random;
    /// everything else fits `words`.
    pub fn first_weights(
        self,
        layout: &Layout,
        config: &Config,
        words: WordEmbeddings,
        seed: u64,
    ) -> Vec<f32> {
        match self {
            Self::Normal => initialize(layout, config, seed, |_| true),
            Self::Mimetic => mimetic(layout, config, words, seed),
        }
    }

    /// The columns of the word embeddings that do not hold the position.
    pub fn word_columns(self, config: &Config) -> Range<usize> {
        let positions = if self == Self::Mimetic { 2 * pairs(config) } else { 0 };
        positions..config.hidden_size
    }
}

/// The first values of the bias of the masked-LM decoder, `cls.predictions.bias`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OutputBias {
    /// BERT's: zeros.
    #[default]
    Zero,
    /// The logarithms of the shares of the word pieces in the text, minus their mean. A model whose other logits are near 0 then
    /// begins at the loss of counting words, which it would have to learn first.
    Unigram,
}

/// P: pairs of columns that hold the position.
fn pairs(config: &Config) -> usize {
    let size = config.hidden_size / config.num_attention_heads;
    PAIRS.min(size / 2).min(config.hidden_size / 4)
}

/// The offset of head `head`: −1, 1, −2, 2, ….
fn offset(head: usize) -> f64 {
    let distance = (head / 2 + 1) as f64;
    if head.is_multiple_of(2) { -distance } else { distance }
}

fn mimetic(layout: &Layout, config: &Config, words: WordEmbeddings, seed: u64) -> Vec<f32> {
    let (hidden, heads, pairs) = (config.hidden_size, config.num_attention_heads, pairs(config));
    let (size, columns) = (hidden / heads, 2 * pairs);
    let gain = (GAIN / (hidden as f64).sqrt()) as f32;
    let mut parameters = draw(layout, seed, |name| {
        let of_attention = ["attention.self.value.weight", "attention.output.dense.weight"];
        let ends = of_attention.iter().any(|end| name.ends_with(end));
        Some(if ends { gain } else { config.initializer_range })
    });
    // [rows, hidden] of the parameter `name`.
    let mut change = |name: &str, change: &dyn Fn(usize, &mut [f32])| {
        let range = layout.get(name).expect("of every BERT").range.clone();
        let rows = parameters[range].chunks_exact_mut(hidden).enumerate();
        rows.for_each(|(row, values)| change(row, values));
    };

    let ratio = root(LONGEST / SHORTEST, pairs.max(2) as u32 - 1);
    let mut wavelengths = vec![SHORTEST; pairs];
    (1..pairs).for_each(|i| wavelengths[i] = wavelengths[i - 1] * ratio);
    let (hidden_size, columns_size) = (hidden as f64, columns as f64);
    let deviation = f64::from(config.initializer_range) * TRUNCATED_DEVIATION;
    // The standard deviation of a word's numbers in units of σ, and the factor of positions and segments.
    let (word_scale, beside) = match words {
        WordEmbeddings::Random => (1.0, 1.0),
        WordEmbeddings::PpmiSvd => {
            (word_embeddings::SCALE / TRUNCATED_DEVIATION, BESIDE_WORD_VECTORS)
        }
    };
    let amplitude = beside * deviation * (hidden_size / pairs as f64).sqrt();

    change("bert.embeddings.word_embeddings.weight", &|_, values| {
        values[..columns].iter_mut().for_each(|value| *value *= UNDER_POSITIONS as f32);
    });
    change("bert.embeddings.token_type_embeddings.weight", &|_, values| {
        values.iter_mut().for_each(|value| *value *= (beside * SEGMENTS) as f32);
        values[..columns].iter_mut().for_each(|value| *value *= UNDER_POSITIONS as f32);
    });
    change("bert.embeddings.position_embeddings.weight", &|position, values| {
        values.fill(0.0);
        for (pair, wavelength) in values.chunks_exact_mut(2).zip(&wavelengths) {
            let (cos, sin) = cos_sin_of_turns(position as f64 / wavelength);
            pair.copy_from_slice(&[(amplitude * cos) as f32, (amplitude * sin) as f32]);
        }
    });
    if config.num_hidden_layers == 0 {
        return parameters;
    }

    // Squared lengths of the parts of an embedding, in units of σ². LayerNorm makes their sum h.
    let position = beside * beside * hidden_size;
    let under_positions = UNDER_POSITIONS * UNDER_POSITIONS * columns_size;
    let word = word_scale * word_scale * (hidden_size - columns_size) + under_positions;
    let segment = beside * beside * (hidden_size - columns_size + under_positions);
    let total = position + word + SEGMENTS * SEGMENTS * segment;
    let squared_length = hidden_size * position / total; // c
    let cosines = wavelengths.iter().map(|wavelength| cos_sin_of_turns(1.0 / wavelength).0);
    let fall = 1.0 - cosines.sum::<f64>() / pairs as f64;
    let factor = (MARGIN / fall * (size as f64).sqrt() / squared_length).sqrt(); // g

    let first = layer(0);
    for (part, sign) in [("query", 1.0), ("key", 0.0)] {
        change(&format!("{first}.attention.self.{part}.weight"), &|row, values| {
            let (head, row) = (row / size, row % size);
            let (pair, second) = (row / 2, row % 2 == 1);
            if pair >= pairs {
                return;
            }
            // Keys are not turned.
            let (cos, sin) = cos_sin_of_turns(sign * offset(head) / wavelengths[pair]);
            let turned = if second { [sin, cos] } else { [cos, -sin] };
            values.fill(0.0);
            values[2 * pair] = (factor * turned[0]) as f32;
            values[2 * pair + 1] = (factor * turned[1]) as f32;
        });
    }
    parameters
}
