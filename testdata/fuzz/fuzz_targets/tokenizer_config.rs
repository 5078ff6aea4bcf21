//! `tokenizer_config.json` beside a good `vocab.txt`.
#![no_main]

mod place;

use cloze::tokenizer::Tokenizer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    place::write("vocab.txt", place::VOCABULARY.as_bytes());
    place::write("tokenizer_config.json", data);
    if let Ok(tokenizer) = Tokenizer::from_directory(place::directory()) {
        tokenizer.encode("The fox's caf\u{e9} 猫 [MASK] foxes.");
    }
});
