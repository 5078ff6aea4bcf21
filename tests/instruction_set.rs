//! `CLOZE_SIMD` with an instruction set that is not there: the library says so as the program does, and
//! never uses another one in its place.

use cloze::model::{Bert, Config};
use cloze::tasks::Model;
use cloze::tensor::kernels::Simd;
use std::process::Command;

/// Runs the ignored test of this file in a process of its own.
fn with_instruction_set(name: &str) -> bool {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", "the_library_refuses", "--ignored"]).env("CLOZE_SIMD", name);
    let output = command.output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 test"), "it ran");
    output.status.success()
}

#[test]
fn an_instruction_set_that_is_not_there_is_an_error_of_the_library() {
    assert!(with_instruction_set("avx1024"));
    assert!(with_instruction_set("AVX2"), "names are in small letters");
    // One that is there is none.
    assert!(!with_instruction_set("portable"));
    assert!(!with_instruction_set(""), "empty is the same as not set");
    assert!(Simd::check().is_ok());
}

#[test]
#[ignore = "run by the test above, with CLOZE_SIMD set"]
fn the_library_refuses() {
    let asked = std::env::var("CLOZE_SIMD").unwrap();
    let words = [format!("CLOZE_SIMD is {asked:?}"), "this CPU has portable".into()];
    let check = |error: String| {
        for words in &words {
            assert!(error.contains(words), "`{words}` is not in: {error}");
        }
    };
    let run = cloze::pretrain("A cat sat.\nIt ran.\n\nA dog ran.\nIt sat.\n").model("1/8").steps(1);
    check(run.vocab_size(60).run().err().expect("refused").to_string());
    let bare = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/hugging_face/bare");
    check(Model::open(bare).err().expect("refused").to_string());
    // Weights are made without it.
    let _ = Bert::new(Config::new(1, 8, 20), 1);
}
