//! The statistics of 10,000 instances against Google's recipe. Every bound is five standard deviations of a
//! binomial distribution, so a correct program fails with one of about two million seeds. The seed is fixed.

use cloze::data::{
    Corpus, MaskSettings, PairSettings, Sampler, SentenceEncoder, Storage, TokenStore,
};
use cloze::tokenizer::Vocabulary;
use std::collections::HashMap;
use std::sync::Arc;

const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const DOCUMENTS: usize = 60;
const SENTENCES: usize = 20;
const WORDS: usize = 7;
const WINDOW: usize = 10_000;

/// Every word of the text is its own token, so an id determines document and position.
fn text() -> &'static str {
    let mut text = String::new();
    for document in 0..DOCUMENTS {
        for sentence in 0..SENTENCES {
            let words = (0..WORDS).map(|w| format!("d{document}s{sentence}w{w}"));
            text += &(words.collect::<Vec<_>>().join(" ") + "\n");
        }
        text += "\n";
    }
    text.leak()
}

fn id(document: usize, sentence: usize, word: usize) -> u32 {
    (SPECIAL.len() + (document * SENTENCES + sentence) * WORDS + word) as u32
}

/// (document, position in the document) of an id of the text.
fn place(id: u32) -> (usize, usize) {
    let index = id as usize - SPECIAL.len();
    (index / (SENTENCES * WORDS), index % (SENTENCES * WORDS))
}

fn sampler(short_seq_prob: f64) -> Sampler {
    let mut tokens = SPECIAL.map(String::from).to_vec();
    let mut ids = HashMap::new();
    for document in 0..DOCUMENTS {
        for sentence in 0..SENTENCES {
            for word in 0..WORDS {
                let name = format!("d{document}s{sentence}w{word}");
                ids.insert(name.clone(), id(document, sentence, word));
                tokens.push(name);
            }
        }
    }
    let vocabulary = Vocabulary::from_tokens(tokens).unwrap();
    let encode = |sentence: &str| sentence.split(' ').map(|word| ids[word]).collect();
    let corpus = Corpus::from_text("test", text());
    let encoding = SentenceEncoder::from_fn("words", vocabulary.len(), encode);
    let store = TokenStore::build(&corpus, &encoding, Storage::Memory, &mut |_, _| {}).unwrap();
    let pairs = PairSettings::default().with_max_seq_length(64).with_short_seq_prob(short_seq_prob);
    let masks = MaskSettings::default();
    let documents = (0..DOCUMENTS as u32).collect();
    Sampler::new(Arc::new(store), documents, pairs, masks, &vocabulary, 1, "test").unwrap()
}

/// Asserts that `count` of `total` is within five standard deviations of `probability`.
fn close(what: &str, count: usize, total: usize, probability: f64) {
    let expected = probability * total as f64;
    let deviation = (total as f64 * probability * (1.0 - probability)).sqrt();
    let off = (count as f64 - expected) / deviation;
    println!(
        "{what}: {:.4} of {total} ({off:+.1} standard deviations)",
        count as f64 / total as f64
    );
    assert!(
        off.abs() < 5.0,
        "{what}: {count} of {total} is {off:.1} standard deviations off {probability}"
    );
}

#[test]
fn ten_thousand_instances_are_as_the_recipe_says() {
    let mut sampler = sampler(0.1);
    let mut short = 0;
    let (mut masked, mut kept, mut replaced, mut total) = (0, 0, 0, 0);
    for _ in 0..WINDOW {
        let instance = sampler.next_instance();
        let length = instance.input_ids.len();
        assert!(length <= 64 && instance.token_type_ids.len() == length);

        // The number of masks: 15 % of the length, halves to even, at least 1, at most 20.
        let wanted = ((length as f64 * 0.15).round_ties_even() as usize).clamp(1, 20);
        assert_eq!(instance.masked_lm_positions.len(), wanted);

        // Restores the text before masking.
        let mut original = instance.input_ids.clone();
        let labels = instance.masked_lm_positions.iter().zip(&instance.masked_lm_labels);
        for (&position, &label) in labels {
            let now = original[position as usize];
            assert!(label as usize >= SPECIAL.len(), "a special token is never masked");
            total += 1;
            masked += usize::from(now == 4);
            kept += usize::from(now == label);
            replaced += usize::from(now != 4 && now != label);
            original[position as usize] = label;
        }

        // [CLS] A [SEP] B [SEP], segments 0 and 1.
        let separators: Vec<usize> = (0..length).filter(|&i| original[i] == 3).collect();
        assert!(original[0] == 2 && separators.len() == 2 && separators[1] == length - 1);
        let types = (0..length).map(|i| u32::from(i > separators[0]));
        assert!(types.eq(instance.token_type_ids.iter().copied()));
        let a: Vec<_> = original[1..separators[0]].iter().map(|&id| place(id)).collect();
        let b: Vec<_> =
            original[separators[0] + 1..length - 1].iter().map(|&id| place(id)).collect();
        assert!(!a.is_empty() && !b.is_empty());
        for side in [&a, &b] {
            let runs = side.windows(2).all(|w| w[0].0 == w[1].0 && w[0].1 + 1 == w[1].1);
            assert!(runs, "a segment is a run of neighbouring tokens of one document");
        }

        let is_random = instance.is_random_next.unwrap();
        let (end_of_a, start_of_b) = (a[a.len() - 1], b[0]);
        if is_random {
            assert_ne!(end_of_a.0, start_of_b.0, "a random B is from another document");
        } else {
            assert_eq!(end_of_a.0, start_of_b.0, "a true B is from the same document");
            // Truncation may have removed tokens at the end of A and at the front of B.
            let whole = a.len() + b.len() < 61;
            let gap = start_of_b.1 - end_of_a.1;
            assert!(gap == 1 || (!whole && gap >= 1), "B follows A ({gap})");
        }
        short += usize::from(length < 40);
    }
    close("[MASK]", masked, total, 0.8);
    // The token is unchanged in 10 % of cases, and when the random token is by chance the same.
    close("kept", kept, total, 0.1);
    close("replaced", replaced, total, 0.1);
    assert!(short > WINDOW / 50, "short sequences occur: {short}");
}

#[test]
fn half_of_the_pairs_are_random() {
    // A chunk of one sentence is always random, so only full chunks count. The target is always 61 tokens: a
    // chunk has nine sentences unless it starts within the last nine.
    let mut sampler = sampler(0.0);
    let (mut random, mut total) = (0, 0);
    for _ in 0..WINDOW {
        let instance = sampler.next_instance();
        let label = instance.masked_lm_positions.iter().position(|&position| position == 1);
        let first = label.map_or(instance.input_ids[1], |i| instance.masked_lm_labels[i]);
        if place(first).1 < (SENTENCES - 9) * WORDS {
            total += 1;
            random += usize::from(instance.is_random_next.unwrap());
        }
    }
    assert!(total > WINDOW / 3);
    close("random next", random, total, 0.5);
}

#[test]
fn random_sentences_come_from_all_other_documents_alike() {
    let mut sampler = sampler(0.1);
    let mut counts = vec![0usize; DOCUMENTS];
    let mut total = 0;
    for _ in 0..WINDOW {
        let instance = sampler.next_instance();
        if instance.is_random_next == Some(true) {
            let first_of_b = instance.token_type_ids.iter().position(|&t| t == 1).unwrap();
            let label = instance.masked_lm_positions.iter().position(|&p| p as usize == first_of_b);
            let id = label.map_or(instance.input_ids[first_of_b], |i| instance.masked_lm_labels[i]);
            counts[place(id).0] += 1;
            total += 1;
        }
    }
    for (document, count) in counts.into_iter().enumerate() {
        close(&format!("document {document}"), count, total, 1.0 / DOCUMENTS as f64);
    }
}

#[test]
fn masks_are_drawn_anew_each_time_a_text_is_seen() {
    let mut sampler = sampler(0.1);
    let first: Vec<_> = sampler.first_pass().collect();
    let again: Vec<_> = sampler.first_pass().collect();
    assert_eq!(first, again, "evaluation has fixed masks");
    let next: Vec<_> = (0..first.len()).map(|_| sampler.next_instance()).collect();
    let same = first.iter().filter(|instance| next.contains(instance)).count();
    assert!(same * 100 < first.len(), "{same} of {} instances come again", first.len());
}
