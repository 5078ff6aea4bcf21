//! `cloze tokenize`: text ─► pieces and ids.

use super::columns::write_columns;
use super::output::print;
use cloze::data::{DataError, InvalidUtf8, read_text};
use cloze::system::files::FileError;
use cloze::tokenizer::{Tokenizer, TokenizerError, TokenizerOptions, Vocabulary};
use serde::Serialize;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

/// The options of `cloze tokenize`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// Keep case and accents (with --vocab; a model says so itself)
    #[arg(long, conflicts_with = "model")]
    cased: bool,
    /// Tokenize each line of this file (.txt or .jsonl, also .gz), or - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    input: Option<String>,
    #[command(flatten)]
    encoding: super::TextOptions,
    #[command(flatten)]
    threads: super::ThreadOptions,
    /// Put [CLS] before and [SEP] after each line
    #[arg(long)]
    add_special_tokens: bool,
    /// Answer with one JSON object a line on standard output
    #[arg(long)]
    json: bool,
    /// With --json: also where each token begins and ends, in bytes of the text
    #[arg(long, requires = "json")]
    offsets: bool,
    /// Text to tokenize; without it and --input, each line of standard input
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
}

/// Where the vocabulary comes from.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Source {
    /// A vocab.txt
    #[arg(long, value_name = "FILE")]
    vocab: Option<PathBuf>,
    /// The directory of a BERT model, ours or from Hugging Face
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
}

impl Source {
    /// The option with its value.
    pub(super) fn path(&self) -> Option<(&'static str, &Path)> {
        let vocab = self.vocab().map(|path| ("--vocab", path));
        vocab.or_else(|| self.model.as_deref().map(|path| ("--model", path)))
    }

    /// The `vocab.txt`, when the vocabulary comes from one.
    pub(super) fn vocab(&self) -> Option<&Path> {
        self.vocab.as_deref()
    }

    /// The tokenizer of the vocabulary or model.
    pub(super) fn tokenizer(&self, cased: bool) -> Result<Tokenizer, TokenizerError> {
        match (&self.vocab, &self.model) {
            (Some(path), _) => Ok(Tokenizer::new(
                Vocabulary::from_file(path)?,
                TokenizerOptions::default().with_do_lower_case(!cased),
            )),
            (None, Some(directory)) => Tokenizer::from_directory(directory),
            (None, None) => unreachable!("clap asks for one of the two"),
        }
    }
}

/// The answer to one line of input.
#[derive(Serialize)]
struct Encoded<'a> {
    text: &'a str,
    tokens: Vec<&'a str>,
    input_ids: Vec<u32>,
    /// Where each token begins and ends, in bytes of the text; 0 and 0 for an added special token.
    #[serde(skip_serializing_if = "Option::is_none")]
    offsets: Option<Vec<[usize; 2]>>,
}

/// Runs `cloze tokenize`.
pub fn run(args: Args) -> cloze::Result<()> {
    args.threads.run(|| answer_all(&args))
}

/// Reads the vocabulary and answers every text.
fn answer_all(args: &Args) -> cloze::Result<()> {
    let tokenizer = args.source.tokenizer(args.cased)?;
    let replace = args.encoding.invalid_utf8 == InvalidUtf8::Replace;
    let answer = |out: &mut dyn Write, text: &str| {
        let mut input_ids = tokenizer.encode(text);
        let mut offsets = args.offsets.then(|| {
            let tokens = tokenizer.encode_with_offsets(text);
            tokens.iter().map(|token| [token.source.start, token.source.end]).collect::<Vec<_>>()
        });
        if args.add_special_tokens {
            input_ids.insert(0, tokenizer.vocabulary().cls_id());
            input_ids.push(tokenizer.vocabulary().sep_id());
            if let Some(offsets) = &mut offsets {
                offsets.insert(0, [0, 0]);
                offsets.push([0, 0]);
            }
        }
        let encoded = Encoded { text, tokens: tokenizer.tokens(&input_ids), input_ids, offsets };
        if args.json {
            serde_json::to_writer(&mut *out, &encoded)?;
            writeln!(out)
        } else {
            write_encoded(out, &encoded)
        }
    };

    if let Some(input) = &args.input {
        let text = read_text(input, args.encoding.invalid_utf8)?;
        if text.is_empty() {
            return Err(TokenizerError::EmptyInput { path: input.into() }.into());
        }
        return print(|out| text.lines().try_for_each(|line| answer(out, line)));
    }
    if !args.text.is_empty() {
        return print(|out| args.text.iter().try_for_each(|text| answer(out, text)));
    }
    let mut result = Ok(());
    print(|out| {
        result = for_each_line(io::stdin().lock(), replace, |line| {
            answer(out, line)?;
            // Someone may be typing.
            out.flush()
        })?;
        Ok(())
    })?;
    Ok(result.map_err(not_utf8)?)
}

/// Says what can be done about text that is not UTF-8.
fn not_utf8(error: FileError) -> DataError {
    match error {
        FileError::NotUtf8 { path, line, byte } => DataError::NotUtf8 { path, line, byte },
        error => error.into(),
    }
}

/// Calls `visit` for each line as it comes. The inner error is about the input, the outer one comes
/// from `visit`.
fn for_each_line(
    mut input: impl BufRead,
    replace: bool,
    mut visit: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<Result<(), FileError>> {
    let path = Path::new("standard input");
    let (mut bytes, mut line, mut offset) = (Vec::new(), 1, 0);
    loop {
        bytes.clear();
        match input.read_until(b'\n', &mut bytes) {
            Ok(0) => return Ok(Ok(())),
            Ok(_) => {}
            Err(error) => return Ok(Err(FileError::io("read", path, error))),
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => visit(text.lines().next().unwrap_or_default())?,
            Err(_) if replace => {
                let text = String::from_utf8_lossy(&bytes);
                visit(text.lines().next().unwrap_or_default())?;
            }
            Err(error) => {
                let byte = offset + error.valid_up_to();
                return Ok(Err(FileError::NotUtf8 { path: path.to_owned(), line, byte }));
            }
        }
        line += 1;
        offset += bytes.len();
    }
}

/// Shows a line of text, and below it each token above its id, in columns.
fn write_encoded(out: &mut dyn Write, encoded: &Encoded<'_>) -> io::Result<()> {
    writeln!(out, "{}", encoded.text)?;
    let ids = encoded.input_ids.iter().map(ToString::to_string);
    write_columns(out, encoded.tokens.iter().copied().zip(ids))
}
