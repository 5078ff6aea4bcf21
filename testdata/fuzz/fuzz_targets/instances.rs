//! Instances as JSON Lines: what passes can be read and fits the shape.
#![no_main]

mod place;

use cloze::data::InstanceFile;
use cloze::tokenizer::Vocabulary;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

fuzz_target!(|data: &[u8]| {
    static VOCABULARY: OnceLock<Vocabulary> = OnceLock::new();
    let vocabulary = VOCABULARY.get_or_init(|| {
        let path = place::write("vocab.txt", place::VOCABULARY.as_bytes());
        Vocabulary::from_file(&path).expect("a good vocabulary")
    });
    let path = place::write("instances.jsonl", data);
    if let Ok(mut file) = InstanceFile::open(&path, vocabulary, 12, 3, true, 0) {
        for _ in 0..file.len() {
            let instance = file.next_instance().expect("checked when opened");
            assert!(instance.input_ids.len() <= 12 && instance.masked_lm_positions.len() <= 3);
            assert!(instance.input_ids.iter().all(|&id| (id as usize) < vocabulary.len()));
        }
    }
});
