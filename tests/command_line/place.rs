//! Runs the program on a small text, for the tests of the command line.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Twelve documents of three sentences.
pub const TEXT: &str = "\
The cat sat on the mat.\nIt was a warm day.\nThe cat slept until noon.\n
The dog ran to the park.\nIt saw a bird there.\nThe bird flew away at once.\n
Anna baked a cake.\nShe gave a piece to Tom.\nTom thanked her and ate it.\n
The fox lives in the wood.\nIt hunts at night.\nIn the morning it goes home.\n
Greta has a red boat.\nShe rows on the lake.\nThe lake is calm today.\n
Tom has a blue kite.\nThe wind is strong.\nThe kite flies high over the hill.\n
The train left at nine.\nIt was full of children.\nThey sang all the way.\n
Otto lost his hat.\nThe wind took it to the river.\nA boy found it there.\n
The moon is out.\nThe owl sits in the old tree.\nIt waits for a mouse.\n
Mia reads a long book.\nThe book is about the sea.\nShe wants to be a sailor.\n
The baker gets up early.\nHe lights the oven.\nThe bread is ready at six.\n
Snow fell in the night.\nThe children built a man of snow.\nHe has a carrot for a nose.\n";

/// A model of one layer of width 16.
pub const CONFIG: &str = r#"{
  "model_type": "bert",
  "vocab_size": 30522,
  "hidden_size": 16,
  "num_hidden_layers": 1,
  "num_attention_heads": 2,
  "intermediate_size": 32,
  "max_position_embeddings": 64
}
"#;

/// The options of a small run, without the output directory.
pub const SMALL: [&str; 12] = [
    "--recipe",
    "google",
    "--model",
    "tiny.json",
    "--max-seq-length",
    "32",
    "--train-batch-size",
    "4",
    "--num-train-steps",
    "4",
    "--learning-rate",
    "1e-2",
];

/// The output and exit status of a command.
pub struct Answer {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// Standard output as one JSON object for each line.
    pub fn json_lines(&self) -> Vec<Value> {
        assert_eq!(self.status, 0, "{}", self.stderr);
        json_lines(&self.stdout)
    }

    /// Standard output as a single JSON object.
    pub fn json(&self) -> Value {
        let lines = self.json_lines();
        assert_eq!(lines.len(), 1, "{}", self.stdout);
        lines.into_iter().next().unwrap()
    }

    /// Asserts success.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 0, "{}", self.stderr);
        self
    }

    /// Asserts this exit status, empty standard output, and a message that contains all of `words`.
    #[track_caller]
    pub fn refused(self, status: i32, words: &[&str]) -> Self {
        assert_eq!(self.status, status, "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        let message = self.stderr.lines().find(|line| line.starts_with("error: "));
        assert!(message.is_some(), "there is a line `error: …`: {}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not in: {}", self.stderr);
        }
        self
    }
}

/// Every line as a JSON object.
pub fn json_lines(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.inspect(|value: &Value| assert!(value.is_object(), "{value}")).collect()
}

/// The keys of an object, in order.
pub fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// A directory with `text.txt` and `tiny.json`, in which commands are run.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("text.txt", TEXT);
        place.write("tiny.json", CONFIG);
        place
    }

    /// With the vocabulary of the text in `vocab.txt`.
    pub fn with_vocab() -> Self {
        let place = Self::new();
        place.cloze("vocab --input text.txt --vocab-size 120 --output vocab.txt").ok();
        place
    }

    /// With a trained model in `run`.
    pub fn with_run() -> Self {
        let place = Self::with_vocab();
        place.pretrain("--input text.txt --vocab vocab.txt --output-dir run").ok();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn read_text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn read_json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    /// The bytes of a run's `model.safetensors`.
    pub fn weights(&self, run: &str) -> Vec<u8> {
        self.read(&format!("{run}/model.safetensors"))
    }

    /// A run's metrics without timings.
    pub fn metrics(&self, run: &str) -> Vec<Value> {
        let mut lines = json_lines(&self.read_text(&format!("{run}/metrics.jsonl")));
        for line in &mut lines {
            let clock = ["seconds", "tokens_per_second", "eval_seconds"];
            line.as_object_mut().unwrap().retain(|key, _| !clock.contains(&key.as_str()));
        }
        lines
    }

    /// Copies the files of a directory, without its subdirectories.
    pub fn copy(&self, from: &str, to: &str) {
        fs::create_dir(self.path(to)).unwrap();
        for entry in fs::read_dir(self.path(from)).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                fs::copy(entry.path(), self.path(to).join(entry.file_name())).unwrap();
            }
        }
    }

    /// Every file with its bytes, by path.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn add(directory: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    files.push((path.clone(), Vec::new()));
                    add(&path, files);
                } else {
                    let bytes = if path.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
                    files.push((path, bytes));
                }
            }
        }
        let mut files = Vec::new();
        add(self.0.path(), &mut files);
        files.sort();
        files
    }

    /// Runs the program with these arguments in this directory, with empty standard input.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        let output = self.command(arguments).stdin(Stdio::null()).output().unwrap();
        answer(output)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloze"));
        command.args(arguments).current_dir(self.0.path()).env("RUST_BACKTRACE", "0");
        command
    }

    /// As [`run`](Self::run), with arguments split at spaces.
    pub fn cloze(&self, arguments: &str) -> Answer {
        self.run(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// `cloze pretrain` with the settings of [`SMALL`], except those in `arguments`.
    pub fn pretrain(&self, arguments: &str) -> Answer {
        let given: Vec<&str> = arguments.split_whitespace().collect();
        let mut all = vec!["pretrain"];
        for pair in SMALL.chunks(2) {
            // --init has its own model.
            let replaced = given.contains(&pair[0]);
            if !replaced && (pair[0] != "--model" || !given.contains(&"--init")) {
                all.extend(pair);
            }
        }
        all.extend(&given);
        self.run(&all)
    }

    /// Runs a command that must fail with status 1, print all of `words`, and change no file.
    #[track_caller]
    pub fn refuses(&self, words: &[&str], command: impl FnOnce(&Self) -> Answer) {
        let before = self.files();
        command(self).refused(1, words);
        assert!(self.files() == before, "no file was written or changed");
    }
}

pub fn answer(output: Output) -> Answer {
    Answer {
        status: output.status.code().expect("ended by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Asserts that a line on standard error contains `line`.
#[track_caller]
pub fn says(answer: &Answer, line: &str) {
    assert!(answer.stderr.lines().any(|said| said.contains(line)), "{line}: {}", answer.stderr);
}

/// `text` as gzip.
pub fn compressed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Every document of `text` as a line of JSON Lines.
pub fn as_json_lines(text: &str) -> String {
    text.split("\n\n").map(|text| serde_json::json!({ "text": text }).to_string() + "\n").collect()
}

/// Runs a command with `bytes` on standard input.
pub fn with_input(place: &Place, arguments: &str, bytes: &[u8]) -> Answer {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let mut command = place.command(&arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(bytes);
    answer(child.wait_with_output().unwrap())
}
