//! What `--resume` takes over, what it accepts, and what it refuses: nothing of a run is lost.

#[allow(dead_code)]
#[path = "command_line/place.rs"]
mod place;

use cloze::run::{Event, Observer, PretrainingJob, PretrainingOptions, RunError};
use place::Place;
use std::fs;

fn files(place: &Place) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = place.files();
    files.retain(|(path, _)| !path.ends_with(".lock"));
    files
}

#[test]
fn a_run_whose_checkpoints_are_gone_is_not_begun_again() {
    let place = Place::with_run();
    for empty in [true, false] {
        fs::remove_dir_all(place.path("run/checkpoint")).unwrap();
        if empty {
            fs::create_dir(place.path("run/checkpoint")).unwrap();
        }
        let before = files(&place);
        let words =
            ["the run in `run` had checkpoints", "`run/checkpoint` holds none", "--output-dir"];
        place.cloze("pretrain --resume --output-dir run").refused(1, &words);
        assert!(files(&place) == before, "nothing was changed");
    }
    // A run that has not ended has no SHA-256 of its model yet.
    let mut run = place.read_json("run/run.json");
    run.as_object_mut().unwrap().remove("model_sha256").unwrap();
    place.write("run/run.json", run.to_string());
    let before = files(&place);
    place.cloze("pretrain --resume --output-dir run").refused(1, &["had checkpoints"]);
    assert!(files(&place) == before, "nothing was changed");
}

#[test]
fn the_same_text_may_lie_elsewhere() {
    let place = Place::with_vocab();
    let run = "--input text.txt --vocab vocab.txt --eval-input text.txt --save-checkpoints-steps 2";
    place.pretrain(&format!("{run} --output-dir run")).ok();
    let whole = (place.weights("run"), place.metrics("run"));
    fs::remove_file(place.path("run/checkpoint/step-000004.ckpt")).unwrap();
    fs::create_dir(place.path("moved")).unwrap();
    for file in ["text.txt", "vocab.txt"] {
        fs::rename(place.path(file), place.path(&format!("moved/{file}"))).unwrap();
    }
    let resume =
        "pretrain --resume --output-dir run --input moved/text.txt --vocab moved/vocab.txt";
    place.cloze(&format!("{resume} --eval-input moved/text.txt")).ok();
    assert!((place.weights("run"), place.metrics("run")) == whole);
    let recorded = &place.read_json("run/run.json")["options"]["input"];
    assert_eq!(*recorded, serde_json::json!({"Text": ["moved/text.txt"]}));

    // Another text is refused, under the old name and under another.
    place.write("other.txt", place.read_text("moved/text.txt").replace("cat", "dog"));
    let before = files(&place);
    let other = "pretrain --resume --output-dir run --input other.txt";
    place.cloze(other).refused(1, &["the text, the vocabulary or the instances have changed"]);
    // Held-out text that the run did not have is another setting.
    place.pretrain("--input moved/text.txt --vocab moved/vocab.txt --output-dir plain").ok();
    let more = "pretrain --resume --output-dir plain --eval-input other.txt";
    place.cloze(more).refused(1, &["--eval-input was [], now [\"other.txt\"]"]);
    place.cloze("pretrain --resume --output-dir run").ok();
    assert!(files(&place).len() > before.len());
}

/// Stops before step `at`, and adds up the tokens of its own steps.
#[derive(Default)]
struct Watch {
    at: Option<u64>,
    steps: u64,
    tokens: u64,
    rates: Vec<(f64, u64)>,
}

impl Observer for Watch {
    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Started { step, .. } => self.steps = step,
            Event::Step(report) => {
                self.steps += 1;
                self.tokens += report.tokens;
            }
            Event::Logged(metrics) => {
                self.rates.push((metrics.tokens_per_second * metrics.seconds, self.tokens));
            }
            _ => {}
        }
    }

    fn should_stop(&mut self) -> bool {
        self.at == Some(self.steps)
    }
}

#[test]
fn tokens_per_second_count_the_tokens_since_the_run_was_resumed() {
    let place = Place::with_vocab();
    let path = |name: &str| place.path(name).to_str().unwrap().to_string();
    let mut options = PretrainingOptions::default();
    options.input = cloze::run::pretraining::InstanceSource::Text(vec![path("text.txt")]);
    options.model.as_new().model = path("tiny.json");
    *options.model.as_learned().0 = 120;
    options.set_num_train_steps(10);
    options.set_max_seq_length(32);
    options.recipe.training.train_batch_size = 4;
    (options.log_every, options.eval_every, options.eval_fraction) = (10, 0, 0.0);
    options.output_dir = Some(place.path("run"));
    let mut watch = Watch { at: Some(8), ..Watch::default() };
    let stopped = cloze::run::begin::<PretrainingJob>(&options, "test", &mut watch).err().unwrap();
    assert!(matches!(stopped, RunError::Stopped { step: 8, .. }));
    let mut watch = Watch::default();
    cloze::run::resume::<PretrainingJob>(&options, &mut watch).unwrap();
    // The only log line is that of step 10; before it, this part of the run took two steps.
    let [(counted, tokens)] = watch.rates[..] else { panic!("{:?}", watch.rates) };
    assert!((counted - tokens as f64).abs() < 1e-3 * tokens as f64, "{counted} for {tokens}");
}

#[test]
fn a_run_with_a_budget_of_time_is_resumed_with_its_steps() {
    use cloze::run::run_json::RunJson;
    use cloze::run::{RunOptions, TrainTime};

    let place = Place::with_vocab();
    let path = |name: &str| place.path(name).to_str().unwrap().to_string();
    let options = |run: &str| {
        let mut options = PretrainingOptions::default();
        options.input = cloze::run::pretraining::InstanceSource::Text(vec![path("text.txt")]);
        options.model.as_new().model = path("tiny.json");
        *options.model.as_learned().0 = 120;
        options.set_max_seq_length(32);
        options.recipe.training.train_batch_size = 4;
        options.eval_fraction = 0.0;
        options.train_time = Some(TrainTime::new(2));
        options.output_dir = Some(place.path(run));
        options
    };
    let mut watch = Watch { at: Some(2), ..Watch::default() };
    let stopped = cloze::run::begin::<PretrainingJob>(&options("run"), "test", &mut watch);
    assert!(matches!(stopped, Err(RunError::Stopped { step: 2, .. })));
    let recorded = RunJson::<PretrainingOptions>::read(&place.path("run")).unwrap();
    // The same program again: the speed is not measured a second time.
    let resumed = cloze::run::resume::<PretrainingJob>(&options("run"), &mut ()).unwrap();
    let mut whole = recorded.options.clone();
    assert!(whole.recipe().schedule.num_train_steps > 2 && whole.train_time.is_none());
    whole.output_dir = Some(place.path("whole"));
    let whole = cloze::run::begin::<PretrainingJob>(&whole, "test", &mut ()).unwrap();
    assert!(resumed.model_sha256 == whole.model_sha256);
    assert_eq!(place.metrics("run"), place.metrics("whole"));
    // Another budget would be another run.
    let mut other = options("run");
    other.train_time = Some(TrainTime::new(3));
    let refused = cloze::run::resume::<PretrainingJob>(&other, &mut ()).err().unwrap();
    assert!(refused.to_string().contains("'train_time' was \"2s\", now \"3s\""), "{refused}");
}

#[test]
fn an_evaluation_that_is_stopped_is_done_again() {
    /// Stops at the evaluation number `at`.
    struct StopEvaluation {
        at: usize,
        evaluations: usize,
        evaluating: bool,
    }
    impl Observer for StopEvaluation {
        fn observe(&mut self, event: Event<'_>) {
            self.evaluations += usize::from(matches!(event, Event::Evaluating));
            self.evaluating = match event {
                Event::Evaluating => true,
                Event::Evaluated { .. } => false,
                _ => self.evaluating,
            };
        }
        fn should_stop(&mut self) -> bool {
            self.evaluating && self.evaluations == self.at
        }
    }
    let place = Place::with_vocab();
    let path = |name: &str| place.path(name).to_str().unwrap().to_string();
    let options = |run: &str| {
        let mut options = PretrainingOptions::default();
        options.input = cloze::run::pretraining::InstanceSource::Text(vec![path("text.txt")]);
        options.model.as_new().model = path("tiny.json");
        *options.model.as_learned().0 = 120;
        options.set_num_train_steps(6);
        options.set_max_seq_length(32);
        options.recipe.training.train_batch_size = 4;
        (options.log_every, options.eval_every, options.eval_fraction) = (4, 2, 0.3);
        options.output_dir = Some(place.path(run));
        options
    };
    cloze::run::begin::<PretrainingJob>(&options("whole"), "test", &mut ()).unwrap();
    for (at, step) in [(1, 2), (2, 4), (3, 6)] {
        let run = format!("run-{at}");
        let mut stop = StopEvaluation { at, evaluations: 0, evaluating: false };
        let error = cloze::run::begin::<PretrainingJob>(&options(&run), "test", &mut stop);
        let error = error.err().unwrap();
        assert!(matches!(error, RunError::Stopped { step: at, .. } if at == step), "{error}");
        // Stopped once more at the same place.
        let mut stop = StopEvaluation { at: 1, evaluations: 0, evaluating: false };
        let error = cloze::run::resume::<PretrainingJob>(&options(&run), &mut stop).err().unwrap();
        assert!(matches!(error, RunError::Stopped { step: at, .. } if at == step), "{error}");
        cloze::run::resume::<PretrainingJob>(&options(&run), &mut ()).unwrap();
        assert!(place.metrics(&run) == place.metrics("whole"), "stopped at evaluation {at}");
        assert!(place.weights(&run) == place.weights("whole"), "stopped at evaluation {at}");
    }
}

#[test]
fn the_sample_is_kept() {
    let place = Place::with_vocab();
    let sample = "The owl sits in the [MASK] tree.";
    let run = "pretrain --input text.txt --vocab vocab.txt --recipe google --model tiny.json --max-seq-length 32 \
               --num-train-steps 4 --train-batch-size 4 --output-dir run --sample";
    let mut arguments: Vec<&str> = run.split_whitespace().collect();
    arguments.push(sample);
    let says = |answer: place::Answer| {
        let answer = answer.ok();
        assert!(answer.stderr.contains("The owl sits in the ["), "{}", answer.stderr);
        answer
    };
    says(place.run(&arguments));
    assert_eq!(place.read_json("run/run.json")["options"]["sample"], sample);
    says(place.cloze("pretrain --resume --output-dir run --num-train-steps 6"));
    // Another sample is no other run.
    let other = ["pretrain", "--resume", "--output-dir", "run", "--sample", "The [MASK] flies."];
    let answer = place.run(&other).ok();
    assert!(answer.stderr.contains("flies."), "{}", answer.stderr);
}

#[test]
fn the_run_says_what_it_read() {
    let place = Place::with_run();
    let bytes = place.read("text.txt").len();
    let read = &place.read_json("run/run.json")["read"];
    let expected = serde_json::json!(
        [{"name": "`text.txt`", "files": 1, "documents": 12, "sentences": 36, "bytes": bytes}]
    );
    assert_eq!(*read, expected);
    let answer = place.cloze("pretrain --resume --output-dir run").ok();
    let line = format!("`text.txt`: 12 documents, 36 sentences, {bytes} bytes");
    assert!(answer.stderr.contains(&line), "{}", answer.stderr);
}

/// With `RAYON_NUM_THREADS`, a pool besides the run's would need more memory for its threads than there is.
#[test]
#[cfg(target_os = "linux")]
fn the_end_of_a_run_needs_no_threads_of_its_own() {
    let place = Place::with_vocab();
    let script = "ulimit -v 6000000; exec \"$0\" pretrain --input text.txt --vocab vocab.txt --recipe google --model tiny.json \
                  --max-seq-length 32 --num-train-steps 2 --threads 1 --output-dir run \
                  --sample 'The [MASK] sat.'";
    let mut shell = std::process::Command::new("sh");
    let shell = shell.args(["-c", script, env!("CARGO_BIN_EXE_cloze")]);
    let shell = shell.env("RAYON_NUM_THREADS", "64").env("RUST_MIN_STACK", "1000000000");
    let output =
        shell.current_dir(place.path("")).stdin(std::process::Stdio::null()).output().unwrap();
    let answer = place::answer(output).ok();
    assert!(answer.stderr.contains("SHA-256 of model.safetensors"), "{}", answer.stderr);
}
