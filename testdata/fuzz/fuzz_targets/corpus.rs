//! Text, plain, as JSON Lines and compressed: no sentence is blank, and both readings give one digest.
#![no_main]

mod place;

use cloze::data::{Chunk, Corpus, DataError, Part};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for name in ["text.txt", "text.jsonl", "text.txt.gz", "text.jsonl.gz"] {
        let path = place::write(name, data).display().to_string();
        // What cloze writes itself, such as instances, is not text.
        let Ok(corpus) = Corpus::from_inputs(&[path]) else { continue };
        let check = |chunk: &Chunk<'_>| {
            chunk.for_each_part(|part| {
                assert!(!matches!(part, Part::Sentence(text) if text.trim().is_empty()));
            })
        };
        let read = corpus.map_chunks(check, |()| Ok::<_, DataError>(()), &mut |_| {});
        if let Ok(digest) = read {
            assert_eq!(digest, corpus.digest(&mut |_| {}).expect("it was read before"));
        }
    }
});
