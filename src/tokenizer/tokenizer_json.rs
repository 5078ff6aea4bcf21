//! Reading and writing `tokenizer.json`, the file of Hugging Face's `tokenizers`.

use super::error::TokenizerError;
use super::special_tokens::{CLS, SEP, SpecialTokens, UNK};
use super::tokenizer::{NormalizedToken, Tokenizer, TokenizerOptions};
use super::vocabulary::Vocabulary;
use super::wordpiece::{CONTINUATION_PREFIX, MAX_CHARACTERS_PER_WORD, WordPiece};
use crate::system::files;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::Path;

/// The parts that affect encoding. Post-processor, decoder, truncation and padding are not read.
#[derive(Deserialize)]
struct TokenizerJson {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    normalizer: Value,
    pre_tokenizer: Value,
    model: Value,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
    #[serde(default)]
    special: bool,
}

/// Reads the `tokenizer.json` of a BERT model. `adjust` may change the options found in it.
pub(super) fn read(
    path: &Path,
    adjust: impl FnOnce(&mut TokenizerOptions) -> Result<(), TokenizerError>,
) -> Result<Tokenizer, TokenizerError> {
    let reader = Reader { path };
    let file: TokenizerJson = reader.parse(&files::read_to_string(path)?)?;
    // Old files have no model type. There, only a WordPiece model has this prefix.
    let model_type = file.model.get("type").and_then(Value::as_str);
    if model_type != Some("WordPiece")
        && (model_type.is_some() || file.model.get("continuing_subword_prefix").is_none())
    {
        return Err(reader.unsupported("model.type", file.model.get("type"), "\"WordPiece\""));
    }
    reader.expect(&file.model, "model", "continuing_subword_prefix", json!(CONTINUATION_PREFIX))?;
    reader.expect(&file.model, "model", "unk_token", json!(UNK))?;
    reader.expect_type(&file.normalizer, "normalizer", "BertNormalizer")?;
    reader.expect(&file.normalizer, "normalizer", "clean_text", json!(true))?;
    reader.expect_type(&file.pre_tokenizer, "pre_tokenizer", "BertPreTokenizer")?;
    let mut options = TokenizerOptions {
        do_lower_case: reader.flag(&file.normalizer, "lowercase")?.unwrap_or(true),
        strip_accents: reader.flag(&file.normalizer, "strip_accents")?,
        tokenize_chinese_chars: reader
            .flag(&file.normalizer, "handle_chinese_chars")?
            .unwrap_or(true),
    };
    adjust(&mut options)?;

    let vocabulary = reader.vocabulary(&file)?;
    let mut special = Vec::with_capacity(file.added_tokens.len());
    let mut normalized = Vec::new();
    for added in file.added_tokens {
        let flags = [
            ("single_word", added.single_word),
            ("lstrip", added.lstrip),
            ("rstrip", added.rstrip),
        ];
        if let Some((flag, _)) = flags.iter().find(|(_, is_set)| *is_set) {
            let setting = format!("`{flag}` of the added token `{}`", added.content);
            return Err(reader.unsupported(&setting, Some(&json!(true)), "false"));
        }
        if added.normalized {
            let AddedToken { content, id, special, .. } = added;
            normalized.push(NormalizedToken { content, id, special });
        } else {
            special.push((added.content, added.id));
        }
    }
    let limit = match file.model.get("max_input_chars_per_word") {
        None | Some(Value::Null) => MAX_CHARACTERS_PER_WORD,
        Some(limit) => limit
            .as_u64()
            .and_then(|limit| usize::try_from(limit).ok())
            .ok_or_else(|| reader.malformed("`max_input_chars_per_word` is not a number"))?,
    };
    let wordpiece = WordPiece::with_limit(&vocabulary, limit);
    let tokenizer =
        Tokenizer::from_parts(vocabulary, options, wordpiece, SpecialTokens::new(special));
    Ok(tokenizer.with_normalized_tokens(normalized))
}

/// Reads values from a JSON file; errors name the file.
pub(super) struct Reader<'a> {
    pub(super) path: &'a Path,
}

impl Reader<'_> {
    /// Parses JSON. An error names the line and the column.
    pub(super) fn parse<T: serde::de::DeserializeOwned>(
        &self,
        text: &str,
    ) -> Result<T, TokenizerError> {
        serde_json::from_str(text).map_err(|error| self.malformed(&error.to_string()))
    }

    pub(super) fn malformed(&self, problem: &str) -> TokenizerError {
        TokenizerError::Malformed { path: self.path.to_owned(), problem: problem.to_owned() }
    }

    pub(super) fn unsupported(
        &self,
        setting: &str,
        found: Option<&Value>,
        supported: &str,
    ) -> TokenizerError {
        TokenizerError::Unsupported {
            path: self.path.to_owned(),
            setting: setting.to_owned(),
            found: found.map_or("missing".to_owned(), Value::to_string),
            supported: supported.to_owned(),
        }
    }

    /// Checks that `key` of `part` is missing or `supported`.
    fn expect(
        &self,
        part: &Value,
        part_name: &str,
        key: &str,
        supported: Value,
    ) -> Result<(), TokenizerError> {
        match part.get(key) {
            Some(found) if *found != supported => {
                let setting = format!("{part_name}.{key}");
                Err(self.unsupported(&setting, Some(found), &supported.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the `type` of `part` is `supported`.
    fn expect_type(
        &self,
        part: &Value,
        part_name: &str,
        supported: &str,
    ) -> Result<(), TokenizerError> {
        let found = part.get("type");
        if found.and_then(Value::as_str) == Some(supported) {
            return Ok(());
        }
        let setting = format!("{part_name}.type");
        Err(self.unsupported(&setting, found, &format!("{supported:?}")))
    }

    /// A value that is true or false; `None` if it is null or missing.
    pub(super) fn flag(&self, part: &Value, key: &str) -> Result<Option<bool>, TokenizerError> {
        match part.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(other) => {
                Err(self.malformed(&format!("`{key}` is {other}, not true, false or null")))
            }
        }
    }

    /// The vocabulary of the model, with the added tokens that it does not contain.
    fn vocabulary(&self, file: &TokenizerJson) -> Result<Vocabulary, TokenizerError> {
        let Some(vocab) = file.model.get("vocab").and_then(Value::as_object) else {
            return Err(self.malformed("`model.vocab` is not an object of tokens and ids"));
        };
        let mut by_id: Vec<(u64, &str)> = Vec::with_capacity(vocab.len());
        for (token, id) in vocab {
            let Some(id) = id.as_u64() else {
                return Err(self.malformed(&format!("the id of `{token}` is {id}, not a number")));
            };
            by_id.push((id, token));
        }
        for added in &file.added_tokens {
            match vocab.get(&added.content).map(Value::as_u64) {
                None => by_id.push((u64::from(added.id), &added.content)),
                Some(id) if id == Some(u64::from(added.id)) => {}
                Some(_) => {
                    let problem = format!("the token `{}` has two ids", added.content);
                    return Err(self.malformed(&problem));
                }
            }
        }
        by_id.sort_unstable();
        if let Some((expected, &(_, token))) = (0..).zip(&by_id).find(|(i, (id, _))| i != id) {
            return Err(self.malformed(&format!(
                "the ids are not 0, 1, 2 … without gap or repetition: `{token}` should have {expected}"
            )));
        }
        let tokens = by_id.into_iter().map(|(_, token)| token.to_owned()).collect();
        Vocabulary::build(&format!("`{}`", self.path.display()), "id", 0, tokens)
    }
}

/// The content of `tokenizer.json` for this tokenizer, in the form and order of `tokenizers`.
pub(super) fn to_json(tokenizer: &Tokenizer) -> Value {
    let vocabulary = tokenizer.vocabulary();
    let options = tokenizer.options();
    let added = |content: &str, id: u32, normalized: bool, special: bool| {
        json!({
            "id": id, "content": content, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": normalized, "special": special,
        })
    };
    let mut added_tokens: Vec<Value> = (tokenizer.special_tokens().by_id().iter())
        .map(|&(content, id)| added(content, id, false, true))
        .collect();
    let normalized = tokenizer.normalized_tokens().iter();
    added_tokens
        .extend(normalized.map(|token| added(&token.content, token.id, true, token.special)));
    let special =
        |token: &str, type_id: u32| json!({"SpecialToken": {"id": token, "type_id": type_id}});
    let sequence = |name: &str, type_id: u32| json!({"Sequence": {"id": name, "type_id": type_id}});
    let ids = |token: &str, id: u32| json!({"id": token, "ids": [id], "tokens": [token]});
    let vocab: Map<String, Value> =
        vocabulary.iter().map(|(id, token)| (token.to_owned(), id.into())).collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": options.tokenize_chinese_chars,
            "strip_accents": options.strip_accents,
            "lowercase": options.do_lower_case,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special(CLS, 0), sequence("A", 0), special(SEP, 0)],
            "pair": [
                special(CLS, 0), sequence("A", 0), special(SEP, 0), sequence("B", 1), special(SEP, 1),
            ],
            "special_tokens": {
                (CLS): ids(CLS, vocabulary.cls_id()),
                (SEP): ids(SEP, vocabulary.sep_id()),
            },
        },
        "decoder": {"type": "WordPiece", "prefix": CONTINUATION_PREFIX, "cleanup": true},
        "model": {
            "type": "WordPiece",
            "unk_token": UNK,
            "continuing_subword_prefix": CONTINUATION_PREFIX,
            "max_input_chars_per_word": tokenizer.max_characters_per_word(),
            "vocab": vocab,
        },
    })
}
