use super::*;
use crate::data::store::tests::store;

const TEXT: &str = "a b c\nd e\nf g h\n\ni j\nk l m\nn\n\no p q\nr s\n\nt u\nv w x\ny z";

fn sampler(seed: u64, no_nsp: bool, documents: &[u32]) -> Result<Sampler, DataError> {
    sampler_of(Arc::new(store(TEXT)), seed, no_nsp, documents)
}

fn sampler_of(
    store: Arc<TokenStore>,
    seed: u64,
    no_nsp: bool,
    documents: &[u32],
) -> Result<Sampler, DataError> {
    let mut tokens: Vec<String> =
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from).to_vec();
    tokens.extend((5..40).map(|i| format!("w{i}")));
    let vocabulary = Vocabulary::from_tokens(tokens).unwrap();
    let pairs = PairSettings::default().with_max_seq_length(12).with_no_nsp(no_nsp);
    let masks = MaskSettings { max_predictions_per_seq: 3, ..MaskSettings::default() };
    Sampler::new(store, documents.to_vec(), pairs, masks, &vocabulary, seed, "the text")
}

#[test]
fn a_stream_goes_on_from_any_position() {
    let mut stream = sampler(1, false, &[0, 1, 2, 3]).unwrap();
    let mut positions = Vec::new();
    let mut instances = Vec::new();
    for _ in 0..60 {
        positions.push(stream.position());
        instances.push(stream.next_instance());
    }
    assert!(stream.position().epoch >= 2, "more than one pass");
    for from in [0, 1, 7, 23, 59] {
        let mut other = sampler(1, false, &[0, 1, 2, 3]).unwrap();
        other.seek(positions[from]);
        for expected in &instances[from..] {
            assert_eq!(&other.next_instance(), expected);
        }
    }
    assert_ne!(sampler(2, false, &[0, 1, 2, 3]).unwrap().next_instance(), instances[0]);
}

#[test]
fn a_stream_of_changing_lengths_goes_on_from_any_position() {
    let masks = MaskSettings { max_predictions_per_seq: 3, ..MaskSettings::default() };
    let length = |index: usize| [12, 7, 12][index / 20];
    let tokens = |instance: &Instance| instance.input_ids.len();
    let (mut positions, mut instances) = (Vec::new(), Vec::new());
    let mut stream = sampler(1, false, &[0, 1, 2, 3]).unwrap();
    for index in 0..60 {
        positions.push(stream.position());
        stream.change(length(index), masks);
        if index % 20 == 0 && index > 0 {
            assert_eq!(stream.position().offset, 0, "a new window");
            assert_ne!(stream.position().epoch, positions[index].epoch, "the text has one window");
        }
        instances.push(stream.next_instance());
        assert!(tokens(&instances[index]) <= length(index));
    }
    assert!(instances[20..40].iter().any(|instance| tokens(instance) == 7));
    assert!(instances[40..].iter().any(|instance| tokens(instance) == 12));
    for from in 0..60 {
        let mut other = sampler(1, false, &[0, 1, 2, 3]).unwrap();
        other.seek(positions[from]);
        assert_eq!(other.position(), positions[from]);
        for index in from..60 {
            other.change(length(index), masks);
            assert_eq!(other.next_instance(), instances[index], "{index} from {from}");
        }
    }
}

#[test]
fn another_share_of_masks_changes_nothing_but_masks() {
    let [mut few, mut many] = [1, 1].map(|seed| sampler(seed, true, &[0, 1, 2, 3]).unwrap());
    for index in 0..40 {
        let masks = MaskSettings {
            masked_lm_prob: 0.5,
            max_predictions_per_seq: 6,
            ..MaskSettings::default()
        };
        many.change(12, masks);
        let (few, many) = (few.next_instance(), many.next_instance());
        assert_eq!(few.input_ids.len(), many.input_ids.len(), "{index}");
        let expected = (many.input_ids.len() as f64 * 0.5).round_ties_even() as usize;
        // [CLS] and [SEP] are never masked.
        assert_eq!(many.masked_lm_labels.len(), expected.min(many.input_ids.len() - 2));
    }
}

#[test]
fn every_pass_is_new_and_the_first_always_the_same() {
    let mut stream = sampler(1, false, &[0, 1, 2, 3]).unwrap();
    let first: Vec<Instance> = stream.first_pass().collect();
    assert_eq!(stream.first_pass().collect::<Vec<_>>(), first);
    let second: Vec<Instance> = (0..first.len()).map(|_| stream.next_instance()).collect();
    assert_ne!(first, second);
}

#[test]
fn one_document_is_enough_only_without_pairs() {
    let error = sampler(1, false, &[0]).err().unwrap().to_string();
    assert!(error.contains("'no_nsp'"), "{error}");
    assert!(sampler(1, true, &[0]).is_ok());
}

#[test]
fn the_order_of_sentences_needs_two_of_one_document() {
    let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"].map(String::from);
    let vocabulary = Vocabulary::from_tokens(tokens.to_vec()).unwrap();
    let of = |text| {
        let pairs =
            PairSettings::default().with_sentence_objective(SentenceObjective::SentenceOrder);
        let masks = MaskSettings::default();
        let documents = (0..store(text).documents() as u32).collect();
        Sampler::new(Arc::new(store(text)), documents, pairs, masks, &vocabulary, 1, "x")
    };
    let error = of("a\n\nb\n\nc").err().unwrap().to_string();
    assert!(error.contains("every document of x is one sentence"), "{error}");
    let mut one = of("a\nb").unwrap();
    assert!((0..9).all(|_| one.next_instance().is_random_next.is_some()));
}

#[test]
fn mostly_random_pairs_give_a_warning() {
    let warnings = |document: String| {
        let store = Arc::new(store(format!("{document}\n").repeat(40).leak()));
        sampler_of(store, 1, false, &Vec::from_iter(0..40)).unwrap().warnings()
    };
    assert!(warnings("a b c\n".into())[0].contains("100 % of the pairs are random"));
    assert!(warnings("a b\n".repeat(30)).is_empty());
}

#[test]
fn splits_are_disjoint_and_whole() {
    use SentenceObjective::{NextSentence, None};
    let (training, held_out) = split_documents(10, 0.2, NextSentence, 7, "x").unwrap();
    let mut all = [training.clone(), held_out.clone()].concat();
    all.sort_unstable();
    assert_eq!((held_out.len(), all), (2, (0..10).collect()));
    assert_eq!(split_documents(4, 0.05, NextSentence, 7, "x").unwrap().1.len(), 2);
    let error = |documents, objective| {
        split_documents(documents, 0.1, objective, 7, "x").unwrap_err().to_string()
    };
    assert!(error(3, NextSentence).contains("4 are needed"), "{}", error(3, NextSentence));
    assert!(error(1, NextSentence).contains("'no_nsp'") && !error(1, None).contains("'no_nsp'"));
    assert_ne!(
        split_documents(1000, 0.1, NextSentence, 8, "x").unwrap().1,
        split_documents(1000, 0.1, NextSentence, 7, "x").unwrap().1
    );
}
