//! Any text: ids within the vocabulary, offsets in order and on character boundaries, the same ids
//! with and without offsets.
#![no_main]

mod place;

use cloze::tokenizer::{TokenizerOptions, Tokenizer, Vocabulary};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

fuzz_target!(|text: &str| {
    static TOKENIZERS: OnceLock<[Tokenizer; 2]> = OnceLock::new();
    let tokenizers = TOKENIZERS.get_or_init(|| {
        let path = place::write("vocab.txt", place::VOCABULARY.as_bytes());
        let vocabulary = Vocabulary::from_file(&path).expect("a good vocabulary");
        [true, false].map(|do_lower_case| {
            Tokenizer::new(vocabulary.clone(), TokenizerOptions::default().with_do_lower_case(do_lower_case))
        })
    });
    for tokenizer in tokenizers {
        let ids = tokenizer.encode(text);
        let tokens = tokenizer.encode_with_offsets(text);
        assert!(tokens.iter().map(|token| token.id).eq(ids.iter().copied()));
        let mut start = 0;
        for token in tokens {
            assert!(token.source.start >= start && token.source.start <= token.source.end);
            assert!(text.get(token.source.clone()).is_some());
            start = token.source.start;
        }
    }
});
