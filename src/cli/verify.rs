//! `cloze verify`: run directory ─► whether the same bits come out again.

use super::output::print;
use super::signals::StopOnSignal;
use cloze::report::{Terminal, print_line};
use cloze::run::verify::{Verified, verify};
use cloze::run::{Observer, RunError};
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
    /// Exit with status 1 unless the run gives a model.safetensors with this SHA-256
    #[arg(long, value_name = "HEX", value_parser = super::sha256)]
    expect_sha256: Option<String>,
    /// Answer with one JSON object on standard output
    #[arg(long)]
    json: bool,
    /// Show no progress, print nothing but errors on standard error
    #[arg(long)]
    quiet: bool,
}

/// Runs `cloze verify`: exit status 0 when the bits agree, 1 when they do not.
pub fn run(args: Args) -> cloze::Result<ExitCode> {
    let verified = if args.quiet {
        again(&args, StopOnSignal::quiet(()))?
    } else {
        super::warn_without_fma();
        again(&args, StopOnSignal::new(Terminal::new()))?
    };
    let verified = match verified {
        Ok(verified) => verified,
        Err(status) => return Ok(status),
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
        if verified.file_sha256 == verified.second_sha256 && !same {
            writeln!(
                out,
                "run.json of `{run}` is damaged: model.safetensors came out the same again, but run.json has \
                 another SHA-256:\n    {} recorded\n    {} there",
                verified.recorded_sha256, verified.file_sha256
            )?;
        } else if verified.file_sha256 != verified.recorded_sha256 {
            writeln!(
                out,
                "model.safetensors of `{run}` is not what the run wrote:\n    {} recorded\n    {} there",
                verified.recorded_sha256, verified.file_sha256
            )?;
        }
        if !same && verified.file_sha256 != verified.second_sha256 {
            writeln!(
                out,
                "`{run}` came out otherwise:\n    {} recorded in run.json\n    {} this time",
                verified.recorded_sha256, verified.second_sha256
            )?;
        }
        match step {
            Some(step) => writeln!(out, "metrics.jsonl first differs at step {step}"),
            None if same => writeln!(out, "run again, it comes out as recorded"),
            None => writeln!(out, "metrics.jsonl is the same all through"),
        }
    })?;
    let status = super::check_sha256(args.expect_sha256.as_deref(), &verified.second_sha256);
    Ok(if verified.agrees { status } else { ExitCode::FAILURE })
}

/// Runs the run once more; an exit status when a signal stopped that.
fn again(
    args: &Args,
    mut watcher: StopOnSignal<impl Observer + Send>,
) -> cloze::Result<Result<Verified, ExitCode>> {
    let pool = Pool::new(args.threads.unwrap_or(0).into())?;
    match pool.run(|| verify(&args.run, &mut watcher)) {
        Err(error @ RunError::Stopped { .. }) => {
            print_line(error);
            Ok(Err(ExitCode::from(watcher.exit_status())))
        }
        result => Ok(Ok(result?)),
    }
}
