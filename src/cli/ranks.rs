//! Several processes that `mpirun` has started. Rank 0 is the program that a person sees. The others must have been
//! started the same way; they compute what rank 0 tells them.

use super::{Cli, Command};
use clap::{ArgMatches, CommandFactory};
use cloze::report::print_line;
use cloze::system::ranks::{Alone, Counting, LaunchError, Session, Team, launched};
use cloze::system::threads::Pool;
use cloze::tensor::kernels::Simd;
use cloze::train::{finetuning::Finetuning, pretraining::Pretraining, serve};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Options whose values may differ between ranks.
const MAY_DIFFER: [&str; 3] = ["threads", "quiet", "json"];

/// Options that name files. Rank 0 alone reads and writes, so the others need none of them. A rank that names another
/// file than rank 0 is refused: its text would not be read.
const FILES: [&str; 9] =
    ["input", "eval_input", "instances", "vocab", "init", "output_dir", "train", "eval", "model"];

/// How a process was started, as far as all ranks have to agree.
#[derive(Serialize, Deserialize)]
struct Started {
    version: String,
    /// Without it, the last bits differ.
    fused_multiply_add: bool,
    /// What is wrong with the command line.
    error: Option<String>,
    command: String,
    settings: BTreeMap<String, String>,
}

impl Started {
    fn new(parsed: &Result<(Cli, ArgMatches), clap::Error>) -> Self {
        let mut started = Self {
            version: env!("CARGO_PKG_VERSION").into(),
            fused_multiply_add: Simd::has_fma(),
            error: None,
            command: String::new(),
            settings: BTreeMap::new(),
        };
        match parsed {
            Err(error) => {
                // The first line; usage follows.
                let text = error.to_string();
                let line = text.lines().next().unwrap_or_default();
                started.error = Some(line.trim_start_matches("error: ").into());
            }
            Ok((_, matches)) => {
                if let Some((command, matches)) = matches.subcommand() {
                    started.command = command.into();
                    started.settings = settings(command, matches);
                }
            }
        }
        started
    }

    /// The first thing in which `rank` was not started as this one, rank 0.
    fn differs(&self, rank: usize, other: &Self) -> Option<String> {
        let differs = |what: &str, mine: &str, theirs: &str| {
            (mine != theirs)
                .then(|| format!("{what} is {mine} on rank 0 and {theirs} on rank {rank}"))
        };
        let fma = |started: &Self| if started.fused_multiply_add { "there" } else { "missing" };
        let names = self.settings.keys().chain(other.settings.keys());
        let value = |started: &Self, name: &str| {
            started.settings.get(name).cloned().unwrap_or("not given".into())
        };
        let left_out =
            |name: &str| is_file(&self.command, name) && !other.settings.contains_key(name);
        differs("the version of cloze", &self.version, &other.version)
            .or_else(|| other.error.as_ref().map(|error| format!("rank {rank}: {error}")))
            .or_else(|| differs("the command", &self.command, &other.command))
            .or_else(|| {
                names.filter(|name| !left_out(name)).find_map(|name| {
                    differs(&format!("'{name}'"), &value(self, name), &value(other, name))
                })
            })
            .or_else(|| differs("fused multiply-add of the processor", fma(self), fma(other)))
    }
}

/// Whether the option `name` of `command` names a file. The `--model` of `pretrain` is a size.
fn is_file(command: &str, name: &str) -> bool {
    FILES.contains(&name) && (name != "model" || command == "finetune")
}

/// The options that the user typed, except for [`MAY_DIFFER`].
fn settings(command: &str, matches: &ArgMatches) -> BTreeMap<String, String> {
    let program = Cli::command();
    let known = program.find_subcommand(command).into_iter().flat_map(clap::Command::get_arguments);
    let ids = known.map(|argument| argument.get_id().as_str()).filter(|id| {
        let typed = matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine);
        typed && !MAY_DIFFER.contains(id)
    });
    let text = |id: &str| {
        let values = matches.get_raw(id).into_iter().flatten();
        values.map(|value| value.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    };
    ids.map(|id| (id.to_string(), text(id))).collect()
}

/// What this process is in the run of its command.
pub(super) enum Role {
    /// The program that a person sees.
    First(Team),
    /// One that computes what rank 0 tells it.
    Other(Team),
    /// The ranks cannot work together, or there is nothing to do: rank 0 has said why.
    Nothing(ExitCode),
}

/// Joins the processes that were started together.
///
/// # Errors
/// The exit status, after the reason was printed once.
pub(super) fn join() -> Result<Option<Session>, ExitCode> {
    Session::join().map_err(|error: LaunchError| {
        // A launcher ends all processes after the first that fails, so the others must not be faster than rank 0.
        if launched().is_some_and(|(rank, _)| rank > 0) {
            return ExitCode::SUCCESS;
        }
        print_line(format_args!("error: {error}"));
        ExitCode::FAILURE
    })
}

/// Checks that all ranks were started the same way, for a command that they can share.
pub(super) fn agree(
    session: Option<&Session>,
    parsed: &Result<(Cli, ArgMatches), clap::Error>,
) -> Role {
    let Some(session) = session else { return Role::First(Alone::team()) };
    let team = session.team();
    let mine = Started::new(parsed);
    let all = team.all_gather(&serde_json::to_vec(&mine).expect("texts"));
    // The status of all ranks when they do not go on.
    let mut status = Vec::new();
    if team.rank() == 0 {
        status.extend(refuse(&mine, parsed, &all));
    }
    team.broadcast(&mut status);
    match status.first() {
        Some(&status) => Role::Nothing(ExitCode::from(status)),
        None if team.rank() == 0 => Role::First(team),
        None => Role::Other(team),
    }
}

/// The exit status of ranks that do not go on, after the reason was printed.
fn refuse(
    mine: &Started,
    parsed: &Result<(Cli, ArgMatches), clap::Error>,
    all: &[Vec<u8>],
) -> Option<u8> {
    let command = match parsed {
        Err(error) => {
            let _ = error.print();
            return Some(error.exit_code() as u8);
        }
        Ok((Cli { command }, _)) => command,
    };
    let differs =
        all.iter().enumerate().find_map(|(rank, bytes)| match serde_json::from_slice(bytes) {
            Ok(other) => mine.differs(rank, &other),
            Err(_) => Some(format!("rank {rank} is another version of cloze")),
        });
    let reason = match (differs, command) {
        (Some(differs), _) => format!(
            "{differs}: start all ranks with the same cloze and the same options (only 'threads' may differ, and \
             other ranks than 0 may leave out files)"
        ),
        (None, Command::Pretrain(_) | Command::Finetune(_)) => return None,
        (None, Command::Bench(args)) if args.mpi => return None,
        (None, _) => format!(
            "`cloze {}` runs in one process: start it without `mpirun` (`pretrain`, `finetune` and `bench --mpi` \
             run in several)",
            mine.command
        ),
    };
    print_line(format_args!("error: {}", super::option_names::with_option_names(&reason)));
    Some(1)
}

/// Computes what rank 0 tells this rank, until the run ends.
pub(super) fn follow(command: &Command, team: Team) -> ExitCode {
    let threads = match command {
        Command::Pretrain(args) => args.threads,
        Command::Finetune(args) => args.threads,
        Command::Bench(args) => args.threads,
        _ => unreachable!("refused before"),
    };
    let pool = match Pool::new(threads.unwrap_or(0).into()) {
        Ok(pool) => pool,
        // Rank 0 waits for this rank. The launcher ends it when this process ends without a farewell.
        Err(error) => {
            print_line(format_args!("error: rank {}: {error}", team.rank()));
            std::process::exit(1);
        }
    };
    let asked = listen();
    let stops = move || asked.load(Ordering::Relaxed);
    pool.run(|| match command {
        Command::Finetune(_) => serve::<Finetuning>(team, stops),
        Command::Bench(_) => serve::<Pretraining>(Arc::new(Counting::new(team)), stops),
        _ => serve::<Pretraining>(team, stops),
    });
    // Rank 0 has the exit status of the run. If this rank failed before rank 0 has ended, the launcher would end it.
    ExitCode::SUCCESS
}

/// Whether a signal has asked this process to stop. Rank 0 is told in the next step, saves, and ends the run.
fn listen() -> Arc<AtomicBool> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // Where this fails, the signal ends the process, and the launcher the others.
        let _ = signal_hook::flag::register(signal, Arc::clone(&asked));
    }
    asked
}
