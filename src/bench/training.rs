//! How fast training is on this machine: the same step as `pretrain`, dropout included, on random
//! tokens, beside the machine's peak of fused multiply-adds.
//!
//! Only matrix products count as work, forward and twice that backward:
//!
//! ```text
//! FLOP per step = 6 · encoder matrix parameters · tokens
//!               + 12 · layers · seq · hidden · tokens            (scores and context of attention)
//!               + 6 · masked positions · hidden · (hidden + vocab_size)
//! ```
//!
//! This is the work of the dense step, as other programs do it. The last layer computes only the rows
//! that are read, so fewer are done; both numbers are given.

use crate::autodiff::{Mode, Profile, Row};
use crate::data::{Batch, Instance, SentenceObjective};
use crate::model::{Bert, Config};
use crate::run::RunError;
use crate::run::pretraining::PretrainingRecipe;
use crate::system::memory;
use crate::system::ranks::{Alone, Team};
use crate::system::threads::{self, Pool, SplitOutput};
use crate::tensor::kernels::{self, Simd};
use crate::tensor::matmul::{WriteMode, matmul, matrix, matrix_mut};
use crate::tensor::random::{Generator, Purpose};
use crate::train::Trainer;
use crate::train::pretraining::Pretraining;
use serde::Serialize;
use std::time::Instant;

/// What to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// A size by name, or the path of a `config.json`.
    pub model: String,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Sequences of a step.
    pub batch_size: usize,
    /// Tokens of a sequence; none is padding.
    pub max_seq_length: usize,
    /// Masked positions of a sequence.
    pub max_predictions_per_seq: usize,
    /// Steps that are timed, after three that are not.
    pub steps: usize,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// [`Settings::model`].
    pub model: String,
    /// [`Settings::vocab_size`].
    pub vocab_size: usize,
    /// [`Settings::batch_size`].
    pub batch_size: usize,
    /// [`Settings::max_seq_length`].
    pub max_seq_length: usize,
    /// [`Settings::max_predictions_per_seq`].
    pub max_predictions_per_seq: usize,
    /// Threads of the pool.
    pub threads: usize,
    /// The instruction set of the vector kernels.
    pub simd: &'static str,
    /// Median time of a step, in milliseconds.
    pub step_ms_median: f64,
    /// Tokens of a step over the median time.
    pub tokens_per_second: f64,
    /// FLOP of the dense step; see the head of this file.
    pub flop_per_step: f64,
    /// FLOP of the matrix products that a step does.
    pub flop_done_per_step: f64,
    /// `flop_per_step` over the median time, in 10⁹ a second.
    pub gflops: f64,
    /// The best rate of fused multiply-adds on all threads, measured before and after, in 10⁹ a
    /// second.
    pub peak_gflops: f64,
    /// What all threads together reach in matrix products whose matrices stay in their caches, in 10⁹ FLOP a
    /// second; the median of many, measured before and after. It says how much of the peak a product could have
    /// at that time.
    pub product_gflops: f64,
    /// `gflops / peak_gflops`.
    pub peak_fraction: f64,
    /// The same of the FLOP that are done.
    pub peak_fraction_done: f64,
    /// The most memory the process has had, where the system tells (Linux); else what the plan holds.
    pub peak_memory_bytes: u64,
    /// Memory of parameters, gradients, moments and the plan, known before the first step.
    pub planned_memory_bytes: u64,
    /// What all threads together copy from memory to memory, in 10⁹ bytes a second, read and
    /// written.
    pub memory_gigabytes_per_second: f64,
    /// The time of a step by operation; last the optimizer, with everything outside the plan.
    pub operations: Vec<Row>,
    /// The same on one thread, when that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
}

/// How much faster a step is on all threads than on one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scaling {
    /// Median time of a step on one thread, in milliseconds.
    pub one_thread_step_ms_median: f64,
    /// That over the median time on all threads.
    pub speedup: f64,
    /// The share of a step on one thread that more threads do not shorten, by Amdahl's law:
    /// `(threads / speedup − 1) / (threads − 1)`. Below 0 when noise, or a second cache, made up for it.
    pub serial_fraction: f64,
}

/// Measures training on `all` threads and on `one`, twice each in turn; keeps the faster of each.
///
/// # Errors
/// [`RunError`] when the settings make no sense.
pub fn benchmark_scaling(
    settings: &Settings,
    all: &Pool,
    one: &Pool,
) -> Result<Measured, RunError> {
    let mut best: [Option<Measured>; 2] = [None, None];
    for _ in 0..2 {
        for (pool, best) in [all, one].into_iter().zip(&mut best) {
            let measured = pool.run(|| benchmark(settings))?;
            if best.as_ref().is_none_or(|b| measured.step_ms_median < b.step_ms_median) {
                *best = Some(measured);
            }
        }
    }
    let [Some(mut measured), Some(one)] = best else { unreachable!("both were measured") };
    let speedup = one.step_ms_median / measured.step_ms_median;
    let threads = measured.threads as f64;
    measured.scaling = Some(Scaling {
        one_thread_step_ms_median: one.step_ms_median,
        speedup,
        serial_fraction: if threads > 1.0 {
            (threads / speedup - 1.0) / (threads - 1.0)
        } else {
            1.0
        },
    });
    Ok(measured)
}

/// FLOP of the matrix products of one step; see the head of this file.
pub fn flop_per_step(config: &Config, batch: usize, seq: usize, masked: usize) -> f64 {
    let (hidden, intermediate) = (config.hidden_size as f64, config.intermediate_size as f64);
    let layers = config.num_hidden_layers as f64;
    let (tokens, seq, masked) = ((batch * seq) as f64, seq as f64, masked as f64);
    let matrices = layers * (4.0 * hidden * hidden + 2.0 * hidden * intermediate);
    6.0 * matrices * tokens
        + 12.0 * layers * seq * hidden * tokens
        + 6.0 * masked * hidden * (hidden + config.vocab_size as f64)
}

/// Measures training on the threads of the current pool.
///
/// # Errors
/// [`RunError`] when the settings make no sense.
pub fn benchmark(settings: &Settings) -> Result<Measured, RunError> {
    let (mut trainer, batches) = prepare(settings, Alone::team())?;
    let planned_memory_bytes = trainer.bytes() as u64;
    let mut peak_gflops = fma_peak();
    let mut products = products_in_cache();
    let begin = |trainer: &mut Trainer<Pretraining>| trainer.profile().reset();
    let times = time_steps(&mut trainer, &batches, settings.steps, begin)?;
    let parameters = trainer.bert.layout.len();
    let operations = operations(trainer.profile(), &times, parameters);
    peak_gflops = peak_gflops.max(fma_peak());
    products.extend(products_in_cache());
    products.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let (batch_size, seq) = (settings.batch_size, settings.max_seq_length);
    let masked = batch_size * settings.max_predictions_per_seq;
    let flop_per_step = flop_per_step(&trainer.bert.config, batch_size, seq, masked);
    let gflops = flop_per_step / median / 1e9;
    let flop_done_per_step = operations.iter().map(|row| row.flop).sum::<u64>() as f64;
    Ok(Measured {
        model: settings.model.clone(),
        vocab_size: settings.vocab_size,
        batch_size,
        max_seq_length: seq,
        max_predictions_per_seq: settings.max_predictions_per_seq,
        threads: threads::count(),
        simd: Simd::current().name(),
        step_ms_median: 1e3 * median,
        tokens_per_second: (batch_size * seq) as f64 / median,
        flop_per_step,
        flop_done_per_step,
        gflops,
        peak_gflops,
        product_gflops: products[products.len() / 2],
        peak_fraction: gflops / peak_gflops,
        peak_fraction_done: flop_done_per_step / median / 1e9 / peak_gflops,
        peak_memory_bytes: memory::peak().unwrap_or(planned_memory_bytes),
        planned_memory_bytes,
        memory_gigabytes_per_second: copy_rate(),
        operations,
        scaling: None,
    })
}

/// The trainer of rank 0 of `team`, and the batches of a step.
pub(super) fn prepare(
    settings: &Settings,
    team: Team,
) -> Result<(Trainer<Pretraining>, Vec<Batch>), RunError> {
    let config = Config::named_or_file(&settings.model, settings.vocab_size)?;
    config.validate("the options")?;
    let recipe = recipe(settings);
    recipe.validate(&config)?;
    let batches = random_batches(settings, &recipe);
    let bert = Bert::new(config, 0);
    let (shape, mode) = (recipe.batch_shape(), Mode::Training);
    let objective = Pretraining::new(&bert, shape, mode, SentenceObjective::NextSentence)?;
    Ok((Trainer::lead(team, bert, objective, recipe.training)?, batches))
}

/// Takes three steps that are not timed, calls `begin`, and takes `steps` more. Returns the seconds of each of
/// these, the shortest first.
pub(super) fn time_steps(
    trainer: &mut Trainer<Pretraining>,
    batches: &[Batch],
    steps: usize,
    begin: impl FnOnce(&mut Trainer<Pretraining>),
) -> Result<Vec<f64>, RunError> {
    for _ in 0..3 {
        trainer.step(batches)?;
    }
    begin(trainer);
    let mut times = Vec::with_capacity(steps);
    for _ in 0..steps {
        let start = Instant::now();
        trainer.step(batches)?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn recipe(settings: &Settings) -> PretrainingRecipe {
    let mut recipe = PretrainingRecipe::default();
    recipe.training.train_batch_size = settings.batch_size;
    recipe.training.max_seq_length = settings.max_seq_length;
    recipe.max_predictions_per_seq = settings.max_predictions_per_seq;
    recipe
}

/// The rows of the profile, and one for what is left of the time of a step.
fn operations(profile: &Profile, times: &[f64], parameters: usize) -> Vec<Row> {
    let mut rows = profile.rows(times.len());
    let step = 1e3 * times.iter().sum::<f64>() / times.len() as f64;
    let ms = step - rows.iter().map(|row| row.ms).sum::<f64>();
    // The gradients of two micro-batches are read and their sum is written; the update reads it, and reads and
    // writes parameters and both moments.
    let bytes = 4 * 10 * parameters as u64;
    rows.push(Row { operation: "clipping and AdamW", pass: "update", ms, flop: 0, bytes });
    rows
}

/// What all threads copy, in 10⁹ bytes a second, read and written: the best of several.
fn copy_rate() -> f64 {
    const ELEMENTS: usize = 1 << 24;
    let from = vec![1.0f32; ELEMENTS];
    let mut to = vec![0.0f32; ELEMENTS];
    let mut best = 0.0f64;
    for _ in 0..5 {
        let start = Instant::now();
        let outputs = [SplitOutput::new(&mut to, 1 << 12)];
        threads::for_each_range(ELEMENTS >> 12, outputs, &mut [], 0, |range, [to], _| {
            to.copy_from_slice(&from[range.start << 12..range.end << 12]);
        });
        best = best.max(2.0 * 4.0 * ELEMENTS as f64 / start.elapsed().as_secs_f64() / 1e9);
    }
    best
}

/// Full sequences of random tokens, every masked position in use.
fn random_batches(settings: &Settings, recipe: &PretrainingRecipe) -> Vec<Batch> {
    let (seq, masks) = (settings.max_seq_length, settings.max_predictions_per_seq);
    let mut generator = Generator::new(0, Purpose::Testing, 0, 0);
    let mut instance = |index: usize| {
        let mut ids =
            |n: usize| (0..n).map(|_| generator.below(settings.vocab_size) as u32).collect();
        let (input_ids, masked_lm_labels): (Vec<u32>, Vec<u32>) = (ids(seq), ids(masks));
        Instance {
            input_ids,
            token_type_ids: (0..seq).map(|t| u32::from(2 * t >= seq)).collect(),
            is_random_next: Some(index.is_multiple_of(2)),
            masked_lm_positions: (0..masks).map(|i| (i * seq / masks) as u32).collect(),
            masked_lm_labels,
        }
    };
    let size = recipe.batch_shape().batch_size;
    let batch = |instances: usize| {
        let mut batch = Batch::new(size, seq, masks);
        (0..instances).for_each(|index| batch.push(&instance(index)));
        batch
    };
    recipe.training.micro_batches().map(batch).collect()
}

/// The best of several bursts of fused multiply-adds on every thread, in 10⁹ FLOP a second.
fn fma_peak() -> f64 {
    const ROUNDS: usize = 400_000;
    let items = vec![1.0f32; threads::count()];
    let mut best = 0.0f64;
    for _ in 0..8 {
        let start = Instant::now();
        let results = threads::map(&items, |&x| kernels::fma_burst(ROUNDS, x));
        let seconds = start.elapsed().as_secs_f64();
        assert!(results.iter().all(|result| result.is_finite()));
        best = best.max((items.len() * ROUNDS * kernels::FMA_BURST_FLOP) as f64 / seconds / 1e9);
    }
    best
}

/// The rates of several matrix products of 112 × 256 × 128 on every thread, in 10⁹ FLOP a second. Their matrices
/// take 300 kB.
fn products_in_cache() -> Vec<f64> {
    const ROUNDS: usize = 40;
    let (m, k, n) = (112, 256, 128);
    let (a, b) = (vec![0.5f32; m * k], vec![0.5f32; k * n]);
    let mut outputs: Vec<Vec<f32>> = vec![vec![0.0; m * n]; threads::count()];
    let mut rate = || {
        let start = Instant::now();
        threads::for_each(outputs.iter_mut().collect(), |c: &mut Vec<f32>| {
            for _ in 0..ROUNDS {
                matmul(matrix(&a, m, k), matrix(&b, k, n), WriteMode::Store, matrix_mut(c, m, n));
            }
        });
        let flop = 2 * m * k * n * ROUNDS * threads::count();
        flop as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..21).map(|_| rate()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operations_of_a_plan_have_the_flops_of_the_formula() {
        let config = Config::named("tiny", 99).unwrap();
        let settings = Settings {
            model: "tiny".into(),
            vocab_size: 99,
            batch_size: 3,
            max_seq_length: 10,
            max_predictions_per_seq: 2,
            steps: 1,
        };
        let (mut trainer, batches) = prepare(&settings, Alone::team()).unwrap();
        trainer.step(&batches).unwrap();
        let flop: u64 = trainer.profile().rows(1).iter().map(|row| row.flop).sum();
        // The formula leaves out the pooler and the two columns behind it: 6 FLOP a weight, 3 rows.
        let pooler = 6 * 3 * 128 * (128 + 2);
        // In the last layer, 3 of the 10 rows of each sequence are read. At the others it computes no query, no
        // output of attention and no feed-forward network.
        let row = 6 * (2 * 128 * 128 + 2 * 128 * 512) + 12 * 10 * 128;
        assert_eq!((flop - pooler + 3 * 7 * row) as f64, flop_per_step(&config, 3, 10, 6));
    }

    #[test]
    fn flops_follow_the_formula() {
        // 6·393,216·4,096 + 12·2·128·128·4,096 + 6·640·128·(128 + 8,192)
        let config = Config::named("tiny", 8192).unwrap();
        let expected = 6.0 * 393_216.0 * 4096.0 + 1_610_612_736.0 + 4_089_446_400.0;
        assert_eq!(flop_per_step(&config, 32, 128, 640), expected);
    }
}
