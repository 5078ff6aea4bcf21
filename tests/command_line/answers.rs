//! The contract of the command line: standard output has JSON alone, messages go to standard error, and
//! the exit status is 0 for success, 1 for failure, 2 for wrong usage.

use crate::place::{Place, answer, json_lines, keys};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

#[test]
fn fill_mask_answers_for_each_mask() {
    let place = Place::with_run();
    let text = "The [MASK] sat on the [MASK].";
    let run = |top: &str| {
        let answer = place.run(&["fill-mask", "--model", "run", "--top", top, "--json", text]).ok();
        assert_eq!(answer.stderr, "");
        answer.json()
    };
    let value = run("3");
    assert_eq!(keys(&value), ["text", "masks"]);
    assert_eq!(value["text"], text);
    let masks = value["masks"].as_array().unwrap();
    // [CLS] the [MASK] s ##a ##t …: the position of [MASK] depends on the pieces.
    let tokens = place.run(&["tokenize", "--model", "run", "--json", text]).json();
    let tokens = tokens["tokens"].as_array().unwrap();
    let places: Vec<usize> =
        (0..tokens.len()).filter(|&i| tokens[i] == "[MASK]").map(|i| i + 1).collect();
    assert_eq!(places.len(), 2);
    let vocabulary = place.read_text("run/vocab.txt");
    let vocabulary: Vec<&str> = vocabulary.lines().collect();
    for (mask, position) in masks.iter().zip(places) {
        assert_eq!(keys(mask), ["position", "predictions"]);
        assert_eq!(mask["position"], position);
        let predictions = mask["predictions"].as_array().unwrap();
        assert_eq!(predictions.len(), 3);
        for prediction in predictions {
            assert_eq!(keys(prediction), ["token", "token_id", "probability"]);
            let id = prediction["token_id"].as_u64().unwrap() as usize;
            assert_eq!(prediction["token"], vocabulary[id]);
        }
        let p = |i: usize| predictions[i]["probability"].as_f64().unwrap();
        assert!(p(0) >= p(1) && p(1) >= p(2) && p(2) > 0.0);
    }
    // Over the whole vocabulary, the probabilities add up to 1.
    let all = run("100000");
    let predictions = all["masks"][0]["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), vocabulary.len());
    let sum: f64 = predictions.iter().map(|p| p["probability"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    assert_eq!(run("3"), value);
}

#[test]
fn next_sentence_answers_with_both_logits() {
    let place = Place::with_run();
    let (a, b) = ("The cat sat.", "It \"slept\".");
    let answer = place.run(&["next-sentence", "--model", "run", "--json", a, b]).ok();
    assert_eq!(answer.stderr, "");
    let value = answer.json();
    assert_eq!(keys(&value), ["sentence_a", "sentence_b", "is_next_probability", "logits"]);
    assert_eq!((&value["sentence_a"], &value["sentence_b"]), (&json!(a), &json!(b)));
    let logits: Vec<f64> =
        value["logits"].as_array().unwrap().iter().map(|z| z.as_f64().unwrap()).collect();
    assert_eq!(logits.len(), 2);
    let expected = 1.0 / (1.0 + (logits[1] - logits[0]).exp());
    assert!((value["is_next_probability"].as_f64().unwrap() - expected).abs() < 1e-6);
}

#[test]
fn tokenize_answers_line_by_line() {
    let place = Place::with_vocab();
    let vocabulary = place.read_text("vocab.txt");
    let id = |token: &str| vocabulary.lines().position(|line| line == token).unwrap();
    place.write("lines.txt", "The [MASK] ran.\n\n[SEP]the[mask] 猫\n");
    let check = |lines: Vec<Value>| {
        assert_eq!(lines.len(), 3);
        for line in &lines {
            assert_eq!(keys(line), ["text", "tokens", "input_ids"]);
            let ids: Vec<usize> = line["tokens"]
                .as_array()
                .unwrap()
                .iter()
                .map(|t| id(t.as_str().unwrap()))
                .collect();
            assert_eq!(line["input_ids"], json!(ids));
        }
        assert_eq!(lines[0]["text"], "The [MASK] ran.");
        let tokens = lines[0]["tokens"].as_array().unwrap();
        assert_eq!((&tokens[0], &tokens[1]), (&json!("the"), &json!("[MASK]")));
        assert_eq!(lines[1], json!({"text": "", "tokens": [], "input_ids": []}));
        let tokens = lines[2]["tokens"].as_array().unwrap();
        // Only the exact spelling of a special token stays whole.
        assert_eq!((&tokens[0], &tokens[1]), (&json!("[SEP]"), &json!("the")));
        assert_eq!(tokens.last(), Some(&json!("[UNK]")));
        assert!(!tokens.contains(&json!("[MASK]")));
    };
    let file = place.cloze("tokenize --vocab vocab.txt --json --input lines.txt").ok();
    assert_eq!(file.stderr, "");
    check(file.json_lines());
    let arguments = ["The [MASK] ran.", "", "[SEP]the[mask] 猫"];
    let base = ["tokenize", "--vocab", "vocab.txt", "--json"];
    check(place.run(&[&base[..], &arguments[..]].concat()).json_lines());

    let mut child = place
        .command(&base)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&place.read("lines.txt")).unwrap();
    check(answer(child.wait_with_output().unwrap()).json_lines());
}

#[test]
fn tokenize_says_where_tokens_stand_when_asked() {
    let place = Place::with_vocab();
    let answer = |options: &str| {
        let base = format!("tokenize --vocab vocab.txt {options}");
        let mut words: Vec<&str> = base.split_whitespace().collect();
        words.push("Thé fox.");
        place.run(&words)
    };
    let line = &answer("--json --offsets --add-special-tokens").json_lines()[0];
    assert_eq!(keys(line), ["text", "tokens", "input_ids", "offsets"]);
    // [CLS] the fo ##x . [SEP]; é has two bytes.
    assert_eq!(line["offsets"], json!([[0, 0], [0, 4], [5, 7], [7, 8], [8, 9], [0, 0]]));
    assert_eq!(answer("--offsets").status, 2);
}

#[test]
fn tokenize_adds_special_tokens_and_keeps_case_when_asked() {
    let place = Place::with_vocab();
    let tokens = |options: &[&str]| {
        let base = ["tokenize", "--vocab", "vocab.txt", "--json"];
        place.run(&[&base, options, &["The [MASK]"]].concat()).json()["tokens"].clone()
    };
    assert_eq!(tokens(&[]), json!(["the", "[MASK]"]));
    assert_eq!(tokens(&["--add-special-tokens"]), json!(["[CLS]", "the", "[MASK]", "[SEP]"]));
    assert_eq!(tokens(&["--cased"]), json!(["[UNK]", "[MASK]"]));
}

#[test]
fn eval_answers_with_the_names_of_googles_script() {
    let place = Place::with_run();
    let base = "eval --model run --input text.txt --max-seq-length 32 --json";
    let answer = place.cloze(base).ok();
    assert_eq!(answer.stderr, "");
    let value = answer.json();
    let names = [
        "masked_lm_loss",
        "masked_lm_accuracy",
        "next_sentence_loss",
        "next_sentence_accuracy",
        "instances",
        "masked_tokens",
        "unigram_loss",
        "attention_previous",
        "attention_next",
        "attention_uniform",
    ];
    assert_eq!(keys(&value), names);
    let number = |name: &str| value[name].as_f64().unwrap();
    let [instances, masked_tokens] = ["instances", "masked_tokens"].map(number);
    // Four steps from random weights: each loss is near that of a guess.
    let vocabulary = place.read_text("run/vocab.txt").lines().count() as f64;
    for (name, guess) in [("masked_lm_loss", vocabulary.ln()), ("next_sentence_loss", 2f64.ln())] {
        assert!((number(name) / guess - 1.0).abs() < 0.2, "{name} {} {guess}", number(name));
    }
    // Each accuracy is a share of a count.
    for (name, count) in
        [("masked_lm_accuracy", masked_tokens), ("next_sentence_accuracy", instances)]
    {
        let right = (number(name) * count).round();
        assert!(right <= count && number(name) == right / count, "{name} {} {count}", number(name));
    }
    assert!(masked_tokens >= instances, "at least one token of each instance is masked");
    // How it is computed changes nothing.
    let again = place.cloze(&format!("{base} --threads 3 --eval-batch-size 5")).json();
    assert_eq!(again, value);
    assert_ne!(place.cloze(&format!("{base} --seed 1")).json(), value);
    let alone = place.cloze(&format!("{base} --no-nsp")).json();
    assert_eq!(keys(&alone), names);
    assert!(alone["next_sentence_loss"].is_null() && alone["next_sentence_accuracy"].is_null());
}

#[test]
fn vocab_answers_with_the_tokens_and_writes_the_same() {
    let place = Place::new();
    let json = place.cloze("vocab --input text.txt --vocab-size 120 --json").json();
    let printed = place.cloze("vocab --input text.txt --vocab-size 120 --threads 3").ok().stdout;
    place.cloze("vocab --input text.txt --vocab-size 120 --output v.txt").ok();
    let tokens: Vec<&str> =
        json["tokens"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
    assert_eq!(tokens[..5], ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]);
    assert_eq!((json["vocab_size"].as_u64(), tokens.len()), (Some(120), 120));
    assert_eq!(tokens.join("\n") + "\n", printed);
    assert_eq!(place.read_text("v.txt"), printed);
}

#[test]
fn instances_are_one_object_a_line() {
    let place = Place::with_vocab();
    let base = "instances --input text.txt --vocab vocab.txt --max-seq-length 32";
    let answer = place.cloze(base).ok();
    for line in json_lines(&answer.stdout) {
        assert_eq!(
            keys(&line)[..6],
            [
                "tokens",
                "input_ids",
                "token_type_ids",
                "is_random_next",
                "masked_lm_positions",
                "masked_lm_labels"
            ]
        );
        assert_eq!(line["tokens"][0], "[CLS]");
        assert!(line["tokens"].as_array().unwrap().len() <= 32);
    }
    place.cloze(&format!("{base} --output i.jsonl")).ok();
    assert_eq!(place.read_text("i.jsonl"), answer.stdout);
    assert_ne!(place.cloze(&format!("{base} --seed 1")).ok().stdout, answer.stdout);
    assert!(!answer.stderr.contains("warning"), "{}", answer.stderr);
    // A sentence longer than the target fills a chunk alone, so no true next sentence exists.
    let short = "instances --input text.txt --vocab vocab.txt --max-seq-length 8";
    let answer = place.cloze(short).ok();
    assert!(answer.stderr.contains("% of the pairs are random"), "{}", answer.stderr);
}

#[test]
fn without_json_a_person_can_read_it() {
    let place = Place::with_run();
    let answer = place.run(&["fill-mask", "--model", "run", "The [MASK]."]).ok();
    assert!(answer.stdout.starts_with("[MASK] at position 2\n"), "{}", answer.stdout);
    let answer = place.run(&["next-sentence", "--model", "run", "A.", "B."]).ok();
    assert!(answer.stdout.contains("% that B follows A"), "{}", answer.stdout);
    let answer = place.cloze("eval --model run --input text.txt").ok();
    assert!(answer.stdout.starts_with("masked_lm_accuracy = "), "{}", answer.stdout);
    // A run writes files; all of its messages go to standard error.
    let answer = place.pretrain("--input text.txt --vocab vocab.txt --output-dir other").ok();
    assert_eq!(answer.stdout, "");
    // Suggested commands name the program as the user called it.
    let program = env!("CARGO_BIN_EXE_cloze");
    let [fill_mask, next_sentence] = ["fill-mask --model other", "next-sentence --model other"]
        .map(|command| format!("{program} {command}"));
    for words in ["step 4/4", "held out", "The model is in `other`", &fill_mask, &next_sentence] {
        assert!(answer.stderr.contains(words), "`{words}` is not in: {}", answer.stderr);
    }
    let options = "--input text.txt --vocab vocab.txt --no-nsp --output-dir single";
    let answer = place.pretrain(options).ok();
    assert!(!answer.stderr.contains("next-sentence --model"), "{}", answer.stderr);
    assert!(answer.stderr.contains("your-text.txt --no-nsp"), "{}", answer.stderr);
}

#[test]
fn wrong_usage_is_status_2() {
    let place = Place::with_run();
    let refused = |arguments: &str, words: &str| {
        let before = place.files();
        place.cloze(arguments).refused(2, &[words, "--help"]);
        assert!(place.files() == before);
    };
    refused("fly", "unrecognized subcommand 'fly'");
    refused("pretrain --fly", "unexpected argument '--fly'");
    refused("fill-mask --model run", "<TEXT>");
    refused("next-sentence --model run A", "<B>");
    refused("tokenize A", "--vocab <FILE>");
    refused("tokenize --vocab vocab.txt --input text.txt A", "cannot be used with");
    refused("eval --model run", "--input");
    refused("pretrain --num-train-steps many", "invalid value 'many' for '--num-train-steps");
    refused("pretrain --seed -1", "invalid value '-1' for '--seed");
    refused("pretrain --threads 0", "invalid value '0' for '--threads");
    refused("pretrain --eval-fraction 1", "a share is a number from 0");
    refused("pretrain --eval-fraction 0.2 --eval-input text.txt", "cannot be used with");
    refused("pretrain --eval-fraction 0.2 --instances i.jsonl", "cannot be used with");
    refused("pretrain --sample A", "there is no [MASK] in it");
    refused("pretrain --input text.txt --instances i.jsonl", "cannot be used with");
    refused("pretrain --input text.txt --no-shuffle", "cannot be used with '--no-shuffle'");
    refused("pretrain --init run --model tiny", "cannot be used with");
    refused("pretrain --vocab vocab.txt --vocab-size 100", "cannot be used with");
    assert_eq!(place.cloze("").status, 2);
    assert_eq!(place.cloze("--help").ok().stderr, "");
    assert_eq!(place.cloze("--version").stdout, format!("cloze {}\n", env!("CARGO_PKG_VERSION")));
}

#[cfg(unix)]
#[test]
fn arguments_that_are_not_utf8_are_wrong_usage() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let name = std::ffi::OsStr::from_bytes(b"o\xff");
    let mut command = place.command(&["pretrain", "--input", "text.txt", "--output-dir"]);
    answer(command.arg(name).output().unwrap()).refused(2, &["not UTF-8"]);
}
