//! Every head against its class in transformers: the names and shapes of its parameters, and its
//! outputs (`testdata/hugging_face/heads.json`, made by `make_heads.py`).

use cloze::autodiff::{Graph, Mode, Plan, Tensor};
use cloze::model::heads::{
    masked_lm_logits, next_sentence_logits, pooler, question_answering_logits,
    sequence_classification_logits, token_classification_logits,
};
use cloze::model::{
    Bert, Config, EncoderInputs, Head, PackedRows, Padding, Sequences, encoder, layout,
};
use cloze::tensor::dropout::DropoutKey;
use serde_json::Value;
use std::path::PathBuf;

fn fixture() -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/hugging_face/heads.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The fixture's configuration as the class `name` would have it in `config.json`, and its head.
fn open(fixture: &Value, name: &str) -> (Config, Head) {
    let mut value = fixture["config"].clone();
    value["architectures"] = serde_json::json!([name]);
    let num_labels = &fixture["classes"][name]["num_labels"];
    if !num_labels.is_null() {
        value["num_labels"] = num_labels.clone();
    }
    let config: Config = serde_json::from_value(value).unwrap();
    config.validate(name).unwrap();
    let head = config.head();
    assert_eq!(head.architecture(), name);
    (config, head)
}

#[test]
fn names_and_shapes_are_those_of_transformers() {
    let fixture = fixture();
    let classes = fixture["classes"].as_object().unwrap();
    assert_eq!(classes.len(), 6);
    for (name, recorded) in classes {
        let (config, head) = open(&fixture, name);
        let layout = layout(&config, head);
        let expected = recorded["parameters"].as_object().unwrap();
        for (parameter, shape) in expected {
            let entry = layout.get(parameter).unwrap_or_else(|| panic!("{name}: {parameter}"));
            assert_eq!(serde_json::json!(entry.shape), *shape, "{name}: {parameter}");
        }
        assert_eq!(layout.entries().len(), expected.len(), "{name}");
        assert_eq!(head.has_pooler(), expected.contains_key("bert.pooler.dense.weight"), "{name}");
    }
}

/// The weights of `make_heads.py`: a formula of the parameter's name and the element's index.
fn weight(name: &str, index: usize) -> f32 {
    let start: u64 = (1..).zip(name.bytes()).map(|(i, byte)| i * u64::from(byte)).sum();
    let h = (start + index as u64) * 2_654_435_761 % (1 << 32);
    let value = 0.6 * ((h >> 16) as f64 / 65536.0 - 0.5);
    (if name.ends_with("LayerNorm.weight") { 1.0 + value } else { value }) as f32
}

fn bert(config: Config, head: Head) -> Bert {
    let mut bert = Bert::with_head(config, head, 0);
    for entry in bert.layout.entries() {
        for (index, value) in bert.parameters[entry.range.clone()].iter_mut().enumerate() {
            *value = weight(&entry.name, index);
        }
    }
    bert
}

/// An output, `[batch, width]` or `[batch, seq, width]`, with the name that the fixture has for it.
type Output = (&'static str, Tensor);

/// All outputs of a head. Those at every position come from `[batch, seq]` rows.
fn outputs(
    g: &mut Graph<'_>,
    config: &Config,
    head: Head,
    inputs: &EncoderInputs,
    [every_row, first_tokens, sequence_ids]: [cloze::autodiff::Integers; 3],
) -> Vec<Output> {
    let last = *encoder(g, config, inputs).unwrap().last().unwrap();
    match head {
        Head::Pretraining => {
            let words = masked_lm_logits(g, config, last, every_row).unwrap();
            let pooled = pooler(g, last, first_tokens).unwrap();
            let next = next_sentence_logits(g, pooled).unwrap();
            vec![("prediction_logits", words), ("seq_relationship_logits", next)]
        }
        Head::MaskedLm => {
            vec![("logits", masked_lm_logits(g, config, last, every_row).unwrap())]
        }
        Head::SequenceClassification { .. } => {
            let pooled = pooler(g, last, first_tokens).unwrap();
            let z = sequence_classification_logits(g, config, pooled, sequence_ids).unwrap();
            vec![("logits", z)]
        }
        Head::TokenClassification { .. } => {
            let z = token_classification_logits(g, config, last, inputs.row_ids).unwrap();
            vec![("logits", z)]
        }
        Head::QuestionAnswering => {
            let z = question_answering_logits(g, last).unwrap();
            vec![("start_logits", z), ("end_logits", z)]
        }
        _ => {
            let pooled = pooler(g, last, first_tokens).unwrap();
            vec![("last_hidden_state", last), ("pooler_output", pooled)]
        }
    }
}

#[test]
fn outputs_are_those_of_transformers() {
    let fixture = fixture();
    let flat = |key: &str| -> Vec<u32> {
        let rows = fixture[key].as_array().unwrap();
        let values = rows.iter().flat_map(|row| row.as_array().unwrap());
        values.map(|value| value.as_u64().unwrap() as u32).collect()
    };
    let [input_ids, token_type_ids, attention_mask] =
        &["input_ids", "token_type_ids", "attention_mask"].map(flat);
    let sequences = Sequences { input_ids, token_type_ids, attention_mask };
    let (batch, seq) = (2, 8);
    for (name, recorded) in fixture["classes"].as_object().unwrap() {
        let (config, head) = open(&fixture, name);
        let bert = bert(config, head);
        for padding in [Padding::Computed, Padding::LeftOut] {
            let mut g = Graph::new(&bert.layout);
            let inputs = EncoderInputs::new(&mut g, batch, seq);
            let lists = [batch * seq, batch, batch].map(|length| g.integers(length));
            let outputs = outputs(&mut g, &bert.config, head, &inputs, lists);
            for (_, tensor) in &outputs {
                g.keep(*tensor);
            }
            let mut plan = Plan::new(g, Mode::Evaluation).unwrap();
            let scope = match head {
                Head::QuestionAnswering => "qa_outputs\n",
                Head::SequenceClassification { .. } | Head::TokenClassification { .. } => {
                    "classifier\n"
                }
                _ => "encoder",
            };
            assert!(plan.to_string().contains(scope), "{name} has the scope {scope}");
            let packed: PackedRows = inputs.load(&mut plan, sequences, padding);
            let real: Vec<usize> = (0..batch * seq).filter(|&i| attention_mask[i] == 1).collect();
            for &i in &real {
                plan.integers_mut(lists[0])[i] = packed.row(i);
            }
            plan.integers_mut(lists[1]).copy_from_slice(packed.first_tokens());
            plan.integers_mut(lists[2]).copy_from_slice(&[0, 1]);
            let key = DropoutKey { seed: 0, step: 0, first_sequence: 0 };
            plan.forward(&bert.parameters, key);
            for (output, tensor) in outputs {
                let expected: Vec<f64> = recorded["outputs"][output]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|value| value.as_f64().unwrap())
                    .collect();
                let got = plan.value(tensor);
                let width = tensor.shape.columns();
                let at_every_position = tensor.shape.rows() == batch * seq;
                let gathered = head.has_masked_lm();
                // Start and end share a tensor: one column each.
                let columns = match output {
                    "start_logits" => 0..1,
                    "end_logits" => 1..2,
                    _ => 0..width,
                };
                let per_row = columns.len();
                let indices = if at_every_position { real.clone() } else { (0..batch).collect() };
                assert_eq!(expected.len(), tensor.shape.rows() * per_row, "{name}: {output}");
                for index in indices {
                    let row = match at_every_position && !gathered {
                        true => packed.row(index) as usize,
                        false => index,
                    };
                    let expected = &expected[index * per_row..][..per_row];
                    let got = &got[row * width..][columns.clone()];
                    for (&got, &expected) in got.iter().zip(expected) {
                        let difference = (f64::from(got) - expected).abs();
                        assert!(difference < 1e-5, "{name}: {output}: {got} for {expected}");
                    }
                }
            }
        }
    }
}
