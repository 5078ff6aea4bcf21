//! `cloze finetune`: labelled text ─► run directory.

pub use super::finetune_options::Args;

use super::output::print;
use super::run_command::{Ended, command, program, report_end, write_page};
use super::signals::StopOnSignal;
use clap::ArgMatches;
use cloze::report::{Terminal, finetuning_summary, print_line};
use cloze::run::run_directory::RunDirectoryError;
use cloze::run::run_json::RunJson;
use cloze::run::{BestOfTrial, Finetuning, FinetuningOptions, Finished, Observer, RunError};
use cloze::system::ranks::Team;
use cloze::system::threads::Pool;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// The settings of the run, and whether it is resumed.
fn settings(args: &Args, matches: &ArgMatches) -> cloze::Result<FinetuningOptions> {
    if !args.resume {
        return Ok(args.options(matches));
    }
    let directory = &args.output_dir;
    if !directory.join("run.json").is_file() {
        return Err(RunError::from(RunDirectoryError::NoRun(directory.clone())).into());
    }
    let recorded = RunJson::<FinetuningOptions>::read(directory).map_err(RunError::from)?;
    let mut options = recorded.options;
    args.apply(&mut options, matches);
    if let Some(task) = args.task {
        options.task = task;
    }
    Ok(options)
}

/// Runs `cloze finetune` on the ranks of `team`; `matches` are its options as typed.
pub fn run(args: Args, matches: &ArgMatches, team: &Team) -> cloze::Result<ExitCode> {
    if !args.quiet {
        super::warn_without_fma();
    }
    let options = settings(&args, matches)?;
    let pool = Pool::new(args.threads.unwrap_or(0).into())?;
    if args.quiet {
        return Ok(train(&args, &options, (team, &pool), StopOnSignal::quiet(()))?.0);
    }
    let watcher = StopOnSignal::new(Terminal::new()).on_ranks(team.size());
    let (status, finished) = train(&args, &options, (team, &pool), watcher)?;
    if let Some(finished) = finished {
        print_line(pool.run(|| finetuning_summary(&options, &finished, &program())));
        print_line(format_args!("SHA-256 of model.safetensors: {}", finished.model_sha256));
    }
    Ok(status)
}

/// Trains, prints what `--json` asks for, and turns the result into an exit status.
fn train<O: Observer + Send>(
    args: &Args,
    options: &FinetuningOptions,
    (team, pool): (&Team, &Pool),
    mut watcher: StopOnSignal<O>,
) -> cloze::Result<(ExitCode, Option<Finished>)> {
    let finetuning = Finetuning::from_options(options.clone()).command(command());
    let finetuning = finetuning.team(Team::clone(team));
    let result = pool.run(|| match args.resume {
        true => finetuning.resume_with(&mut watcher),
        false => finetuning.run_with(&mut watcher),
    });
    match report_end("finetune", &args.output_dir, result, &watcher)? {
        Ended::Finished(finished) => {
            pool.run(|| write_page(&args.output_dir));
            if args.json {
                print_answer(args, &finished)?;
            }
            let sha256 = finished.model_sha256.to_string();
            let status = super::check_sha256(args.expect_sha256.as_deref(), &sha256);
            Ok((status, Some(*finished)))
        }
        Ended::Early(status) => Ok((status, None)),
    }
}

fn print_answer(args: &Args, finished: &Finished) -> cloze::Result<()> {
    let output_dir = &args.output_dir;
    let of = |trial: &BestOfTrial| {
        let mut fields: Map<String, Value> = Map::new();
        fields.insert("learning_rate".into(), trial.learning_rate.into());
        fields.insert("step".into(), trial.step.into());
        fields.extend(trial.evaluation.to_json(""));
        Value::Object(fields)
    };
    let answer = json!({
        "output_dir": output_dir,
        "model": output_dir.join("model.safetensors"),
        "run_json": output_dir.join("run.json"),
        "metrics_jsonl": output_dir.join("metrics.jsonl"),
        "model_sha256": finished.model_sha256.to_string(),
        "evaluation": finished.evaluation.as_ref().map(|evaluation| evaluation.to_json("")),
        "trials": finished.trials.iter().map(of).collect::<Vec<_>>(),
    });
    print(|out| writeln!(out, "{answer}"))
}
