//! Unusual text: bytes that are not UTF-8, line ends and other forms, and text so large that its tokens go to a
//! file.

use crate::place::{Place, TEXT};
use std::fs;

#[test]
fn what_is_not_utf8_is_replaced_when_asked() {
    let place = Place::with_run();
    let mut bytes = TEXT.as_bytes().to_vec();
    // An invalid byte in line 1, an incomplete character at the end of line 2.
    bytes[5] = 0xff;
    let end = TEXT.find("day.").unwrap() + 3;
    bytes.splice(end..=end, [0xe2, 0x82]);
    place.write("bad.txt", &bytes);
    place.write("good.txt", String::from_utf8_lossy(&bytes).as_bytes());
    for command in [
        "vocab --input FILE",
        "tokenize --vocab vocab.txt --json --input FILE",
        "instances --vocab vocab.txt --input FILE",
        "eval --model run --max-seq-length 32 --json --input FILE",
    ] {
        let bad = command.replace("FILE", "bad.txt");
        place.refuses(&["`bad.txt` is not UTF-8: line 1, byte 5"], |place| place.cloze(&bad));
        let replaced = place.cloze(&format!("{bad} --invalid-utf8 replace")).ok();
        let good = place.cloze(&command.replace("FILE", "good.txt")).ok();
        assert_eq!(replaced.stdout, good.stdout, "{command}");
        assert!(!good.stdout.is_empty());
    }
    let bad = "--input bad.txt --eval-input bad.txt --invalid-utf8 replace --output-dir bad";
    place.pretrain(bad).ok();
    place.pretrain("--input good.txt --eval-input good.txt --output-dir good").ok();
    assert_eq!(place.weights("bad"), place.weights("good"));
    assert_eq!(place.metrics("bad"), place.metrics("good"));
    place.cloze("vocab --input good.txt --invalid-utf8 ignore").refused(2, &["error or replace"]);
}

#[test]
fn line_ends_marks_and_control_characters_do_not_show() {
    let place = Place::with_vocab();
    let instances = |text: String| {
        place.write("x.txt", text);
        place.cloze("instances --vocab vocab.txt --max-seq-length 32 --input x.txt").ok().stdout
    };
    let plain = instances(TEXT.into());
    assert_eq!(instances(TEXT.replace('\n', "\r\n")), plain);
    assert_eq!(instances(format!("\u{feff}{TEXT}")), plain);
    assert_eq!(instances(format!("\n\r\n \n{TEXT}\n\n\0\n\n\t")), plain);
    assert_eq!(instances(TEXT.replace("cat", "\0c\u{200b}at")), plain);
}

#[test]
fn odd_lines_are_read() {
    let place = Place::with_vocab();
    let long_line = "The cat sat on the mat. ".repeat(20_000);
    let long_word = "x".repeat(1_000_000);
    let marks = "\u{301}".repeat(100_000);
    place
        .write("x.txt", [TEXT, &long_line, &long_word, &marks, &"\0".repeat(100_000)].join("\n\n"));
    let instances = place.cloze("instances --vocab vocab.txt --input x.txt").ok();
    let sentences_of_the_line = 20_000;
    assert!(instances.stdout.lines().count() > sentences_of_the_line / 32);
    let learned = place.cloze("vocab --input x.txt --vocab-size 120").ok();
    assert_eq!(learned.stdout.lines().count(), 120);
}

/// The tokens of a large text go to a file in the run directory, and another run uses the file again. Neither
/// changes the result.
#[test]
fn the_tokens_of_a_large_text_are_kept_in_a_file() {
    let place = Place::with_vocab();
    // Large, but quick to read.
    let large = TEXT.to_owned() + &"\n".repeat(65 << 20);
    place.write("large.txt", &large);
    let run = |input: &str, output: &str| {
        let input = format!("--input {input} --eval-input {input} --vocab vocab.txt");
        place.pretrain(&format!("{input} --output-dir {output}")).ok()
    };
    run("text.txt", "small");
    assert!(!place.path("small/tokens").exists());
    run("large.txt", "large");
    assert_eq!(place.weights("small"), place.weights("large"));
    assert_eq!(place.metrics("small"), place.metrics("large"));
    let date = |name: &str| {
        let path = place.path("large/tokens").join(name);
        fs::metadata(path).unwrap().modified().unwrap()
    };
    let before = [date("train.tokens"), date("eval.tokens")];

    // Only the tokens remain.
    for entry in fs::read_dir(place.path("large")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.ends_with("tokens") {
            continue;
        }
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
    }
    run("large.txt", "large");
    assert_eq!(place.weights("small"), place.weights("large"));
    assert_eq!(before, [date("train.tokens"), date("eval.tokens")], "used again");

    // Other commands leave no files.
    let files = place.files().len();
    place.cloze("instances --vocab vocab.txt --input large.txt --output i.jsonl").ok();
    assert_eq!(place.files().len(), files + 1);
}

#[test]
fn words_that_are_too_long_are_told_from_strange_characters() {
    let place = Place::new();
    let long = "ก".repeat(101);
    place.write("thai.txt", format!("{TEXT}\n{long}.\n{long} {long}.\n"));
    let answer = place.pretrain("--input thai.txt --vocab-size 150 --output-dir run").ok();
    let warning = answer.stderr.lines().find(|line| line.contains("[UNK]")).unwrap();
    assert!(warning.contains("% of the words have more than 100 characters"), "{warning}");
    assert!(!answer.stderr.contains("outside the alphabet"), "{}", answer.stderr);
}
