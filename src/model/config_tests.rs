//! Tests of `config.rs`.

use super::*;

fn error(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut value = serde_json::to_value(Config::named("tiny", 100).unwrap()).unwrap();
    change(&mut value);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.json");
    std::fs::write(&path, serde_json::to_string_pretty(&value).unwrap()).unwrap();
    let error = Config::from_file(&path).unwrap_err().to_string();
    assert!(error.contains("config.json"), "{error}");
    error
}

#[test]
fn a_config_is_read_back_as_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.json");
    let config = Config::named("mini", 8192).unwrap();
    std::fs::write(&path, config.to_json()).unwrap();
    assert_eq!(Config::from_file(&path).unwrap(), config);
    assert!(config.to_json().contains("\"architectures\": [\n    \"BertForPreTraining\""));
}

#[test]
fn keys_without_meaning_are_kept_and_the_type_of_the_weights_is_not() {
    let mut value = serde_json::to_value(Config::named("tiny", 100).unwrap()).unwrap();
    value["zebra"] = serde_json::json!({"a": [1, null]});
    value["dtype"] = "float16".into();
    value["apple"] = 1.into();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.json");
    std::fs::write(&path, value.to_string()).unwrap();
    let text = Config::from_file(&path).unwrap().to_json();
    let written: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(written["zebra"], value["zebra"]);
    assert!(text.find("zebra").unwrap() < text.find("apple").unwrap(), "{text}");
    assert!(!text.contains("dtype"), "{text}");
}

#[test]
fn every_bad_value_is_named() {
    assert!(error(|v| v["num_attention_heads"] = 3.into()).contains("hidden_size is 128"));
    assert!(error(|v| v["hidden_size"] = 0.into()).contains("hidden_size is 0"));
    assert!(error(|v| v["hidden_size"] = "x".into()).contains("line"));
    assert!(error(|v| v["hidden_act"] = "relu".into()).contains("hidden_act is relu"));
    assert!(error(|v| v["model_type"] = "gpt2".into()).contains("model_type is gpt2"));
    assert!(error(|v| v["hidden_dropout_prob"] = 1.into()).contains("hidden_dropout_prob is 1"));
    assert!(error(|v| v["layer_norm_eps"] = 0.into()).contains("layer_norm_eps is 0"));
    assert!(error(|v| v["pad_token_id"] = 100.into()).contains("pad_token_id is 100"));
    assert!(error(|v| v["is_decoder"] = true.into()).contains("is_decoder"));
    assert!(error(|v| v["tie_word_embeddings"] = false.into()).contains("tie_word_embeddings"));
    assert!(error(|v| v["type_vocab_size"] = 1.into()).contains("type_vocab_size is 1"));
    assert!(error(|v| *v = serde_json::json!([["BertForPreTraining"]])).contains("an array"));
    assert!(
        error(|v| drop(v.as_object_mut().unwrap().remove("vocab_size"))).contains("vocab_size")
    );
    let unknown = Config::named_or_file("huge", 10).unwrap_err().to_string();
    assert!(unknown.contains("tiny, mini, small, medium, base"), "{unknown}");
}

#[test]
fn the_labels_follow_the_head() {
    let mut config = Config::named("tiny", 100).unwrap();
    assert_eq!(config.head(), Head::Pretraining);
    config.set_head(Head::SequenceClassification { num_labels: 3 });
    assert_eq!(config.labels(), ["LABEL_0", "LABEL_1", "LABEL_2"]);
    config.set_labels(&["poor", "fair", "good"]);
    config.set_head(Head::TokenClassification { num_labels: 3 });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.json");
    std::fs::write(&path, config.to_json()).unwrap();
    let read = Config::from_file(&path).unwrap();
    assert_eq!(read, config);
    assert_eq!(read.head(), Head::TokenClassification { num_labels: 3 });
    assert_eq!(read.labels(), ["poor", "fair", "good"]);
    let written: Value = serde_json::from_str(&config.to_json()).unwrap();
    assert_eq!(written["architectures"], serde_json::json!(["BertForTokenClassification"]));
    assert_eq!(written["id2label"], serde_json::json!({"0": "poor", "1": "fair", "2": "good"}));
    assert_eq!(written["label2id"], serde_json::json!({"poor": 0, "fair": 1, "good": 2}));
    config.set_head(Head::Pretraining);
    assert_eq!(config, Config::named("tiny", 100).unwrap());
}

#[test]
fn ten_labels_and_more_stay_in_the_order_of_their_ids() {
    let mut config = Config::named("tiny", 100).unwrap();
    config.set_head(Head::SequenceClassification { num_labels: 12 });
    let text = config.to_json();
    assert!(text.find("\"9\": \"LABEL_9\"").unwrap() < text.find("\"10\": \"LABEL_10\"").unwrap());
}

#[test]
fn classes_that_are_not_supported_are_read_as_pretraining() {
    for architectures in [serde_json::json!(null), serde_json::json!(["BertForMultipleChoice"])] {
        let mut value = serde_json::to_value(Config::named("tiny", 100).unwrap()).unwrap();
        value["architectures"] = architectures;
        let config: Config = serde_json::from_value(value).unwrap();
        assert_eq!(config.head(), Head::Pretraining);
    }
}

#[test]
fn labels_that_contradict_each_other_are_named() {
    let classifier = |change: &dyn Fn(&mut Value)| {
        error(|v| {
            v["architectures"] = serde_json::json!(["BertForSequenceClassification"]);
            v["id2label"] = serde_json::json!({"0": "no", "1": "yes"});
            v["label2id"] = serde_json::json!({"no": 0, "yes": 1});
            change(v);
        })
    };
    let gap = classifier(&|v| v["id2label"] = serde_json::json!({"0": "no", "2": "yes"}));
    assert!(gap.contains("id2label") && gap.contains("without a gap"), "{gap}");
    let swapped = classifier(&|v| v["label2id"] = serde_json::json!({"no": 1, "yes": 0}));
    assert!(swapped.contains("label2id"), "{swapped}");
    assert!(classifier(&|v| v["num_labels"] = 3.into()).contains("num_labels is 3"));
    let problem = classifier(&|v| v["problem_type"] = "guessing".into());
    assert!(problem.contains("problem_type is guessing"), "{problem}");
    assert!(
        classifier(&|v| v["classifier_dropout"] = 1.into()).contains("classifier_dropout is 1")
    );
}
