//! BERT directories of other programs (`testdata/hugging_face`, see its README): names, types and settings
//! are read correctly, and the outputs agree with `f64` outputs from the stored weights.

use cloze::model::{Bert, Head};
use cloze::tasks::Model;
use serde_json::Value;
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/hugging_face").join(name)
}

fn open(name: &str) -> (Model<'static>, Value) {
    let directory = path(name);
    let expected = std::fs::read(directory.join("expected.json")).unwrap();
    (Model::open(&directory).unwrap(), serde_json::from_slice(&expected).unwrap())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Asserts that the largest difference is at most 1e-5 of the largest value.
#[track_caller]
fn close(got: &[f32], expected: &Value) {
    let expected = numbers(expected);
    assert_eq!(got.len(), expected.len());
    let largest = expected.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    for (g, e) in got.iter().zip(&expected) {
        assert!((f64::from(*g) - e).abs() <= 1e-5 * largest, "{got:?} for {expected:?}");
    }
}

/// Compares everything in `expected.json`; returns the initialized and the ignored tensors.
fn check(name: &str) -> [Vec<String>; 2] {
    let (model, expected) = open(name);
    assert_eq!(model.tokenizer().options().do_lower_case, expected["lower_case"], "{name}");
    let sentences = ("the cat [MASK] on the mat.", "a quick fox ran.");
    let sequence = model.sequence(sentences.0, Some(sentences.1)).unwrap();
    assert_eq!(serde_json::json!(sequence.input_ids), expected["input_ids"], "{name}");
    assert_eq!(serde_json::json!(sequence.token_type_ids), expected["token_type_ids"], "{name}");
    let sequences = [sequence];
    let encoding = model.encode_sequences(&sequences).unwrap().remove(0);
    assert_eq!(serde_json::json!(encoding.tokens), expected["tokens"], "{name}");

    close(&encoding.last_hidden_state.row(0).to_vec(), &expected["first_hidden_row"]);
    let mask = expected["mask_position"].as_u64().unwrap() as u32;
    if let Some(logits) = expected.get("mask_logits") {
        let got = model.masked_lm_logits(&sequences, &[vec![mask]]).unwrap();
        close(&got[0].row(0).to_vec(), logits);
    }
    if let Some(pooled) = expected.get("pooler_output") {
        close(&encoding.pooler_output.unwrap().to_vec(), pooled);
    }
    if let Some(logits) = expected.get("seq_relationship_logits") {
        close(&model.next_sentence_logits(&sequences).unwrap()[0], logits);
    }
    [model.report().initialized.clone(), model.report().ignored.clone()]
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
    let [half, brain] = ["float16", "bfloat16"].map(|name| open(name).0.bert().parameters.clone());
    assert_ne!(half, brain, "rounded otherwise");
}

#[test]
fn missing_heads_are_drawn_from_the_seed() {
    let config = open("bare").0.bert().config.clone();
    let [first, again, other] = [1, 1, 2].map(|seed| {
        let (path, head) = (path("bare"), Head::Pretraining);
        Bert::from_directory(&path, config.clone(), head, seed).unwrap().0
    });
    assert_eq!(first.parameters, again.parameters);
    for entry in first.layout.entries() {
        let same = first.parameters[entry.range.clone()] == other.parameters[entry.range.clone()];
        // With any seed, biases start at 0 and LayerNorm weights at 1.
        let drawn = entry.name.starts_with("cls.") && entry.name.ends_with(".weight");
        assert_eq!(same, !drawn || entry.name.contains("LayerNorm"), "{}", entry.name);
    }
}

#[test]
fn the_epsilon_of_layer_norm_is_that_of_the_configuration() {
    assert_eq!(check("epsilon"), [Vec::<String>::new(), Vec::new()]);
}

#[test]
fn tasks_answer_as_transformers() {
    let answers: Value =
        serde_json::from_slice(&std::fs::read(path("answers.json")).unwrap()).unwrap();
    for name in ["epsilon", "gamma_beta"] {
        let model = open(name).0;
        let text = |value: &Value| value.as_str().unwrap().to_string();
        let expected = answers[name]["fill_mask"].as_array().unwrap();
        let texts: Vec<String> = expected.iter().map(|answer| text(&answer["text"])).collect();
        let filled = model.fill_mask(&texts, 21).unwrap();
        assert_eq!(filled.len(), 2);
        for (filled, expected) in filled.iter().zip(expected) {
            let masks = expected["masks"].as_array().unwrap();
            assert_eq!(filled.masks.len(), masks.len());
            for (mask, expected) in filled.masks.iter().zip(masks) {
                assert_eq!(mask.position as u64, expected["position"].as_u64().unwrap());
                let mut probabilities = vec![0.0; 21];
                for prediction in &mask.predictions {
                    let id = prediction.token_id;
                    assert_eq!(model.tokenizer().vocabulary().id(&prediction.token), Some(id));
                    probabilities[id as usize] = prediction.probability;
                }
                close(&probabilities, &expected["probabilities"]);
            }
        }
        let expected = answers[name]["next_sentence"].as_array().unwrap();
        let pairs: Vec<_> =
            expected.iter().map(|pair| (text(&pair["a"]), text(&pair["b"]))).collect();
        for (answer, expected) in model.next_sentence(&pairs).unwrap().iter().zip(expected) {
            assert_eq!(answer.sentence_a, text(&expected["a"]));
            close(&answer.logits, &expected["logits"]);
            let probability = expected["is_next_probability"].as_f64().unwrap();
            assert!((f64::from(answer.is_next_probability) - probability).abs() < 1e-5);
        }
    }
}
