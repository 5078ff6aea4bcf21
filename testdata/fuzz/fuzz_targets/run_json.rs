//! `run.json`, and a run prepared and begun from its settings, as `--resume` and `cloze verify` do. Files that it
//! names outside the directory are replaced.
#![no_main]

mod place;

use cloze::run::pretraining::{InstanceSource, ModelSource, VocabularySource};
use cloze::run::run_json::{RunJson, differences};
use cloze::run::{Event, Observer, PretrainingJob, PretrainingOptions, begin};
use libfuzzer_sys::fuzz_target;

const TEXT: &str = "The fox.\nA foxes a.\n\nThe caf\u{e9}.\nThe end.\n\nA fox.\nThe the the.\n\nA.\nThe.\n";
const CONFIG: &str = r#"{"model_type": "bert", "vocab_size": 300, "hidden_size": 8,
    "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
    "max_position_embeddings": 32}"#;

/// Stops after two steps.
struct TwoSteps(u32);

impl Observer for TwoSteps {
    fn observe(&mut self, _: Event<'_>) {}

    fn should_stop(&mut self) -> bool {
        self.0 += 1;
        self.0 > 2
    }
}

fuzz_target!(|data: &[u8]| {
    place::write("run.json", data);
    let Ok(json) = RunJson::<PretrainingOptions>::read(place::directory()) else { return };
    json.settings();
    assert!(differences(&json.options, &json.options).is_empty());
    let mut options = json.options;
    let path = |name: &str, text: &str| place::write(name, text.as_bytes()).display().to_string();
    options.input = InstanceSource::Text(vec![path("text.txt", TEXT)]);
    options.eval_input.clear();
    let output = place::directory().join("run");
    options.output_dir = Some(output.clone());
    if let ModelSource::New(new) = &mut options.model {
        new.model = path("tiny.json", CONFIG);
        if let VocabularySource::File(file) = &mut new.vocabulary {
            *file = path("vocab.txt", place::VOCABULARY).into();
        }
    } else {
        return;
    }
    // A larger step tests nothing else, and takes seconds.
    if options.recipe.training.sequences_per_step() > 256 {
        return;
    }
    options.max_eval_steps = options.max_eval_steps.min(4);
    let _ = std::fs::remove_dir_all(&output);
    let _ = begin::<PretrainingJob>(&options, "fuzz", &mut TwoSteps(0));
});
