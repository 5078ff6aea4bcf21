//! Types every command of the book and compares what is printed with the page.
//!
//! A `console` block has commands, which begin with `$ `, and below each one what it prints on standard output and
//! standard error. A command that ends with `\` goes on in the next line. `…` in a line stands for any text in it; `…` alone on a line stands for any number of lines. Spaces
//! at the end of a line do not count.
//!
//! The commands run in one directory, chapter after chapter, in a shell. There, `run` is the built-in run, and
//! `testdata` is that of the repository. `cloze pretrain` itself is not run again: the built-in run has been made by
//! exactly this command, and what it printed was kept.

use super::page::{Page, repository};
use super::{example_autodiff, example_pretrain, updates};
use cloze::model::Initialization;
use cloze::system::digest::Digest;
use cloze::tensor::kernels::Simd;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;
use std::{env, fs};

/// A command of a page.
struct Typed {
    /// What is typed.
    command: String,
    /// The lines of the page that say what is printed.
    answer: Range<usize>,
}

/// The commands of `page`, in order.
fn typed(page: &Page) -> Vec<Typed> {
    let mut commands: Vec<Typed> = Vec::new();
    let mut inside = false;
    for (number, (line, language)) in page.lines.iter().zip(page.languages()).enumerate() {
        if language != Some("console") {
            inside = false;
        } else if let Some(command) = line.strip_prefix("$ ") {
            inside = true;
            commands.push(Typed { command: command.into(), answer: number + 1..number + 1 });
        } else {
            assert!(inside, "{}: a console block begins with a command, not `{line}`", page.name);
            let last = commands.last_mut().unwrap();
            if last.answer.is_empty() && last.command.ends_with('\\') {
                last.command = format!("{}\n{line}", last.command);
                last.answer = number + 1..number + 1;
            } else {
                last.answer.end = number + 1;
            }
        }
    }
    commands
}

/// Whether `line` is what `pattern` says; `…` stands for any text.
fn line_matches(pattern: &str, line: &str) -> bool {
    match pattern.split_once('…') {
        None => pattern == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| line_matches(after, &rest[at..]))
        }),
    }
}

/// Whether `printed` is what `patterns` say; the line `…` stands for any number of lines.
fn matches(patterns: &[&str], printed: &[&str]) -> bool {
    match patterns {
        [] => printed.is_empty(),
        ["…", rest @ ..] => (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..])),
        [first, rest @ ..] => {
            printed.first().is_some_and(|line| line_matches(first.trim_end(), line.trim_end()))
                && matches(rest, &printed[1..])
        }
    }
}

#[test]
fn an_ellipsis_stands_for_any_text_or_any_lines() {
    assert!(matches(&["a…c", "…", "z"], &["abc", "1", "2", "z  "]));
    assert!(matches(&["…", "z"], &["z"]));
    assert!(!matches(&["…", "z"], &["z", "a"]));
    assert!(!matches(&["a…c"], &["abd"]));
    assert!(!matches(&["a"], &["a", ""]));
}

/// The directory with the built-in run, and what `cloze pretrain` printed when it was made. It is made once for each
/// program: a program with the same bytes makes the same run.
fn built_in_run() -> &'static Path {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    RUN.get_or_init(|| {
        let program = fs::read(env!("CARGO_BIN_EXE_cloze")).unwrap();
        let name = format!("built-in-run-{}", &Digest::of(&program).to_string()[..16]);
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let made = parent.join(&name);
        if !made.is_dir() {
            for old in fs::read_dir(parent).unwrap().map(|entry| entry.unwrap()) {
                if old.file_name().to_string_lossy().starts_with("built-in-run-") {
                    fs::remove_dir_all(old.path()).unwrap();
                }
            }
            let directory = tempfile::tempdir_in(parent).unwrap();
            let mut shell = shell(directory.path(), "cloze pretrain > printed 2>&1");
            assert!(shell.status().unwrap().success(), "the built-in run failed");
            fs::rename(directory.keep(), &made).unwrap();
        }
        made
    })
}

/// A shell in `directory` that finds `cloze`.
fn shell(directory: &Path, script: &str) -> Command {
    let bin = Path::new(env!("CARGO_BIN_EXE_cloze")).parent().unwrap().to_path_buf();
    let path = env::join_paths(
        [bin].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
    );
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(directory).env("PATH", path.unwrap());
    command
}

/// What the example `name` prints: this program runs again, with the one test that runs the example.
fn example(name: &str) -> String {
    let test = format!("commands::example_{name}");
    let mut again = Command::new(env::current_exe().unwrap());
    let output =
        again.args([&test, "--exact", "--ignored", "--nocapture"]).output().expect("this program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let (_, printed) = printed.split_once("BEGIN\n").expect("the example begins");
    let (printed, _) = printed.split_once("END\n").expect("the example ends");
    // On a busy machine the test program says in between that the test is slow.
    let slow = format!("test {test} has been running for over");
    let lines = printed.split_inclusive('\n').filter(|line| !line.starts_with(&slow));
    lines.collect()
}

/// What `examples/pretrain.rs` prints. It runs once.
fn pretrain_example() -> &'static str {
    static PRINTED: OnceLock<String> = OnceLock::new();
    PRINTED.get_or_init(|| example("pretrain"))
}

fn between_marks(main: impl FnOnce() -> Result<(), Box<dyn std::error::Error>>) {
    println!("BEGIN");
    main().unwrap();
    println!("END");
}

#[test]
#[ignore = "run by the other tests"]
fn example_autodiff() {
    between_marks(example_autodiff::main);
}

#[test]
#[ignore = "run by the other tests"]
fn example_pretrain() {
    between_marks(example_pretrain::main);
}

/// What `command` prints.
fn printed(directory: &Path, command: &str) -> String {
    if command == "cloze pretrain" {
        return fs::read_to_string(built_in_run().join("printed")).unwrap();
    }
    match command.strip_prefix("cargo run --release --example ") {
        Some("pretrain") => return pretrain_example().to_string(),
        Some(name) => return example(name),
        None => {}
    }
    let output = shell(directory, &format!("exec 2>&1\n{command}")).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[cfg(unix)]
#[test]
fn every_command_prints_what_the_page_says() {
    if !Simd::has_fma() {
        eprintln!("left out: without fused multiply-add, numbers have other last digits");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for (name, target) in
        [("run", built_in_run().join("run")), ("testdata", repository().join("testdata"))]
    {
        std::os::unix::fs::symlink(target, directory.path().join(name)).unwrap();
    }
    let (mut commands, mut wrong) = (0, Vec::new());
    built_in_run();
    for mut page in std::iter::once(Page::read("docs/README.md")).chain(Page::chapters()) {
        // From the last to the first, so that line numbers stay right when a page is written.
        let typed = typed(&page);
        let start = Instant::now();
        let answers: Vec<String> =
            typed.iter().map(|typed| printed(directory.path(), &typed.command)).collect();
        // With `--nocapture`: the times in the contents are from here.
        println!(
            "{}: {} commands in {:.1} s",
            page.name,
            typed.len(),
            start.elapsed().as_secs_f64()
        );
        commands += typed.len();
        for (Typed { command, answer }, printed) in typed.into_iter().zip(answers).rev() {
            let patterns: Vec<&str> =
                page.lines[answer.clone()].iter().map(String::as_str).collect();
            let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
            if matches(&patterns, &lines) {
                continue;
            }
            if updates() && !patterns.iter().any(|line| line.contains('…')) {
                page.lines.splice(answer, lines.into_iter().map(String::from));
                page.write();
                continue;
            }
            let (line, said) = (answer.start, patterns.join("\n"));
            wrong.push(format!(
                "docs/{}, line {line}\n$ {command}\n--- the page\n{said}\n--- printed\n{}\n",
                page.name,
                lines.join("\n")
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {commands} commands:\n{}", wrong.len(), wrong.join("\n"));
    println!("{commands} commands print what the book says");
}

#[test]
fn the_loop_of_the_example_gives_the_bits_of_one_call() {
    let printed = pretrain_example();
    let run = cloze::pretrain(cloze::data::stories::STORIES)
        .model("tiny")
        .vocab_size(1024)
        .max_seq_length(48)
        .train_batch_size(16)
        .learning_rate(2e-3)
        .steps(300)
        .seed(1)
        .options(|options| {
            options.model.as_new().initialization = Initialization::Mimetic;
            options.recipe.max_predictions_per_seq = 10;
            options.hidden_dropout_prob = Some(0.0);
            options.attention_probs_dropout_prob = Some(0.0);
            options.recipe.training.optimizer.bias_correction = true;
        })
        .run()
        .unwrap();
    assert!(printed.contains(&run.model_sha256.to_string()), "{}\n{printed}", run.model_sha256);
}
