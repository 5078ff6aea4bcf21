//! Options that contradict each other, options that are not there, and the help.

use crate::place::Place;

#[test]
fn options_of_text_beside_instances_are_refused() {
    let place = Place::with_vocab();
    let make = "instances --input text.txt --vocab vocab.txt --max-seq-length 32 --output i.jsonl";
    place.cloze(make).ok();
    let run = "--instances i.jsonl --vocab vocab.txt --output-dir run";
    for option in ["--masked-lm-prob 0.3", "--short-seq-prob 0.5", "--whole-word-mask"] {
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
    assert_eq!(options(&short), 10, "{short}");
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
