//! Scores, embeddings and generated text: equal to what transformers computes, and never with a token that is no
//! word.

use cloze::data::MinimalPair;
use cloze::model::{Bert, Config, Head};
use cloze::system::threads::Pool;
use cloze::tasks::{
    EmbedOptions, GenerateMethod, GenerateOptions, Model, Pooling, ScoreMethod, TaskError,
};
use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/hugging_face")
}

/// What `make_scores.py` recorded: a hundred sentences.
fn recorded() -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(directory().join("scores.json")).unwrap()).unwrap()
}

fn texts(recorded: &[Value]) -> Vec<&str> {
    recorded.iter().map(|entry| entry["text"].as_str().unwrap()).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[test]
fn scores_are_those_of_pytorch() {
    let model = Model::open(directory().join("gamma_beta")).unwrap();
    let recorded = recorded();
    assert_eq!(recorded.len(), 100);
    let mut differ = 0;
    for (method, name) in
        [(ScoreMethod::Original, "original"), (ScoreMethod::WithinWord, "within_word")]
    {
        let scored = model.score(&texts(&recorded), method).unwrap();
        for (entry, scored) in recorded.iter().zip(&scored) {
            assert_eq!(entry["text"], *scored.text);
            let expected = numbers(&entry[name]);
            assert_eq!(scored.tokens.len(), expected.len(), "{}", scored.text);
            for (token, expected) in scored.tokens.iter().zip(&expected) {
                let got = f64::from(token.log_probability);
                // f32 of a model of width 8 against f64.
                assert!((got - expected).abs() < 1e-5, "{}: {got} {expected}", scored.text);
            }
            let sum: f64 = expected.iter().sum();
            assert!((scored.score - sum).abs() < 1e-4, "{}: {} {sum}", scored.text, scored.score);
            differ += usize::from(entry["original"] != entry["within_word"]);
        }
    }
    assert!(differ > 50, "most sentences have a word of several pieces");
}

#[test]
fn embeddings_are_the_pooled_hidden_states_of_transformers() {
    let model = Model::open(directory().join("gamma_beta")).unwrap();
    let recorded = &recorded()[..10];
    for (pooling, name) in [(Pooling::Mean, "mean"), (Pooling::Cls, "cls")] {
        for normalize in [false, true] {
            let options = EmbedOptions { pooling, normalize, max_seq_length: None };
            let embeddings = model.embed(&texts(recorded), &options).unwrap();
            for (entry, embedding) in recorded.iter().zip(&embeddings) {
                let mut expected = numbers(&entry[name]);
                let length = expected.iter().map(|x| x * x).sum::<f64>().sqrt();
                if normalize {
                    expected.iter_mut().for_each(|x| *x /= length);
                }
                assert_eq!(embedding.embedding.len(), expected.len());
                for (got, expected) in embedding.embedding.iter().zip(expected) {
                    assert!((f64::from(*got) - expected).abs() < 1e-5, "{got} {expected}");
                }
            }
        }
    }
}

const WORDS: [&str; 12] =
    ["the", "cat", "##s", "dog", "sat", "ran", "on", ".", "[unused1]", "##y", "mat", "a"];

/// Not trained, with 12 positions, and one row of the embedding table more than tokens.
fn model() -> Model<'static> {
    let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].iter().chain(&WORDS);
    let vocabulary = Vocabulary::from_tokens(tokens.map(ToString::to_string).collect()).unwrap();
    let mut config = Config::new(1, 32, vocabulary.len() + 1);
    (config.num_attention_heads, config.max_position_embeddings) = (2, 12);
    config.initializer_range = 0.3;
    Model::new(Bert::new(config, 1), Tokenizer::new(vocabulary, TokenizerOptions::default()))
}

#[test]
fn a_long_text_is_cut_and_says_so() {
    let model = model();
    // 14 tokens with [CLS] and [SEP], of which 12 are read; the tenth of the text is the second "on".
    let long = "thé cats sat on a mat. cat  on the cat";
    let [cut, short] = &model
        .embed(&[long, "the cats sat on a mat. cat on"], &EmbedOptions::default())
        .unwrap()[..]
    else {
        panic!("two answers")
    };
    let truncated = cut.truncated.unwrap();
    assert_eq!(truncated.tokens, 14);
    let read: String = long.chars().take(truncated.characters).collect();
    assert_eq!(read, "thé cats sat on a mat. cat  on");
    assert_eq!(short.truncated, None);
    let same = model.embed(&[&read], &EmbedOptions::default()).unwrap().remove(0);
    assert_eq!((same.embedding, same.truncated), (cut.embedding.clone(), None));
    let scored = model.score(&[long], ScoreMethod::Original).unwrap().remove(0);
    assert_eq!((scored.tokens.len(), scored.truncated), (10, Some(truncated)));
}

#[test]
fn texts_without_words_are_refused_and_unknown_ones_noted() {
    let model = model();
    let options = EmbedOptions::default();
    for text in ["", " ", "\u{0}\u{1}"] {
        let error = model.embed(&["a", text], &options).unwrap_err();
        assert!(matches!(error, TaskError::NoToken { index: 1 }), "{error}");
        let error = model.score(&[text], ScoreMethod::Original).unwrap_err();
        assert!(matches!(error, TaskError::NoToken { index: 0 }), "{error}");
    }
    for text in ["a [MASK]", "[SEP]", "a [CLS] a", "[PAD] a"] {
        let error = model.score(&[text], ScoreMethod::Original).unwrap_err();
        assert!(matches!(error, TaskError::SpecialToken { index: 0, .. }), "{error}");
    }
    let unknown = |text| {
        let embedded = model.embed(&[text], &options).unwrap()[0].all_unknown;
        assert_eq!(model.score(&[text], ScoreMethod::Original).unwrap()[0].all_unknown, embedded);
        embedded
    };
    assert!(unknown("猫 xyz") && !unknown("猫 cat"));
}

fn pair(good: &str, bad: &str, group: &str) -> MinimalPair {
    MinimalPair { sentence_good: good.into(), sentence_bad: bad.into(), group: group.into() }
}

#[test]
fn pairs_are_counted_in_their_groups() {
    let model = model();
    let (x, y) = ("the cat sat on a mat", "mat cats the on");
    let scored = model.score(&[x, y], ScoreMethod::WithinWord).unwrap();
    let (better, worse) = if scored[0].score > scored[1].score { (x, y) } else { (y, x) };
    let pairs = [
        pair(better, worse, "b"),
        pair(worse, better, "a"),
        pair(better, worse, "a"),
        pair(x, x, "b"),
        pair("the cat sat", "THE  cat sat", "b"),
    ];
    let answer = model.score_pairs(&pairs, ScoreMethod::WithinWord).unwrap();
    let json = serde_json::to_string(&answer).unwrap();
    let b = 1.0 / 3.0;
    assert_eq!(
        json,
        format!(
            "{{\"accuracy\":0.4,\"pairs\":5,\"ties\":2,\"groups\":{{\"b\":{{\"accuracy\":{b},\"pairs\":3,\"ties\":2}},\
             \"a\":{{\"accuracy\":0.5,\"pairs\":2,\"ties\":0}}}}}}"
        )
    );
    let long = "the cat sat on a mat the cat sat on a mat";
    let error = model.score_pairs(&[pair(x, y, "a"), pair(x, long, "a")], ScoreMethod::Original);
    assert!(matches!(error, Err(TaskError::TooLong { index: 1, texts: 2, .. })), "{error:?}");
    let error = model.score_pairs(&[pair(x, y, "a"), pair("", x, "a")], ScoreMethod::Original);
    assert!(matches!(error, Err(TaskError::NoToken { index: 1 })), "{error:?}");
}

const METHODS: [GenerateMethod; 3] =
    [GenerateMethod::Gibbs, GenerateMethod::LeftToRight, GenerateMethod::MaskPredict];

#[test]
fn generated_text_has_words_alone_and_keeps_the_prompt() {
    let model = model();
    for method in METHODS {
        for temperature in [None, Some(0.0), Some(50.0)] {
            let options =
                GenerateOptions { method, temperature, samples: 12, ..Default::default() };
            // Hot tokens are drawn almost evenly, so forbidden ones would show.
            let written = model.generate("", &options, &mut |step| {
                assert_eq!(step.ids.len(), 10);
                assert!(step.sample < 12 && step.written < 10);
            });
            let written = written.unwrap();
            assert_eq!(written.len(), 12);
            for generated in &written {
                let text = &generated.text;
                assert!(!text.contains('[') && !text.contains("##") && !text.is_empty(), "{text}");
            }
            let last = written.last().unwrap();
            let score = model.score(&[&last.text], ScoreMethod::WithinWord).unwrap()[0].score;
            assert_eq!(score, last.score);
            let prompted = model.generate("The cat [MASK] on [MASK] mat.", &options, &mut |_| ());
            for generated in prompted.unwrap() {
                assert_eq!(generated.prompt, "The cat [MASK] on [MASK] mat.");
                let text = &generated.text;
                assert!(text.starts_with("the cat") && text.contains(" on"), "{text}");
                assert!(text.ends_with(" mat.") && !text.contains("[MASK]"), "{text}");
            }
        }
        let options = GenerateOptions { method, length: Some(3), ..Default::default() };
        let mut lengths = Vec::new();
        model.generate("the cats", &options, &mut |step| lengths.push(step.ids.len())).unwrap();
        assert!(lengths.iter().all(|&length| length == 6), "3 tokens of the prompt and 3 more");
        // What is drawn depends on the seed and the number of the sample alone.
        let draw = |seed, samples, threads| {
            let options = GenerateOptions { seed, samples, temperature: Some(1.0), ..options };
            let write = || model.generate("a", &options, &mut |_| ()).unwrap();
            Pool::new(threads).unwrap().run(write)
        };
        let three = draw(1, 3, 1);
        assert_eq!(draw(1, 3, 3), three);
        assert_eq!(draw(1, 1, 2)[..], three[..1]);
        assert_ne!(draw(2, 3, 1), three);
        assert!(three[0] != three[1] || three[1] != three[2]);
    }
}

#[test]
fn left_to_right_takes_the_likeliest_word_given_what_is_written() {
    let model = model();
    let options = GenerateOptions {
        method: GenerateMethod::LeftToRight,
        temperature: Some(0.0),
        length: Some(4),
        ..Default::default()
    };
    let mut steps = Vec::new();
    model.generate("the cat", &options, &mut |step| steps.push(step.ids.to_vec())).unwrap();
    assert_eq!(steps.len(), 4);
    let vocabulary = model.tokenizer().vocabulary();
    let mut text = "the cat [MASK] [MASK] [MASK] [MASK]".to_string();
    for (step, ids) in steps.iter().enumerate() {
        let filled = model.fill_mask(&[&text], 18).unwrap().remove(0);
        let likely = filled.masks[0].predictions.iter();
        let word =
            likely.map(|p| &*p.token).find(|token| WORDS.contains(token) && *token != "[unused1]");
        assert_eq!(vocabulary.token(ids[2 + step]), word);
        assert_eq!(
            ids[3 + step..].iter().filter(|&&id| id == vocabulary.mask_id()).count(),
            3 - step
        );
        // A continuation would join the word before it.
        text = model.tokenizer().decode(ids, false);
        if word.unwrap().starts_with("##") {
            return;
        }
    }
}

/// The likeliest words at first; then, each time, those with the lowest probabilities once more.
#[test]
fn mask_predict_predicts_the_least_certain_tokens_again() {
    let model = model();
    let vocabulary = model.tokenizer().vocabulary();
    let options = GenerateOptions {
        method: GenerateMethod::MaskPredict,
        length: Some(6),
        iterations: Some(3),
        ..Default::default()
    };
    let mut steps: Vec<Vec<u32>> = Vec::new();
    model.generate("a", &options, &mut |step| steps.push(step.ids.to_vec())).unwrap();
    assert_eq!(steps.len(), 3);
    let predict = |ids: &[u32]| -> Vec<(u32, f64)> {
        let mut sequence = model.sequence("", None).unwrap();
        sequence.input_ids.splice(1..1, ids.iter().copied());
        sequence.token_type_ids = vec![0; sequence.input_ids.len()];
        let all = vec![(1..ids.len() as u32 + 1).collect::<Vec<_>>()];
        let logits = model.masked_lm_logits(&[sequence], &all).unwrap().remove(0);
        let best = |row: ndarray::ArrayView1<'_, f32>| {
            let allowed = |id: &u32| {
                let token = vocabulary.token(*id).unwrap_or("[PAD]");
                !token.starts_with('[')
            };
            let ids = (0..row.len() as u32).filter(allowed);
            let id = ids.max_by(|&a, &b| row[a as usize].total_cmp(&row[b as usize])).unwrap();
            let sum: f64 = row.iter().map(|&z| f64::from(z).exp()).sum();
            (id, f64::from(row[id as usize]).exp() / sum)
        };
        logits.rows().into_iter().map(best).collect()
    };
    let mask = vocabulary.mask_id();
    let mut ids = vec![vocabulary.id("a").unwrap(), mask, mask, mask, mask, mask, mask];
    let mut probabilities = [2.0; 7];
    for (step, again) in [4, 2, 0].into_iter().enumerate() {
        let predicted = predict(&ids);
        for i in 1..7 {
            if ids[i] == mask {
                (ids[i], probabilities[i]) = predicted[i];
            }
        }
        assert_eq!(steps[step], ids, "step {step}");
        let mut order: Vec<usize> = (1..7).collect();
        order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
        order[..again].iter().for_each(|&i| ids[i] = mask);
    }
}

#[test]
fn gibbs_draws_with_the_probabilities_of_the_model() {
    let model = model();
    let options = GenerateOptions { iterations: Some(1), samples: 2000, ..Default::default() };
    let text = "the [MASK] sat";
    let written = model.generate(text, &options, &mut |_| ()).unwrap();
    let filled = model.fill_mask(&[text], 18).unwrap().remove(0);
    let words: Vec<_> = filled.masks[0]
        .predictions
        .iter()
        .filter(|p| WORDS.contains(&&*p.token) && p.token != "[unused1]")
        .collect();
    let sum: f32 = words.iter().map(|p| p.probability).sum();
    for p in words {
        let id = model.tokenizer().vocabulary().id(&p.token).unwrap();
        let ids = [5, id, 9];
        assert_eq!(model.tokenizer().decode(&[5, 9], false), "the sat");
        let expected = model.tokenizer().decode(&ids, false);
        let count = written.iter().filter(|generated| generated.text == expected).count() as f32;
        let p = p.probability / sum;
        // Five standard deviations.
        let deviation = (2000.0 * p * (1.0 - p)).sqrt();
        assert!(
            (count - 2000.0 * p).abs() < 5.0 * deviation,
            "{expected}: {count} of {}",
            2000.0 * p
        );
    }
    // Of the two likeliest, no other word is drawn.
    let options = GenerateOptions { top_k: 2, ..options };
    let written = model.generate(text, &options, &mut |_| ()).unwrap();
    let mut texts: Vec<&str> = written.iter().map(|generated| &*generated.text).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 2);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let model = model();
    let error = |prompt: &str, options: GenerateOptions| {
        model.generate(prompt, &options, &mut |_| ()).unwrap_err().to_string()
    };
    let base = GenerateOptions::default();
    assert!(error("", GenerateOptions { length: Some(11), ..base }).contains("at most 12"));
    assert!(error("", GenerateOptions { length: Some(usize::MAX), ..base }).contains("at most 12"));
    assert!(error(&"a ".repeat(11), base).contains("at most 12"));
    assert!(error("", GenerateOptions { length: Some(0), ..base }).contains("no [MASK]"));
    assert!(error("a [SEP] b", base).contains("[SEP]"));
    for temperature in [-1.0, f32::NAN, f32::INFINITY] {
        let options = GenerateOptions { temperature: Some(temperature), ..base };
        assert!(error("", options).contains("'temperature' is "));
    }
    assert!(error("", GenerateOptions { samples: 0, ..base }).contains("'samples' is 0"));
    assert!(
        error("", GenerateOptions { iterations: Some(0), ..base }).contains("'iterations' is 0")
    );
    let options =
        GenerateOptions { method: GenerateMethod::LeftToRight, iterations: Some(3), ..base };
    assert!(
        error("", options).contains("'iterations' is 3, but the method left-to-right has none")
    );
    // Nothing but special tokens and pieces that continue a word.
    let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "##s", "[unused7]"];
    let vocabulary = Vocabulary::from_tokens(tokens.map(String::from).to_vec()).unwrap();
    let bert = Bert::new(Config::new(1, 32, vocabulary.len()), 1);
    let empty = Model::new(bert, Tokenizer::new(vocabulary, TokenizerOptions::default()));
    let error = empty.generate("", &base, &mut |_| ()).unwrap_err();
    assert!(matches!(error, TaskError::NothingToWrite), "{error}");
}

#[test]
fn a_model_without_the_head_can_only_embed() {
    let pretrained = model();
    let bert = Bert::with_head(pretrained.bert().config.clone(), Head::QuestionAnswering, 1);
    let model = Model::borrowed(&bert, pretrained.tokenizer());
    let error = model.score(&["a cat"], ScoreMethod::Original).unwrap_err().to_string();
    assert!(error.contains("BertForQuestionAnswering has no masked-LM head"), "{error}");
    let options = GenerateOptions::default();
    let error = model.generate("a", &options, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("has no masked-LM head"), "{error}");
    assert_eq!(model.embed(&["a cat"], &EmbedOptions::default()).unwrap()[0].embedding.len(), 32);
    // Directories without a head, or without its weights.
    let bare = Model::open(directory().join("bare")).unwrap();
    let error = bare.score(&["the cat"], ScoreMethod::Original).unwrap_err().to_string();
    assert!(error.contains("this model has no masked-LM head"), "{error}");
    assert!(bare.embed(&["the cat"], &EmbedOptions::default()).is_ok());
}
