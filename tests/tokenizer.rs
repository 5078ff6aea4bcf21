//! The tokenizer gives the same answers as Hugging Face's `tokenizers`.
//!
//! `testdata/tokenizer/make_fixtures.py` recorded those answers.

use cloze::tokenizer::{
    Tokenizer, TokenizerOptions, TrainerOptions, Vocabulary, WordCounts, for_each_word, learn,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tokenizer").join(name)
}

fn read_json(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture(name)).unwrap()).unwrap()
}

/// The settings of the fixtures, by their names in the fixtures.
fn settings() -> [(&'static str, TokenizerOptions); 4] {
    let uncased = TokenizerOptions::default();
    let cased = uncased.with_do_lower_case(false);
    let without_accents = cased.with_strip_accents(Some(true)).with_tokenize_chinese_chars(false);
    [
        ("uncased", uncased),
        ("cased", cased),
        ("uncased_with_accents", uncased.with_strip_accents(Some(false))),
        ("cased_without_accents", without_accents),
    ]
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn ids_offsets_and_decoded_text_equal_the_reference() {
    let encodings = read_json("encodings.json");
    let mut differences = Vec::new();
    for (setting, options) in settings() {
        let vocabulary = Vocabulary::from_file(&fixture("vocab.txt")).unwrap();
        let tokenizer = Tokenizer::new(vocabulary, options);
        for line in encodings.as_array().unwrap() {
            let text = line["text"].as_str().unwrap();
            let tokens = tokenizer.encode_with_offsets(text);
            let found: Value = tokens
                .iter()
                .map(|token| serde_json::json!([token.id, token.source.start, token.source.end]))
                .collect();
            let ids = tokenizer.encode(text);
            let decoded = tokenizer.decode(&ids, true);
            let same_ids = ids.iter().eq(tokens.iter().map(|token| &token.id));
            if !same_ids || found != line[setting] || decoded != line[format!("{setting}_decoded")]
            {
                differences.push(format!(
                    "{setting}, {}: {text:?}\n  found     {found} {decoded:?}\n  reference {} {}",
                    line["case"],
                    line[setting],
                    line[format!("{setting}_decoded")],
                ));
            }
        }
    }
    assert!(encodings.as_array().unwrap().len() > 40);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Each scalar value, inside a word and alone, is normalized and split into words; one hash for each block.
#[test]
fn every_unicode_scalar_value_is_treated_as_in_the_reference() {
    let fixture = read_json("scalars.json");
    let skipped: Vec<u64> =
        fixture["skipped"].as_array().unwrap().iter().map(|i| i.as_u64().unwrap()).collect();
    let block = fixture["block"].as_u64().unwrap() as u32;
    for (setting, options) in settings() {
        if setting == "uncased_with_accents" {
            continue;
        }
        let normalizer = options.normalizer();
        let expected = strings(&fixture[setting]);
        assert_eq!(expected.len() as u32, 0x110000 / block);
        for (start, expected) in (0..).step_by(block as usize).zip(expected) {
            let mut words = Vec::new();
            for character in (start..start + block).filter_map(char::from_u32) {
                if skipped.contains(&u64::from(character as u32)) {
                    continue;
                }
                let text = format!("a\u{302e}{character}\u{1d165}b {character}");
                for_each_word(&normalizer, &text, |word, _| words.push(word.to_owned()));
                words.push("\n".to_owned());
            }
            let found = format!("{:016x}", fnv1a(&words.join(" ")));
            assert_eq!(found, expected, "{setting}: U+{start:04X} to U+{:04X}", start + block - 1);
        }
    }
}

fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

fn learn_fixture(words: &Value, min_frequency: u64, strip_accents: Option<bool>) -> Vec<String> {
    let normalizer = TokenizerOptions::default().with_strip_accents(strip_accents).normalizer();
    let mut counts = WordCounts::new();
    for (word, count) in words.as_object().unwrap() {
        (0..count.as_u64().unwrap()).for_each(|_| counts.add_text(&normalizer, word));
    }
    let options = TrainerOptions::default().with_min_frequency(min_frequency);
    let vocabulary = learn(&counts, &options).unwrap();
    vocabulary.iter().map(|(_, token)| token.to_owned()).collect()
}

#[test]
fn learning_makes_the_merges_of_the_reference() {
    let fixture = read_json("training.json");
    let tokens = learn_fixture(&fixture["words"], 2, Some(false));
    let is_merge = |token: &&String| token.trim_start_matches('#').chars().count() > 1;
    let mut alphabet: Vec<_> = tokens[5..].iter().filter(|token| !is_merge(token)).collect();
    alphabet.sort_unstable();
    assert_eq!(alphabet, strings(&fixture["sorted_alphabet"]));
    let expected = strings(&fixture["merges"]);
    assert!(expected.len() >= 20);
    let merges: Vec<_> = tokens[5..].iter().filter(is_merge).take(expected.len()).collect();
    assert_eq!(merges, expected);
}

/// The counts have many ties, and some pieces arise in two ways. The reference orders its `##` letters at
/// random; the fixture is from a run with sorted letters.
#[test]
fn ties_fall_as_in_an_ordered_run_of_the_reference() {
    let fixture = &read_json("training.json")["ties"];
    let tokens = learn_fixture(&fixture["words"], 1, None);
    assert_eq!(tokens, strings(&fixture["vocabulary"]));
}

/// The commands `cloze tokenize` and `cloze vocab`.
#[cfg(feature = "cli")]
mod command_line {
    use super::{Value, fixture};
    use std::fs;
    use std::io::Write;
    use std::path::Path;
    use std::process::{Command, Output, Stdio};

    fn cloze(arguments: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cloze"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that fails early does not read its input.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    fn answers(output: &Output) -> Vec<Value> {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Standard error of a command that must end with `status` and print nothing on standard output.
    fn error_of(arguments: &[&str], input: &[u8], status: i32) -> String {
        let output = cloze(arguments, input);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {message}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        message
    }

    fn vocab() -> String {
        fixture("vocab.txt").to_str().unwrap().to_owned()
    }

    #[test]
    fn tokenize_answers_one_json_object_a_line() {
        let json = ["tokenize", "--vocab", &vocab(), "--json", "--offsets"];
        let arguments = answers(&cloze(&[&json[..], &["The [MASK]", "caf\u{e9}"]].concat(), b""));
        assert_eq!(arguments[0]["text"], "The [MASK]");
        assert_eq!(arguments[0]["tokens"], serde_json::json!(["the", "[MASK]"]));
        assert_eq!(arguments[0]["input_ids"][1], 4);
        assert_eq!(arguments[0]["offsets"], serde_json::json!([[0, 3], [4, 10]]));
        assert_eq!(arguments[1]["tokens"], serde_json::json!(["caf", "##e"]));
        assert_eq!(arguments.len(), 2);

        let lines = answers(&cloze(&json, "The [MASK]\r\ncaf\u{e9}".as_bytes()));
        assert_eq!(lines, arguments);

        let cased = [&json[..], &["--cased", "--add-special-tokens", "Caf\u{e9}"]].concat();
        let expected = serde_json::json!(["[CLS]", "Caf\u{e9}", "[SEP]"]);
        let answer = answers(&cloze(&cased, b"")).remove(0);
        assert_eq!(answer["tokens"], expected);
        assert_eq!(answer["offsets"], serde_json::json!([[0, 0], [0, 5], [0, 0]]));
    }

    #[test]
    fn tokenize_shows_ids_below_their_tokens() {
        let output = cloze(&["tokenize", "--vocab", &vocab(), "The [MASK]"], b"");
        let shown = String::from_utf8(output.stdout).unwrap();
        assert_eq!(shown, "The [MASK]\n  the  [MASK]\n  337  4\n\n");
    }

    #[test]
    fn a_learned_vocabulary_is_written_and_used() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("text.txt"), "the fox and the dog\nthe cat\n").unwrap();
        let learn = ["vocab", "--input", &path("text.txt"), "--vocab-size", "40"];
        let output = cloze(&[&learn[..], &["--output", &path("vocab.txt")]].concat(), b"");
        assert!(output.status.success() && output.stdout.is_empty());
        assert_eq!(fs::read(path("vocab.txt")).unwrap(), cloze(&learn, b"").stdout);

        let answer = answers(&cloze(&[&learn[..], &["--json"]].concat(), b"")).remove(0);
        let vocabulary = fs::read_to_string(path("vocab.txt")).unwrap();
        let lines: Vec<&str> = vocabulary.lines().collect();
        assert_eq!(answer["tokens"], serde_json::json!(lines));
        assert_eq!(answer["words"], 7);

        let tokenize = ["tokenize", "--vocab", &path("vocab.txt"), "--json", "the"];
        assert_eq!(answers(&cloze(&tokenize, b""))[0]["tokens"], serde_json::json!(["the"]));
    }

    #[test]
    fn bad_input_is_named_and_nothing_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("empty.txt"), "").unwrap();
        fs::write(path("binary.txt"), b"one\ntw\xff").unwrap();
        fs::write(path("text.txt"), "some text").unwrap();
        fs::write(path("no_mask.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n").unwrap();
        fs::write(path("twice.txt"), "[PAD]\na\na\n").unwrap();

        for (input, says) in [
            ("missing.txt", ["matches no file", "cannot open"]),
            ("empty.txt", ["it is empty", "is empty"]),
            ("binary.txt", ["line 2, byte 6"; 2]),
        ] {
            let out = path("out.txt");
            for (message, says) in [
                error_of(&["vocab", "--input", &path(input), "--output", &out], b"", 1),
                error_of(&["tokenize", "--vocab", &vocab(), "--input", &path(input)], b"", 1),
            ]
            .iter()
            .zip(says)
            {
                assert!(message.contains(input) && message.contains(says), "{message}");
            }
            assert!(!Path::new(&out).exists());
        }
        for (file, says) in [("no_mask.txt", "no `[MASK]`"), ("twice.txt", "line 3: the token `a`")]
        {
            let message = error_of(&["tokenize", "--vocab", &path(file), "x"], b"", 1);
            assert!(message.contains(file) && message.contains(says), "{message}");
        }
        let too_small = [
            "vocab",
            "--input",
            &path("text.txt"),
            "--vocab-size",
            "9",
            "--output",
            &path("out.txt"),
        ];
        let message = error_of(&too_small, b"", 1);
        assert!(message.contains("at least"), "{message}");
        assert!(!Path::new(&path("out.txt")).exists());

        let message = error_of(&["tokenize", "--vocab", &vocab(), "--json"], b"\xff\n", 1);
        assert!(message.contains("standard input"), "{message}");
        error_of(&["tokenize", "no vocabulary"], b"", 2);
        error_of(&["vocab"], b"", 2);
    }

    #[test]
    fn a_reader_that_goes_away_is_no_error() {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cloze"))
            .args(["tokenize", "--vocab", &vocab()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let _ = child.stdin.take().unwrap().write_all("the fox\n".repeat(1000).as_bytes());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}
