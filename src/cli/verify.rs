//! `cloze verify`: run directory ─► whether the same bits come out again.

use super::output::print;
use super::signals::StopOnSignal;
use cloze::report::{Terminal, print_line};
use cloze::run::TrainError;
use cloze::run::verify::verify;
use cloze::system::threads::Pool;
use std::path::PathBuf;
use std::process::ExitCode;

/// The options of `cloze verify`.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a finished run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Threads; never changes the result [default: one a core]
    #[arg(long, value_name = "N", value_parser = super::threads())]
    threads: Option<u16>,
    /// Answer with one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Runs `cloze verify`: exit status 0 when the bits agree, 1 when they do not.
pub fn run(args: Args) -> cloze::Result<ExitCode> {
    super::warn_without_fma();
    let pool = Pool::new(args.threads.unwrap_or(0).into())?;
    let mut watcher = StopOnSignal::new(Terminal::new(None));
    let verified = match pool.run(|| verify(&args.run, &mut watcher)) {
        Err(error @ TrainError::Stopped { .. }) => {
            print_line(error);
            return Ok(ExitCode::from(watcher.exit_status()));
        }
        result => result?,
    };
    print(|out| {
        if args.json {
            return writeln!(out, "{}", serde_json::to_string(&verified)?);
        }
        let run = args.run.display();
        let step = verified.metrics_part_at_step;
        let same = verified.recorded_sha256 == verified.second_sha256;
        if verified.agrees {
            return writeln!(
                out,
                "`{run}` came out the same again, bit by bit: SHA-256 {}",
                verified.second_sha256
            );
        }
        if verified.file_sha256 != verified.recorded_sha256 {
            writeln!(
                out,
                "model.safetensors of `{run}` is not what the run wrote:\n    {} recorded\n    {} there",
                verified.recorded_sha256, verified.file_sha256
            )?;
        }
        if !same {
            writeln!(
                out,
                "`{run}` came out otherwise:\n    {} recorded\n    {} this time",
                verified.recorded_sha256, verified.second_sha256
            )?;
        }
        match step {
            Some(step) => writeln!(out, "metrics.jsonl first differs at step {step}"),
            None if same => writeln!(out, "run again, it comes out as recorded"),
            None => writeln!(out, "metrics.jsonl is the same all through"),
        }
    })?;
    Ok(if verified.agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
