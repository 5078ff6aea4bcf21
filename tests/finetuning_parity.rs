//! Losses, gradients and ten optimizer steps of every fine-tuning head against its class in transformers
//! (`testdata/hugging_face/finetuning.json`, made by `make_finetuning.py`).

use cloze::autodiff::Mode;
use cloze::data::features::{Feature, FeatureBatch, FeatureShape, Target};
use cloze::model::{Bert, Config, FinetuningPlan, HeadLoss};
use cloze::tensor::dropout::DropoutKey;
use cloze::train::finetuning::Finetuning;
use cloze::train::{Recipe, Trainer};
use serde_json::Value;

const SHAPE: FeatureShape = FeatureShape { batch_size: 2, max_seq_length: 8 };
const KEY: DropoutKey = DropoutKey { seed: 0, step: 0, first_sequence: 0 };

fn fixture() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/hugging_face/finetuning.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The weights of `make_heads.py`: a formula of the parameter's name and the element's index.
fn weight(name: &str, index: usize) -> f64 {
    let start: u64 = (1..).zip(name.bytes()).map(|(i, byte)| i * u64::from(byte)).sum();
    let h = (start + index as u64) * 2_654_435_761 % (1 << 32);
    0.6 * ((h >> 16) as f64 / 65536.0 - 0.5)
}

/// The model of a case. The hidden states have no pooler in classes without one.
fn bert(fixture: &Value, loss: HeadLoss, num_labels: usize) -> Bert {
    let mut config: Config = serde_json::from_value(fixture["config"].clone()).unwrap();
    (config.hidden_dropout_prob, config.attention_probs_dropout_prob) = (0.0, 0.0);
    let mut bert = Bert::with_head(config, FinetuningPlan::head(loss, num_labels), 0);
    for entry in bert.layout.entries() {
        let one = if entry.name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
        for (index, value) in bert.parameters[entry.range.clone()].iter_mut().enumerate() {
            *value = (one + weight(&entry.name, index)) as f32;
        }
    }
    bert
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn ids(value: &Value) -> Vec<u32> {
    numbers(value).into_iter().map(|id| id as u32).collect()
}

fn batch(fixture: &Value, name: &str) -> FeatureBatch {
    let labels = &fixture["cases"][name]["labels"];
    let mut batch = FeatureBatch::new(SHAPE);
    batch.clear(0);
    for b in 0..2 {
        let label = &labels["labels"][b];
        let target = match name {
            "classes" => Target::Class(label.as_u64().unwrap() as u32),
            "number" => Target::Number(label.as_f64().unwrap() as f32),
            "tags" => {
                let tag = |tag: f64| (tag >= 0.0).then_some(tag as u32);
                Target::Tags(numbers(label).into_iter().map(tag).collect())
            }
            _ => Target::Span {
                first: labels["start_positions"][b].as_u64().unwrap() as u32,
                last: labels["end_positions"][b].as_u64().unwrap() as u32,
            },
        };
        let input_ids = ids(&fixture["input_ids"][b]);
        let token_type_ids = ids(&fixture["token_type_ids"][b]);
        batch.push(&Feature { input_ids, token_type_ids, target });
    }
    batch
}

const CASES: [(&str, HeadLoss, usize); 4] = [
    ("classes", HeadLoss::Classes, 3),
    ("number", HeadLoss::Number, 1),
    ("tags", HeadLoss::Tags, 5),
    ("span", HeadLoss::Span, 2),
];

/// Compares every parameter's `values` with a recorded summary: norm, product with a direction, first elements.
fn compare(what: &str, bert: &Bert, values: &[f32], recorded: &Value, tolerance: f64) {
    let expected = recorded.as_object().unwrap();
    assert_eq!(expected.len(), bert.layout.entries().len(), "{what}");
    for entry in bert.layout.entries() {
        let (name, values) = (&entry.name, &values[entry.range.clone()]);
        // A softmax over positions does not depend on this bias: its gradient is zero but for rounding, and Adam
        // divides rounding by itself.
        if name == "qa_outputs.bias" && what == "ten steps of span" {
            continue;
        }
        let expected = &expected[name];
        let norm = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let direction = |i: usize| weight(&format!("direction.{name}"), i);
        let product: f64 =
            values.iter().enumerate().map(|(i, &x)| f64::from(x) * direction(i)).sum();
        let recorded_norm = expected["norm"].as_f64().unwrap();
        // The gradient of the keys' bias is zero but for rounding.
        let scale = recorded_norm.max(1e-3);
        let close = |got: f64, expected: f64, part: &str| {
            let error = (got - expected).abs() / scale;
            assert!(error < tolerance, "{what}, {name}, {part}: {got}, not {expected}");
        };
        close(norm, recorded_norm, "norm");
        close(product, expected["product"].as_f64().unwrap(), "product");
        for (i, first) in numbers(&expected["first"]).into_iter().enumerate() {
            close(f64::from(values[i]), first, "an element");
        }
    }
}

#[test]
fn logits_losses_and_gradients_are_those_of_transformers() {
    let fixture = fixture();
    for (name, loss, num_labels) in CASES {
        let recorded = &fixture["cases"][name];
        let bert = bert(&fixture, loss, num_labels);
        let batch = batch(&fixture, name);
        let mut plan = FinetuningPlan::new(&bert, loss, SHAPE, Mode::Training).unwrap();
        plan.load(&batch, 1.0 / plan.targets(&batch));
        let [got, _] = plan.forward(&bert.parameters, KEY);
        let expected = recorded["losses"][0].as_f64().unwrap();
        assert!((f64::from(got) - expected).abs() < 1e-5, "{name}: loss {got}, not {expected}");

        let logits: Vec<f64> =
            (0..2).flat_map(|b| plan.logits(b).to_vec()).map(f64::from).collect();
        let columns = recorded["logits"].as_array().unwrap();
        for (column, expected) in columns.iter().enumerate() {
            let got = logits.iter().skip(column).step_by(columns.len());
            let expected = numbers(expected);
            assert_eq!(got.clone().count(), expected.len(), "{name}");
            for (got, expected) in got.zip(expected) {
                assert!((got - expected).abs() < 1e-5, "{name}: logit {got}, not {expected}");
            }
        }

        let mut gradients = vec![f32::NAN; bert.parameters.len()];
        plan.backward(&bert.parameters, &mut gradients, KEY);
        compare(name, &bert, &gradients, &recorded["gradients"], 1e-4);
    }
}

#[test]
fn ten_steps_are_those_of_transformers() {
    let fixture = fixture();
    for (name, loss, num_labels) in CASES {
        let recorded = &fixture["cases"][name];
        let bert = bert(&fixture, loss, num_labels);
        let mut recipe = Recipe::default();
        (recipe.train_batch_size, recipe.max_seq_length) = (2, 8);
        let schedule = &mut recipe.schedule;
        (schedule.learning_rate, schedule.num_train_steps, schedule.num_warmup_steps) =
            (1e-2, 10, 2);
        let objective = Finetuning::new(&bert, loss, SHAPE, Mode::Training).unwrap();
        let mut trainer = Trainer::new(bert, objective, recipe);
        let batches = [batch(&fixture, name)];
        for (step, expected) in numbers(&recorded["losses"]).into_iter().enumerate() {
            let got = trainer.step(&batches).unwrap().loss();
            assert!((got - expected).abs() < 1e-4, "{name}, step {step}: {got}, not {expected}");
        }
        let bert = &trainer.bert;
        compare(
            &format!("ten steps of {name}"),
            bert,
            &bert.parameters,
            &recorded["parameters"],
            1e-4,
        );
    }
}
