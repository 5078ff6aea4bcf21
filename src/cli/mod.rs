//! What a person types: one file per command, no logic of its own.
//!
//! Each command file has `Args` (the options, with Google's and Hugging Face's names) and `run`.
//! Answers go to standard output, talk to standard error. Exit status: 0 done, 1 failed, 2 wrong
//! usage.

mod instances;
mod tokenize;
mod vocab;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Plain text in, pretrained BERT out, on a CPU.
#[derive(Parser)]
#[command(name = "cloze", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// text ─► vocab.txt: learns a WordPiece vocabulary
    Vocab(vocab::Args),
    /// text ─► pieces and ids
    Tokenize(tokenize::Args),
    /// text ─► training instances (sentence pair + masks) as JSON Lines
    Instances(instances::Args),
}

/// Parses the command line, runs the command and turns its result into an exit status.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Vocab(args) => vocab::run(args),
        Command::Tokenize(args) => tokenize::run(args),
        Command::Instances(args) => instances::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
