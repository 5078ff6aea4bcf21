//! `cloze vocab`: text ─► vocab.txt: learns a WordPiece vocabulary.

use super::output::{self, print};
use cloze::data::{Corpus, Words, count_words};
use cloze::report::{Terminal, print_line};
use cloze::tokenizer::{TokenizerOptions, TrainerOptions, learn};
use std::path::{Path, PathBuf};

/// The options of `cloze vocab`.
#[derive(clap::Args)]
pub struct Args {
    /// Text: .txt and .jsonl files (also .gz), directories, patterns in quotes, - for standard input
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    input: Vec<String>,
    #[command(flatten)]
    encoding: super::TextOptions,
    /// The most entries the vocabulary may have, special tokens included
    #[arg(long, default_value_t = 30_522, value_name = "N")]
    vocab_size: usize,
    /// The least frequency at which two neighbouring pieces become one
    #[arg(long, default_value_t = 2, value_name = "N")]
    min_frequency: u64,
    /// The most characters the alphabet may have, the frequent ones first
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit_alphabet: u32,
    /// Keep case and accents
    #[arg(long)]
    cased: bool,
    /// Write the vocabulary to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    threads: super::ThreadOptions,
    /// Answer with one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Runs `cloze vocab`.
pub fn run(args: Args) -> cloze::Result<()> {
    let sources = args.input.iter().map(|input| ("--input", Path::new(input)));
    let output = output::open(args.output.as_deref(), sources)?;
    let normalizer = TokenizerOptions::default().with_do_lower_case(!args.cased).normalizer();
    let outputs: Vec<&Path> = output.iter().filter_map(|output| output.target()).collect();
    let corpus = Corpus::from_inputs_without(&args.input, &outputs)?;
    if let Some(note) = corpus.passed_over() {
        print_line(note);
    }
    let corpus = corpus.with_invalid_utf8(args.encoding.invalid_utf8);
    let (total, mut terminal) = (corpus.bytes(), Terminal::new());
    let progress = &mut |done| terminal.progress("counting words", done, total);
    let Words { counts: words, read, .. } =
        args.threads.run(|| Ok(count_words(&corpus, normalizer, progress)?))?;
    print_line(read);
    print_line(format_args!(
        "counted {} words, {} of them distinct",
        words.total(),
        words.distinct()
    ));
    let options = TrainerOptions::default()
        .with_vocab_size(args.vocab_size)
        .with_min_frequency(args.min_frequency)
        .with_limit_alphabet(args.limit_alphabet as usize);
    let vocabulary = args.threads.run(|| Ok(learn(&words, &options)?))?;
    if vocabulary.len() < args.vocab_size {
        print_line(format_args!(
            "the vocabulary has {} entries, not {}: no other pair of pieces occurs {} times",
            vocabulary.len(),
            args.vocab_size,
            args.min_frequency.max(1),
        ));
    }
    if let (Some(output), Some(path)) = (output, &args.output) {
        output.write(|out| vocabulary.write(out))?;
        print_line(format_args!("wrote {} entries to `{}`", vocabulary.len(), path.display()));
    }
    print(|out| match &args.output {
        _ if args.json => {
            let tokens: Vec<&str> = vocabulary.iter().map(|(_, token)| token).collect();
            let answer = serde_json::json!({
                "vocab_size": vocabulary.len(),
                "words": words.total(),
                "distinct_words": words.distinct(),
                "output": args.output,
                "tokens": tokens,
            });
            writeln!(out, "{answer}")
        }
        Some(_) => Ok(()),
        None => vocabulary.write(out),
    })
}
