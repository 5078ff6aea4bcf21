//! Every head against its class in transformers: the names and shapes of its parameters
//! (`testdata/hugging_face/heads.json`, made by `make_heads.py`).

use cloze::model::{Config, Head, layout};
use serde_json::Value;
use std::path::PathBuf;

fn fixture() -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/hugging_face/heads.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The fixture's configuration as the class `name` would have it in `config.json`, and its head.
fn open(fixture: &Value, name: &str) -> (Config, Head) {
    let mut value = fixture["config"].clone();
    value["architectures"] = serde_json::json!([name]);
    let num_labels = &fixture["classes"][name]["num_labels"];
    if !num_labels.is_null() {
        value["num_labels"] = num_labels.clone();
    }
    let config: Config = serde_json::from_value(value).unwrap();
    config.validate(name).unwrap();
    let head = config.head();
    assert_eq!(head.architecture(), name);
    (config, head)
}

#[test]
fn names_and_shapes_are_those_of_transformers() {
    let fixture = fixture();
    let classes = fixture["classes"].as_object().unwrap();
    assert_eq!(classes.len(), 6);
    for (name, recorded) in classes {
        let (config, head) = open(&fixture, name);
        let layout = layout(&config, head);
        let expected = recorded["parameters"].as_object().unwrap();
        for (parameter, shape) in expected {
            let entry = layout.get(parameter).unwrap_or_else(|| panic!("{name}: {parameter}"));
            assert_eq!(serde_json::json!(entry.shape), *shape, "{name}: {parameter}");
        }
        assert_eq!(layout.entries().len(), expected.len(), "{name}");
        assert_eq!(head.has_pooler(), expected.contains_key("bert.pooler.dense.weight"), "{name}");
    }
}
