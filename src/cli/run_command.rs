//! What the commands that train share: the command as typed, and how a run ended.

use super::option_names::with_option_names;
use super::signals::StopOnSignal;
use cloze::report::run_page::write_report;
use cloze::report::{print_line, quote};
use cloze::run::checkpoint_directory::CheckpointDirectory;
use cloze::run::{Finished, RunError};
use std::path::Path;
use std::process::ExitCode;

/// The command as a shell would take it again.
pub(super) fn command() -> String {
    quote(std::env::args())
}

/// What this program was called as, `target/release/cloze` under `cargo run`.
pub(super) fn program() -> String {
    quote(std::env::args().next().or_else(|| Some("cloze".into())))
}

/// Writes `report.html` into the directory of a run that has finished. The run is saved: a page that cannot be written is
/// no failure of the run.
pub(super) fn write_page(directory: &Path) {
    if let Err(error) = write_report(directory) {
        print_line(format_args!("warning: there is no report.html: {error}"));
    }
}

/// How a run ended.
pub(super) enum Ended {
    /// With its last step.
    Finished(Box<Finished>),
    /// Before; the exit status, after a person was told.
    Early(ExitCode),
}

/// Says how to go on when the run of `cloze COMMAND` in `directory` ended early.
pub(super) fn report_end<O>(
    command: &str,
    directory: &Path,
    result: Result<Finished, RunError>,
    watcher: &StopOnSignal<O>,
) -> cloze::Result<Ended> {
    let resume_command = || {
        let directory = directory.display().to_string();
        let arguments = [command, "--resume", "--output-dir", &directory].map(String::from);
        format!("    {} {}", program(), quote(arguments))
    };
    match result {
        Ok(finished) => Ok(Ended::Finished(Box::new(finished))),
        Err(error @ RunError::Stopped { .. }) => {
            print_line(format_args!(
                "{error}; saved in `{}`. Resume it with:\n{}",
                directory.display(),
                resume_command()
            ));
            Ok(Ended::Early(ExitCode::from(watcher.exit_status())))
        }
        Err(error) if watcher.started && !matches!(error, RunError::Diverged(_)) => {
            print_line(format_args!("error: {}", with_option_names(&error.to_string())));
            let saved = CheckpointDirectory::new(directory).list().unwrap_or_default();
            if let Some((step, _)) = saved.last() {
                print_line(format_args!(
                    "The checkpoint of step {step} is there. When the cause is gone, resume the run with:\n{}",
                    resume_command()
                ));
            }
            Ok(Ended::Early(ExitCode::FAILURE))
        }
        Err(error) => Err(error.into()),
    }
}
