//! A run that several ranks share has the bits of a run of one process. The ranks are threads here; `tests/mpi.rs`
//! has processes.

mod threads;

use cloze::autodiff::Mode;
use cloze::bench::ranks::benchmark_on_ranks;
use cloze::bench::training::Settings;
use cloze::data::SentenceObjective;
use cloze::model::{Bert, Config};
use cloze::run::metrics::{MetricsLine, TIMINGS};
use cloze::run::pretraining::PretrainingRecipe;
use cloze::run::{
    Event, Finetuning, Finished, Measure, Observer, Pretraining, PretrainingJob, RunError,
};
use cloze::run::{PretrainingOptions, prepare_on};
use cloze::system::ranks::{Counting, Team};
use cloze::system::threads::Pool;
use cloze::train::optimizer::{MatrixOptimizer, Moments};
use cloze::train::{SharedObjective, Trainer, end, serve};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use threads::teams;

/// What a run leaves: the digest of the weights, and metrics without timings.
type Left = (String, Vec<Value>);

fn left(finished: &Finished) -> Left {
    let without_timings = |line: &MetricsLine| {
        let mut line = serde_json::to_value(line).unwrap();
        line.as_object_mut().unwrap().retain(|name, _| !TIMINGS.contains(&name.as_str()));
        line
    };
    (finished.model_sha256.to_string(), finished.metrics.iter().map(without_timings).collect())
}

/// Runs `lead` as rank 0 of `size`, and lets the others serve. `stops` says of a rank whether it asks to stop.
fn on_ranks<O: SharedObjective, R>(
    size: usize,
    threads: usize,
    stops: fn(usize) -> bool,
    lead: impl FnOnce(Team) -> R,
) -> R {
    let mut teams = teams(size).into_iter();
    let first = teams.next().unwrap();
    std::thread::scope(|scope| {
        for team in teams {
            scope.spawn(move || {
                let rank = team.rank();
                Pool::new(threads).unwrap().run(|| serve::<O>(team, || stops(rank)))
            });
        }
        let result = lead(Team::clone(&first));
        end(&first);
        result
    })
}

fn never(_: usize) -> bool {
    false
}

type Pretrained = cloze::train::pretraining::Pretraining;
type Finetuned = cloze::train::finetuning::Finetuning;

/// A run of `steps` steps of five micro-batches on the built-in stories. It has 11 chunks of parameters.
fn run(steps: u64, change: fn(&mut PretrainingOptions)) -> Pretraining {
    let run = Pretraining::stories().model("2/64").vocab_size(600).max_seq_length(24);
    run.train_batch_size(20).steps(steps).learning_rate(1e-2).seed(3).options(|options| {
        options.recipe.training.micro_batch_tokens = 4 * 24;
        options.recipe.training.schedule.num_warmup_steps = 0;
        (options.log_every, options.eval_every, options.max_eval_steps) = (2, 3, 2);
        options.hidden_dropout_prob = Some(0.1);
        change(options);
    })
}

#[test]
fn pretraining_has_the_same_bits_on_any_ranks_and_threads() {
    let cases: [fn(&mut PretrainingOptions); 3] = [
        |_| (),
        |options| {
            options.recipe.training.matrix_optimizer = MatrixOptimizer::Muon;
            options.recipe.training.ema_decay = 0.9;
            options.recipe.short_phase_seq_length = Some(12);
        },
        |options| {
            // Two micro-batches: some ranks have none.
            options.recipe.training.train_batch_size = 8;
            options.recipe.training.optimizer.bias_correction = true;
        },
    ];
    for (case, change) in cases.into_iter().enumerate() {
        let alone = left(&run(6, change).threads(1).run().unwrap());
        assert_eq!(alone.1.len(), 5, "logs and evaluations");
        for (ranks, threads) in [(1, 2), (2, 1), (3, 2), (4, 1), (7, 1)] {
            let shared = on_ranks::<Pretrained, _>(ranks, threads, never, |team| {
                left(&run(6, change).threads(threads).team(team).run().unwrap())
            });
            assert!(shared == alone, "case {case} on {ranks} ranks of {threads} threads");
        }
    }
}

#[test]
fn measuring_the_speed_first_changes_no_bit() {
    let change = |options: &mut PretrainingOptions| options.recipe.training.ema_decay = 0.9;
    let alone = left(&run(10, change).threads(1).run().unwrap());
    let mut options = None;
    let _ = run(10, change).options(|given| options = Some(given.clone()));
    let shared = on_ranks::<Pretrained, _>(3, 1, never, |team| {
        Pool::new(1).unwrap().run(|| {
            let options = options.unwrap();
            let prepared =
                prepare_on::<PretrainingJob>(&team, &options, Measure::Always, &mut ()).unwrap();
            assert!(prepared.forecast().seconds.is_some());
            left(&prepared.begin("", &mut ()).unwrap())
        })
    });
    assert!(shared == alone);
}

/// Stops a run before step `stop_at`; keeps what it is told.
struct Stops {
    steps: u64,
    stop_at: u64,
    notes: Vec<String>,
}

impl Stops {
    fn at(stop_at: u64) -> Self {
        Self { steps: 0, stop_at, notes: Vec::new() }
    }
}

impl Observer for Stops {
    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Step(_) => self.steps += 1,
            Event::Note(text) | Event::Warning(text) => self.notes.push(text.into()),
            _ => {}
        }
    }

    fn should_stop(&mut self) -> bool {
        self.steps == self.stop_at
    }
}

fn files(directory: &Path) -> (Vec<u8>, Vec<Value>) {
    let metrics = std::fs::read_to_string(directory.join("metrics.jsonl")).unwrap();
    let lines = metrics.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().retain(|name, _| !TIMINGS.contains(&name.as_str()));
        line
    });
    (std::fs::read(directory.join("model.safetensors")).unwrap(), lines.collect())
}

/// The weights, moments and averages of a checkpoint, without its header, which has a digest of timings.
fn arrays(checkpoint: &[u8]) -> Vec<u8> {
    let header = u64::from_le_bytes(checkpoint[16..24].try_into().unwrap()) as usize;
    checkpoint[24 + header..checkpoint.len() - 32].to_vec()
}

#[test]
fn a_checkpoint_of_some_ranks_is_the_same_and_resumes_on_others() {
    let change = |options: &mut PretrainingOptions| {
        options.recipe.training.ema_decay = 0.9;
        options.recipe.training.matrix_optimizer = MatrixOptimizer::Muon;
    };
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    run(8, change).threads(1).output_dir(at("whole")).run().unwrap();
    let mut first = None;
    for (before, after) in [(1, 4), (3, 1), (2, 3), (4, 2)] {
        let name = format!("{before}-{after}");
        let part = || run(8, change).threads(1).output_dir(at(&name));
        let stopped = on_ranks::<Pretrained, _>(before, 1, never, |team| {
            part().team(team).run_with(&mut Stops::at(4))
        });
        assert!(matches!(stopped, Err(RunError::Stopped { step: 4, .. })));
        let list = std::fs::read_dir(at(&name).join("checkpoint")).unwrap();
        let saved = arrays(&std::fs::read(list.last().unwrap().unwrap().path()).unwrap());
        assert!(*first.get_or_insert_with(|| saved.clone()) == saved, "{name}");
        on_ranks::<Pretrained, _>(after, 1, never, |team| {
            part().team(team).resume_with(&mut ()).unwrap();
        });
        assert!(files(&at(&name)) == files(&at("whole")), "{name}");
    }
}

#[test]
fn any_rank_can_ask_to_stop_and_idle_ranks_are_told() {
    let place = tempfile::tempdir().unwrap();
    let mut told = Stops::at(u64::MAX);
    let stopped = on_ranks::<Pretrained, _>(
        7,
        1,
        |rank| rank == 2,
        |team| run(8, |_| ()).threads(1).team(team).output_dir(place.path()).run_with(&mut told),
    );
    assert!(matches!(stopped, Err(RunError::Stopped { step: 1, .. })));
    let expected = "7 ranks share a step of 5 micro-batches: 2 of the ranks have nothing to compute; with \
                    'gradient_accumulation_steps' 4 a step has 80 sequences, some for every rank";
    assert!(told.notes.iter().any(|note| note == expected), "{:?}", told.notes);
}

#[test]
fn a_step_of_one_micro_batch_says_what_gives_all_ranks_work() {
    let told = |ranks, accumulation_steps| {
        let mut told = Stops::at(u64::MAX);
        on_ranks::<Pretrained, _>(ranks, 1, never, |team| {
            let mut options = None;
            // As `laptop` has it: 8 sequences of 128 tokens, and 16 fit into a micro-batch.
            let _ = run(6, |_| ()).options(|given| {
                given.recipe.training.micro_batch_tokens = 16 * 24;
                given.recipe.training.train_batch_size = 8;
                given.recipe.training.gradient_accumulation_steps = accumulation_steps;
                options = Some(given.clone());
            });
            let measures = Measure::ForBudget;
            prepare_on::<PretrainingJob>(&team, &options.unwrap(), measures, &mut told).unwrap();
        });
        told.notes
    };
    let expected = "a step of 8 sequences is one micro-batch, so 3 ranks have nothing to share: rank 0 computes it \
                    alone; with 'gradient_accumulation_steps' 5 a step has 40 sequences, some for every rank";
    assert!(told(3, 1).iter().any(|note| note == expected), "{:?}", told(3, 1));
    let enough = "3 ranks share a step of 3 micro-batches (of at most 14 sequences each)";
    assert!(told(3, 5).iter().any(|note| note == enough), "{:?}", told(3, 5));
    assert!(told(1, 1).iter().all(|note| !note.contains("rank")));
}

#[test]
fn a_step_that_diverges_ends_the_run() {
    let diverged = on_ranks::<Pretrained, _>(3, 1, never, |team| {
        let run = run(8, |options| options.recipe.training.schedule.learning_rate = 1e30);
        run.threads(1).team(team).run()
    });
    assert!(matches!(diverged, Err(RunError::Diverged(_))));
}

#[test]
fn finetuning_with_several_rates_has_the_same_bits() {
    let pretrained = run(2, |_| ()).threads(1).run().unwrap();
    let texts: Vec<(String, &str)> = (0..40)
        .map(|i| {
            let animal = ["cat", "dog", "fox", "owl"][i % 4];
            let label = if i % 3 == 0 { "rests" } else { "moves" };
            (format!("The {animal} {label} {i} times."), label)
        })
        .collect();
    let examples: Vec<(&str, &str)> = texts.iter().map(|(text, label)| (&**text, *label)).collect();
    let finetuning = || {
        Finetuning::classify(pretrained.bert.clone(), pretrained.tokenizer.clone(), &examples)
            .learning_rates([1e-3, 3e-3])
            .epochs(1)
            .options(|options| options.recipe.micro_batch_tokens = 64)
    };
    let alone = left(&finetuning().threads(1).run().unwrap());
    for ranks in [2, 3] {
        let shared = on_ranks::<Finetuned, _>(ranks, 1, never, |team| {
            left(&finetuning().threads(1).team(team).run().unwrap())
        });
        assert!(shared == alone, "{ranks} ranks");
    }
}

#[test]
fn a_moment_that_is_not_finite_is_found_on_any_rank() {
    on_ranks::<Pretrained, _>(3, 1, never, |team| {
        let recipe = PretrainingRecipe::default();
        let bert = Bert::new(Config::named_or_file("1/64", 100).unwrap(), 0);
        let shape = recipe.batch_shape();
        let objective = SentenceObjective::NextSentence;
        let objective = Pretrained::new(&bert, shape, Mode::Training, objective).unwrap();
        let parameters = bert.parameters.clone();
        let mut trainer = Trainer::lead(team, bert, objective, recipe.training).unwrap();
        assert!(trainer.is_finite());
        let mut moments = Moments::new(parameters.len());
        *moments.second.last_mut().unwrap() = f32::INFINITY;
        trainer.restore(parameters, moments, None, 0);
        assert!(!trainer.is_finite(), "the last rank has it");
    });
}

#[test]
fn the_bytes_of_a_step_are_those_of_the_page() {
    let settings = Settings {
        model: "2/64".into(),
        vocab_size: 600,
        batch_size: 16,
        max_seq_length: 512,
        max_predictions_per_seq: 4,
        steps: 2,
    };
    let mut teams = teams(2).into_iter();
    let first = teams.next().unwrap();
    let measured = std::thread::scope(|scope| {
        let team = teams.next().unwrap();
        scope.spawn(move || serve::<Pretrained>(Arc::new(Counting::new(team)), || false));
        let measured = benchmark_on_ranks(&settings, &first).unwrap();
        end(&first);
        measured
    });
    assert_eq!(measured.micro_batches, 4);
    // Of two ranks, the first sends the other's part of the gradient, and its own part of the parameters.
    let floats = 4 * measured.parameters;
    // The other gets two batches of 4 sequences: three numbers a token and a masked position, two a sequence.
    let batches = 2 * 4 * (4 + 4 * (3 * 512 + 3 * 4 + 2));
    let others = measured.sent_bytes_per_step - (floats + batches) as f64;
    // The command, sums of squares and losses.
    assert!((100.0..400.0).contains(&others), "{others}");
}
