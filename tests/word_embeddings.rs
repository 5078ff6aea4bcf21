//! First word embeddings from counting: which words they make alike, that their bits are the same on every machine, and
//! what a run does with `--word-embeddings`.

#[allow(dead_code)]
#[path = "command_line/place.rs"]
mod place;

use cloze::data::{Corpus, SentenceEncoder, Storage, TokenStore, WordSample};
use cloze::model::initialization::PAIRS;
use cloze::model::word_embeddings::{LEAST_COUNT, SCALE, elements, word_vectors};
use cloze::model::{Bert, Config, Initialization};
use cloze::system::threads::Pool;
use cloze::tensor::random::{Generator, Purpose};
use cloze::tensor::svd::{eigen, orthonormal_columns, truncated_svd};
use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
use ndarray::{Array2, arr2};
use place::{Place, TEXT, says};

fn random(rows: usize, columns: usize, index: u64) -> Array2<f32> {
    let mut generator = Generator::new(1, Purpose::Testing, 0, index);
    Array2::from_shape_simple_fn((rows, columns), || generator.uniform() as f32 - 0.5)
}

#[test]
fn singular_values_are_those_of_numpy() {
    let expected = include_str!("../testdata/svd/expected.json");
    let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
    let rows =
        |name: &str| -> Vec<Vec<f64>> { serde_json::from_value(expected[name].clone()).unwrap() };
    let values: Vec<f64> = serde_json::from_value(expected["singular_values"].clone()).unwrap();
    let (matrix, vectors) = (rows("matrix"), rows("left_singular_vectors"));
    let a = Array2::from_shape_fn((matrix.len(), matrix[0].len()), |(i, j)| matrix[i][j] as f32);
    let svd = truncated_svd(a.view(), random(a.ncols(), values.len() + 16, 0).view(), values.len());
    for (i, expected) in values.iter().enumerate() {
        // Products are rounded to f32.
        assert!((svd.values[i] / expected - 1.0).abs() < 1e-6, "{:?} {values:?}", svd.values);
        let column = svd.vectors.column(i);
        let cosine: f64 = column.iter().zip(&vectors[i]).map(|(&x, y)| f64::from(x) * y).sum();
        // The sign is free.
        assert!((cosine.abs() - 1.0).abs() < 1e-5, "vector {i}: {cosine}");
    }
}

#[test]
fn a_matrix_of_small_rank_has_singular_values_of_zero() {
    // Rank 2.
    let a = random(50, 2, 1).dot(&random(2, 40, 2));
    let svd = truncated_svd(a.view(), random(40, 20, 3).view(), 4);
    assert!(svd.values[1] > 0.1, "{:?}", svd.values);
    assert!(svd.values[2..].iter().all(|&value| value < 1e-5 * svd.values[0]), "{:?}", svd.values);
    // Fewer random vectors than values; nothing at all.
    let svd = truncated_svd(a.view(), random(40, 1, 3).view(), 4);
    assert_eq!(
        (svd.values.len(), svd.vectors.dim(), &svd.values[1..]),
        (4, (50, 4), &[0.0; 3][..])
    );
    let zeros = Array2::zeros((5, 3));
    let svd = truncated_svd(zeros.view(), random(3, 3, 4).view(), 2);
    assert_eq!((svd.values, svd.vectors), (vec![0.0; 2], Array2::zeros((5, 2))));
}

#[test]
fn eigenvalues_and_orthonormal_columns() {
    let (values, vectors) =
        eigen(vec![vec![2.0, 1.0, 0.0], vec![1.0, 2.0, 0.0], vec![0.0, 0.0, 5.0]]);
    for (value, expected) in values.iter().zip([5.0, 3.0, 1.0]) {
        assert!((value - expected).abs() < 1e-14, "{values:?}");
    }
    let half = 0.5f64.sqrt();
    assert!((vectors[1][0].abs() - half).abs() < 1e-14 && vectors[1][0] * vectors[1][1] > 0.0);
    // The third column depends on the first two.
    let matrix = arr2(&[[3.0, 1.0, 4.0, 0.0], [4.0, 1.0, 5.0, 0.0], [0.0, 2.0, 2.0, 1.0]]);
    let q = orthonormal_columns(matrix);
    let square = q.t().dot(&q);
    for ((i, j), &x) in square.indexed_iter() {
        let expected = if i == j && i != 2 { 1.0 } else { 0.0 };
        assert!((x - expected).abs() < 1e-6, "{square:?}");
    }
    assert!(eigen(Vec::new()).0.is_empty());
}

/// Sentences of two kinds: `a0` … `a9` and `b0` … `b9` each stand between words of their own.
fn text(sentences: usize) -> String {
    let mut generator = Generator::new(2, Purpose::Testing, 0, 0);
    let mut text = String::new();
    for number in 0..sentences {
        let mut word = |kind: char, many: usize| format!("{kind}{}", generator.below(many));
        let [first, last, kind] = if number % 2 == 0 { ['c', 'd', 'a'] } else { ['e', 'f', 'b'] };
        let words = [word(first, 5), word('x', 40), word(kind, 10), word(last, 5), word('x', 40)];
        text += &words.join(" ");
        text += if number % 5 == 4 { ".\n\n" } else { ".\n" };
    }
    text
}

/// A tokenizer of the words of `text`.
fn tokenizer(text: &str) -> Tokenizer {
    let mut words: Vec<String> =
        text.split_whitespace().map(|word| word.trim_end_matches('.').into()).collect();
    words.sort_unstable();
    words.dedup();
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "."].map(String::from);
    let vocabulary = Vocabulary::from_tokens([special.to_vec(), words].concat()).unwrap();
    Tokenizer::new(vocabulary, TokenizerOptions::default())
}

fn store(text: &str, tokenizer: &Tokenizer) -> TokenStore {
    let corpus = Corpus::from_text("the text", text.to_string());
    let encoder = SentenceEncoder::of(tokenizer);
    TokenStore::build(&corpus, &encoder, Storage::Memory, &mut |_, _| {}).unwrap()
}

/// A model that begins with the word vectors of `text`, and its tokenizer.
fn begin(text: &str, initialization: Initialization, hidden: usize) -> (Bert, Tokenizer) {
    let tokenizer = tokenizer(text);
    let store = store(text, &tokenizer);
    let vocab_size = tokenizer.vocabulary().len();
    let mut config = Config::new(1, hidden, vocab_size);
    config.num_attention_heads = 1;
    let mut bert = Bert::with_initialization(config, initialization, 3).unwrap();
    let documents: Vec<u32> = (0..store.documents() as u32).collect();
    let sample = WordSample::new(&store, &documents, vocab_size, LEAST_COUNT, 3);
    bert.set_output_bias(&vec![0.5; vocab_size]);
    bert.begin_with_word_vectors(initialization, &sample, 3);
    (bert, tokenizer)
}

/// The rows of the word embeddings.
fn rows(bert: &Bert) -> Vec<&[f32]> {
    let range = bert.layout.get("bert.embeddings.word_embeddings.weight").unwrap().range.clone();
    bert.parameters[range].chunks(bert.config.hidden_size).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn words_in_the_same_contexts_get_near_vectors() {
    let text = text(4000);
    for (initialization, first) in
        [(Initialization::Normal, 0), (Initialization::Mimetic, 2 * PAIRS)]
    {
        let (bert, tokenizer) = begin(&text, initialization, 128);
        let rows = rows(&bert);
        let of = |word: &str| &rows[tokenizer.vocabulary().id(word).unwrap() as usize][first..];
        let mean = |of_pairs: Vec<f32>| of_pairs.iter().sum::<f32>() / of_pairs.len() as f32;
        let pairs = |a: char, b: char| -> f32 {
            let pairs = (0..10).flat_map(|i| (0..10).map(move |j| (i, j)));
            let pairs = pairs.filter(|(i, j)| a != b || i != j);
            mean(
                pairs
                    .map(|(i, j)| cosine(of(&format!("{a}{i}")), of(&format!("{b}{j}"))))
                    .collect(),
            )
        };
        let (same, other) = ((pairs('a', 'a') + pairs('b', 'b')) / 2.0, pairs('a', 'b'));
        assert!(same > other + 0.3, "{initialization:?}: {same} {other}");
        let bias = bert.layout.get("cls.predictions.bias").unwrap().range.clone();
        assert!(bert.parameters[bias].iter().all(|&x| x == 0.5), "the bias of the decoder stays");
        let random = Bert::with_initialization(bert.config.clone(), initialization, 3).unwrap();
        let before = self::rows(&random);
        for (id, (row, before)) in rows.iter().zip(before).enumerate() {
            // Columns of positions and special tokens are as they were.
            assert_eq!(row[..first], before[..first]);
            assert_eq!(row[first..] == before[first..], id < 5, "{id}");
            if id >= 5 {
                let square = row[first..].iter().map(|x| x * x).sum::<f32>();
                let deviation = (square / (128 - first) as f32).sqrt();
                // The two halves have the same length, and the rotation keeps it.
                assert!((deviation / (0.02 * SCALE as f32) - 1.0).abs() < 1e-4, "{deviation}");
            }
        }
    }
}

#[test]
fn words_of_any_text_and_any_width_begin_with_finite_numbers() {
    let alone = "a\nb\na\nb\na\nb\n\nc\n";
    let one = "a a a a a a\n\na a\n";
    let rare = "a b\n\nc d\n";
    for text in [alone, one, rare, "a b a b\n\nb a b a\n", TEXT] {
        for (initialization, hidden) in [
            (Initialization::Normal, 1),
            (Initialization::Normal, 2),
            (Initialization::Normal, 31),
            (Initialization::Mimetic, 16),
            (Initialization::Mimetic, 17),
            (Initialization::Mimetic, 200),
        ] {
            let (bert, _) = begin(text, initialization, hidden);
            let rows = rows(&bert);
            let is_some = |row: &&[f32]| row.iter().any(|x| *x != 0.0);
            assert!(bert.parameters.iter().all(|x| x.is_finite()), "{text:?} {hidden}");
            assert!(rows.iter().all(is_some), "{text:?} {hidden}: {rows:?}");
        }
    }
    // Without neighbours, and with rare words alone, word embeddings stay random.
    for text in [alone, rare] {
        let (bert, _) = begin(text, Initialization::Normal, 8);
        let mut random = Bert::new(bert.config.clone(), 3);
        random.set_output_bias(&vec![0.5; bert.config.vocab_size]);
        assert!(bert.parameters == random.parameters, "{text:?}");
    }
    assert_eq!(elements(0, 0), 0);
}

#[test]
fn bits_do_not_depend_on_threads() {
    let text = text(3000);
    let tokenizer = tokenizer(&text);
    let store = store(&text, &tokenizer);
    let documents: Vec<u32> = (0..store.documents() as u32).collect();
    let vectors = |threads| {
        Pool::new(threads).unwrap().run(|| {
            let vocab_size = tokenizer.vocabulary().len();
            let sample = WordSample::new(&store, &documents, vocab_size, LEAST_COUNT, 1);
            word_vectors(&sample, 96, 1)
        })
    };
    let expected = vectors(1);
    assert!(expected.iter().all(|x| x.is_finite()));
    for threads in [2, 3, 5] {
        assert!(vectors(threads) == expected, "{threads} threads");
    }
}

const RUN: &str = "--input text.txt --vocab vocab.txt --word-embeddings ppmi-svd --log-every 1 \
                   --save-checkpoints-steps 2";

/// What a run says when it counts.
const COUNTS: &str = "counting the neighbours of";

#[test]
fn a_run_records_its_word_embeddings_and_is_resumed_and_verified() {
    let place = Place::with_vocab();
    says(&place.pretrain(&format!("{RUN} --output-dir run")).ok(), COUNTS);
    place.pretrain("--input text.txt --vocab vocab.txt --log-every 1 --output-dir random").ok();
    let recorded = |run: &str| {
        let run = place.read_json(&format!("{run}/run.json"));
        run["options"]["model"]["New"]["word_embeddings"].clone()
    };
    assert_eq!((recorded("run"), recorded("random")), ("ppmi-svd".into(), "random".into()));
    let whole = (place.weights("run"), place.metrics("run"));
    assert!(whole.0 != place.weights("random"));
    assert_eq!(place.cloze("verify run --json --threads 3").json()["agrees"], true);

    std::fs::remove_file(place.path("run/checkpoint/step-000004.ckpt")).unwrap();
    let resumed = place.cloze("pretrain --resume --output-dir run").ok();
    assert!(!resumed.stderr.contains(COUNTS), "the weights are those of the checkpoint");
    assert!((place.weights("run"), place.metrics("run")) == whole);
    let other = "pretrain --resume --output-dir run --word-embeddings random";
    let words = ["--word-embeddings was \"ppmi-svd\", now \"random\""];
    place.cloze(other).refused(1, &words);
}

#[test]
fn bits_of_a_run_do_not_depend_on_the_instruction_set() {
    let place = Place::with_vocab();
    let stories = "pretrain --model 1/32 --num-train-steps 2 --eval-fraction 0 --initialization mimetic \
                   --word-embeddings ppmi-svd --json --output-dir";
    let weights = |run: &str, instructions: &str| {
        let arguments: Vec<&str> =
            stories.split_whitespace().chain([run, "--threads", "2"]).collect();
        let mut command = place.command(&arguments);
        place::answer(command.env("CLOZE_SIMD", instructions).output().unwrap()).ok();
        place.weights(run)
    };
    assert!(weights("fast", "") == weights("portable", "portable"));
}

#[test]
fn where_there_is_no_text_to_count_it_is_refused() {
    let place = Place::with_run();
    let init = "pretrain --init run --input text.txt --word-embeddings ppmi-svd --output-dir b";
    place.cloze(init).refused(2, &["--init <DIR>", "--word-embeddings"]);
    let instances =
        "instances --input text.txt --vocab vocab.txt --max-seq-length 32 --output i.jsonl";
    place.cloze(instances).ok();
    let from = "--instances i.jsonl --vocab vocab.txt --output-dir b --word-embeddings";
    let words = ["--word-embeddings", "is ppmi-svd", "--instances", "random"];
    place.refuses(&words, |place| place.pretrain(&format!("{from} ppmi-svd")));
    place.pretrain(&format!("{from} random")).ok();
    let unknown = "pretrain --word-embeddings word2vec --output-dir c";
    place.cloze(unknown).refused(2, &["--word-embeddings", "`random` or `ppmi-svd`"]);
}
