//! `cloze bench tokenizer`: how fast text becomes ids, and a vocabulary.

use super::output::print;
use cloze::bench::tokenizer::benchmark_tokenizer;
use cloze::data::stories::STORIES;
use cloze::data::{InvalidUtf8, read_text};
use cloze::system::threads::Pool;
use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
use std::path::PathBuf;

/// The options of `cloze bench tokenizer`.
#[derive(clap::Args)]
pub struct Args {
    /// Text (.txt or .jsonl, also .gz, or - for standard input); every line is encoded by itself [default: the
    /// built-in corpus, ten times]
    #[arg(long, value_name = "FILE")]
    input: Option<String>,
    /// Encode with this vocab.txt [default: the vocabulary learned from the text]
    #[arg(long, value_name = "FILE")]
    vocab: Option<PathBuf>,
    /// The vocabulary keeps case and accents
    #[arg(long, requires = "vocab")]
    cased: bool,
    /// The most entries of the vocabulary that is learned
    #[arg(long, default_value_t = 8192, value_name = "N")]
    vocab_size: usize,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = super::threads())]
    threads: Option<u16>,
    /// Answer with one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Runs `cloze bench tokenizer`.
pub fn run(args: Args) -> cloze::Result<()> {
    let text = match &args.input {
        Some(input) => read_text(input, InvalidUtf8::Error)?,
        None => STORIES.repeat(10),
    };
    let options = TokenizerOptions::default().with_do_lower_case(!args.cased);
    let tokenizer = match &args.vocab {
        Some(path) => Some(Tokenizer::new(Vocabulary::from_file(path)?, options)),
        None => None,
    };
    let pool = Pool::new(args.threads.unwrap_or(0).into())?;
    let m = pool.run(|| benchmark_tokenizer(&text, tokenizer, args.vocab_size))?;
    print(|out| {
        if args.json {
            return writeln!(out, "{}", serde_json::to_string(&m)?);
        }
        let megabytes = m.bytes as f64 / 1e6;
        writeln!(
            out,
            "{megabytes:.1} MB in {} lines; {} thread(s); median of 5",
            m.lines, m.threads
        )?;
        writeln!(
            out,
            "  encode {:>8.1} MB/s  {:>6.1} million tokens/s  ({} tokens, vocabulary of {})",
            m.encode_megabytes_per_second,
            m.tokens_per_second / 1e6,
            m.tokens,
            m.vocab_size
        )?;
        writeln!(
            out,
            "  learn  {:>8.1} MB/s  (vocabulary of {})",
            m.learn_megabytes_per_second, m.learned_vocab_size
        )
    })
}
