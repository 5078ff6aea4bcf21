//! Options that contradict each other, options that are not there, and the help.

use crate::place::Place;

#[test]
fn options_of_text_beside_instances_are_refused() {
    let place = Place::with_vocab();
    let make = "instances --input text.txt --vocab vocab.txt --max-seq-length 32 --output i.jsonl";
    place.cloze(make).ok();
    let run = "--instances i.jsonl --vocab vocab.txt --output-dir run";
    for option in [
        "--masked-lm-prob 0.3",
        "--short-seq-prob 0.5",
        "--whole-word-mask",
        "--masking span",
        "--random-next nearby",
        "--masked-lm-prob-start 0.3",
        "--short-phase-seq-length 16",
    ] {
        let name = option.split(' ').next().unwrap();
        let words = [name, "--instances", "cannot be used with"];
        place.pretrain(&format!("{run} {option}")).refused(2, &words);
        assert!(!place.path("run").exists());
    }
    // They decide how held-out text is masked.
    place.pretrain(&format!("{run} --eval-input text.txt --masked-lm-prob 0.3")).ok();
}

#[test]
fn instances_without_next_sentences_cannot_train_them() {
    let place = Place::with_vocab();
    let make = "instances --input text.txt --vocab vocab.txt --max-seq-length 32 --output";
    place.cloze(&format!("{make} single.jsonl --no-nsp")).ok();
    let run = "--instances single.jsonl --vocab vocab.txt --output-dir run";
    let words = ["`single.jsonl`", "no instance has a next sentence", "--no-nsp"];
    place.refuses(&words, |place| place.pretrain(run));
    place.pretrain(&format!("{run} --no-nsp")).ok();

    place.cloze(&format!("{make} pairs.jsonl")).ok();
    let run = "--instances pairs.jsonl --vocab vocab.txt --output-dir unused --no-nsp";
    let answer = place.pretrain(run).ok();
    let words = "labels of the instances stay unused, because of --no-nsp";
    assert!(answer.stderr.contains(words), "{}", answer.stderr);
}

#[test]
fn an_unknown_option_suggests_the_one_that_is_meant() {
    let place = Place::new();
    let words = ["--batch-size", "a similar argument exists: '--train-batch-size'"];
    place.cloze("pretrain --batch-size 8").refused(2, &words);
    place.cloze("pretrain --nsp 8").refused(2, &["'--no-nsp'"]);
}

#[test]
fn help_has_headings_and_the_short_help_is_short() {
    let place = Place::new();
    let long = place.cloze("pretrain --help").ok().stdout;
    let headings =
        ["What to read:", "The model:", "The recipe:", "The optimizer:", "Saving:", "Watching:"];
    let places: Vec<usize> = headings.iter().map(|heading| long.find(heading).unwrap()).collect();
    assert!(places.is_sorted(), "{long}");
    let short = place.cloze("pretrain -h").ok().stdout;
    let options = |help: &str| help.lines().filter(|line| line.trim().starts_with("--")).count();
    assert_eq!(options(&short), 13, "{short}");
    assert!(options(&long) > 30 && !long.contains("These are the options"), "{long}");
    assert!(short.contains("`cloze pretrain --help` shows all"), "{short}");
}

#[test]
fn hints_are_sentences_of_the_text() {
    let place = Place::with_vocab();
    let answer = place
        .pretrain("--input text.txt --vocab vocab.txt --eval-fraction 0.3 --output-dir run")
        .ok();
    let hints = answer.stderr.split("Try:").nth(1).unwrap();
    assert!(!hints.contains("The cat sat on the [MASK].") && hints.contains("[MASK]"), "{hints}");
    let plain = place
        .pretrain("--input text.txt --vocab vocab.txt --eval-fraction 0 --output-dir plain")
        .ok();
    assert!(
        plain.stderr.contains("'A sentence of your text with a [MASK] in it.'"),
        "{}",
        plain.stderr
    );
}

/// How text becomes instances is said in the same words to every command, and each does it.
#[test]
fn settings_of_instances_mean_the_same_everywhere() {
    let place = Place::with_vocab();
    let make = "instances --input text.txt --vocab vocab.txt --max-seq-length 32";
    let of = |option: &str| place.cloze(&format!("{make} {option}")).ok();
    let plain = of("").stdout;
    // Two names of the same setting.
    assert_eq!(of("--masking whole-word").stdout, of("--whole-word-mask").stdout);
    assert_eq!(of("--sentence-objective none").stdout, of("--no-nsp").stdout);
    assert_eq!(of("--masking token --random-next any").stdout, plain);
    for option in ["--masking span", "--sentence-objective sentence-order", "--random-next nearby"]
    {
        assert_ne!(of(option).stdout, plain, "{option}");
        place
            .pretrain(&format!("--input text.txt --vocab vocab.txt --output-dir run {option}"))
            .ok();
        let recorded = &place.read_json("run/run.json")["options"]["recipe"];
        let (name, value) = option.split_once(' ').unwrap();
        assert_eq!(recorded[name[2..].replace('-', "_")], value);
        // The model of before is replaced as a whole.
        std::fs::remove_dir_all(place.path("run")).unwrap();
    }

    // The order of sentences is trained, evaluated and named as such.
    let order = "--sentence-objective sentence-order";
    place.pretrain(&format!("--input text.txt --vocab vocab.txt --output-dir run {order}")).ok();
    let eval = "eval --model run --input text.txt --json";
    let value = place.cloze(eval).json();
    assert!(value["sentence_order_loss"].as_f64().unwrap() > 0.0, "{value}");
    assert!(value.get("next_sentence_loss").is_none(), "{value}");
    assert_eq!(place.cloze(&format!("{eval} {order}")).json(), value);
    // An option is above what is recorded.
    let pairs = place.cloze(&format!("{eval} --sentence-objective next-sentence")).json();
    assert!(pairs["next_sentence_loss"].as_f64().unwrap() > 0.0, "{pairs}");
    assert!(place.cloze(&format!("{eval} --no-nsp")).json()["next_sentence_loss"].is_null());
    place.cloze(&format!("{make} {order} --output order.jsonl")).ok();
    let from_file = "--instances order.jsonl --vocab vocab.txt --output-dir from-file";
    place.pretrain(&format!("{from_file} {order}")).ok();
    assert!(place.read_text("from-file/metrics.jsonl").contains("\"sentence_order_loss\""));
    // No document of one sentence has an order.
    place.write("lines.txt", "One line.\n\nAnother line.\n\nA third line.\n");
    let lines = "instances --input lines.txt --vocab vocab.txt";
    place.refuses(&["every document of `lines.txt` is one sentence", "--no-nsp"], |place| {
        place.cloze(&format!("{lines} {order}"))
    });
    // One document in each of two files.
    place.write("apart/a.txt", "One line.\nAnother line.\n");
    place.write("apart/b.txt", "A third line.\n");
    let apart = "instances --input apart --vocab vocab.txt --random-next same-file";
    let answer = place.cloze(apart).ok();
    assert!(answer.stderr.contains("2 of 2 documents are the only one"), "{}", answer.stderr);
    let answer = place.cloze(&format!("{apart} --input text.txt apart")).ok();
    assert!(
        answer.stderr.contains("warning: 2 of 14 documents are the only one"),
        "{}",
        answer.stderr
    );
}

#[test]
fn settings_of_instances_that_contradict_each_other_are_refused() {
    let place = Place::with_vocab();
    for command in ["pretrain --output-dir out", "instances"] {
        let refused = |status, options: &str, words: &[&str]| {
            let command = format!("{command} --input text.txt --vocab vocab.txt {options}");
            place.cloze(&command).refused(status, words);
        };
        let both = ["cannot be used with"];
        refused(2, "--masking span --whole-word-mask", &both);
        refused(2, "--sentence-objective sentence-order --no-nsp", &both);
        refused(2, "--random-next nearby --no-nsp", &both);
        refused(2, "--masking words", &["'--masking <token|whole-word|span>'"]);
        refused(2, "--random-next far", &["'--random-next <any|same-file|nearby>'"]);
        let words =
            ["--random-next is nearby, but only next-sentence prediction has random sentences"];
        refused(1, "--random-next nearby --sentence-objective sentence-order", &words);
    }
    for (options, words) in [
        ("--masked-lm-prob-start 1.5", "--masked-lm-prob-start is 1.5, but it must be from 0 to 1"),
        ("--short-phase-seq-length 4", "--short-phase-seq-length is 4, but it must be from 5"),
        (
            "--short-phase-batch-size 4",
            "--short-phase-batch-size is 4, but it needs --short-phase-seq-length",
        ),
        ("--short-phase-fraction 2", "--short-phase-fraction is 2, but it must be from 0 to 1"),
    ] {
        let command =
            format!("pretrain --output-dir out --input text.txt --vocab vocab.txt {options}");
        place.refuses(&[words], |place| place.cloze(&command));
    }
}
