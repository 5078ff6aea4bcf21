//! First weights: where attention looks before the first step, for models of many shapes, and what a run
//! does with `--initialization`.

#[allow(dead_code)]
#[path = "command_line/place.rs"]
mod place;

use cloze::model::initialization::{FEWEST_PAIRS, PAIRS};
use cloze::model::{Bert, Config, Head, Initialization};
use cloze::tensor::random::{Generator, Purpose};
use cloze::tokenizer::Tokenizer;
use place::Place;

const VOCABULARY: usize = 500;

/// `[heads, seq, seq]`: the attention of the first layer over a sequence of random words, in plain `f64`.
fn attention(bert: &Bert, seq: usize) -> Vec<Vec<Vec<f64>>> {
    let (hidden, heads) = (bert.config.hidden_size, bert.config.num_attention_heads);
    let size = hidden / heads;
    let row = |name: &str, row: usize| {
        let range = bert.layout.get(name).unwrap().range.clone();
        bert.parameters[range][row * hidden..][..hidden].iter().map(|&x| f64::from(x))
    };
    let mut generator = Generator::new(3, Purpose::Testing, 0, 0);
    let embeddings = (0..seq).map(|position| {
        let word = row("bert.embeddings.word_embeddings.weight", generator.below(VOCABULARY));
        let segment = usize::from(position > seq / 2);
        let segment = row("bert.embeddings.token_type_embeddings.weight", segment);
        let position = row("bert.embeddings.position_embeddings.weight", position);
        let sum: Vec<f64> = word.zip(segment).zip(position).map(|((w, t), p)| w + t + p).collect();
        let mean = sum.iter().sum::<f64>() / hidden as f64;
        let variance = sum.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / hidden as f64;
        sum.iter().map(|x| (x - mean) / (variance + 1e-12).sqrt()).collect::<Vec<f64>>()
    });
    let x: Vec<Vec<f64>> = embeddings.collect();
    let project = |part: &str, x: &[f64]| -> Vec<f64> {
        let name = format!("bert.encoder.layer.0.attention.self.{part}.weight");
        let weight = &bert.parameters[bert.layout.get(&name).unwrap().range.clone()];
        let dot = |row: &[f32]| row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum();
        weight.chunks(hidden).map(dot).collect()
    };
    let queries: Vec<_> = x.iter().map(|x| project("query", x)).collect();
    let keys: Vec<_> = x.iter().map(|x| project("key", x)).collect();
    let of_head = |head: usize| {
        let part = head * size..(head + 1) * size;
        let of_query = |query: &Vec<f64>| {
            let dot = |key: &Vec<f64>| -> f64 {
                query[part.clone()].iter().zip(&key[part.clone()]).map(|(q, k)| q * k).sum()
            };
            let scores: Vec<f64> = keys.iter().map(|key| dot(key) / (size as f64).sqrt()).collect();
            let max = scores.iter().copied().fold(f64::MIN, f64::max);
            let powers: Vec<f64> = scores.iter().map(|score| (score - max).exp()).collect();
            let sum: f64 = powers.iter().sum();
            powers.into_iter().map(|power| power / sum).collect::<Vec<f64>>()
        };
        queries.iter().map(of_query).collect()
    };
    (0..heads).map(of_head).collect()
}

/// The mean share of attention at `offset`, over the positions that have one there.
fn share(of_head: &[Vec<f64>], offset: isize) -> f64 {
    let seq = of_head.len();
    let there = (0..seq).filter_map(|from| Some((from, from.checked_add_signed(offset)?)));
    let shares: Vec<f64> =
        there.filter(|(_, to)| *to < seq).map(|(from, to)| of_head[from][to]).collect();
    shares.iter().sum::<f64>() / shares.len() as f64
}

fn config(layers: usize, hidden: usize, heads: usize) -> Config {
    let mut config = Config::new(layers, hidden, VOCABULARY);
    config.num_attention_heads = heads;
    config.validate("the test").unwrap();
    config
}

#[test]
fn heads_of_the_first_layer_begin_at_their_offsets() {
    let offsets = [-1, 1, -2, 2, -3, 3, -4, 4, -5, 5, -6, 6];
    // tiny, mini, small, base; one head; odd sizes of heads; small heads; one layer.
    let shapes = [
        (2, 128, 2),
        (1, 256, 4),
        (1, 512, 8),
        (1, 768, 12),
        (2, 128, 1),
        (2, 63, 3),
        (2, 99, 3),
        (1, 32, 2),
        (2, 32, 4),
        (1, 16, 2),
        (1, 17, 1),
    ];
    for (layers, hidden, heads) in shapes {
        let config = config(layers, hidden, heads);
        let bert = Bert::with_initialization(config, Initialization::Mimetic, 1).unwrap();
        let pairs = PAIRS.min(hidden / heads / 2).min(hidden / 4);
        // A few waves repeat themselves in a long sequence.
        let attention = attention(&bert, if pairs < 8 { 48 } else { 96 });
        for (of_head, offset) in attention.iter().zip(offsets) {
            let share = share(of_head, offset);
            let least = if pairs < 8 { 0.5 } else { 0.85 };
            assert!(share > least, "{layers}/{hidden}, {heads} heads, {offset}: {share}");
        }
    }
    let normal = Bert::new(config(2, 128, 2), 1);
    let share = share(&attention(&normal, 96)[0], -1);
    assert!(share < 0.05, "normal attends everywhere: {share}");
}

#[test]
fn heads_that_are_too_small_are_refused() {
    let least = 2 * FEWEST_PAIRS;
    for (hidden, heads) in [(4 * (least - 1), 4), (least, 1), (2, 1), (1, 1)] {
        let config = config(1, hidden, heads);
        let error = Bert::with_initialization(config.clone(), Initialization::Mimetic, 1);
        let error = error.err().unwrap().to_string();
        assert!(error.contains(&format!("hidden_size is {hidden}")), "{error}");
        assert!(error.contains("'initialization'"), "{error}");
        Bert::with_initialization(config, Initialization::Normal, 1).unwrap();
    }
    // The smallest that are not, and a model without layers.
    for (layers, hidden, heads) in [(1, 4 * FEWEST_PAIRS, 2), (0, 64, 1)] {
        Bert::with_initialization(config(layers, hidden, heads), Initialization::Mimetic, 1)
            .unwrap();
    }
}

#[test]
fn what_changes_with_the_initialization_and_the_seed() {
    let of = |initialization, seed| {
        Bert::with_initialization(config(2, 128, 2), initialization, seed).unwrap()
    };
    let normal = of(Initialization::Normal, 1);
    assert!(normal.parameters == Bert::new(config(2, 128, 2), 1).parameters);
    let (mimetic, other) = (of(Initialization::Mimetic, 1), of(Initialization::Mimetic, 2));
    assert!(mimetic.parameters == of(Initialization::Mimetic, 1).parameters);
    let mut differ = Vec::new();
    for entry in mimetic.layout.entries() {
        let values = &mimetic.parameters[entry.range.clone()];
        assert!(values.iter().all(|value| value.is_finite()));
        if values != &normal.parameters[entry.range.clone()] {
            differ.push(entry.name.trim_start_matches("bert.").trim_end_matches(".weight"));
        }
        // Everything that is drawn follows the seed; positions are a formula.
        let drawn = !entry.name.ends_with("bias")
            && !entry.name.contains("LayerNorm")
            && !entry.name.contains("position");
        assert_eq!(values != &other.parameters[entry.range.clone()], drawn, "{}", entry.name);
    }
    let expected = [
        "embeddings.word_embeddings",
        "embeddings.position_embeddings",
        "embeddings.token_type_embeddings",
        "encoder.layer.0.attention.self.query",
        "encoder.layer.0.attention.self.key",
        "encoder.layer.0.attention.self.value",
        "encoder.layer.0.attention.output.dense",
        "encoder.layer.1.attention.self.value",
        "encoder.layer.1.attention.output.dense",
    ];
    assert_eq!(differ, expected);
    // A position is as long as a word: √128 · 0.02 · 0.88.
    let positions = mimetic.layout.get("bert.embeddings.position_embeddings.weight").unwrap();
    for row in mimetic.parameters[positions.range.clone()].chunks(128) {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((length - 128f32.sqrt() * 0.02 * 0.8796).abs() < 1e-4, "{length}");
    }
    // No row of both queries and keys is zero: it would stay so.
    for part in ["query", "key"] {
        let name = format!("bert.encoder.layer.0.attention.self.{part}.weight");
        let weight = &mimetic.parameters[mimetic.layout.get(&name).unwrap().range.clone()];
        assert!(weight.chunks(128).all(|row| row.iter().any(|&x| x != 0.0)), "{part}");
    }
}

#[test]
fn a_model_with_no_range_of_first_weights_begins_without_not_a_number() {
    let mut config = config(1, 32, 2);
    config.initializer_range = 0.0;
    let bert = Bert::with_initialization(config, Initialization::Mimetic, 1).unwrap();
    assert!(bert.parameters.iter().all(|value| value.is_finite()));
}

/// SHA-256 of the first weights of tiny over 500 words, on every machine.
const GOLDEN: &str = "c5960260123b07586174719545f8ced30df8882077dc20ea6034e3c461f2c8a0";

#[test]
fn the_first_weights_are_the_same_on_every_machine() {
    let bert = Bert::with_initialization(config(2, 128, 2), Initialization::Mimetic, 7).unwrap();
    let hash = cloze::model::weights::digest(&bert.layout, &bert.parameters).to_string();
    assert_eq!(hash, GOLDEN, "first weights changed");
}

const RUN: &str = "--input text.txt --vocab vocab.txt --initialization mimetic --log-every 1 \
                   --save-checkpoints-steps 2";

#[test]
fn a_run_records_its_initialization_and_is_resumed_and_verified() {
    let place = Place::with_vocab();
    place.pretrain(&format!("{RUN} --output-dir run")).ok();
    place.pretrain("--input text.txt --vocab vocab.txt --log-every 1 --output-dir normal").ok();
    let recorded = |run: &str| {
        let run = place.read_json(&format!("{run}/run.json"));
        run["options"]["model"]["New"]["initialization"].clone()
    };
    assert_eq!((recorded("run"), recorded("normal")), ("mimetic".into(), "normal".into()));
    let whole = (place.weights("run"), place.metrics("run"));
    assert!(whole.0 != place.weights("normal"));
    assert_eq!(place.cloze("verify run --json --threads 3").json()["agrees"], true);

    std::fs::remove_file(place.path("run/checkpoint/step-000004.ckpt")).unwrap();
    place.cloze("pretrain --resume --output-dir run").ok();
    assert!((place.weights("run"), place.metrics("run")) == whole);
    let other = "pretrain --resume --output-dir run --initialization normal";
    let words = ["--initialization was \"mimetic\", now \"normal\""];
    place.cloze(other).refused(1, &words);
}

#[test]
fn an_initialization_that_cannot_be_is_refused() {
    let place = Place::with_run();
    let init = "pretrain --init run --input text.txt --initialization";
    for name in ["mimetic", "normal"] {
        let words = ["--init <DIR>", "--initialization"];
        place.cloze(&format!("{init} {name} --output-dir b")).refused(2, &words);
    }
    let unknown = "pretrain --initialization orthogonal --output-dir b";
    place.cloze(unknown).refused(2, &["--initialization", "`normal` or `mimetic`"]);
    place.write("narrow.json", place::CONFIG.replace("\"hidden_size\": 16", "\"hidden_size\": 8"));
    let narrow = "pretrain --input text.txt --initialization mimetic --model narrow.json";
    let words = ["`narrow.json`: hidden_size is 8", "--initialization mimetic", "2 heads"];
    place.cloze(&format!("{narrow} --output-dir b")).refused(1, &words);
    assert!(!place.path("b").exists());
}

/// The bias of the decoder of a run, and what counting `text` gives.
fn bias_and_shares(place: &Place, run: &str, text: &str) -> (Vec<f32>, Vec<f64>) {
    let directory = place.path(run);
    let config = Config::from_file(&directory.join("config.json")).unwrap();
    let (bert, _) = Bert::from_directory(&directory, config, Head::Pretraining, 1).unwrap();
    let range = bert.layout.get("cls.predictions.bias").unwrap().range.clone();
    let tokenizer = Tokenizer::from_directory(&directory).unwrap();
    let mut counts = vec![1.0; range.len()];
    text.lines().flat_map(|line| tokenizer.encode(line)).for_each(|id| counts[id as usize] += 1.0);
    let all: f64 = counts.iter().sum();
    let shares = counts.into_iter().map(|count: f64| (count / all).ln());
    (bert.parameters[range].to_vec(), shares.collect())
}

#[test]
fn the_output_bias_begins_at_the_shares_of_the_words_to_learn_from() {
    let place = Place::with_vocab();
    // With a rate of 0, the weights at the end are the first ones.
    let run = "--input text.txt --vocab vocab.txt --learning-rate 0 --output-bias unigram";
    place.pretrain(&format!("{run} --eval-input text.txt --output-dir run")).ok();
    let agree = |(bias, expected): (Vec<f32>, Vec<f64>)| {
        // One rounding of the share and the error of ln: a few ulps of values up to 7.
        let mean = expected.iter().sum::<f64>() / expected.len() as f64;
        let mut pairs = bias.iter().zip(&expected);
        pairs.all(|(bias, share)| (f64::from(*bias) - (share - mean)).abs() < 2e-6)
    };
    assert!(agree(bias_and_shares(&place, "run", place::TEXT)));
    let json = place.read_json("run/run.json");
    assert_eq!(json["options"]["model"]["New"]["output_bias"], "unigram");
    // The model begins where counting words ends; the rest of its logits is small.
    let metrics = place.metrics("run");
    let last = metrics.last().unwrap();
    let loss = last["eval_masked_lm_loss"].as_f64().unwrap();
    // Words of the same text are masked: the mean over some of them is near that over all.
    let expected = bias_and_shares(&place, "run", place::TEXT).1;
    let entropy: f64 = expected.iter().map(|share| -share.exp() * share).sum();
    assert!((loss - entropy).abs() < 0.3, "{loss} {entropy}");
    assert_eq!(place.cloze("verify run --json").json()["agrees"], true);

    // Documents that are held out are not counted.
    place.pretrain(&format!("{run} --eval-fraction 0.3 --output-dir held-out")).ok();
    assert!(!agree(bias_and_shares(&place, "held-out", place::TEXT)));
    // BERT's is zero.
    let zero = run.replace("unigram", "zero");
    place.pretrain(&format!("{zero} --eval-fraction 0 --output-dir zero")).ok();
    assert!(bias_and_shares(&place, "zero", "").0.iter().all(|bias| *bias == 0.0));

    // A file of instances is counted as it was before masking.
    let make = "instances --vocab vocab.txt --max-seq-length 32 --max-predictions-per-seq 5";
    place.write("line.txt", "The cat saw the owl.\nThe dog saw the cat.\n\nA bird saw the mat.\n");
    place.cloze(&format!("{make} --no-nsp --input line.txt --output i.jsonl")).ok();
    let input = run.replace("--input text.txt", "--instances i.jsonl --no-nsp");
    place.pretrain(&format!("{input} --max-predictions-per-seq 5 --output-dir instances")).ok();
    let lines = place.read_text("i.jsonl");
    let text = place.read_text("line.txt");
    assert_eq!(lines.lines().count(), 2, "each document once: {lines}");
    assert!(agree(bias_and_shares(&place, "instances", &text)));

    let other = "pretrain --resume --output-dir run --output-bias zero";
    place.cloze(other).refused(1, &["--output-bias was \"unigram\", now \"zero\""]);
    place.cloze("pretrain --init run --output-bias unigram").refused(2, &["--output-bias"]);
}
