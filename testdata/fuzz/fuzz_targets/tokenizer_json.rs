//! `tokenizer.json`, and encoding with whatever it says.
#![no_main]

mod place;

use cloze::tokenizer::Tokenizer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    place::write("tokenizer.json", data);
    if let Ok(tokenizer) = Tokenizer::from_directory(place::directory()) {
        let size = tokenizer.vocabulary().len() as u32;
        let ids = tokenizer.encode("The fox's caf\u{e9} 猫 [MASK] foxes.");
        assert!(ids.iter().all(|&id| id < size));
    }
});
