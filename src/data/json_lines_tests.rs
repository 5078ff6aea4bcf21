//! Tests of `json_lines.rs`.

use super::*;

fn vocabulary() -> Vocabulary {
    let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat"];
    Vocabulary::from_tokens(tokens.map(String::from).to_vec()).unwrap()
}

fn instance(label: u32, is_random_next: Option<bool>) -> Instance {
    Instance {
        input_ids: vec![2, 4, 3, 6, 3],
        token_type_ids: vec![0, 0, 0, 1, 1],
        is_random_next,
        masked_lm_positions: vec![1],
        masked_lm_labels: vec![label],
    }
}

fn open(text: &str, shuffle: bool) -> (tempfile::TempDir, Result<InstanceFile, DataError>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("i.jsonl");
    std::fs::write(&path, text).unwrap();
    let file = InstanceFile::open(&path, &vocabulary(), 5, 1, shuffle, 1);
    (directory, file)
}

#[test]
fn instances_are_read_back_as_written_in_order_or_shuffled() {
    let all = [instance(5, Some(true)), instance(6, Some(false)), instance(0, None)];
    let text: String = all.iter().map(|i| to_json(i, &vocabulary()) + "\n").collect();
    let (_directory, file) = open(&text, false);
    let mut file = file.unwrap();
    for expected in all.iter().chain(&all) {
        assert_eq!(&file.next_instance().unwrap(), expected);
    }
    let (_directory, file) = open(&text, true);
    let mut file = file.unwrap();
    let drawn: Vec<Instance> = (0..30).map(|_| file.next_instance().unwrap()).collect();
    for pass in drawn.chunks(3) {
        assert!(all.iter().all(|instance| pass.contains(instance)));
    }
    assert!(drawn.chunks(3).any(|pass| pass != all), "some pass has another order");
    file.seek((3, 1));
    assert_eq!(file.next_instance().unwrap(), drawn[10]);
}

#[test]
fn each_pass_and_each_seed_has_its_own_shuffle() {
    let vocabulary = vocabulary();
    // Twenty instances that differ: in label, and in the number of tokens.
    let all: Vec<Instance> = (0..20)
        .map(|i| {
            let length = 2 + i / 7;
            Instance {
                input_ids: vec![2; length],
                token_type_ids: vec![0; length],
                is_random_next: None,
                masked_lm_positions: vec![1],
                masked_lm_labels: vec![(i % 7) as u32],
            }
        })
        .collect();
    let text: String = all.iter().map(|i| to_json(i, &vocabulary) + "\n").collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("i.jsonl");
    std::fs::write(&path, text).unwrap();
    let passes = |seed| -> Vec<Vec<Instance>> {
        let mut file = InstanceFile::open(&path, &vocabulary, 5, 1, true, seed).unwrap();
        let mut pass = || (0..20).map(|_| file.next_instance().unwrap()).collect();
        (0..3).map(|_| pass()).collect()
    };
    let (one, two) = (passes(1), passes(2));
    for pass in one.iter().chain(&two) {
        assert!(all.iter().all(|instance| pass.contains(instance)), "each instance once");
        assert!(*pass != all, "not in the order of the file");
    }
    assert!(one[0] != one[1] && one[1] != one[2] && one[0] != one[2], "passes differ");
    assert!(one[0] != two[0], "seeds differ");
    assert!(one == passes(1));
}

#[test]
fn labels_without_ids_are_looked_up() {
    let mut value: serde_json::Value =
        serde_json::from_str(&to_json(&instance(6, None), &vocabulary())).unwrap();
    value.as_object_mut().unwrap().remove("masked_lm_ids");
    let (_directory, file) = open(&value.to_string(), false);
    assert_eq!(file.unwrap().next_instance().unwrap(), instance(6, None));
}

#[test]
fn an_instance_may_have_one_token() {
    let one = Instance {
        input_ids: vec![2],
        token_type_ids: vec![0],
        is_random_next: None,
        masked_lm_positions: vec![],
        masked_lm_labels: vec![],
    };
    let (_directory, file) = open(&to_json(&one, &vocabulary()), false);
    assert_eq!(file.unwrap().next_instance().unwrap(), one);
}

#[test]
fn bad_lines_are_named() {
    let good: serde_json::Value =
        serde_json::from_str(&to_json(&instance(6, Some(true)), &vocabulary())).unwrap();
    let error = |key: &str, value: serde_json::Value| {
        let mut bad = good.clone();
        bad[key] = value;
        let (_directory, file) = open(&format!("{good}\n\n{bad}\n"), false);
        let error = file.err().unwrap().to_string();
        assert!(error.contains("i.jsonl`, line 3: "), "{error}");
        error
    };
    assert!(error("input_ids", [2, 4, 3, 7, 3].into()).contains("id 7"));
    assert!(error("input_ids", Vec::<u32>::new().into()).contains("input_ids is empty"));
    assert!(error("input_ids", [2, 3].into()).contains("2 input_ids but 5 token_type_ids"));
    assert!(error("input_ids", [2; 6].into()).contains("'max_seq_length' is 5"));
    assert!(error("masked_lm_positions", [5].into()).contains("not below the length"));
    assert!(error("masked_lm_positions", [1, 2].into()).contains("2 masked_lm_positions but 1"));
    assert!(error("token_type_ids", [0, 0, 0, 2, 1].into()).contains("segments"));
    let message = error("tokens", ["[CLS]", "[MASK]", "[SEP]", "the", "[SEP]"].into());
    assert!(message.contains("tokens has `the` where the id is 6, but 6 is `cat`"), "{message}");
    assert!(error("tokens", ["[CLS]"].into()).contains("1 tokens but 5 ids"));
    let message = error("masked_lm_labels", ["the"].into());
    assert!(message.contains("masked_lm_labels has `the` where the id is 6"), "{message}");
    assert!(error("is_random_next", "yes".into()).contains("not an instance"));
    assert!(open("\n", false).1.err().unwrap().to_string().contains("holds no instance"));
    assert!(open("nonsense", false).1.err().unwrap().to_string().contains("line 1"));
}
