//! Every draw is a function of seed, pass and index: a stream goes on from any window, and each pass and each
//! seed draws its own documents, pairs and masks.

use cloze::data::{
    Corpus, Instance, MaskSettings, PairSettings, Sampler, SentenceEncoder, Storage, TokenStore,
};
use cloze::tokenizer::Vocabulary;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// A store of `documents` × `sentences` × `words`, in which every word is its own token.
fn store(documents: usize, sentences: usize, words: usize) -> (Arc<TokenStore>, Vocabulary) {
    let total = documents * sentences * words;
    let names = (0..total).map(|word| format!("w{word}"));
    let tokens = SPECIAL.iter().map(ToString::to_string).chain(names.clone()).collect();
    let vocabulary = Vocabulary::from_tokens(tokens).unwrap();
    let mut text = String::with_capacity(8 * total);
    for (index, name) in names.enumerate() {
        text += &name;
        text += match index + 1 {
            next if next % (sentences * words) == 0 => "\n\n",
            next if next % words == 0 => "\n",
            _ => " ",
        };
    }
    let id = |word: &str| SPECIAL.len() as u32 + word[1..].parse::<u32>().unwrap();
    let encode = |sentence: &str| sentence.split(' ').map(id).collect();
    let encoder = SentenceEncoder::from_fn("words", vocabulary.len(), encode);
    let corpus = Corpus::from_text("test", text);
    let store = TokenStore::build(&corpus, &encoder, Storage::Memory, &mut |_, _| {}).unwrap();
    assert_eq!((store.documents(), store.sentences()), (documents, documents * sentences));
    (Arc::new(store), vocabulary)
}

fn sampler(
    (store, vocabulary): &(Arc<TokenStore>, Vocabulary),
    (max_seq_length, no_nsp): (usize, bool),
    seed: u64,
) -> Sampler {
    let pairs = PairSettings::default()
        .with_max_seq_length(max_seq_length)
        .with_short_seq_prob(0.0)
        .with_no_nsp(no_nsp);
    let masks = MaskSettings::default().with_masked_lm_prob(0.2);
    let documents = (0..store.documents() as u32).collect();
    Sampler::new(store.clone(), documents, pairs, masks, vocabulary, seed, "test").unwrap()
}

/// The words of an instance before masking, counted from 0 over the whole text, without special tokens.
fn words(instance: &Instance) -> Vec<usize> {
    let mut ids = instance.input_ids.clone();
    for (&position, &label) in instance.masked_lm_positions.iter().zip(&instance.masked_lm_labels) {
        ids[position as usize] = label;
    }
    let special = SPECIAL.len();
    ids.into_iter()
        .map(|id| id as usize)
        .filter(|&id| id >= special)
        .map(|id| id - special)
        .collect()
}

/// 150 documents of 1,000 sentences of one word give some 100,000 pairs, so each pass has two windows of 65,536.
#[test]
fn a_stream_goes_on_from_the_second_window() {
    const SENTENCES: usize = 1000;
    let text = store(150, SENTENCES, 1);
    let stream = || sampler(&text, (5, false), 7);
    let mut whole = stream();
    let mut instances = Vec::new();
    // The documents of the first window of each pass, and the first position of the second window.
    let mut first_windows = [BTreeSet::new(), BTreeSet::new()];
    let mut second_window = None;
    let mut pass = (0, 0);
    while whole.position().epoch < 2 {
        let instance = whole.next_instance();
        let position = whole.position();
        if position.epoch != pass.0 {
            pass = (position.epoch, 0);
        }
        pass.1 += 1;
        assert_eq!(position.before + position.offset, pass.1, "instances of the pass so far");
        if position.document == 0 && position.epoch < 2 {
            let document = words(&instance)[0] / SENTENCES;
            first_windows[position.epoch as usize].insert(document);
        } else if position.epoch == 0 {
            second_window.get_or_insert(instances.len());
        }
        instances.push(instance);
    }
    let second_window = second_window.expect("two windows");
    assert!(second_window >= 1 << 16);
    assert!(first_windows.iter().all(|documents| (80..150).contains(&documents.len())));
    assert!(first_windows[0] != first_windows[1], "each pass has its own order of documents");

    // The masks of the second window are not those of the first once more. Two masks of a pair of one-word
    // sentences agree in half of the cases: 1,000 draws, five standard deviations of 16.
    let positions = |index: usize| &instances[index].masked_lm_positions;
    let same = (0..1000).filter(|&i| positions(i) == positions(second_window + i)).count();
    assert!(same.abs_diff(500) < 80, "{same} of 1000 masks are those of the first window");

    // The end of the first window, the beginning of the second, and its middle.
    for handed_out in [second_window - 1, second_window, second_window + 1, second_window + 5000] {
        let mut before = stream();
        (0..handed_out).for_each(|_| drop(before.next_instance()));
        let mut resumed = stream();
        resumed.seek(before.position());
        assert_eq!(resumed.position(), before.position());
        for expected in &instances[handed_out..handed_out + 500] {
            assert!(&resumed.next_instance() == expected, "after {handed_out} instances");
        }
    }
}

/// The masked positions of 60 instances, each a document of one sentence: by its first word, and in the order of
/// the stream.
fn masks(stream: &mut Sampler) -> (BTreeMap<usize, Vec<u32>>, Vec<Vec<u32>>) {
    let instances: Vec<Instance> = (0..60).map(|_| stream.next_instance()).collect();
    let positions = |i: &Instance| i.masked_lm_positions.clone();
    let by_word: BTreeMap<_, _> = instances.iter().map(|i| (words(i)[0], positions(i))).collect();
    assert_eq!(by_word.len(), 60, "every document once a pass");
    (by_word, instances.iter().map(positions).collect())
}

#[test]
fn masks_depend_on_the_seed_and_on_the_pass() {
    // Without pairs and truncation, only masks and order are drawn: 4 of 18 words.
    let text = store(60, 1, 18);
    let stream = |seed| sampler(&text, (32, true), seed);
    let mut first = stream(1);
    let base = masks(&mut first);
    assert!(base.1.iter().all(|positions| positions.len() == 4));
    let next_pass = masks(&mut first);
    assert_eq!(masks(&mut stream(1)), base);
    for (name, other) in [("seed", masks(&mut stream(2))), ("pass", next_pass)] {
        // One of 3,060 choices: even one agreement has a probability of 2 %.
        let same = base.0.iter().filter(|(word, positions)| other.0[word] == **positions).count();
        assert!(same <= 2, "another {name}: {same} of 60 documents have the same masks");
        let same = base.1.iter().zip(&other.1).filter(|(a, b)| a == b).count();
        assert!(same <= 2, "another {name}: the stream has {same} of 60 masks again");
    }
}

#[test]
fn the_order_of_instances_depends_on_the_seed_and_on_the_pass() {
    let text = store(60, 1, 18);
    let order = |stream: &mut Sampler| -> Vec<usize> {
        (0..60).map(|_| words(&stream.next_instance())[0]).collect()
    };
    let [mut first, mut other] = [1, 2].map(|seed| sampler(&text, (32, true), seed));
    let base = order(&mut first);
    assert!(base != order(&mut first), "the second pass");
    assert!(base != order(&mut other), "another seed");
    assert!(base != (0..60).map(|document| 18 * document).collect::<Vec<_>>(), "not shuffled");
}

#[test]
fn truncation_takes_from_front_and_back_alike() {
    // 30 words where 22 fit: 8 draws each.
    let text = store(400, 1, 30);
    let mut stream = sampler(&text, (24, true), 3);
    let mut from_front = 0;
    for _ in 0..400 {
        let words = words(&stream.next_instance());
        assert_eq!(words.len(), 22);
        assert!(words.windows(2).all(|pair| pair[1] == pair[0] + 1));
        from_front += words[0] % 30;
    }
    // 3,200 draws with probability 1/2: a standard deviation of 28; five of them.
    assert!(from_front.abs_diff(1600) < 142, "{from_front} of 3200 words fell at the front");
}

#[test]
fn of_a_pair_the_longer_segment_is_cut_and_on_a_tie_the_second() {
    // True pairs of two sentences of 20 words where 29 fit: each loses 5 or 6.
    let text = store(200, 2, 20);
    let mut stream = sampler(&text, (32, false), 3);
    let mut pairs = 0;
    for instance in (0..200).map(|_| stream.next_instance()) {
        let b = instance.token_type_ids.iter().filter(|&&segment| segment == 1).count() - 1;
        let a = instance.token_type_ids.len() - b - 3;
        if words(&instance).len() == 29 {
            assert_eq!((a, b), (15, 14), "B is cut first, then both in turn");
            pairs += 1;
        }
    }
    assert!(pairs > 100);
}
