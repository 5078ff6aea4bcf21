//! What a person types: one file per command, no logic of its own.
//!
//! Each command file has `Args` (the options, with Google's and Hugging Face's names) and `run`.
//! Answers go to standard output, talk to standard error. Exit status: 0 done, 1 failed, 2 wrong
//! usage; 129, 130 or 143 when a run was stopped by SIGHUP, Ctrl-C or SIGTERM.

mod bench;
mod bench_tokenizer;
mod columns;
mod embed;
mod eval;
mod explain;
mod fill_mask;
mod finetune;
mod finetune_options;
mod generate;
mod instance_options;
mod instances;
mod next_sentence;
mod notes;
mod option_names;
mod option_table;
mod output;
mod predict;
mod pretrain;
mod pretrain_options;
mod pretrain_settings;
mod ranks;
mod report;
mod run_command;
mod score;
mod signals;
mod text_input;
mod tokenize;
mod verify;
mod vocab;
mod window_options;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use cloze::data::InvalidUtf8;
use cloze::report::{print_line, wrap_help};
use cloze::system::ranks::Team;
use cloze::system::threads::Pool;
use cloze::tasks::Model;
use cloze::tensor::kernels::Simd;
use ranks::Role;
use serde::de::{DeserializeOwned, IntoDeserializer};
use std::path::Path;
use std::process::ExitCode;

/// Plain text in, pretrained BERT out, on a CPU.
#[derive(Parser)]
#[command(name = "cloze", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// text ─► run directory: pretrains a BERT
    #[command(
        allow_negative_numbers = true,
        after_help = "These are the options that matter most; `cloze pretrain --help` shows all.",
        after_long_help = ""
    )]
    Pretrain(Box<pretrain::Args>),
    /// run directory ─► whether the same bits come out again
    #[command(allow_negative_numbers = true)]
    Verify(verify::Args),
    /// text ─► vocab.txt: learns a WordPiece vocabulary
    #[command(allow_negative_numbers = true)]
    Vocab(vocab::Args),
    /// text ─► pieces and ids
    #[command(allow_negative_numbers = true)]
    Tokenize(tokenize::Args),
    /// text ─► training instances (sentence pair + masks) as JSON Lines
    #[command(allow_negative_numbers = true)]
    Instances(instances::Args),
    /// model + text ─► masked-LM and next-sentence metrics; fine-tuned model + examples ─► the metrics of its task
    #[command(allow_negative_numbers = true)]
    Eval(eval::Args),
    /// Fills in the blanks: "The cat sat on the [MASK]."
    #[command(allow_negative_numbers = true)]
    FillMask(fill_mask::Args),
    /// labelled text ─► run directory: teaches a pretrained BERT to classify, regress, tag, answer or embed
    #[command(
        allow_negative_numbers = true,
        after_help = "These are the options that matter most; `cloze finetune --help` shows all.",
        after_long_help = ""
    )]
    Finetune(Box<finetune::Args>),
    /// fine-tuned model + texts ─► its answers
    #[command(allow_negative_numbers = true)]
    Predict(predict::Args),
    /// Judges whether sentence B really followed sentence A
    #[command(allow_negative_numbers = true)]
    NextSentence(next_sentence::Args),
    /// One text, or a pair, through every step of pretraining: what the model reads, sees, predicts and learns
    #[command(allow_negative_numbers = true)]
    Explain(explain::Args),
    /// sentences ─► vectors, or how similar they are
    #[command(allow_negative_numbers = true)]
    Embed(embed::Args),
    /// How likely a text is, token by token; minimal pairs
    #[command(allow_negative_numbers = true)]
    Score(score::Args),
    /// Writes text, such as it is
    #[command(allow_negative_numbers = true)]
    Generate(generate::Args),
    /// runs ─► one HTML page: curves, what was filled in, settings, side by side
    Report(report::Args),
    /// How fast training is on this machine
    Bench(bench::Args),
}

/// Parses the command line, runs the command and turns its result into an exit status.
pub fn main() -> ExitCode {
    let session = match ranks::join() {
        Ok(session) => session,
        Err(status) => return status,
    };
    let parsed = parse();
    let team = match (ranks::agree(session.as_ref(), &parsed), &parsed) {
        (Role::First(team), _) => team,
        (Role::Other(team), Ok((cli, _))) => return ranks::follow(&cli.command, team),
        (Role::Other(_), Err(_)) => unreachable!("refused"),
        (Role::Nothing(status), _) => return status,
    };
    let (cli, matches) = parsed.unwrap_or_else(|error| error.exit());
    let status = run(cli, &matches, &team);
    cloze::train::end(&team);
    status
}

/// Parses the command line, and checks what every command needs.
fn parse() -> Result<(Cli, clap::ArgMatches), clap::Error> {
    let matches = command().try_get_matches().map_err(suggest)?;
    let cli = Cli::from_arg_matches(&matches)?;
    // Paths go into messages, JSON and run.json.
    if let Some(argument) = std::env::args_os().find(|argument| argument.to_str().is_none()) {
        let message = format!("{argument:?} is not UTF-8; rename what it names\n");
        return Err(Cli::command().error(ErrorKind::InvalidUtf8, message));
    }
    match Simd::check() {
        Ok(_) => Ok((cli, matches)),
        Err(error) => Err(Cli::command().error(ErrorKind::InvalidValue, format!("{error}\n"))),
    }
}

/// Runs the command on the ranks of `team`, and turns its result into an exit status.
fn run(cli: Cli, matches: &clap::ArgMatches, team: &Team) -> ExitCode {
    let result = match cli.command {
        Command::Pretrain(args) => {
            let matches = matches.subcommand_matches("pretrain").expect("this command");
            pretrain::run(*args, matches, team)
        }
        Command::Verify(args) => verify::run(args),
        Command::Vocab(args) => vocab::run(args).map(done),
        Command::Tokenize(args) => tokenize::run(args).map(done),
        Command::Instances(args) => instances::run(args).map(done),
        Command::Eval(args) => eval::run(args).map(done),
        Command::FillMask(args) => fill_mask::run(args).map(done),
        Command::Finetune(args) => {
            let matches = matches.subcommand_matches("finetune").expect("this command");
            finetune::run(*args, matches, team)
        }
        Command::Predict(args) => predict::run(args).map(done),
        Command::NextSentence(args) => next_sentence::run(args).map(done),
        Command::Explain(args) => explain::run(args).map(done),
        Command::Embed(args) => embed::run(args).map(done),
        Command::Score(args) => score::run(args).map(done),
        Command::Generate(args) => generate::run(args).map(done),
        Command::Report(args) => report::run(args).map(done),
        Command::Bench(args) => bench::run(args, team).map(done),
    };
    match result {
        Ok(status) => status,
        Err(error) => {
            let message = option_names::with_option_names(&error.to_string());
            print_line(format_args!("error: {message}"));
            ExitCode::FAILURE
        }
    }
}

/// The command line. Options that several commands share are not among those of `cloze pretrain -h`.
fn command() -> clap::Command {
    let shared = [
        "invalid_utf8",
        "masked_lm_prob",
        "short_seq_prob",
        "masking",
        "whole_word_mask",
        "sentence_objective",
        "no_nsp",
        "random_next",
    ];
    Cli::command()
        .mut_subcommand("pretrain", |pretrain| {
            pretrain.mut_args(|option| match shared.contains(&option.get_id().as_str()) {
                true => option.hide_short_help(true),
                false => option,
            })
        })
        .mut_subcommands(|command| command.next_line_help(true).mut_args(fit))
}

/// The option with its help, and its default, in lines that fit the terminal.
fn fit(option: clap::Arg) -> clap::Arg {
    /// Columns before the help of an option.
    const INDENT: usize = 10;
    let Some(help) = option.get_help() else { return option };
    let mut text = help.to_string();
    let defaults = option.get_default_values();
    let shown = option.get_action().takes_values() && !option.is_hide_default_value_set();
    if let (true, Some(default)) = (shown, defaults.first()) {
        text += &format!(" [default: {}]", default.display());
    }
    option.help(wrap_help(&text, INDENT)).hide_default_value(true)
}

/// An unknown option is part of the name of a known one, such as `--batch-size` of `--train-batch-size`: says so.
fn suggest(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let name = unknown.trim_start_matches('-').to_string();
    if error.kind() != ErrorKind::UnknownArgument || name.len() < 3 {
        return error;
    }
    let asked = std::env::args().nth(1).unwrap_or_default();
    let command = Cli::command();
    let options = command.find_subcommand(asked).into_iter().flat_map(clap::Command::get_arguments);
    let long = options.filter_map(clap::Arg::get_long);
    let has_name = long.filter(|long| format!("-{long}-").contains(&format!("-{name}-")));
    // Of several, the one with the least beside that name.
    if let Some(option) = has_name.min_by_key(|long| long.len()) {
        error.insert(ContextKind::SuggestedArg, ContextValue::String(format!("--{option}")));
        // It shows clap's own suggestion.
        error.remove(ContextKind::Usage);
    }
    error
}

fn done(_: ()) -> ExitCode {
    ExitCode::SUCCESS
}

/// The threads of a command.
#[derive(clap::Args)]
struct ThreadOptions {
    /// Threads; never changes the result [default: one a core]
    #[arg(long, value_name = "N", value_parser = threads())]
    threads: Option<u16>,
}

impl ThreadOptions {
    /// Runs `work` on a pool of these threads.
    fn run<R: Send>(&self, work: impl FnOnce() -> cloze::Result<R> + Send) -> cloze::Result<R> {
        Pool::new(self.threads.unwrap_or(0).into())?.run(work)
    }
}

/// For `--threads`; more than these only stand in each other's way.
fn threads() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=1024)
}

/// A share of examples or documents.
fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("a share is a number from 0 up to, but not including, 1".into()),
    }
}

/// A SHA-256 in hexadecimal.
fn sha256(text: &str) -> Result<String, &'static str> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("a SHA-256 is 64 hexadecimal digits")
}

/// Exit status 1, with a line that says so, when the weights do not have the expected SHA-256.
fn check_sha256(expected: Option<&str>, got: &str) -> ExitCode {
    match expected {
        Some(expected) if expected != got => {
            print_line(format_args!(
                "error: the SHA-256 of model.safetensors differs:\n    {expected} expected\n    {got} got"
            ));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// How text is read that is not UTF-8: an option of every command that reads text.
#[derive(clap::Args)]
struct TextOptions {
    /// Text that is not UTF-8: an error, or U+FFFD in its place
    #[arg(long, default_value = "error", value_name = "error|replace", value_parser = invalid_utf8)]
    invalid_utf8: InvalidUtf8,
}

/// A value of an option that takes one of several words. The error names them all.
fn choice<T: DeserializeOwned>(text: &str) -> Result<T, serde::de::value::Error> {
    T::deserialize(text.into_deserializer())
}

fn invalid_utf8(text: &str) -> Result<InvalidUtf8, &'static str> {
    match text {
        "error" => Ok(InvalidUtf8::Error),
        "replace" => Ok(InvalidUtf8::Replace),
        _ => Err("it is error or replace"),
    }
}

/// Says that a CPU without fused multiply-add gives other bits than the rest of the world.
fn warn_without_fma() {
    if !Simd::has_fma() {
        print_line(
            "warning: this CPU has no fused multiply-add; results will differ in their last bits",
        );
    }
}

/// Opens a model. Says so when its run has not finished, and when a file of a finished run is not as the run wrote
/// it.
fn open_model(directory: &Path) -> cloze::Result<Model<'static>> {
    for warning in cloze::run::damage::warnings(directory) {
        print_line(format_args!("warning: {warning}"));
    }
    let model = Model::open(directory)?;
    if let Some(unfinished) = model.unfinished() {
        let text = option_names::with_option_names(&unfinished.to_string());
        print_line(format_args!("warning: {text}"));
    }
    Ok(model)
}
