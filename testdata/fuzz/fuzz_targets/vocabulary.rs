//! `vocab.txt`, and encoding with whatever it says.
#![no_main]

mod place;

use cloze::tokenizer::{TokenizerOptions, Tokenizer, Vocabulary};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(vocabulary) = Vocabulary::from_file(&place::write("vocab.txt", data)) {
        let size = vocabulary.len() as u32;
        let tokenizer = Tokenizer::new(vocabulary, TokenizerOptions::default());
        let ids = tokenizer.encode("The fox's caf\u{e9} 猫 [MASK] foxes.");
        assert!(ids.iter().all(|&id| id < size));
    }
});
