//! A run before its first step: everything is read and checked, its steps are known, and nothing is written yet.

use super::error::RunError;
use super::forecast::Forecast;
use super::job::Job;
use super::memory::Memory;
use super::observer::{Event, Observer};
use super::run_directory::RunDirectory;
use super::run_options::RunOptions;
use super::speed::{Effort, measure};
use super::train_time::TrainTime;
use crate::system::ranks::{Alone, Team};
use crate::tensor::kernels::Simd;
use crate::train::Recipe;
use crate::train::shards::idle_ranks;
use crate::train::trainer::Trainer;

/// A run before its first step. [`Prepared::begin`] trains it.
#[non_exhaustive]
pub struct Prepared<J: Job> {
    pub(super) options: J::Options,
    pub(super) directory: Option<RunDirectory>,
    pub(super) job: J,
    pub(super) trainer: Trainer<J::Objective>,
    pub(super) forecast: Forecast,
    pub(super) train_time: Option<TrainTime>,
}

/// When the speed of the machine is measured. The result of a run does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Only for a budget of time, which needs it.
    ForBudget,
    /// Always, for [`Forecast::seconds`]: a part of a second for a small model, a few passes of one micro-batch for
    /// a large one.
    Always,
}

/// [`prepare_on`] this machine alone.
///
/// # Errors
/// As [`prepare_on`].
pub fn prepare<J: Job>(
    options: &J::Options,
    measures: Measure,
    observer: &mut dyn Observer,
) -> Result<Prepared<J>, RunError> {
    prepare_on(&Alone::team(), options, measures, observer)
}

/// Reads and checks everything that `options` name, allocates all memory, and turns a budget of time into steps.
/// Writes nothing but the tokens of a large text. This is rank 0 of `team`; the others
/// [`serve`](crate::train::serve).
///
/// # Errors
/// [`RunError`], naming what is at fault.
pub fn prepare_on<J: Job>(
    team: &Team,
    options: &J::Options,
    measures: Measure,
    observer: &mut dyn Observer,
) -> Result<Prepared<J>, RunError> {
    options.validate()?;
    let directory = options.output_dir().map(RunDirectory::new).transpose()?;
    prepare_in(team, options, directory, measures, false, observer)
}

/// [`prepare`] with the run directory of `options`, which have been checked. With `from_checkpoint`, the first weights are
/// not those of the run: a checkpoint has to take their place.
pub(super) fn prepare_in<J: Job>(
    team: &Team,
    options: &J::Options,
    directory: Option<RunDirectory>,
    measures: Measure,
    from_checkpoint: bool,
    observer: &mut dyn Observer,
) -> Result<Prepared<J>, RunError> {
    Simd::check()?;
    let mut options = options.clone();
    let (mut job, mut bert) = J::prepare(&options, observer)?;
    if !from_checkpoint {
        job.set_first_weights(&options, &mut bert, observer)?;
    }
    let last = options.recipe().schedule.num_train_steps.saturating_sub(1);
    let objective = job.objective(&bert, last)?;
    let recipe = options.recipe_at(last);
    let mut trainer = Trainer::lead(Team::clone(team), bert, objective, recipe)?;
    let mut bytes = trainer.bytes();
    if trainer.recipe() != &options.recipe_at(0) {
        let objective = job.objective(&trainer.bert, 0)?;
        trainer.change(objective, options.recipe_at(0));
        bytes = bytes.max(trainer.bytes());
    }
    let memory = Memory::check(&job, &trainer, bytes)?;
    say_how_ranks_share(team.size(), &options, observer);
    let train_time = options.train_time();
    let effort = match train_time {
        Some(time) => {
            observer.observe(Event::Note(&format!(
                "measuring the speed of this machine, to work out the steps of {time}"
            )));
            Some(Effort::for_budget(time.seconds))
        }
        None if measures == Measure::Always => {
            Effort::for_steps(options.recipe().schedule.num_train_steps)
        }
        None => None,
    };
    let (speed, passes) = measure(&options, &mut job, &mut trainer, effort)?;
    if let (Some(time), Some(speed)) = (train_time, &speed) {
        let eval_every = time.keeps_eval_every.then(|| options.eval_every());
        let saves = options.save_checkpoints_steps();
        let (steps, eval_every) = speed.steps_in(time.seconds, eval_every, saves);
        options.set_steps_of_train_time(steps, eval_every);
        options.validate()?;
        job.set_steps(&options);
        trainer.set_schedule(options.recipe().schedule);
    }
    let parameters = trainer.bert.layout.len();
    let mut forecast = Forecast::new(&options, &job, memory, parameters, passes, speed.as_ref());
    forecast.train_time = train_time.map(|time| time.to_string());
    Ok(Prepared { options, directory, job, trainer, forecast, train_time })
}

/// Says how `ranks` share the steps of a run. Where some have nothing to compute, says what gives them something.
fn say_how_ranks_share<O: RunOptions>(ranks: usize, options: &O, observer: &mut dyn Observer) {
    if ranks == 1 {
        return;
    }
    let last = options.recipe().schedule.num_train_steps.saturating_sub(1);
    let phases = [options.recipe_at(0), options.recipe_at(last)];
    let [first, last] = phases.map(|recipe| (recipe.micro_batches().count(), recipe));
    let (micro_batches, recipe) = if first.0 < last.0 { first } else { last };
    let sequences = recipe.sequences_per_step();
    let size = recipe.micro_batch_size();
    let shared = format!("{ranks} ranks share a step of {micro_batches} micro-batches");
    let idle = idle_ranks(ranks, micro_batches);
    if idle == 0 {
        let note = format!("{shared} (of at most {size} sequences each)");
        return observer.observe(Event::Note(&note));
    }
    let problem = match micro_batches {
        1 => format!(
            "a step of {sequences} sequences is one micro-batch, so {ranks} ranks have nothing to share: rank 0 \
             computes it alone"
        ),
        _ => format!("{shared}: {idle} of the ranks have nothing to compute"),
    };
    let times = times_for_all_ranks(ranks, &recipe);
    let more = match O::ACCUMULATES {
        true => {
            let steps = times * options.recipe().gradient_accumulation_steps;
            format!("'gradient_accumulation_steps' {steps}")
        }
        false => format!("'train_batch_size' {}", times * options.recipe().train_batch_size),
    };
    observer.observe(Event::Warning(&format!(
        "{problem}; with {more} a step has {} sequences, some for every rank",
        times * sequences
    )));
}

/// How many times the sequences of `recipe` a step needs so that each of `ranks` has a micro-batch.
fn times_for_all_ranks(ranks: usize, recipe: &Recipe) -> usize {
    let sequences = recipe.sequences_per_step();
    let is_enough = |times: &usize| {
        let recipe = Recipe {
            train_batch_size: sequences.saturating_mul(*times),
            gradient_accumulation_steps: 1,
            ..recipe.clone()
        };
        idle_ranks(ranks, recipe.micro_batches().count()) == 0
    };
    // A micro-batch has at most as many sequences as tokens. So this is enough for the same number on each rank.
    let most = ranks * recipe.micro_batch_tokens;
    (1..most).find(is_enough).unwrap_or(most)
}

impl<J: Job> Prepared<J> {
    /// The settings of the run, with its steps.
    pub fn options(&self) -> &J::Options {
        &self.options
    }

    /// Whether the steps were worked out from a budget of time.
    pub fn has_train_time(&self) -> bool {
        self.train_time.is_some()
    }

    /// What is known about the run.
    pub fn forecast(&self) -> &Forecast {
        &self.forecast
    }
}
