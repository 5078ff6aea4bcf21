//! The speed of a run on this machine, measured on its own batches before its first step. Model and data are
//! afterwards as they were before, so that a measured run has the bits of any other. Until then, a copy of the
//! weights (and of their average) is kept: 4 bytes a parameter, a small part of what training needs.

use super::error::RunError;
use super::job::{Interrupted, Job};
use super::run_options::RunOptions;
use super::train_time::Speed;
use crate::train::Objective;
use crate::train::trainer::Trainer;
use std::time::{Duration, Instant};

/// Bytes that a disk is taken to write in a second, with the digest of what is written.
const WRITES: f64 = 200e6;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Steps that are timed, at most.
    steps: u64,
    /// Time for that, at most, unless a single step takes longer.
    time: Duration,
    /// Micro-batches of a measured step for each rank, at most. A step of more takes that many times as long; the
    /// update of the weights, which it has once, is short beside them.
    micro_batches: usize,
    /// Batches of a measured evaluation, at most. The first is not timed.
    evaluation_batches: usize,
    /// Whether a first step that alone takes longer than `time` is the measurement. It touches memory for the first
    /// time, so it is slower than those that follow.
    first_may_do: bool,
}

impl Effort {
    /// To say how long a run of `num_train_steps` takes; `None` when the run is too short to be worth it.
    pub(super) fn for_steps(num_train_steps: u64) -> Option<Self> {
        let effort = Self {
            steps: (num_train_steps / 10).min(3),
            time: Duration::from_millis(200),
            micro_batches: 1,
            evaluation_batches: 2,
            first_may_do: true,
        };
        (effort.steps > 0).then_some(effort)
    }

    /// To work out the steps of a run of `seconds`: up to a fiftieth of that.
    pub(super) fn for_budget(seconds: u64) -> Self {
        Self {
            steps: 1000,
            time: Duration::from_secs_f64((seconds as f64 / 50.0).min(10.0)),
            micro_batches: 2,
            evaluation_batches: 4,
            first_may_do: false,
        }
    }
}

/// The speed of the run that begins now, and the part of a pass over the text that one step reads. Without `effort`,
/// only the latter.
///
/// # Errors
/// [`RunError`] when the data cannot be read, or the first step diverges.
pub(super) fn measure<J: Job>(
    options: &J::Options,
    job: &mut J,
    trainer: &mut Trainer<J::Objective>,
    effort: Option<Effort>,
) -> Result<(Option<Speed>, Option<f64>), RunError> {
    let position = job.position();
    // Means over all steps.
    let (mut seconds, mut passes) = (0.0, Some(0.0));
    let parameters = effort.map(|_| trainer.bert.parameters.clone());
    let average = trainer.average().map(<[f32]>::to_vec);
    let first = trainer.recipe().clone();
    for (share, step) in options.phases() {
        let mut batches = job.batches(step);
        job.fill(step, &mut batches)?;
        passes = passes.zip(job.passes(&batches)).map(|(sum, of_step)| sum + share * of_step);
        if let Some(effort) = effort {
            change_shape(options, job, trainer, step)?;
            seconds += share * step_seconds(job, trainer, step, &mut batches, effort)?;
        }
    }
    if *trainer.recipe() != first {
        let objective = job.objective(&trainer.bert, 0)?;
        trainer.change(objective, first);
    }
    if let Some(parameters) = parameters {
        trainer.begin_again(&parameters, average.as_deref());
    }
    let speed = match effort {
        None => None,
        Some(effort) => {
            let weights = 4.0 * trainer.bert.layout.len() as f64;
            let saves = if options.output_dir().is_some() { 1.0 / WRITES } else { 0.0 };
            Some(Speed {
                step: seconds,
                evaluation: evaluation_seconds(job, trainer, effort) + saves * weights,
                checkpoint: saves * 3.0 * weights,
            })
        }
    };
    let sought = job.seek(&position);
    assert!(sought, "a position that the stream has given");
    Ok((speed, passes))
}

/// Compiles a training step for the shapes of step `step`, where they are others.
fn change_shape<J: Job>(
    options: &J::Options,
    job: &J,
    trainer: &mut Trainer<J::Objective>,
    step: u64,
) -> Result<(), RunError> {
    let recipe = options.recipe_at(step);
    if *trainer.recipe() != recipe {
        let objective = job.objective(&trainer.bert, step)?;
        trainer.change(objective, recipe);
    }
    Ok(())
}

/// The median time of a step such as `step`, reading of its batches included.
fn step_seconds<J: Job>(
    job: &mut J,
    trainer: &mut Trainer<J::Objective>,
    step: u64,
    batches: &mut [<J::Objective as Objective>::Batch],
    effort: Effort,
) -> Result<f64, RunError> {
    let measured = batches.len().min(effort.micro_batches * trainer.team().size());
    let all = batches.len() as f64 / measured as f64;
    // The first step touches memory for the first time.
    let start = Instant::now();
    trainer.step(&batches[..measured])?;
    if effort.first_may_do && start.elapsed() >= effort.time {
        return Ok(start.elapsed().as_secs_f64() * all);
    }
    let start = Instant::now();
    let mut times = Vec::new();
    while (times.len() as u64) < effort.steps {
        let before = Instant::now();
        job.fill(step, batches)?;
        let filled = before.elapsed();
        // Without warm-up, a learning rate that is too high shows here first.
        if trainer.step(&batches[..measured]).is_err() && !times.is_empty() {
            break;
        }
        let computed = before.elapsed() - filled;
        times.push(filled.as_secs_f64() + computed.as_secs_f64() * all);
        if start.elapsed() >= effort.time {
            break;
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// The time of an evaluation, from its first batches.
fn evaluation_seconds<J: Job>(job: &mut J, trainer: &Trainer<J::Objective>, effort: Effort) -> f64 {
    let batches = job.evaluation_batches();
    if batches == 0 {
        return 0.0;
    }
    let (mut begun, mut start) = (0, Instant::now());
    let result = job.evaluate(&trainer.bert, &mut || {
        begun += 1;
        if begun == 2 {
            // The first batch touches memory for the first time.
            start = Instant::now();
        }
        begun > effort.evaluation_batches
    });
    let timed = match result {
        Err(Interrupted) => begun - 2,
        Ok(_) => begun.max(2) - 1,
    };
    start.elapsed().as_secs_f64() / timed as f64 * batches as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::PretrainingOptions;
    use crate::run::pretraining::{InMemoryText, InstanceSource, PretrainingJob};

    #[test]
    fn a_measured_run_is_as_before() {
        let text =
            "the cat sat .\nit slept .\n\nthe dog ran .\nit barked .\n\nthe fox hid .\nit ate .\n";
        let input = InstanceSource::InMemory(InMemoryText::new(text.repeat(20)));
        let mut options = PretrainingOptions { input, ..PretrainingOptions::default() };
        options.model.as_new().model = "1/32".into();
        options.set_max_seq_length(16);
        // Three micro-batches. Without warm-up, the first step changes the weights.
        options.recipe.training.train_batch_size = 300;
        options.recipe.training.schedule.num_warmup_steps = 0;
        options.recipe.training.ema_decay = 0.5;
        options.recipe.short_phase_seq_length = Some(8);
        let prepare = || {
            let (job, bert) = PretrainingJob::prepare(&options, &mut ()).unwrap();
            let objective = job.objective(&bert, 0).unwrap();
            (Trainer::new(bert, objective, options.recipe_at(0)), job)
        };
        let steps = |(mut trainer, mut job): (Trainer<_>, PretrainingJob)| {
            let mut batches = job.batches(0);
            let losses = (0..3).map(|step| {
                job.fill(step, &mut batches).unwrap();
                trainer.step(&batches).unwrap().loss()
            });
            let losses: Vec<f64> = losses.collect();
            (losses, trainer.model().parameters.clone(), trainer.bert.parameters, trainer.moments)
        };
        let expected = steps(prepare());
        let (mut trainer, mut job) = prepare();
        let effort = Effort { steps: 3, time: Duration::MAX, ..Effort::for_budget(1) };
        let (speed, passes) = measure(&options, &mut job, &mut trainer, Some(effort)).unwrap();
        let speed = speed.unwrap();
        assert!(speed.step > 0.0 && speed.evaluation > 0.0 && speed.checkpoint == 0.0, "{speed:?}");
        assert!(passes.unwrap() > 0.0, "{passes:?}");
        assert!(steps((trainer, job)) == expected);
        let (mut trainer, mut job) = prepare();
        let (none, same) = measure(&options, &mut job, &mut trainer, None).unwrap();
        assert!(none.is_none());
        // An estimate, from other batches of the same text.
        let ratio = same.unwrap() / passes.unwrap();
        assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
        assert!(steps((trainer, job)) == expected);
    }

    #[test]
    fn short_runs_are_not_measured() {
        assert!(Effort::for_steps(9).is_none());
        assert_eq!(Effort::for_steps(10).unwrap().steps, 1);
        assert_eq!(Effort::for_steps(1000).unwrap().steps, 3);
    }
}
