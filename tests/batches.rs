//! Answers do not depend on the batch that a text comes in, nor on the order of the texts: the same
//! bits, alone or among others.

use cloze::model::{Bert, Config};
use cloze::system::threads::Pool;
use cloze::tasks::{EmbedOptions, Model, Pooling, ScoreMethod, TaskError};
use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};

const WORDS: [&str; 12] =
    ["the", "a", "cat", "dog", "fox", "mat", "sat", "ran", "on", "over", "lazy", "."];

/// Not trained. Biases and LayerNorm are random too, so that every value matters.
fn model() -> Model<'static> {
    let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].iter().chain(&WORDS);
    let vocabulary = Vocabulary::from_tokens(tokens.map(ToString::to_string).collect()).unwrap();
    let mut config = Config::new(2, 96, vocabulary.len());
    (config.num_attention_heads, config.max_position_embeddings) = (3, 100);
    config.initializer_range = 0.3;
    let mut bert = Bert::new(config, 1);
    for (i, value) in bert.parameters.iter_mut().enumerate() {
        *value += 0.01 * ((i % 17) as f32 - 8.0);
    }
    Model::new(bert, Tokenizer::new(vocabulary, TokenizerOptions::default()))
}

/// 40 texts of 1 to 98 words, each with one to three masks.
fn texts() -> Vec<String> {
    let text = |i: usize| {
        let length = 1 + i * 37 % 98;
        let mut words: Vec<&str> = (0..length).map(|j| WORDS[(i + j * j) % WORDS.len()]).collect();
        for mask in 0..=i % 3 {
            words[(i + mask * 5) % length] = "[MASK]";
        }
        words.join(" ")
    };
    (0..40).map(text).collect()
}

/// Calls `answer` with 1, 2, 7 and 32 texts at a time, forwards and backwards, and compares with the
/// answers one by one.
fn check<T: Clone, A: PartialEq + std::fmt::Debug>(items: &[T], answer: impl Fn(&[T]) -> Vec<A>) {
    let alone: Vec<A> =
        items.iter().map(|item| answer(std::slice::from_ref(item)).remove(0)).collect();
    for size in [1, 2, 7, 32] {
        let answers: Vec<A> = items.chunks(size).flat_map(&answer).collect();
        assert!(answers == alone, "{size} at a time");
        let reversed: Vec<T> = items.iter().rev().cloned().collect();
        let mut answers: Vec<A> = reversed.chunks(size).flat_map(&answer).collect();
        answers.reverse();
        assert!(answers == alone, "{size} at a time, the last first");
    }
}

#[test]
fn fill_mask() {
    let model = model();
    check(&texts(), |texts| model.fill_mask(texts, 17).unwrap());
    let texts = texts();
    let answers = model.fill_mask(&texts, 3).unwrap();
    for (text, answer) in texts.iter().zip(&answers) {
        assert_eq!(&answer.text, text);
        assert_eq!(answer.masks.len(), text.matches("[MASK]").count());
    }
}

#[test]
fn next_sentence() {
    let model = model();
    let texts = texts();
    let pairs: Vec<(String, String)> = texts
        .iter()
        .zip(texts.iter().rev())
        .filter(|(a, b)| a.split(' ').count() + b.split(' ').count() <= 97)
        .map(|(a, b)| (a.clone(), b.clone()))
        .collect();
    assert!(pairs.len() >= 10);
    check(&pairs, |pairs| model.next_sentence(pairs).unwrap());
    let [ab, ba] = [("a cat", "the dog"), ("the dog", "a cat")]
        .map(|pair| model.next_sentence(&[pair]).unwrap().remove(0).logits);
    assert_ne!(ab, ba, "the order of the sentences counts");
}

#[test]
fn embed() {
    let model = model();
    for pooling in [Pooling::Mean, Pooling::Cls] {
        let options = EmbedOptions { pooling, normalize: true, max_seq_length: None };
        check(&texts(), |texts| model.embed(texts, &options).unwrap());
    }
}

/// Where `[CLS]` alone is read, the last layer is computed there alone: the same bits.
#[test]
fn the_last_layer_at_cls_alone() {
    let trained = model();
    let mut config = trained.bert().config.clone();
    config.num_hidden_layers = 0;
    let without_layers = Bert::new(config, 1);
    for model in [Model::borrowed(&without_layers, trained.tokenizer()), model()] {
        let texts = texts();
        let options = EmbedOptions { pooling: Pooling::Cls, ..EmbedOptions::default() };
        let embeddings = model.embed(&texts, &options).unwrap();
        for (embedding, encoding) in embeddings.iter().zip(model.encode(&texts).unwrap()) {
            assert_eq!(embedding.embedding, encoding.last_hidden_state.row(0).to_vec());
        }
    }
}

#[test]
fn score() {
    let model = model();
    let texts: Vec<String> = texts().iter().map(|text| text.replace("[MASK]", "fox")).collect();
    check(&texts[..12], |texts| model.score(texts, ScoreMethod::Original).unwrap());
}

#[test]
fn encode() {
    let model = model();
    check(&texts(), |texts| model.encode(texts).unwrap());
    let encodings = model.encode(&texts()).unwrap();
    for (text, encoding) in texts().iter().zip(&encodings) {
        let tokens = text.split(' ').count() + 2;
        assert_eq!(encoding.tokens.len(), tokens);
        assert_eq!(encoding.last_hidden_state.shape(), [tokens, 96]);
        assert_eq!(encoding.pooler_output.as_ref().unwrap().len(), 96);
    }
    assert!(model.encode(&[] as &[&str]).unwrap().is_empty());
}

#[test]
fn threads_and_pools_of_other_sizes_change_nothing() {
    let model = model();
    let texts = texts();
    let expected = model.encode(&texts).unwrap();
    for threads in [1, 2, 3] {
        let pool = Pool::new(threads).unwrap();
        assert!(pool.run(|| model.encode(&texts).unwrap()) == expected, "{threads} threads");
    }
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert!(model.encode(&texts).unwrap() == expected));
        }
    });
}

#[test]
fn a_text_that_cannot_be_answered_is_named() {
    let model = model();
    let long = "cat ".repeat(99);
    let error = model.encode(&["a cat", &long]).unwrap_err();
    assert!(matches!(error, TaskError::TooLong { index: 1, tokens: 101, most: 100, .. }));
    assert!(error.to_string().starts_with("text 2 of 2 is 101 tokens long"), "{error}");
    let error = model.encode(&[&long]).unwrap_err().to_string();
    assert!(error.starts_with("the text is 101 tokens long"), "{error}");
    let error = model.fill_mask(&["a [MASK]", "a dog"], 3).unwrap_err().to_string();
    assert!(error.contains("\"a dog\""), "{error}");
}

#[test]
fn a_model_without_the_head_says_so() {
    use cloze::model::Head;
    let pretrained = model();
    let config = pretrained.bert().config.clone();
    let bert = Bert::with_head(config, Head::QuestionAnswering, 1);
    let model = Model::borrowed(&bert, pretrained.tokenizer());
    let error = model.fill_mask(&["a [MASK]"], 3).unwrap_err().to_string();
    assert!(error.contains("BertForQuestionAnswering has no masked-LM head"), "{error}");
    assert!(matches!(model.next_sentence(&[("a", "cat")]), Err(TaskError::NoHead { .. })));
    assert_eq!(model.encode(&["a cat"]).unwrap()[0].pooler_output, None);
}
