//! A whole pretraining run: prepare, step, log, evaluate, save.

use super::error::TrainError;
use super::evaluation::{Evaluation, Evaluator};
use super::metrics::{EvaluationMetrics, Interval};
use super::observer::Observer;
use super::options::Options;
use super::prepare::{Prepared, prepare};
use super::run_directory::RunDirectory;
use super::trainer::Trainer;
use crate::data::Batch;
use crate::files::FileError;
use crate::model::{Bert, Config, weights};
use crate::tensor::memory;
use crate::tokenizer::Tokenizer;
use serde::Serialize;
use std::convert::Infallible;
use std::time::Instant;

/// A finished run.
pub struct Finished {
    /// The trained model.
    pub bert: Bert,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// The last evaluation, when there was held-out text.
    pub evaluation: Option<Evaluation>,
}

/// Pretrains as `options` say, on the threads of the current pool, and leaves a run directory.
/// `command` is what a person typed, for `run.json`.
///
/// # Errors
/// [`TrainError`], naming what is at fault. Until everything is read and checked, nothing is written
/// but the tokens of a large text.
pub fn pretrain(
    options: &Options,
    command: &str,
    observer: &mut dyn Observer,
) -> Result<Finished, TrainError> {
    let directory = RunDirectory::new(&options.output_dir)?;
    let Prepared { bert, tokenizer, mut source, evaluation } = prepare(options, observer)?;
    let recipe = &options.recipe;
    let shape = recipe.batch_shape();
    let mut trainer = Trainer::new(bert, recipe.clone())?;
    let mut evaluator = match evaluation.as_slice() {
        [] => None,
        _ => Some(Evaluator::new(&trainer.bert, shape)?),
    };
    observer.note(&format!(
        "{} parameters; {:.0} MB of memory for training",
        trainer.bert.layout.len(),
        trainer.bytes() as f64 / 1e6
    ));
    // Nothing but the parameters has been touched so far, so nothing else has been taken.
    memory::check(trainer.bytes() / 4 - trainer.bert.layout.len())?;

    directory.create()?;
    write_description(&directory, options, command, &trainer.bert, &tokenizer)?;
    let mut metrics = directory.metrics()?;
    let mut batches =
        vec![
            Batch::new(shape.batch_size, shape.max_seq_length, shape.max_predictions_per_seq);
            recipe.gradient_accumulation_steps
        ];
    let pad_id = tokenizer.vocabulary().pad_id();
    let num_train_steps = recipe.schedule.num_train_steps;
    let start = Instant::now();
    let (mut interval, mut tokens, mut last_log) = (Interval::default(), 0, start);
    let mut last_evaluation = None;
    observer.held_out(&evaluation, &tokenizer);
    observer.started(trainer.steps(), num_train_steps);
    while trainer.steps() < num_train_steps {
        for batch in &mut batches {
            source.fill(batch, pad_id)?;
        }
        let report = trainer.step(&batches)?;
        let step = trainer.steps();
        interval.add(&report);
        tokens += report.tokens;
        observer.stepped(&report);
        let last = step == num_train_steps;
        if last || step.is_multiple_of(options.log_every.max(1)) {
            let (seconds, elapsed) = (start.elapsed(), last_log.elapsed());
            let (seconds, elapsed) = (seconds.as_secs_f64(), elapsed.as_secs_f64());
            let line = interval.finish(&report, !recipe.no_nsp, tokens, seconds, elapsed);
            metrics.append(&line)?;
            observer.logged(&line);
            last_log = Instant::now();
        }
        if last || (options.eval_every > 0 && step.is_multiple_of(options.eval_every)) {
            if let Some(evaluator) = &mut evaluator {
                let before = Instant::now();
                let result = evaluate(evaluator, &trainer.bert, &evaluation);
                let seconds = before.elapsed();
                let line = EvaluationMetrics::new(step, &result, seconds.as_secs_f64());
                metrics.append(&line)?;
                observer.evaluated(&line, &trainer.bert, &tokenizer);
                last_evaluation = Some(result);
                last_log += seconds;
            }
            weights::save(directory.path(), &trainer.bert.layout, &trainer.bert.parameters)?;
        }
    }
    observer.finished();
    Ok(Finished { bert: trainer.bert, tokenizer, evaluation: last_evaluation })
}

fn evaluate(evaluator: &mut Evaluator, bert: &Bert, batches: &[Batch]) -> Evaluation {
    let mut left = batches.iter();
    let Ok(evaluation) = evaluator.evaluate(bert, || Ok::<_, Infallible>(left.next().cloned()));
    evaluation
}

/// `run.json`.
#[derive(Serialize)]
struct Description<'a> {
    cloze_version: &'static str,
    command: &'a str,
    options: &'a Options,
    config: &'a Config,
}

/// Everything but weights and metrics: what Hugging Face reads, and `run.json`.
fn write_description(
    directory: &RunDirectory,
    options: &Options,
    command: &str,
    bert: &Bert,
    tokenizer: &Tokenizer,
) -> Result<(), TrainError> {
    directory.write("config.json", &bert.config.to_json())?;
    tokenizer.save_pretrained(directory.path(), bert.config.max_position_embeddings)?;
    let run = Description {
        cloze_version: env!("CARGO_PKG_VERSION"),
        command,
        options,
        config: &bert.config,
    };
    let mut text = serde_json::to_string_pretty(&run).expect("numbers and strings");
    text.push('\n');
    directory.write("run.json", &text).map_err(|error: FileError| error.into())
}
