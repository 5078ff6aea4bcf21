//! The part of a page that holds a model and runs it: weights, vocabulary and settings for the scripts
//! `assets/model.js` (the forward pass) and `assets/try.js` (the inputs and answers).

use super::base64::base64;
use super::script_json::script_json;
use crate::model::{Bert, Config, layout};
use crate::report::digits::grouped;
use crate::tasks::Model;
use crate::tokenizer::{CharacterClasses, Tokenizer};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

/// The most parameters of a model in a page. A parameter takes 2 bytes, which are 2.67 characters of
/// base64: 10.7 MB at this limit, so that a page stays below 12 MB.
pub const MOST_PARAMETERS: usize = 4_000_000;

/// The part of a page that holds a model: the context of the template `try.html`.
///
/// A page includes it with `{% include "try.html" %}` where `model` in its context is this value, and its
/// scripts with `{% include "try_scripts.html" %}` in the block `scripts`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ModelPart {
    /// Why the page does not hold the model; empty when it does. A sentence.
    pub absent: String,
    /// What the scripts have to know, as JSON that may stand in a script element.
    description: String,
    /// The parameters in the order of `description`, as [`sixteen_bits`] in base64.
    weights: String,
    /// The number of parameters.
    parameters: usize,
    /// The number of tokens in the vocabulary.
    vocabulary: usize,
    /// Whether the model predicts next sentences.
    next_sentence: bool,
    /// The text that the page begins with.
    text: String,
    /// The pair of sentences that the page begins with.
    sentences: [String; 2],
}

impl ModelPart {
    /// The part for the model in `directory`. A model that is too large is not read; when the model cannot be
    /// read, the part says why.
    pub fn open(directory: &Path, text: &str, sentences: [&str; 2]) -> Self {
        let config = Config::from_file(&directory.join("config.json"));
        let too_large =
            config.ok().and_then(|config| too_large(layout(&config, config.head()).len()));
        let model = match too_large {
            Some(absent) => Err(absent),
            None => Model::open(directory).map_err(|error| {
                format!("This page does not hold the model, which cannot be read: {error}.")
            }),
        };
        match model {
            Ok(model) => Self::new(&model, text, sentences),
            Err(absent) => Self { absent, ..Self::default() },
        }
    }

    /// The part for `model`. The page begins with the answers for `text`, and for `sentences`.
    pub fn new(model: &Model<'_>, text: &str, sentences: [&str; 2]) -> Self {
        let absent = absent(model).unwrap_or_default();
        let (bert, tokenizer) = (model.bert(), model.tokenizer());
        let mut part = Self {
            parameters: bert.parameters.len(),
            vocabulary: tokenizer.vocabulary().len(),
            next_sentence: model.predicts_next_sentences(),
            text: text.into(),
            sentences: sentences.map(String::from),
            absent,
            ..Self::default()
        };
        if part.absent.is_empty() {
            let (weights, bytes) = sixteen_bits(bert);
            part.description = script_json(&json!({
                "config": bert.config,
                "tokenizer": describe_tokenizer(tokenizer),
                "weights": weights,
            }));
            part.weights = base64(&bytes);
        }
        part
    }
}

/// Says that a model of so many parameters is too large for a page, if it is.
fn too_large(parameters: usize) -> Option<String> {
    (parameters > MOST_PARAMETERS).then(|| {
        format!(
            "This page does not hold the model: it has {} parameters, and a page holds at most {}. Ask it with \
             cloze fill-mask.",
            grouped(parameters as u64),
            grouped(MOST_PARAMETERS as u64)
        )
    })
}

/// Name, number of elements and scale of each weight, and all numbers in the order of the flat buffer: 16-bit
/// integers, little-endian; a number is its integer times the scale of its weight.
///
/// The scale takes the largest number of a weight to 32767. Half precision has the same size, but gives
/// probabilities that are eight times as far off: it keeps 11 bits of each number, and it is the large ones that count.
fn sixteen_bits(bert: &Bert) -> (Vec<(&str, usize, f64)>, Vec<u8>) {
    let mut bytes = Vec::with_capacity(2 * bert.parameters.len());
    let weights = bert.layout.entries().iter().map(|entry| {
        let values = &bert.parameters[entry.range.clone()];
        let largest = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        // Without a division by zero: all integers are 0 then.
        let scale = f64::from(largest.max(f32::MIN_POSITIVE)) / f64::from(i16::MAX);
        let integer = |&value: &f32| (f64::from(value) / scale).round() as i16;
        bytes.extend(values.iter().flat_map(|value| integer(value).to_le_bytes()));
        (entry.name.as_str(), values.len(), scale)
    });
    (weights.collect(), bytes)
}

/// Why a page cannot hold `model`, if it cannot.
fn absent(model: &Model<'_>) -> Option<String> {
    if !model.predicts_masked_words() {
        return Some(format!(
            "This page does not hold the model: it is of the class {} and has no masked-LM head, which \
             fills blanks.",
            model.bert().head.architecture()
        ));
    }
    if let Some(absent) = too_large(model.bert().parameters.len()) {
        return Some(absent);
    }
    if model.tokenizer().tokens_in_normalized_text().next().is_some() {
        return Some(
            "This page does not hold the model: its tokenizer has added tokens that are matched after \
             normalization, and the page cannot do that. Ask it with cloze fill-mask."
                .into(),
        );
    }
    if !model.bert().parameters.iter().all(|value| value.is_finite()) {
        return Some(
            "This page does not hold the model: some of its weights are not finite. Its run has failed.".into(),
        );
    }
    None
}

/// The tokenizer as `readTokenizer` of `model.js` reads it.
fn describe_tokenizer(tokenizer: &Tokenizer) -> Value {
    let normalizer = tokenizer.options().normalizer();
    let classes = CharacterClasses::BERT;
    json!({
        "vocabulary": tokenizer.vocabulary().iter().map(|(_, token)| token).collect::<Vec<_>>(),
        "special": tokenizer.tokens_in_text(),
        "maxCharactersPerWord": tokenizer.max_characters_per_word(),
        "lowerCase": normalizer.lower_case,
        "stripAccents": normalizer.strip_accents,
        "tokenizeChineseChars": normalizer.tokenize_chinese_chars,
        "classes": {
            "removed": ranges(classes.removed),
            "punctuation": ranges(classes.punctuation),
            "marks": ranges(classes.nonspacing_marks),
            "decomposed": ranges(classes.decomposed),
            "uppercase": ranges(&uppercase()),
        },
    })
}

/// The characters that lower-casing changes. A browser with a newer Unicode changes more of them.
fn uppercase() -> Vec<(u32, u32)> {
    let mut found: Vec<(u32, u32)> = Vec::new();
    for letter in (0..=char::MAX as u32).filter_map(char::from_u32) {
        if !letter.to_lowercase().eq([letter]) {
            match found.last_mut() {
                Some((_, last)) if *last + 1 == letter as u32 => *last += 1,
                _ => found.push((letter as u32, letter as u32)),
            }
        }
    }
    found
}

/// Ranges as the inside of a character class of a regular expression: `\u{41}-\u{5a}`.
fn ranges(ranges: &[(u32, u32)]) -> String {
    let range = |&(first, last): &(u32, u32)| match first == last {
        true => format!("\\u{{{first:x}}}"),
        false => format!("\\u{{{first:x}}}-\\u{{{last:x}}}"),
    };
    ranges.iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_its_integer_times_the_scale() {
        let mut bert = Bert::new(Config::new(1, 32, 40), 1);
        let bias = bert.layout.get("cls.predictions.bias").unwrap().range.clone();
        bert.parameters[bias].copy_from_slice(&[[-5.0, 2.5], [5.0, 0.0]].concat().repeat(10));
        let (weights, bytes) = sixteen_bits(&bert);
        assert_eq!(bytes.len(), 2 * bert.parameters.len());
        let mut integers = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        let mut all = bert.parameters.iter();
        for (name, size, scale) in weights {
            for (&value, integer) in all.by_ref().zip(integers.by_ref()).take(size) {
                let found = f64::from(integer) * scale;
                // Half a step, and the rounding of the division.
                assert!(
                    (found - f64::from(value)).abs() <= 0.500_001 * scale,
                    "{name}: {value} {found}"
                );
            }
        }
        assert_eq!(integers.next(), None);
    }
}
