//! Threads: every command takes `--threads`, uses these threads alone, and says when they cannot be
//! started.

use crate::place::{Answer, Place, answer};
use std::process::{Command, Stdio};

/// Every command that computes.
const COMMANDS: [&str; 7] = [
    "fill-mask --model run The.[MASK].ran.",
    "next-sentence --model run A B",
    "eval --model run --input text.txt",
    "instances --input text.txt --vocab vocab.txt",
    "tokenize --vocab vocab.txt A",
    "vocab --input text.txt --vocab-size 120",
    "pretrain --input text.txt --vocab vocab.txt --recipe google --model tiny.json --max-seq-length 32 \
     --train-batch-size 4 --num-train-steps 2 --sample a[MASK] --output-dir out",
];

/// Runs a command in a gigabyte of address space, which has not enough for the stacks of 1024 threads. The
/// pool that rayon makes by itself would have 1024 of them.
fn in_a_gigabyte(place: &Place, arguments: &str) -> Answer {
    let script = format!("ulimit -v 1000000; exec \"$0\" {arguments}");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_cloze")]).current_dir(place.path(""));
    command.env("RAYON_NUM_THREADS", "1024").env("RUST_BACKTRACE", "0");
    answer(command.stdin(Stdio::null()).output().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn threads_that_cannot_be_started_are_an_error() {
    let place = Place::with_run();
    for command in COMMANDS {
        let answer = in_a_gigabyte(&place, &format!("{command} --threads 1024"));
        answer.refused(1, &["cannot start 1024 threads", "try a smaller --threads"]);
        assert!(!place.path("out").exists());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_command_uses_other_threads() {
    let place = Place::with_run();
    for command in COMMANDS {
        in_a_gigabyte(&place, &format!("{command} --threads 1")).ok();
    }
}
