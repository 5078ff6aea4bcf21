//! The metrics of fine-tuning against their references (`testdata/metrics/metrics.json`, made by `make.py`).

use cloze::train::metrics::{
    accuracy, answer_f1, entity_scores, exact_match, f1, matthews_correlation, normalize_answer,
    pearson, spearman,
};
use serde_json::Value;

fn fixture(name: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/metrics/metrics.json");
    let all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    all[name].as_array().unwrap().clone()
}

/// The same number but for the order of a few additions in `f64`.
fn close(got: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((got - expected).abs() < 1e-12, "{what}: {got}, not {expected}");
}

fn list<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn classes_as_scikit_learn() {
    for case in fixture("classes") {
        let (predicted, gold): (Vec<usize>, Vec<usize>) =
            (list(&case["predicted"]), list(&case["gold"]));
        let classes = list(&case["classes"]);
        close(accuracy(&predicted, &gold), &case["accuracy"], "accuracy");
        close(f1(&predicted, &gold, classes), &case["f1"], "f1");
        let matthews = matthews_correlation(&predicted, &gold, classes);
        close(matthews, &case["matthews_correlation"], "matthews_correlation");
    }
}

#[test]
fn correlations_as_scipy() {
    for case in fixture("correlations") {
        let (x, y): (Vec<f64>, Vec<f64>) = (list(&case["x"]), list(&case["y"]));
        close(pearson(&x, &y), &case["pearson"], "pearson");
        close(spearman(&x, &y), &case["spearman"], "spearman");
    }
    assert!(pearson(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
}

#[test]
fn entities_as_seqeval() {
    for case in fixture("tags") {
        let (predicted, gold): (Vec<Vec<String>>, Vec<Vec<String>>) =
            (list(&case["predicted"]), list(&case["gold"]));
        let scores = entity_scores(&predicted, &gold);
        close(scores.precision, &case["precision"], "precision");
        close(scores.recall, &case["recall"], "recall");
        close(scores.f1, &case["f1"], "f1");
    }
}

#[test]
fn answers_as_squad() {
    for case in fixture("answers") {
        let (answer, gold): (String, Vec<String>) = (list(&case["answer"]), list(&case["gold"]));
        assert_eq!(normalize_answer(&answer), case["normalized"].as_str().unwrap());
        close(exact_match(&answer, &gold), &case["exact_match"], &answer);
        close(answer_f1(&answer, &gold), &case["f1"], &answer);
    }
}
