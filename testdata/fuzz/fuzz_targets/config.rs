//! `config.json`: what passes must have a layout whose size can be told.
#![no_main]

mod place;

use cloze::model::{Config, layout};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(config) = Config::from_file(&place::write("config.json", data)) {
        if config.validate("the file").is_ok() && config.num_hidden_layers < 1000 {
            assert!(layout(&config, config.head()).len() > 0);
        }
    }
});
