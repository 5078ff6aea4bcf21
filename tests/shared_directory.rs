//! What other runs left, or do, in a run directory: leftovers are removed, and one run at a time writes.

#[path = "command_line/place.rs"]
#[allow(dead_code)]
mod place;

use place::{Place, TEXT, answer};
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

/// Tokens of other text, and the temporary files of a process that was killed.
const LEFTOVERS: [&str; 4] = [
    "run/tokens/eval.tokens",
    "run/tokens/train.tokens",
    "run/tokens/.eval.tokens.cloze-1-0123456789abcdef.tmp",
    "run/.unnamed.cloze-1-0123456789abcdef.tmp",
];

fn leave(place: &Place) {
    LEFTOVERS.iter().for_each(|name| place.write(name, "left"));
}

#[test]
fn what_other_runs_left_is_removed() {
    let place = Place::new();
    let is_clean = || !place.path("run/tokens").exists() && !place.path(LEFTOVERS[3]).exists();
    leave(&place);
    place.write("run/tokens/mine", "not ours");
    place.pretrain("--input text.txt --vocab-size 120 --output-dir run").ok();
    assert_eq!(place.read("run/tokens/mine"), b"not ours");
    std::fs::remove_file(place.path("run/tokens/mine")).unwrap();
    leave(&place);
    place.cloze("pretrain --resume --output-dir run").ok();
    assert!(is_clean(), "resumed");

    // Without text at all.
    std::fs::remove_dir_all(place.path("run")).unwrap();
    place.cloze("vocab --input text.txt --vocab-size 120 --output vocab.txt").ok();
    let made = "instances --vocab vocab.txt --input text.txt --max-seq-length 32 --output i.jsonl";
    place.cloze(made).ok();
    leave(&place);
    place.pretrain("--instances i.jsonl --vocab vocab.txt --output-dir run").ok();
    assert!(is_clean(), "instances");
}

#[test]
fn a_run_that_reads_its_text_keeps_others_out() {
    let place = Place::new();
    let run = "pretrain --recipe google --model tiny.json --max-seq-length 32 --train-batch-size 4 --num-train-steps 4 \
               --vocab-size 120 --output-dir new/run --input";
    let arguments: Vec<&str> =
        run.split(' ').filter(|part| !part.is_empty()).chain(["-"]).collect();
    let mut first = place.command(&arguments);
    first.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut first = first.spawn().unwrap();
    // It waits for the rest of its text.
    for _ in 0..600 {
        if place.path("new/run/.lock").exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let process = format!("another run (process {})", first.id());
    let second = place.cloze(&format!("{run} text.txt"));
    second.refused(1, &[&process, "new/run", "--output-dir"]);
    first.stdin.take().unwrap().write_all(TEXT.as_bytes()).unwrap();
    answer(first.wait_with_output().unwrap()).ok();
    assert!(place.path("new/run/model.safetensors").exists());
}

#[test]
fn a_run_that_cannot_begin_leaves_no_directory() {
    let place = Place::new();
    for run in ["--input none.txt", "--input text.txt --vocab-size 3"] {
        place.refuses(&[], |place| place.pretrain(&format!("{run} --output-dir new/run")));
        assert!(!place.path("new").exists(), "{run}");
    }
}
