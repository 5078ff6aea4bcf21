//! Unusable model directories: `--init` and every command that reads a model refuse them and name the file and
//! the tensor at fault.

use crate::place::Place;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

/// Must be refused by everything that reads a model.
#[track_caller]
fn refuse_model(place: &Place, words: &[&str]) {
    place.refuses(words, |place| place.pretrain("--input text.txt --init bad --output-dir out"));
    place.refuses(words, |place| place.cloze("fill-mask --model bad [MASK]"));
    place.refuses(words, |place| place.cloze("next-sentence --model bad A B"));
    place.refuses(words, |place| place.cloze("eval --model bad --input text.txt"));
}

/// A trained model with a changed `model.safetensors`.
#[track_caller]
fn refuse_weights(change: impl FnOnce(Vec<u8>) -> Vec<u8>, words: &[&str]) {
    let place = Place::with_run();
    place.copy("run", "bad");
    place.write("bad/model.safetensors", change(place.read("run/model.safetensors")));
    refuse_model(&place, &[&["`bad/model.safetensors`"], words].concat());
}

/// Changes the header (a JSON object after its length) and keeps the numbers.
fn with_header(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    change(&mut header);
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes[8 + length..]].concat()
}

const WORDS: &str = "bert.embeddings.word_embeddings.weight";
const DENSE: &str = "bert.encoder.layer.0.attention.output.dense.weight";

#[test]
fn weights_cut_short() {
    let words = ["is not a whole safetensors file", "fetch or write it again"];
    refuse_weights(|bytes| bytes[..bytes.len() - 1].to_vec(), &words);
    refuse_weights(|bytes| bytes[..100].to_vec(), &words);
    refuse_weights(|_| Vec::new(), &words);
}

#[test]
fn weights_that_lie_about_their_sizes() {
    let words = ["is not a whole safetensors file"];
    // The length of the header, the offset of a tensor, the shape of a tensor.
    let header = |mut bytes: Vec<u8>| {
        bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        bytes
    };
    refuse_weights(header, &words);
    let place = |bytes: Vec<u8>| {
        with_header(&bytes, |header| header[WORDS]["data_offsets"][1] = json!(1u64 << 60))
    };
    refuse_weights(place, &words);
    let shape = |bytes: Vec<u8>| {
        with_header(&bytes, |header| header[WORDS]["shape"] = json!([1u64 << 40, 1u64 << 40]))
    };
    refuse_weights(shape, &words);
}

#[test]
fn weights_of_other_shapes() {
    let flat =
        |bytes: Vec<u8>| with_header(&bytes, |header| header[DENSE]["shape"] = json!([8, 32]));
    refuse_weights(flat, &[DENSE, "has shape [8, 32]", "asks for [16, 16]"]);
    // The configuration of another model, including one too large for the memory.
    for size in ["24", "16777216"] {
        let place = Place::with_run();
        place.copy("run", "bad");
        let config = place.read_text("run/config.json");
        let config = config.replace("\"hidden_size\": 16", &format!("\"hidden_size\": {size}"));
        place.write("bad/config.json", config);
        let asks = format!("asks for [120, {size}]");
        refuse_model(&place, &["`bad/model.safetensors`", WORDS, "has shape [120, 16]", &asks]);
    }
}

#[test]
fn weights_of_other_types() {
    let integers =
        |bytes: Vec<u8>| with_header(&bytes, |header| header[DENSE]["dtype"] = json!("I32"));
    refuse_weights(integers, &[DENSE, "has type I32", "F32, F16, BF16 and F64 can be read"]);
}

#[test]
fn weights_that_are_not_finite() {
    let nan = |mut bytes: Vec<u8>| {
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        bytes
    };
    refuse_weights(nan, &["holds NaN", "finite"]);
}

#[test]
fn weights_without_a_part_of_the_encoder() {
    let without = |bytes: Vec<u8>| {
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let rest = tensors.tensors().into_iter().filter(|(name, _)| name != DENSE);
        safetensors::serialize(rest, None).unwrap()
    };
    refuse_weights(without, &["has no tensor for", DENSE]);
    let nothing = |_| {
        let view = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
        safetensors::serialize([("x", view)], None).unwrap()
    };
    refuse_weights(nothing, &["has no tensor for", WORDS]);
}

#[test]
fn model_directories_that_are_none() {
    let place = Place::with_run();
    refuse_model(&place, &["cannot read `bad/config.json`"]);
    place.copy("run", "bad");
    std::fs::remove_file(place.path("bad/model.safetensors")).unwrap();
    refuse_model(&place, &["`bad` has no model.safetensors", "convert the checkpoint"]);
    std::fs::create_dir(place.path("bad/model.safetensors")).unwrap();
    refuse_model(&place, &["cannot read `bad/model.safetensors`"]);
    for file in ["tokenizer.json", "vocab.txt"] {
        std::fs::remove_file(place.path("bad").join(file)).unwrap();
    }
    refuse_model(&place, &["`bad` holds neither tokenizer.json nor vocab.txt"]);
    // A vocabulary with more tokens than the model has rows.
    place.write("bad/vocab.txt", place.read_text("run/vocab.txt") + "more\n");
    refuse_model(
        &place,
        &["`bad`: the vocabulary has 121 tokens", "vocab_size is 120", "do not belong together"],
    );
}
