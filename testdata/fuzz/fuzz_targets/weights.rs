//! `model.safetensors` of a small model: what is read is finite.
#![no_main]

mod place;

use cloze::model::{Bert, Config, Head};
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::OnceLock;

fuzz_target!(|data: &[u8]| {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../hugging_face/bare/config.json");
        Config::from_file(Path::new(path)).expect("a fixture")
    });
    place::write("model.safetensors", data);
    let read = Bert::from_directory(place::directory(), config.clone(), Head::Pretraining, 0);
    if let Ok((bert, _)) = read {
        assert!(bert.parameters.iter().all(|value| value.is_finite()));
    }
});
