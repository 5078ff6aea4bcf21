//! The tokenizer files of a Hugging Face model directory: `vocab.txt`, `tokenizer.json`,
//! `tokenizer_config.json` and `special_tokens_map.json`.

use super::error::TokenizerError;
use super::special_tokens::{CLS, MASK, PAD, SEP, UNK};
use super::tokenizer::{Tokenizer, TokenizerOptions};
use super::tokenizer_json::{self, Reader};
use super::vocabulary::Vocabulary;
use crate::system::files;
use serde_json::{Value, json};
use std::path::Path;

const TOKENIZER_JSON: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const VOCAB: &str = "vocab.txt";

/// The classes of `transformers` that are BERT's tokenizer, without the suffix `Fast`.
const BERT_CLASSES: [&str; 6] = [
    "BertTokenizer",
    "DistilBertTokenizer",
    "ElectraTokenizer",
    "MobileBertTokenizer",
    "ConvBertTokenizer",
    "LayoutLMTokenizer",
];

impl Tokenizer {
    /// Reads the tokenizer of any Hugging Face BERT directory: `tokenizer.json`, or without one
    /// `vocab.txt`.
    ///
    /// The options are those that transformers 5 uses. Where `tokenizer_config.json` names a BERT
    /// tokenizer as its class, or names none and `config.json` is that of a BERT, they are
    /// `do_lower_case`, `strip_accents` and `tokenize_chinese_chars` of `tokenizer_config.json`, each
    /// with the value of the uncased BERT when it is not there, and `tokenizer.json` does not count.
    /// Otherwise they are those of `tokenizer.json`.
    ///
    /// # Errors
    /// [`TokenizerError`] when a file cannot be read or parsed, or is not a BERT tokenizer: another
    /// model type, another normalizer, an added token with stripping, and so on.
    pub fn from_directory(directory: &Path) -> Result<Self, TokenizerError> {
        let config_path = directory.join(TOKENIZER_CONFIG);
        let config = Reader { path: &config_path };
        let values: Value = if config_path.exists() {
            config.parse(&files::read_to_string(&config_path)?)?
        } else {
            json!({})
        };
        if values.get("do_basic_tokenize") == Some(&json!(false)) {
            return Err(config.unsupported("do_basic_tokenize", Some(&json!(false)), "true"));
        }
        let adjust = |options: &mut TokenizerOptions| {
            if let Some(value) = config.flag(&values, "do_lower_case")? {
                options.do_lower_case = value;
            }
            if values.get("strip_accents").is_some() {
                options.strip_accents = config.flag(&values, "strip_accents")?;
            }
            if let Some(value) = config.flag(&values, "tokenize_chinese_chars")? {
                options.tokenize_chinese_chars = value;
            }
            Ok(())
        };

        let class = values.get("tokenizer_class").filter(|class| !class.is_null());
        let is_bert = match class {
            Some(class) => is_bert_class(class),
            None => is_bert_model(directory),
        };
        let json_path = directory.join(TOKENIZER_JSON);
        if json_path.exists() {
            return tokenizer_json::read(&json_path, |options| {
                if !is_bert {
                    return Ok(());
                }
                *options = TokenizerOptions::default();
                adjust(options)
            });
        }
        let vocab_path = directory.join(VOCAB);
        if !vocab_path.exists() {
            return Err(TokenizerError::NoTokenizer { path: directory.to_owned() });
        }
        if let Some(class) = class.filter(|class| !is_bert_class(class)) {
            return Err(config.unsupported("tokenizer_class", Some(class), "\"BertTokenizer\""));
        }
        let mut options = TokenizerOptions::default();
        adjust(&mut options)?;
        Ok(Self::new(Vocabulary::from_file(&vocab_path)?, options))
    }

    /// Writes `vocab.txt`, `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json`
    /// into `directory`, in the form that `transformers` reads. `model_max_length` is the most tokens of
    /// a sequence of the model.
    ///
    /// # Errors
    /// [`TokenizerError::File`] when a file cannot be written.
    pub fn save_pretrained(
        &self,
        directory: &Path,
        model_max_length: usize,
    ) -> Result<(), TokenizerError> {
        let options = self.options();
        let special_tokens_map = json!({
            "cls_token": CLS,
            "mask_token": MASK,
            "pad_token": PAD,
            "sep_token": SEP,
            "unk_token": UNK,
        });
        let mut config = json!({
            "do_lower_case": options.do_lower_case,
            "model_max_length": model_max_length,
            "strip_accents": options.strip_accents,
            "tokenize_chinese_chars": options.tokenize_chinese_chars,
            "tokenizer_class": "BertTokenizer",
        });
        let tokens = special_tokens_map.as_object().expect("an object, just above");
        config.as_object_mut().expect("an object, just above").extend(tokens.clone());

        files::create_directory(directory)?;
        files::write_atomically(&directory.join(VOCAB), |out| self.vocabulary().write(out))?;
        for (name, value) in [
            (TOKENIZER_JSON, tokenizer_json::to_json(self)),
            (TOKENIZER_CONFIG, config),
            ("special_tokens_map.json", special_tokens_map),
        ] {
            files::write_atomically(&directory.join(name), |out| writeln!(out, "{value:#}"))?;
        }
        Ok(())
    }
}

/// Whether a `tokenizer_class` is BERT's.
fn is_bert_class(class: &Value) -> bool {
    let name = class.as_str().unwrap_or_default();
    BERT_CLASSES.contains(&name.strip_suffix("Fast").unwrap_or(name))
}

/// Whether `config.json` of `directory` is that of a BERT.
fn is_bert_model(directory: &Path) -> bool {
    let text = std::fs::read(directory.join("config.json")).unwrap_or_default();
    let config: Value = serde_json::from_slice(&text).unwrap_or_default();
    config.get("model_type").and_then(Value::as_str) == Some("bert")
}

#[cfg(test)]
mod tests {
    use super::super::special_tokens::SPECIAL_TOKENS;
    use super::*;
    use std::fs;

    fn tokenizer(options: TokenizerOptions) -> Tokenizer {
        let tokens = SPECIAL_TOKENS.iter().chain(&["a", "##b", "É", "\"", "é"]);
        let tokens = tokens.map(|token| token.to_string()).collect();
        Tokenizer::new(Vocabulary::from_tokens(tokens).unwrap(), options)
    }

    fn tokens(tokenizer: &Tokenizer) -> Vec<&str> {
        tokenizer.vocabulary().iter().map(|(_, token)| token).collect()
    }

    /// Writes a tokenizer, lets `change` edit the text of one file, and reads it back.
    fn read_changed(
        name: &str,
        change: impl FnOnce(String) -> String,
    ) -> Result<Tokenizer, String> {
        let directory = tempfile::tempdir().unwrap();
        tokenizer(TokenizerOptions::default()).save_pretrained(directory.path(), 512).unwrap();
        let path = directory.path().join(name);
        let old = fs::read_to_string(&path).unwrap();
        let new = change(old.clone());
        assert_ne!(old, new, "the change changes something");
        fs::write(&path, new).unwrap();
        Tokenizer::from_directory(directory.path()).map_err(|error| {
            let message = error.to_string();
            assert!(message.contains(name), "the file is named: {message}");
            message
        })
    }

    fn error_of(name: &str, from: &str, to: &str) -> String {
        read_changed(name, |text| text.replacen(from, to, 1)).unwrap_err()
    }

    #[test]
    fn what_is_written_is_read_back_with_and_without_tokenizer_json() {
        for options in [
            TokenizerOptions::default(),
            TokenizerOptions {
                do_lower_case: false,
                strip_accents: Some(true),
                tokenize_chinese_chars: false,
            },
        ] {
            let written = tokenizer(options);
            let directory = tempfile::tempdir().unwrap();
            written.save_pretrained(directory.path(), 512).unwrap();
            // With all files; with tokenizer.json alone; with the configuration and vocab.txt.
            let path = |name: &str| directory.path().join(name);
            let config = fs::read(path(TOKENIZER_CONFIG)).unwrap();
            let check = || {
                let read = Tokenizer::from_directory(directory.path()).unwrap();
                assert_eq!(read.options(), options);
                assert_eq!(tokens(&read), tokens(&written));
                assert_eq!(read.encode("ab [MASK] É 中"), written.encode("ab [MASK] É 中"));
            };
            check();
            fs::remove_file(path(TOKENIZER_CONFIG)).unwrap();
            check();
            fs::write(path(TOKENIZER_CONFIG), config).unwrap();
            fs::remove_file(path(TOKENIZER_JSON)).unwrap();
            check();
            fs::remove_file(path(TOKENIZER_CONFIG)).unwrap();
            let read = Tokenizer::from_directory(directory.path()).unwrap();
            assert_eq!(
                read.options(),
                TokenizerOptions::default(),
                "no configuration: the uncased BERT"
            );
        }
    }

    #[test]
    fn the_configuration_wins_over_tokenizer_json() {
        let change =
            |text: String| text.replace("\"do_lower_case\": true", "\"do_lower_case\": false");
        assert!(!read_changed(TOKENIZER_CONFIG, change).unwrap().options().do_lower_case);
        let change =
            |text: String| text.replace("\"strip_accents\": null", "\"strip_accents\": false");
        let read = read_changed(TOKENIZER_CONFIG, change).unwrap();
        assert_eq!(read.options().strip_accents, Some(false));
    }

    #[test]
    fn the_options_are_those_that_transformers_uses() {
        // Recorded with AutoTokenizer of transformers 5.24: the normalizer that it makes of a
        // tokenizer.json with `lowercase` false and `strip_accents` true.
        let bert = r#""tokenizer_class": "BertTokenizer""#;
        let fast = r#""tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": true"#;
        let not_lower = format!(r#"{bert}, "do_lower_case": false"#);
        let not_chinese = format!(r#"{bert}, "tokenize_chinese_chars": false"#);
        let strips = format!(r#"{bert}, "strip_accents": true"#);
        let cases = [
            // tokenizer_config.json, whether config.json is there, lower case, accents, Chinese.
            ("", true, (true, None, true)),
            (bert, true, (true, None, true)),
            (bert, false, (true, None, true)),
            (&not_lower, true, (false, None, true)),
            (&not_chinese, true, (true, None, false)),
            (&strips, true, (true, Some(true), true)),
            (fast, true, (false, Some(true), true)),
            (r#""do_lower_case": true"#, false, (false, Some(true), true)),
            ("", false, (false, Some(true), true)),
        ];
        for (config, is_bert, (do_lower_case, strip_accents, tokenize_chinese_chars)) in cases {
            let directory = tempfile::tempdir().unwrap();
            let options = TokenizerOptions {
                do_lower_case: false,
                strip_accents: Some(true),
                tokenize_chinese_chars: true,
            };
            tokenizer(options).save_pretrained(directory.path(), 512).unwrap();
            let write = |name: &str, text: &str| {
                fs::write(directory.path().join(name), text).unwrap();
            };
            write(TOKENIZER_CONFIG, &format!("{{{config}}}"));
            if is_bert {
                write("config.json", r#"{"model_type": "bert"}"#);
            }
            let expected =
                TokenizerOptions { do_lower_case, strip_accents, tokenize_chinese_chars };
            let read = Tokenizer::from_directory(directory.path()).unwrap();
            assert_eq!(read.options(), expected, "{config}, config.json: {is_bert}");
        }
    }

    #[test]
    fn ordinary_added_tokens_are_found_in_the_normalised_text() {
        let added = |lower: bool| {
            let directory = tempfile::tempdir().unwrap();
            let options = TokenizerOptions { do_lower_case: lower, ..TokenizerOptions::default() };
            tokenizer(options).save_pretrained(directory.path(), 512).unwrap();
            let path = directory.path().join(TOKENIZER_JSON);
            let token = r#""added_tokens": [{"id": 10, "content": "Fóo", "normalized": true, "special": false},"#;
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("\"added_tokens\": [", token)).unwrap();
            Tokenizer::from_directory(directory.path()).unwrap()
        };
        // As transformers 5.24: lower-cased and without its accent, it stands for `foo` anywhere.
        let uncased = added(true);
        assert_eq!(uncased.encode("a FOO a fóoa[MASK]"), [5, 10, 5, 10, 5, 4]);
        assert_eq!(uncased.encode_text("a foo"), [5, 10]);
        let sources = uncased.encode_with_offsets("a fóoa");
        let sources: Vec<_> = sources.into_iter().map(|token| token.source).collect();
        assert_eq!(sources, [0..1, 2..6, 6..7]);
        let cased = added(false);
        assert_eq!(cased.encode("a Fóo foo aFóo"), [5, 10, 1, 5, 10]);
        assert!(!cased.is_special_token(10));
        // Written and read back, it is the same.
        let directory = tempfile::tempdir().unwrap();
        uncased.save_pretrained(directory.path(), 512).unwrap();
        let again = Tokenizer::from_directory(directory.path()).unwrap();
        assert_eq!(again.encode("a FOO a"), [5, 10, 5]);
        assert_eq!(tokenizer_json::to_json(&again), tokenizer_json::to_json(&uncased));
    }

    #[test]
    fn old_files_without_a_model_type_are_read() {
        let change = |text: String| text.replace("\"type\": \"WordPiece\",\n    \"unk", "\"unk");
        assert!(read_changed(TOKENIZER_JSON, change).is_ok());
    }

    #[test]
    fn tokens_added_after_the_vocabulary_are_kept_whole() {
        let added = r#""added_tokens": [{"id": 10, "content": "<x>", "special": true},"#;
        let change = |text: String| text.replace("\"added_tokens\": [", added);
        let read = read_changed(TOKENIZER_JSON, change).unwrap();
        assert_eq!(read.encode("a<x>b"), [5, 10, 1]);
    }

    #[test]
    fn another_kind_of_tokenizer_is_named() {
        let model = "\"type\": \"WordPiece\",\n    \"unk";
        let error = error_of(TOKENIZER_JSON, model, "\"type\": \"BPE\",\n    \"unk");
        assert!(error.contains("model.type is \"BPE\", but only \"WordPiece\""), "{error}");
        let error = error_of(TOKENIZER_JSON, "BertNormalizer", "Lowercase");
        assert!(error.contains("normalizer.type is \"Lowercase\""), "{error}");
        let error = error_of(TOKENIZER_JSON, "BertPreTokenizer", "Metaspace");
        assert!(error.contains("pre_tokenizer.type is \"Metaspace\""), "{error}");
        let error = error_of(TOKENIZER_JSON, "\"lstrip\": false", "\"lstrip\": true");
        assert!(error.contains("`lstrip` of the added token `[PAD]`"), "{error}");
        let error = error_of(
            TOKENIZER_JSON,
            "\"continuing_subword_prefix\": \"##\"",
            "\"continuing_subword_prefix\": \"@@\"",
        );
        assert!(error.contains("\"@@\""), "{error}");
        let error = error_of(TOKENIZER_JSON, "\"clean_text\": true", "\"clean_text\": false");
        assert!(error.contains("clean_text is false"), "{error}");
    }

    #[test]
    fn malformed_files_are_named() {
        let error = error_of(TOKENIZER_JSON, "{", "");
        assert!(error.contains("line "), "{error}");
        let error = error_of(TOKENIZER_JSON, "\"a\": 5", "\"a\": 6");
        assert!(error.contains("should have 5"), "{error}");
        let error = error_of(TOKENIZER_JSON, "\"a\": 5", "\"a\": -5");
        assert!(error.contains("-5, not a number"), "{error}");
        let error = error_of(TOKENIZER_JSON, "\"a\": 5", "\"\": 5");
        assert!(error.contains("id 5: no token"), "{error}");
        let error = error_of(TOKENIZER_CONFIG, "\"do_lower_case\": true", "\"do_lower_case\": 1");
        assert!(error.contains("`do_lower_case` is 1"), "{error}");
        let error = error_of(TOKENIZER_JSON, "\"vocab\"", "\"vocabulary\"");
        assert!(error.contains("model.vocab"), "{error}");
    }

    #[test]
    fn directories_that_hold_no_bert_tokenizer_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let read = || Tokenizer::from_directory(directory.path()).unwrap_err().to_string();
        assert!(read().contains("neither tokenizer.json nor vocab.txt"));
        fs::write(directory.path().join(VOCAB), "x\n").unwrap();
        let config = r#"{"tokenizer_class": "BertJapaneseTokenizer"}"#;
        fs::write(directory.path().join(TOKENIZER_CONFIG), config).unwrap();
        assert!(read().contains("BertJapaneseTokenizer"), "{}", read());
        fs::write(directory.path().join(TOKENIZER_CONFIG), r#"{"do_basic_tokenize": false}"#)
            .unwrap();
        assert!(read().contains("do_basic_tokenize is false"), "{}", read());
    }
}
