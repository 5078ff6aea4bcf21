//! `cloze pretrain`: text ─► run directory.

pub use super::pretrain_options::Args;

use super::output::print;
use super::run_command::{Ended, program, report_end, write_page};
use super::signals::StopOnSignal;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory};
use cloze::report::{Terminal, forecast, print_line, quote, summary, wrap_answer};
use cloze::run::metrics::MetricsLine;
use cloze::run::run_directory::RunDirectoryError;
use cloze::run::run_json::RunJson;
use cloze::run::{
    Finished, Forecast, Measure, Observer, Prepared, PretrainingJob, PretrainingOptions, RunError,
    RunOptions, prepare_on, resume_on,
};
use cloze::system::ranks::Team;
use cloze::system::threads::Pool;
use serde::Serialize;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `--json` prints.
#[derive(Serialize)]
struct Answer<'f> {
    output_dir: &'f Path,
    model: PathBuf,
    run_json: PathBuf,
    metrics_jsonl: PathBuf,
    num_train_steps: u64,
    model_sha256: String,
    /// The last log line, and the last evaluation.
    metrics: Option<&'f MetricsLine>,
    evaluation: Option<&'f MetricsLine>,
}

/// The command that gives a prepared run again, as a shell takes it. Steps take the place of a budget of time, and the
/// steps between evaluations that of what followed from it.
fn command(prepared: &Prepared<PretrainingJob>) -> String {
    if !prepared.has_train_time() {
        return quote(std::env::args());
    }
    let mut arguments = Vec::new();
    let mut all = std::env::args();
    while let Some(argument) = all.next() {
        match argument.as_str() {
            "--train-time" => drop(all.next()),
            text if text.starts_with("--train-time=") => {}
            _ => arguments.push(argument),
        }
    }
    let schedule = prepared.options().recipe().schedule;
    arguments.push(format!("--num-train-steps={}", schedule.num_train_steps));
    let mut usual = PretrainingOptions::default();
    usual.set_num_train_steps(schedule.num_train_steps);
    let eval_every = prepared.options().eval_every();
    let is_given = arguments.iter().any(|text| text.split('=').next() == Some("--eval-every"));
    if eval_every != usual.eval_every && !is_given {
        arguments.push(format!("--eval-every={eval_every}"));
    }
    quote(arguments)
}

/// The settings of the run, and whether it is resumed. `say` is told when there is nothing to resume yet.
fn settings(
    args: &Args,
    matches: &ArgMatches,
    say: impl FnOnce(String),
) -> cloze::Result<(PretrainingOptions, bool)> {
    let directory = &args.output_dir;
    if !args.resume {
        return Ok((args.options(matches), false));
    }
    if directory.join("run.json").is_file() {
        let recorded = RunJson::<PretrainingOptions>::read(directory).map_err(RunError::from)?;
        return Ok((args.resumed(recorded.options, matches), true));
    }
    if !Args::describe_a_run(matches) {
        return Err(RunError::from(RunDirectoryError::NoRun(directory.clone())).into());
    }
    say(format!("there is no run in `{}` yet: it begins", directory.display()));
    Ok((args.options(matches), false))
}

/// Refuses options that say how text becomes instances when there is no text.
fn check_conflicts(args: &Args, matches: &ArgMatches) {
    if args.instances.is_none() || !args.eval_input.is_empty() {
        return;
    }
    for option in ["masked_lm_prob", "short_seq_prob", "masking", "whole_word_mask", "random_next"]
    {
        if matches.value_source(option) == Some(ValueSource::CommandLine) {
            let option = option.replace('_', "-");
            let message = format!(
                "the argument '--instances <FILE>' cannot be used with '--{option}': the instances are made \
                 already, and there is no --eval-input to make others of\n"
            );
            super::Cli::command().error(ErrorKind::ArgumentConflict, message).exit();
        }
    }
}

/// Runs `cloze pretrain` on the ranks of `team`; `matches` are its options as typed.
pub fn run(args: Args, matches: &ArgMatches, team: &Team) -> cloze::Result<ExitCode> {
    check_conflicts(&args, matches);
    let say = |text: &str| {
        if !args.quiet {
            print_line(text);
        }
    };
    if !args.quiet {
        super::warn_without_fma();
    }
    let (options, resumes) = settings(&args, matches, |text| say(&text))?;
    let pool = Pool::new(args.threads.unwrap_or(0).into())?;
    if args.dry_run {
        return pool.run(|| dry_run(&args, options, team));
    }
    if args.quiet {
        let watcher = watch(StopOnSignal::quiet(()), &args, resumes);
        let outcome = train(&args, &options, resumes, (team, &pool), watcher);
        return outcome.map(|(status, _)| status);
    }
    let watcher = watch(StopOnSignal::new(Terminal::new()).on_ranks(team.size()), &args, resumes);
    let (status, finished) = train(&args, &options, resumes, (team, &pool), watcher)?;
    if let Some((finished, watcher)) = finished {
        // On the threads of the run: the machine may not give any more.
        let sample = watcher.inner.sample();
        say(&pool.run(|| summary(&options, &finished, sample, &program())));
        say(&format!("SHA-256 of model.safetensors: {}", finished.model_sha256));
    }
    Ok(status)
}

/// Lets a signal that comes before a new run begins remove what was created for it.
fn watch<O>(watcher: StopOnSignal<O>, args: &Args, resumes: bool) -> StopOnSignal<O> {
    if resumes { watcher } else { watcher.of_new_run(&args.output_dir) }
}

/// Prints what is known before the first step, and nothing else; writes nothing.
fn dry_run(args: &Args, options: PretrainingOptions, team: &Team) -> cloze::Result<ExitCode> {
    let options = options.in_memory();
    let known = |observer: &mut dyn Observer| -> Result<Forecast, RunError> {
        let prepared = prepare_on::<PretrainingJob>(team, &options, Measure::Always, observer)?;
        Ok(prepared.forecast().clone())
    };
    let known = match args.quiet {
        true => known(&mut ()),
        false => known(&mut StopOnSignal::new(Terminal::new())),
    }?;
    print(|out| {
        if args.json {
            return writeln!(out, "{}", serde_json::to_string(&known)?);
        }
        forecast(&known, 0).iter().try_for_each(|line| writeln!(out, "{}", wrap_answer(line)))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The finished run with its observer, if it finished.
type Outcome<O> = Option<(Finished, StopOnSignal<O>)>;

/// Trains, prints what `--json` asks for, and turns the result into an exit status.
fn train<O: Observer + Send>(
    args: &Args,
    options: &PretrainingOptions,
    resumes: bool,
    (team, pool): (&Team, &Pool),
    mut watcher: StopOnSignal<O>,
) -> cloze::Result<(ExitCode, Outcome<O>)> {
    let directory = &args.output_dir;
    let result = pool.run(|| match resumes {
        true => resume_on::<PretrainingJob>(team, options, &mut watcher),
        false => {
            // Only a person who watches has a use for it.
            let watched = !args.quiet && std::io::stderr().is_terminal();
            let measures = if watched { Measure::Always } else { Measure::ForBudget };
            let prepared = prepare_on::<PretrainingJob>(team, options, measures, &mut watcher)?;
            let command = command(&prepared);
            prepared.begin(&command, &mut watcher)
        }
    });
    match report_end("pretrain", directory, result, &watcher)? {
        Ended::Finished(finished) => {
            pool.run(|| write_page(directory));
            if args.json {
                print_answer(directory, options, &finished)?;
            }
            let sha256 = finished.model_sha256.to_string();
            let status = super::check_sha256(args.expect_sha256.as_deref(), &sha256);
            Ok((status, Some((*finished, watcher))))
        }
        Ended::Early(status) => Ok((status, None)),
    }
}

fn print_answer(
    output_dir: &Path,
    options: &PretrainingOptions,
    finished: &Finished,
) -> cloze::Result<()> {
    let last = |is: fn(&&MetricsLine) -> bool| finished.metrics.iter().rfind(is);
    let answer = Answer {
        output_dir,
        model: output_dir.join("model.safetensors"),
        run_json: output_dir.join("run.json"),
        metrics_jsonl: output_dir.join("metrics.jsonl"),
        num_train_steps: options.recipe.training.schedule.num_train_steps,
        model_sha256: finished.model_sha256.to_string(),
        metrics: last(|line| matches!(line, MetricsLine::Training(_))),
        evaluation: last(|line| matches!(line, MetricsLine::Evaluation(_))),
    };
    print(|out| writeln!(out, "{}", serde_json::to_string(&answer)?))
}
