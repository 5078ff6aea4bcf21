//! Evaluation of a model on text: every number is that of the model's logits on the instances that
//! `cloze instances` writes for the same settings; the size of a batch changes no bit; every option
//! counts.

#[path = "command_line/place.rs"]
#[allow(dead_code)]
mod place;

use cloze::tasks::{Model, Sequence};
use place::{Place, TEXT};
use serde_json::Value;

/// A trained model in `run`, and in `long.txt` a text of several evaluation batches.
fn place() -> Place {
    let place = Place::with_vocab();
    let names = ["Anna", "Tom", "Greta", "Otto", "Mia", "The king", "A boy", "His dog"];
    let text = names.map(|name| TEXT.replace("The cat", name).replace("Snow", name));
    place.write("long.txt", text.join("\n"));
    let options = "--vocab vocab.txt --num-train-steps 30 --output-dir run";
    place.pretrain(&format!("--input text.txt {options}")).ok();
    place
}

const EVAL: &str = "eval --model run --input long.txt --max-seq-length 32 --json";

#[test]
fn the_size_of_a_batch_changes_no_bit() {
    let place = place();
    let answer = |size: u32| place.cloze(&format!("{EVAL} --eval-batch-size {size}")).ok().stdout;
    let first = answer(1);
    let instances = serde_json::from_str::<Value>(&first).unwrap()["instances"].as_u64().unwrap();
    assert!(instances > 2 * 64, "{instances} are three batches of at most 64");
    for size in [4, 7, 16, 32, 500] {
        assert_eq!(answer(size), first, "--eval-batch-size {size}");
    }
}

#[test]
fn training_evaluates_to_the_bits_of_eval() {
    let place = place();
    for size in ["4", "7"] {
        let options = format!(
            "--vocab vocab.txt --eval-input long.txt --train-batch-size {size} --output-dir of-{size}"
        );
        place.pretrain(&format!("--input text.txt --max-eval-steps 500 {options}")).ok();
        let lines = place.metrics(&format!("of-{size}"));
        let last = lines.last().unwrap();
        let eval = place.cloze(&EVAL.replace("run", &format!("of-{size}"))).json();
        let eval = eval.as_object().unwrap();
        // The run counts the words of the text to train on, `eval` those of the text it reads.
        for (name, value) in eval.iter().filter(|(name, _)| *name != "unigram_loss") {
            assert_eq!(last[format!("eval_{name}")], *value, "{name}");
        }
    }
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// −ln softmax(logits)[label], and whether the label is the first of the largest.
fn cross_entropy(logits: &[f32], label: usize) -> (f64, bool) {
    let logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    let first = logits.iter().position(|&logit| logit == largest).unwrap();
    (sum.ln() + largest - logits[label], first == label)
}

/// Losses and accuracies of the model `run` on the instances that the options make.
fn expected(place: &Place, options: &str) -> [f64; 6] {
    let make = "instances --input long.txt --vocab vocab.txt --max-seq-length 32";
    let instances = place::json_lines(&place.cloze(&format!("{make} {options}")).ok().stdout);
    let model = Model::open(place.path("run")).unwrap();
    let sequence = |line: &Value| Sequence {
        input_ids: ids(&line["input_ids"]),
        token_type_ids: ids(&line["token_type_ids"]),
    };
    let sequences: Vec<Sequence> = instances.iter().map(sequence).collect();
    let positions: Vec<_> =
        instances.iter().map(|line| ids(&line["masked_lm_positions"])).collect();
    let vocabulary = model.tokenizer().vocabulary();
    let (mut loss, mut right, mut tokens) = (0.0, 0, 0);
    let logits = model.masked_lm_logits(&sequences, &positions).unwrap();
    for (line, logits) in instances.iter().zip(logits) {
        for (label, logits) in
            line["masked_lm_labels"].as_array().unwrap().iter().zip(logits.rows())
        {
            let id = vocabulary.id(label.as_str().unwrap()).unwrap() as usize;
            let (of_token, is_right) = cross_entropy(&logits.to_vec(), id);
            (loss, right, tokens) = (loss + of_token, right + u32::from(is_right), tokens + 1);
        }
    }
    let (mut next_loss, mut next_right, mut pairs) = (0.0, 0, 0);
    for (line, logits) in instances.iter().zip(model.next_sentence_logits(&sequences).unwrap()) {
        if let Some(is_random) = line["is_random_next"].as_bool() {
            let (of_pair, is_right) = cross_entropy(&logits, is_random.into());
            (next_loss, next_right, pairs) =
                (next_loss + of_pair, next_right + u32::from(is_right), pairs + 1);
        }
    }
    let (tokens, pairs) = (f64::from(tokens), f64::from(pairs));
    [
        loss / tokens,
        f64::from(right) / tokens,
        next_loss / pairs,
        f64::from(next_right) / pairs,
        instances.len() as f64,
        tokens,
    ]
}

#[test]
fn every_number_is_that_of_the_instances_and_every_option_counts() {
    let place = place();
    let mut losses = Vec::new();
    for options in [
        "",
        "--short-seq-prob 1",
        "--whole-word-mask",
        "--masked-lm-prob 0.3",
        "--max-predictions-per-seq 2",
        "--seed 1",
        "--no-nsp",
    ] {
        let value = place.cloze(&format!("{EVAL} {options}")).json();
        let expected = expected(&place, options);
        let names = [
            "masked_lm_loss",
            "masked_lm_accuracy",
            "next_sentence_loss",
            "next_sentence_accuracy",
            "instances",
            "masked_tokens",
        ];
        for (name, expected) in names.into_iter().zip(expected) {
            match value[name].as_f64() {
                // Counts and shares of them are exact, losses are sums of float32.
                Some(got) if name.ends_with("loss") => {
                    assert!(
                        (got - expected).abs() < 2e-6 * expected,
                        "{options}: {name} {got} {expected}"
                    );
                }
                Some(got) => assert_eq!(got, expected, "{options}: {name}"),
                None => assert!(expected.is_nan() && options == "--no-nsp", "{options}: {name}"),
            }
        }
        assert!(expected[1] > 0.0, "some words are right");
        losses.push(value["masked_lm_loss"].as_f64().unwrap());
    }
    for (i, loss) in losses.iter().enumerate() {
        assert!(!losses[..i].contains(loss), "each option changes the loss: {losses:?}");
    }
}
