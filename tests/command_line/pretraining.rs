//! `cloze pretrain` from text to a directory that every command reads: the files of the directory, and the
//! effect of the options.

use crate::place::{CONFIG, Place, TEXT, json_lines, keys};
use safetensors::SafeTensors;
use serde_json::{Value, json};

/// The bytes of one tensor.
fn tensor(bytes: &[u8], name: &str) -> Vec<u8> {
    SafeTensors::deserialize(bytes).unwrap().tensor(name).unwrap().data().to_vec()
}

#[test]
fn the_run_directory_is_whole() {
    let place = Place::new();
    let options = "--input text.txt --vocab-size 120 --output-dir a/run --seed 7 --log-every 1";
    place.pretrain(options).ok();
    let mut files: Vec<_> = std::fs::read_dir(place.path("a/run"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let expected = [
        ".lock",
        "checkpoint",
        "config.json",
        "metrics.jsonl",
        "model.safetensors",
        "report.html",
        "run.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ];
    assert_eq!(files, expected);

    let config = place.read_json("a/run/config.json");
    for (key, value) in [
        ("architectures", json!(["BertForPreTraining"])),
        ("model_type", json!("bert")),
        ("vocab_size", json!(120)),
        ("hidden_size", json!(16)),
        ("num_hidden_layers", json!(1)),
        ("num_attention_heads", json!(2)),
        ("intermediate_size", json!(32)),
        ("hidden_act", json!("gelu")),
        ("hidden_dropout_prob", json!(0.1)),
        ("max_position_embeddings", json!(64)),
        ("type_vocab_size", json!(2)),
        ("layer_norm_eps", json!(1e-12)),
        ("pad_token_id", json!(0)),
    ] {
        assert_eq!(config[key], value, "{key}");
    }
    assert_eq!(place.read_text("a/run/vocab.txt").lines().count(), 120);

    let run = place.read_json("a/run/run.json");
    assert_eq!(run["cloze_version"], env!("CARGO_PKG_VERSION"));
    let command = run["command"].as_str().unwrap();
    assert!(command.contains(" pretrain ") && command.ends_with(options), "{command}");
    assert_eq!(run["config"], config);
    let options = &run["options"];
    assert_eq!(options["input"], json!({"Text": ["text.txt"]}));
    assert_eq!(options["output_dir"], "a/run");
    let recipe = &options["recipe"];
    for (key, value) in [
        ("max_seq_length", json!(32)),
        ("max_predictions_per_seq", json!(20)),
        ("masked_lm_prob", json!(0.15)),
        ("train_batch_size", json!(4)),
        ("seed", json!(7)),
        ("max_grad_norm", json!(1.0)),
    ] {
        assert_eq!(recipe[key], value, "{key}");
    }
    assert_eq!(recipe["schedule"]["num_train_steps"], 4);
    assert_eq!(recipe["schedule"]["learning_rate"], 0.01);
    assert_eq!(recipe["optimizer"]["weight_decay"], 0.01);
}

#[test]
fn metrics_have_their_names() {
    let place = Place::with_vocab();
    let options = "--log-every 2 --eval-every 3 --num-train-steps 5 --num-warmup-steps 2";
    place.pretrain(&format!("--input text.txt --vocab vocab.txt --output-dir run {options}")).ok();
    let lines = json_lines(&place.read_text("run/metrics.jsonl"));
    let steps = |kind: &str| -> Vec<u64> {
        let of_kind = lines.iter().filter(|line| line.get(kind).is_some());
        of_kind.map(|line| line["step"].as_u64().unwrap()).collect()
    };
    assert_eq!((steps("loss"), steps("eval_loss")), (vec![2, 4, 5], vec![3, 5]));
    for line in &lines {
        let names: &[&str] = if line.get("loss").is_some() {
            &[
                "step",
                "loss",
                "masked_lm_loss",
                "masked_lm_accuracy",
                "next_sentence_loss",
                "next_sentence_accuracy",
                "learning_rate",
                "grad_norm",
                "tokens",
                "seconds",
                "tokens_per_second",
            ]
        } else {
            &[
                "step",
                "eval_loss",
                "eval_masked_lm_loss",
                "eval_masked_lm_accuracy",
                "eval_next_sentence_loss",
                "eval_next_sentence_accuracy",
                "eval_instances",
                "eval_masked_tokens",
                "eval_attention_previous",
                "eval_attention_next",
                "eval_attention_uniform",
                "eval_kinds",
                "unigram_loss",
                "sample",
                "eval_seconds",
            ]
        };
        assert_eq!(keys(line), names);
        let number = |name: &&str| match &line[name] {
            // By layer.
            Value::Array(shares) if shares[0].is_number() => shares[0].as_f64().unwrap(),
            // Kinds of tokens, and what the sample was filled with.
            Value::Array(kinds) => kinds[0]["loss"].as_f64().unwrap(),
            Value::Object(sample) => sample["predictions"][0][0]["probability"].as_f64().unwrap(),
            number => number.as_f64().unwrap(),
        };
        assert!(names.iter().all(|name| number(name) >= 0.0), "{line}");
        let eval = if line.get("loss").is_some() { "" } else { "eval_" };
        let number = |name: &str| line[format!("{eval}{name}")].as_f64().unwrap();
        let sum = number("masked_lm_loss") + number("next_sentence_loss");
        assert!((number("loss") - sum).abs() < 1e-6);
    }
    let training: Vec<&Value> = lines.iter().filter(|line| line.get("loss").is_some()).collect();
    // Warm-up over steps 0 and 1, then 0.01 × (1 − step / 5): of steps 1, 3 and 4, counted from 0.
    let rates = training.iter().map(|line| line["learning_rate"].as_f64().unwrap());
    for (rate, expected) in rates.zip([0.005, 0.004, 0.002]) {
        assert!((rate - expected).abs() < 1e-8, "{rate} for {expected}");
    }
    let tokens: Vec<u64> = training.iter().map(|line| line["tokens"].as_u64().unwrap()).collect();
    // Counted from the start of the run: more than the 4 × 32 of one step.
    assert!(tokens.is_sorted() && tokens[0] > 0, "{tokens:?}");
    assert!((4 * 32..=5 * 4 * 32).contains(&tokens[2]), "{tokens:?}");
}

#[test]
fn every_command_reads_a_run() {
    let place = Place::with_run();
    place.cloze("fill-mask --model run --json [MASK]").json();
    place.cloze("next-sentence --model run --json A B").json();
    place.cloze("tokenize --model run --json A").json();
    place.cloze("instances --input text.txt --model run --max-seq-length 32").ok();
    // Training evaluates held-out text as `eval` does.
    let options = "--vocab vocab.txt --eval-input text.txt --eval-every 0 --output-dir other";
    place.pretrain(&format!("--input text.txt {options}")).ok();
    let lines = place.metrics("other");
    let last = lines.last().unwrap();
    let eval = place.cloze("eval --model other --input text.txt --max-seq-length 32 --json").json();
    let eval = eval.as_object().unwrap();
    assert_eq!(eval.len(), 10);
    // The run counts the words of the text to train on, `eval` those of the text it reads.
    for (name, value) in eval.iter().filter(|(name, _)| *name != "unigram_loss") {
        assert_eq!(last[format!("eval_{name}")], *value, "{name}");
    }
}

#[test]
fn training_goes_on_from_a_run() {
    let place = Place::with_run();
    let answer =
        place.pretrain("--init run --input text.txt --learning-rate 0 --output-dir same").ok();
    assert!(answer.stderr.contains("weights from `run`"), "{}", answer.stderr);
    assert!(place.weights("same") == place.weights("run"), "nothing was learned at rate 0");
    for file in ["vocab.txt", "config.json", "tokenizer.json"] {
        assert!(
            place.read(&format!("same/{file}")) == place.read(&format!("run/{file}")),
            "{file}"
        );
    }
    place.pretrain("--init run --input text.txt --output-dir further").ok();
    let [run, further] = ["run", "further"].map(|run| place.weights(run));
    assert!(run != further);
    // An option replaces the dropout of the model.
    place.pretrain("--init run --input text.txt --hidden-dropout-prob 0 --output-dir dry").ok();
    assert_eq!(place.read_json("dry/config.json")["hidden_dropout_prob"], 0.0);
    assert!(place.weights("dry") != further);
}

#[test]
fn missing_heads_are_initialised_and_said_so() {
    let place = Place::new();
    let bare = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/hugging_face/bare");
    let options = "--input text.txt --max-seq-length 16 --output-dir out";
    let answer = place.pretrain(&format!("--init {bare} {options}")).ok();
    let said = answer.stderr.lines().find(|line| line.starts_with("not there")).unwrap();
    assert!(said.contains("cls.predictions.bias") && said.contains("cls.seq_relationship.weight"));
    assert!(!said.contains("pooler"), "{said}");
    place.cloze("fill-mask --model out --json [MASK]").json();
}

#[test]
fn training_on_exactly_the_instances_of_a_file() {
    let place = Place::with_vocab();
    let make = "instances --input text.txt --vocab vocab.txt --max-seq-length 32 --output i.jsonl";
    place.cloze(make).ok();
    let text = place.read_text("i.jsonl");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.reverse();
    place.write("reversed.jsonl", lines.join("\n"));
    let train = |file: &str, options: &str, run: &str| {
        let options = format!("--vocab vocab.txt --instances {file} {options} --output-dir {run}");
        let answer = place.pretrain(&options).ok();
        assert!(answer.stderr.contains(&format!("{} instances", lines.len())), "{}", answer.stderr);
        place.weights(run)
    };
    let first = train("i.jsonl", "--no-shuffle", "first");
    assert!(train("i.jsonl", "--no-shuffle", "again") == first, "the same file, the same bytes");
    assert!(train("reversed.jsonl", "--no-shuffle", "reversed") != first, "the order counts");
    assert!(train("i.jsonl", "", "shuffled") != first, "shuffled unless told not to");
    // Four steps of four use the first sixteen instances; four more instances change nothing.
    let head: String = text.lines().take(16).map(|line| format!("{line}\n")).collect();
    assert!(lines.len() >= 20, "{}", lines.len());
    place.write("i.jsonl", head);
    let options = "--vocab vocab.txt --instances i.jsonl --no-shuffle --output-dir head";
    place.pretrain(options).ok();
    assert!(place.weights("head") == first, "the file's first instances, and no others");
}

#[test]
fn without_next_sentence_prediction() {
    let place = Place::with_run();
    place.write("one.txt", TEXT.replace("\n\n", "\n"));
    // One document is enough; the pooler and the next-sentence head do not change.
    let options = "--no-nsp --eval-fraction 0 --output-dir out";
    place.pretrain(&format!("--init run --input one.txt {options}")).ok();
    let [before, after] = [place.weights("run"), place.weights("out")];
    for name in [
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "cls.seq_relationship.weight",
        "cls.seq_relationship.bias",
    ] {
        assert!(tensor(&before, name) == tensor(&after, name), "{name}");
    }
    let name = "cls.predictions.transform.dense.weight";
    assert!(tensor(&before, name) != tensor(&after, name));

    place.pretrain("--init run --input text.txt --no-nsp --output-dir held-out").ok();
    for line in place.metrics("out").iter().chain(&place.metrics("held-out")) {
        assert!(keys(line).iter().all(|key| !key.contains("next_sentence")), "{line}");
    }
    assert!(place.metrics("held-out").iter().any(|line| line.get("eval_loss").is_some()));
}

#[test]
fn held_out_text_is_a_matter_of_options() {
    let place = Place::with_vocab();
    let train = |options: &str, run: &str| {
        let options = format!("--vocab vocab.txt {options} --output-dir {run}");
        let answer = place.pretrain(&format!("--input text.txt {options}")).ok();
        let lines = place.metrics(run);
        let evaluations = lines.iter().filter_map(|line| line.get("eval_instances")?.as_u64());
        (evaluations.collect::<Vec<_>>(), answer.stderr)
    };
    let (evaluations, said) = train("", "default");
    assert!(evaluations.len() == 4 && said.contains("2 of its documents are held out"), "{said}");
    let (evaluations, said) = train("--eval-fraction 0.5", "half");
    assert!(evaluations.len() == 4 && said.contains("6 of its documents are held out"), "{said}");
    let (evaluations, said) = train("--eval-fraction 0", "none");
    assert!(evaluations.is_empty() && !said.contains("held out"), "{said}");
    let (evaluations, said) = train("--eval-input text.txt --eval-every 0", "other");
    assert!(evaluations.len() == 1 && !said.contains("of its documents"), "{said}");
    let most = "--eval-input text.txt --eval-every 0 --max-eval-steps";
    assert_eq!(train(&format!("{most} 1"), "least").0, [4], "one batch of four");
    let all = train(&format!("{most} 4611686018427387904"), "most").0;
    assert!(all == evaluations && all[0] > 4, "{all:?}");
}

#[test]
fn options_of_text_and_masks_take_part() {
    let place = Place::new();
    let train = |options: &str, run: &str| {
        let options = format!("--vocab-size 120 {options} --output-dir {run}");
        place.pretrain(&format!("--input text.txt {options}")).ok();
        place.weights(run)
    };
    let base = train("", "base");
    for (number, option) in [
        "--whole-word-mask",
        "--masked-lm-prob 0.3",
        "--short-seq-prob 1",
        "--max-predictions-per-seq 1",
        "--weight-decay 0.5",
        "--adam-bias-correction",
        "--max-grad-norm 0.01",
        "--hidden-dropout-prob 0",
        "--attention-probs-dropout-prob 0.5",
        "--num-warmup-steps 3",
        "--seed 1",
    ]
    .iter()
    .enumerate()
    {
        assert!(train(option, &number.to_string()) != base, "{option}");
    }
    // Options that only affect output do not.
    assert!(train("--log-every 1 --eval-every 1", "watched") == base);
}

#[test]
fn cased_vocabularies_stay_cased() {
    let place = Place::new();
    place.pretrain("--input text.txt --vocab-size 200 --cased --output-dir cased").ok();
    place.pretrain("--input text.txt --vocab-size 200 --output-dir uncased").ok();
    let upper = |run: &str| {
        let vocabulary = place.read_text(&format!("{run}/vocab.txt"));
        vocabulary.lines().skip(5).any(|token| token.chars().any(char::is_uppercase))
    };
    assert!(upper("cased") && !upper("uncased"));
    assert_eq!(place.read_json("cased/tokenizer_config.json")["do_lower_case"], false);
    let tokens = |run: &str| {
        place.run(&["tokenize", "--model", run, "--json", "The the"]).json()["tokens"].clone()
    };
    assert_eq!(tokens("uncased"), json!(["the", "the"]));
    assert_eq!(tokens("cased"), json!(["The", "the"]));
}

#[test]
fn what_a_small_alphabet_leaves_out_is_said() {
    let place = Place::new();
    let learn = |limit: &str, run: &str| {
        let options = format!("--input text.txt --vocab-size 120 --output-dir {run}");
        place.pretrain(&format!("{options} --limit-alphabet {limit}")).ok().stderr
    };
    let warning = learn("8", "small");
    assert!(warning.contains("of 8 and become [UNK]"), "{warning}");
    assert!(!learn("1000", "large").contains("[UNK]"));
    let alphabet = |run: &str| {
        let vocabulary = place.read_text(&format!("{run}/vocab.txt"));
        vocabulary.lines().filter(|line| line.chars().count() == 1).count()
    };
    assert!(alphabet("small") <= 8 && alphabet("large") > 8);
    place.cloze("pretrain --resume --output-dir small").ok();
}

#[test]
fn json_lines_are_the_same_text() {
    let place = Place::with_vocab();
    let line = |document: &str| json!({"text": document.trim(), "id": 1}).to_string();
    let lines: Vec<String> = TEXT.split("\n\n").map(line).collect();
    place.write("more/text.jsonl", lines.join("\n"));
    for (input, run) in
        [("text.txt", "text"), ("more/text.jsonl", "json"), ("more/*.jsonl", "glob")]
    {
        place.pretrain(&format!("--input {input} --vocab vocab.txt --output-dir {run}")).ok();
    }
    assert!(place.weights("json") == place.weights("text"));
    assert!(place.weights("glob") == place.weights("text"));
    // Several inputs are one text.
    let documents: Vec<&str> = TEXT.split("\n\n").collect();
    place.write("parts/a.txt", documents[..6].join("\n\n"));
    place.write("parts/b.txt", documents[6..].join("\n\n"));
    for (input, run) in [("parts/a.txt parts/b.txt", "files"), ("parts", "directory")] {
        place.pretrain(&format!("--vocab vocab.txt --output-dir {run} --input {input}")).ok();
        assert!(place.weights(run) == place.weights("text"), "{run}");
    }
}

#[test]
fn a_line_of_a_megabyte_is_text_too() {
    let place = Place::with_vocab();
    let long = format!("{}\n\n{}\n\n{TEXT}", "a".repeat(1 << 20), "The cat sat. ".repeat(1 << 16));
    place.write("long.txt", long);
    let options = "--input long.txt --vocab vocab.txt --num-train-steps 2 --output-dir out";
    place.pretrain(options).ok();
}

/// The sentences of the summary are longer than this model's positions; the run ends successfully without them.
#[test]
fn the_stories_train_a_model_of_few_positions() {
    let place = Place::with_vocab();
    place.write("few.json", CONFIG.replace("64", "8"));
    let options = "--model few.json --vocab vocab.txt --max-seq-length 8 --num-train-steps 1";
    let answer = place.pretrain(&format!("{options} --max-eval-steps 1 --output-dir out")).ok();
    assert!(answer.stderr.contains("The model is in `out`"), "{}", answer.stderr);
}

#[test]
fn a_golden_test_from_the_shell() {
    let place = Place::with_vocab();
    let train = |options: &str| {
        place.pretrain(&format!("--input text.txt --vocab vocab.txt --log-every 2 {options}"))
    };
    let answer = train("--eval-fraction 0.2 --output-dir first --json --quiet").ok();
    assert_eq!(answer.stderr, "", "--quiet says nothing");
    let json = json_lines(&answer.stdout).remove(0);
    let names = [
        "output_dir",
        "model",
        "run_json",
        "metrics_jsonl",
        "num_train_steps",
        "model_sha256",
        "metrics",
        "evaluation",
    ];
    assert_eq!(keys(&json), names);
    let sha256 = json["model_sha256"].as_str().unwrap().to_string();
    assert_eq!(place.read_json("first/run.json")["model_sha256"], sha256);
    assert_eq!(json["model"], "first/model.safetensors");
    let lines = place.metrics("first");
    assert_eq!(json["metrics"]["step"], 4);
    assert_eq!(json["metrics"]["masked_lm_loss"], lines[lines.len() - 2]["masked_lm_loss"]);
    assert_eq!(json["evaluation"]["eval_loss"], lines[lines.len() - 1]["eval_loss"]);

    // The expected digest, in either case; another one; none at all.
    let expect = |hex: &str, run: &str| {
        train(&format!("--eval-fraction 0.2 --output-dir {run} --quiet --expect-sha256 {hex}"))
    };
    expect(&sha256.to_uppercase(), "second").ok();
    let other = "0".repeat(64);
    let answer = expect(&other, "third").refused(1, &["differs", &sha256, &other]);
    assert_eq!(answer.stdout, "");
    assert!(place.path("third/model.safetensors").exists(), "the run is there to look at");
    expect("abc", "fourth").refused(2, &["64 hexadecimal digits"]);

    // verify, likewise; of the preparation it says nothing.
    let verify = |hex: &str| place.cloze(&format!("verify first --expect-sha256 {hex}"));
    let answer = verify(&sha256).ok();
    assert!(answer.stdout.contains("the same again") && !answer.stderr.contains("documents"));
    let answer = verify(&other);
    assert!(answer.status == 1 && answer.stderr.contains("differs"), "{}", answer.stderr);
    let answer = place.cloze("verify first --quiet --json").ok();
    assert_eq!(answer.stderr, "");
}

#[test]
fn a_size_is_layers_and_width() {
    let place = Place::with_vocab();
    let options = "--vocab vocab.txt --model 3/24 --output-dir run";
    let arguments = format!(
        "pretrain --input text.txt {options} --recipe google --max-seq-length 16 --train-batch-size 2 --num-train-steps 1"
    );
    place.cloze(&arguments).ok();
    let config = place.read_json("run/config.json");
    assert_eq!((&config["num_hidden_layers"], &config["hidden_size"]), (&3.into(), &24.into()));
    assert_eq!(config["intermediate_size"], 96);
}
