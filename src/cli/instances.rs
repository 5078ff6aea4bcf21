//! `cloze instances`: text ─► training instances (sentence pair + masks) as JSON Lines.

use super::instance_options::InstanceOptions;
use super::option_names::with_option_names;
use super::output::{self, write_or_print};
use cloze::data::{Corpus, Sampler, SentenceEncoder, Storage, TokenStore, to_json};
use cloze::report::{Terminal, print_line};
use cloze::system::files::Output;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The options of `cloze instances`.
#[derive(clap::Args)]
pub struct Args {
    /// Text: .txt and .jsonl files (also .gz), directories, patterns in quotes, - for standard input
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    input: Vec<String>,
    #[command(flatten)]
    encoding: super::TextOptions,
    #[command(flatten)]
    source: super::tokenize::Source,
    /// Keep case and accents (with --vocab; a model says so itself)
    #[arg(long, conflicts_with = "model")]
    cased: bool,
    /// Tokens of a sequence
    #[arg(long, default_value_t = 128, value_name = "N", value_parser = clap::value_parser!(u32).range(5..=65536))]
    max_seq_length: u32,
    /// Masked positions of a sequence, at most
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_predictions_per_seq: u32,
    #[command(flatten)]
    instance_options: InstanceOptions,
    /// Passes over the text, each with its own pairs and masks
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    dupe_factor: u32,
    /// What pairs and masks are drawn from
    #[arg(long, default_value_t = 12345, value_name = "N")]
    seed: u64,
    #[command(flatten)]
    threads: super::ThreadOptions,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs `cloze instances`.
pub fn run(args: Args) -> cloze::Result<()> {
    let inputs = args.input.iter().map(|input| ("--input", Path::new(input)));
    let output = output::open(args.output.as_deref(), inputs.chain(args.source.path()))?;
    args.instance_options.check()?;
    args.threads.run(|| make(&args, output))
}

/// Reads the text and writes its instances.
fn make(args: &Args, output: Option<Output>) -> cloze::Result<()> {
    let target = output.as_ref().and_then(Output::target);
    let outputs: Vec<&Path> = target.into_iter().chain(args.source.vocab()).collect();
    let corpus = Corpus::from_inputs_without(&args.input, &outputs)?;
    if let Some(note) = corpus.passed_over() {
        print_line(note);
    }
    let corpus = corpus.with_invalid_utf8(args.encoding.invalid_utf8);
    let tokenizer = args.source.tokenizer(args.cased)?;
    let vocabulary = tokenizer.vocabulary();
    // Tokens of a large text wait beside the output, where there is room for more.
    let place = match target.and_then(Path::parent) {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_path_buf(),
        None => std::env::temp_dir(),
    };
    let (mut terminal, total) = (Terminal::new(), corpus.bytes());
    let progress = &mut |work: &'static str, done| terminal.progress(work, done, total);
    let storage = Storage::TemporaryFile(place).unless_small(&corpus);
    let store = TokenStore::build(&corpus, &SentenceEncoder::of(&tokenizer), storage, progress)?;
    print_line(store.read_report(&corpus));
    let documents = (0..store.documents() as u32).collect();
    let pairs = args.instance_options.pairs(args.max_seq_length as usize);
    let masks = args.instance_options.masks(args.max_predictions_per_seq as usize);
    let (store, name) = (Arc::new(store), corpus.name());
    let mut sampler = Sampler::new(store, documents, pairs, masks, vocabulary, args.seed, &name)?;
    for warning in sampler.warnings() {
        print_line(format_args!("warning: {}", with_option_names(&warning)));
    }
    let mut count = 0u64;
    write_or_print(output, |out| {
        while let Some(instance) = sampler.next_before(args.dupe_factor.into()) {
            writeln!(out, "{}", to_json(&instance, vocabulary))?;
            count += 1;
        }
        Ok(())
    })?;
    print_line(format_args!("{count} instances"));
    Ok(())
}
