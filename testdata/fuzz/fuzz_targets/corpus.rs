//! Text, plain and as JSON Lines: no sentence is blank.
#![no_main]

mod place;

use cloze::data::{Corpus, DataError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for name in ["text.txt", "text.jsonl"] {
        let path = place::write(name, data).display().to_string();
        let corpus = Corpus::from_inputs(&[path]).expect("it is there");
        let _ = corpus.for_each_document(|sentences| {
            assert!(sentences.iter().all(|sentence| !sentence.trim().is_empty()));
            Ok::<_, DataError>(())
        });
    }
});
