//! A token store, as it is and with a right checksum put in it: what is believed can be read, drawn from
//! and gone to.
#![no_main]

mod place;

use cloze::data::{
    Corpus, SentenceEncoder, MaskSettings, PairSettings, Sampler, SamplerPosition, Storage, TokenStore,
};
use cloze::system::digest::Digest;
use cloze::tokenizer::{TokenizerOptions, Tokenizer, Vocabulary};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, OnceLock};

const TEXT: &str = "The fox.\nA foxes a.\n\nThe caf\u{e9}.\n\nA fox.\nThe the the.";

fuzz_target!(|data: &[u8]| {
    static TOKENIZER: OnceLock<Tokenizer> = OnceLock::new();
    let tokenizer = TOKENIZER.get_or_init(|| {
        let path = place::write("vocab.txt", place::VOCABULARY.as_bytes());
        Tokenizer::new(Vocabulary::from_file(&path).expect("a good vocabulary"), TokenizerOptions::default())
    });
    // The first bytes are a place to go to.
    let Some((numbers, store)) = data.split_at_checked(32) else { return };
    let mut forged = store.to_vec();
    if let Some(end) = forged.len().checked_sub(32) {
        let checksum = Digest::of(&forged[..end]);
        forged[end..].copy_from_slice(&checksum.0);
    }
    let corpus = Corpus::from_text("the text", TEXT);
    for bytes in [store, &forged] {
        let path = place::write("x.tokens", bytes);
        let encoding = SentenceEncoder::of(tokenizer);
        let store = TokenStore::build(&corpus, &encoding, Storage::File(path), &mut |_, _| ());
        let store = Arc::new(store.expect("the text is good"));
        let mut ids = Vec::new();
        for document in 0..store.documents() {
            store.document(document).for_each(|s| store.extend(store.sentence(s), &mut ids));
        }
        assert!(ids.len() as u64 == store.tokens() && !ids.is_empty());
        let vocabulary = tokenizer.vocabulary();
        assert!(ids.iter().all(|&id| (id as usize) < vocabulary.len()));

        let pairs = PairSettings::default().with_max_seq_length(12).with_no_nsp(true);
        let masks = MaskSettings::default().with_max_predictions_per_seq(3);
        let all = (0..store.documents() as u32).collect();
        let sampler = Sampler::new(store, all, pairs, masks, vocabulary, 1, "the text");
        let Ok(mut sampler) = sampler else { continue };
        let number = |i: usize| u64::from_le_bytes(numbers[8 * i..][..8].try_into().expect("8"));
        let [epoch, document, before, offset] = [0, 1, 2, 3].map(number);
        // Larger ones are refused with the checkpoint that holds them.
        if [epoch, document, before, offset].iter().all(|&number| number < 1 << 48) {
            sampler.seek(SamplerPosition { epoch, document, before, offset, ..sampler.position() });
        }
        for _ in 0..20 {
            assert!(sampler.next_instance().input_ids.len() <= 12);
        }
    }
});
