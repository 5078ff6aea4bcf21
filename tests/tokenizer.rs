//! The tokenizer answers as Hugging Face's `tokenizers` does.
//!
//! The fixtures hold what the reference said: `testdata/tokenizer/make_fixtures.py`.

use cloze::tokenizer::{
    Options, Tokenizer, TrainerOptions, Vocabulary, WordCounts, for_each_word, learn,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tokenizer").join(name)
}

fn read_json(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture(name)).unwrap()).unwrap()
}

/// The settings that the fixtures were made with, by the names they have there.
fn settings() -> [(&'static str, Options); 4] {
    let uncased = Options::default();
    let cased = Options { do_lower_case: false, ..uncased };
    let without_accents =
        Options { strip_accents: Some(true), tokenize_chinese_chars: false, ..cased };
    [
        ("uncased", uncased),
        ("cased", cased),
        ("uncased_with_accents", Options { strip_accents: Some(false), ..uncased }),
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

/// Each scalar value inside a word and alone, normalised and split into words, as a hash per block.
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
    let normalizer = Options { strip_accents, ..Options::default() }.normalizer();
    let mut counts = WordCounts::new();
    for (word, count) in words.as_object().unwrap() {
        (0..count.as_u64().unwrap()).for_each(|_| counts.add_text(&normalizer, word));
    }
    let options = TrainerOptions { min_frequency, ..TrainerOptions::default() };
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

/// Many ties, and pieces that arise in two ways: all as in those runs of the reference whose `##`
/// letters happen to be in order.
#[test]
fn ties_fall_as_in_an_ordered_run_of_the_reference() {
    let fixture = &read_json("training.json")["ties"];
    let tokens = learn_fixture(&fixture["words"], 1, None);
    assert_eq!(tokens, strings(&fixture["vocabulary"]));
}
