//! BERT directories as other programs write them (`testdata/hugging_face`, see its README): read with
//! the right names, types and settings, and computed to what `f64` makes of the stored weights.

use cloze::model::heads::{masked_lm_logits, next_sentence_logits, pooler};
use cloze::model::{Bert, Head};
use cloze::tasks::Pretrained;
use serde_json::Value;
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/hugging_face").join(name)
}

fn open(name: &str) -> (Pretrained, Value) {
    let directory = path(name);
    let expected = std::fs::read(directory.join("expected.json")).unwrap();
    (Pretrained::open(&directory).unwrap(), serde_json::from_slice(&expected).unwrap())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// The largest difference is at most 1e-5 of the largest value.
#[track_caller]
fn close(got: &[f32], expected: &Value) {
    let expected = numbers(expected);
    assert_eq!(got.len(), expected.len());
    let largest = expected.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    for (g, e) in got.iter().zip(&expected) {
        assert!((f64::from(*g) - e).abs() <= 1e-5 * largest, "{got:?} for {expected:?}");
    }
}

/// Everything that `expected.json` has; returns what was initialised and what was ignored.
fn check(name: &str) -> [Vec<String>; 2] {
    let (pretrained, expected) = open(name);
    let model = pretrained.model();
    assert_eq!(pretrained.tokenizer.options().do_lower_case, expected["lower_case"], "{name}");
    let sentences = ("the cat [MASK] on the mat.", "a quick fox ran.");
    let sequence = model.sequence(sentences.0, Some(sentences.1)).unwrap();
    assert_eq!(serde_json::json!(sequence.0), expected["input_ids"], "{name}");
    assert_eq!(serde_json::json!(sequence.1), expected["token_type_ids"], "{name}");
    let tokens = pretrained.tokenizer.tokens(&sequence.0);
    assert_eq!(serde_json::json!(tokens), expected["tokens"], "{name}");

    let hidden = model.run(&sequence, &[], |_, hidden_state, _| Ok(hidden_state)).unwrap();
    close(&hidden[..8], &expected["first_hidden_row"]);
    let mask = expected["mask_position"].as_u64().unwrap() as u32;
    if let Some(logits) = expected.get("mask_logits") {
        let config = &pretrained.bert.config;
        let got = model.run(&sequence, &[mask], |g, h, rows| masked_lm_logits(g, config, h, rows));
        close(&got.unwrap(), logits);
    }
    if let Some(pooled) = expected.get("pooler_output") {
        close(&model.run(&sequence, &[0], pooler).unwrap(), pooled);
    }
    if let Some(logits) = expected.get("seq_relationship_logits") {
        let got = model.run(&sequence, &[0], |g, h, first| {
            let pooled = pooler(g, h, first)?;
            next_sentence_logits(g, pooled)
        });
        close(&got.unwrap(), logits);
    }
    [pretrained.report.initialized, pretrained.report.ignored]
}

const POOLER: [&str; 2] = ["bert.pooler.dense.weight", "bert.pooler.dense.bias"];
const MASKED_LM: [&str; 5] = [
    "cls.predictions.transform.dense.weight",
    "cls.predictions.transform.dense.bias",
    "cls.predictions.transform.LayerNorm.weight",
    "cls.predictions.transform.LayerNorm.bias",
    "cls.predictions.bias",
];
const NEXT_SENTENCE: [&str; 2] = ["cls.seq_relationship.weight", "cls.seq_relationship.bias"];

#[test]
fn an_encoder_without_heads_or_prefix() {
    let [initialized, ignored] = check("bare");
    assert_eq!(initialized, [&MASKED_LM[..], &NEXT_SENTENCE].concat());
    assert!(ignored.is_empty(), "{ignored:?}");
}

#[test]
fn a_masked_lm_without_pooler_and_next_sentence_head() {
    let [initialized, ignored] = check("masked_lm");
    assert_eq!(initialized, [&POOLER[..], &NEXT_SENTENCE].concat());
    assert!(ignored.is_empty(), "{ignored:?}");
}

#[test]
fn old_names_and_a_decoder_stored_once_more() {
    assert_eq!(check("gamma_beta"), [Vec::<String>::new(), Vec::new()]);
}

#[test]
fn half_precision_is_widened() {
    assert_eq!(check("float16"), [Vec::<String>::new(), Vec::new()]);
    assert_eq!(check("bfloat16"), [Vec::<String>::new(), Vec::new()]);
    let [half, brain] = ["float16", "bfloat16"].map(|name| open(name).0.bert.parameters);
    assert_ne!(half, brain, "rounded otherwise");
}

#[test]
fn missing_heads_are_drawn_from_the_seed() {
    let config = open("bare").0.bert.config;
    let [first, again, other] = [1, 1, 2].map(|seed| {
        let (path, head) = (path("bare"), Head::Pretraining);
        Bert::from_directory(&path, config.clone(), head, seed).unwrap().0
    });
    assert_eq!(first.parameters, again.parameters);
    for entry in first.layout.entries() {
        let same = first.parameters[entry.range.clone()] == other.parameters[entry.range.clone()];
        // Biases begin at 0 and LayerNorm at 1, whatever the seed.
        let drawn = entry.name.starts_with("cls.") && entry.name.ends_with(".weight");
        assert_eq!(same, !drawn || entry.name.contains("LayerNorm"), "{}", entry.name);
    }
}
