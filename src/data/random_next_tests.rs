use super::*;
use crate::data::pairs::{PairSettings, create_pairs};
use crate::data::{Corpus, SentenceEncoder, Storage};
use crate::tensor::random::{Generator, Purpose};
use std::collections::BTreeMap;

/// A store of files with so many documents each, every document two sentences of one token.
fn store(files: &[usize]) -> TokenStore {
    let directory = tempfile::tempdir().unwrap();
    for (number, &documents) in files.iter().enumerate() {
        let text = "a\nb\n\n".repeat(documents);
        std::fs::write(directory.path().join(format!("{number:02}.txt")), text).unwrap();
    }
    let corpus = Corpus::from_inputs(&[directory.path().display().to_string()]).unwrap();
    let encoder = SentenceEncoder::from_fn("one", 10, |_| vec![5]);
    TokenStore::build(&corpus, &encoder, Storage::Memory, &mut |_, _| {}).unwrap()
}

/// How often a random B of document `documents[index]` came from each document, of `passes` passes.
fn counts(
    store: &TokenStore,
    documents: &[u32],
    index: usize,
    random_next: RandomNext,
    passes: u64,
) -> BTreeMap<u64, usize> {
    let settings = PairSettings::default().with_random_next(random_next).with_short_seq_prob(0.0);
    let mut pairs = Vec::new();
    for pass in 0..passes {
        let mut generator = Generator::new(1, Purpose::SentencePairs, pass, index as u64);
        create_pairs(store, documents, index, &settings, &mut generator, &mut pairs);
    }
    let mut counts = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| pair.is_random_next == Some(true)) {
        // Two tokens a document.
        *counts.entry(pair.b.start / 2).or_default() += 1;
    }
    counts
}

#[test]
fn random_sentences_come_alike_from_every_document_that_they_may() {
    let store = store(&[3, 60, 4]);
    let all: Vec<u32> = (0..67).collect();
    let expected = |random_next| -> Vec<u64> {
        match random_next {
            RandomNext::Any => (0..67).collect(),
            RandomNext::SameFile => (3..63).collect(),
            // The file begins at 3.
            RandomNext::Nearby => (3..19).collect(),
        }
    };
    for random_next in [RandomNext::Any, RandomNext::SameFile, RandomNext::Nearby] {
        let counts = counts(&store, &all, 8, random_next, 8000);
        let mut allowed = expected(random_next);
        allowed.retain(|&document| document != 8);
        assert!(counts.keys().eq(&allowed), "{random_next:?}: {counts:?}");
        let mean = counts.values().sum::<usize>() as f64 / allowed.len() as f64;
        // Five standard deviations.
        let far = |&count: &usize| (count as f64 - mean).abs() > 5.0 * mean.sqrt();
        assert!(!counts.values().any(far), "{random_next:?}: {counts:?}, mean {mean}");
    }
}

/// Half of the pairs stay random, wherever B comes from.
#[test]
fn the_share_of_random_pairs_does_not_change() {
    let store = store(&[3, 60, 4]);
    let all: Vec<u32> = (0..67).collect();
    for random_next in [RandomNext::Any, RandomNext::SameFile, RandomNext::Nearby] {
        // A pass has one pair when it is true; after a random one, the second sentence is a pair of its own,
        // which is random: so the random pairs are twice the passes that begin with one.
        let random: usize = counts(&store, &all, 8, random_next, 4000).values().sum();
        // 4,000 draws with probability 1/2: five standard deviations of 32, twice.
        assert!(random.abs_diff(4000) < 320, "{random_next:?}: {random}");
    }
}

#[test]
fn near_by_counts_the_documents_that_take_part() {
    let store = store(&[100]);
    // Every second document is held out.
    let half: Vec<u32> = (0..100).step_by(2).collect();
    let counts = counts(&store, &half, 25, RandomNext::Nearby, 2000);
    assert_eq!(counts.keys().next(), Some(&30));
    assert_eq!(counts.keys().next_back(), Some(&70));
    assert!(
        counts.keys().all(|document| document % 2 == 0 && *document != 50) && counts.len() == 20
    );
}

#[test]
fn a_document_alone_in_its_file_takes_from_all() {
    let store = store(&[1, 5, 1]);
    let all: Vec<u32> = (0..7).collect();
    for random_next in [RandomNext::SameFile, RandomNext::Nearby] {
        let from = counts(&store, &all, 6, random_next, 500);
        assert_eq!(from.into_keys().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(random_next.alone(&store, &all), 2);
        // Those of the middle file that are left out leave the last one alone as well.
        assert_eq!(random_next.alone(&store, &[0, 2, 3, 6]), 2);
        assert_eq!(random_next.alone(&store, &[0, 3, 6]), 3);
    }
    assert_eq!(RandomNext::Any.alone(&store, &[0, 3, 6]), 0);
}
