//! The library in one call: from text to model in memory, the same bits as with a run directory, predictions.

use cloze::data::stories::STORIES;
use cloze::run::metrics::MetricsLine;
use cloze::run::{Event, Observer, Pretraining, RunError};
use cloze::train::pretraining::MASKED_LM;

/// The first hundred stories, a model of one layer, six steps.
fn small() -> Pretraining {
    let text: Vec<&str> = STORIES.split("\n\n").take(100).collect();
    cloze::pretrain(text.join("\n\n"))
        .model("1/32")
        .vocab_size(300)
        .max_seq_length(32)
        .train_batch_size(4)
        .learning_rate(1e-2)
        .steps(6)
        .seed(3)
        .options(|options| (options.log_every, options.eval_every) = (2, 3))
}

#[test]
fn a_run_in_memory_gives_the_same_bits_as_one_with_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    let in_memory = small().eval_fraction(0.1).run().unwrap();
    let on_disk = small().eval_fraction(0.1).threads(3).output_dir(&path).run().unwrap();
    assert_eq!(in_memory.model_sha256, on_disk.model_sha256);
    assert!(in_memory.bert.parameters == on_disk.bert.parameters);
    assert!(in_memory.evaluation.is_some() && in_memory.evaluation == on_disk.evaluation);
    assert_eq!(cloze::model::weights::file_digest(&path).unwrap(), in_memory.model_sha256);

    // Log lines at 2, 4 and 6, evaluations at 3 and 6; the same lines as in the file, timings aside.
    let steps: Vec<(u64, bool)> = in_memory
        .metrics
        .iter()
        .map(|line| match line {
            MetricsLine::Training(line) => (line.step, false),
            MetricsLine::Evaluation(line) => (line.step, true),
            _ => panic!("another kind of line"),
        })
        .collect();
    assert_eq!(steps, [(2, false), (3, true), (4, false), (6, false), (6, true)]);
    let lines = std::fs::read_to_string(path.join("metrics.jsonl")).unwrap();
    let without_timings = |line: serde_json::Value| {
        let mut line = line;
        for timing in cloze::run::metrics::TIMINGS {
            line.as_object_mut().unwrap().remove(timing);
        }
        line
    };
    let written = lines.lines().map(|line| without_timings(serde_json::from_str(line).unwrap()));
    let held = in_memory.metrics.iter().map(|line| {
        let text = serde_json::to_string(line).unwrap();
        without_timings(serde_json::from_str(&text).unwrap())
    });
    assert!(written.eq(held));
}

#[test]
fn settings_change_the_result_and_the_seed_decides() {
    let digest = |run: Pretraining| run.run().unwrap().model_sha256;
    let base = digest(small());
    assert_eq!(digest(small().threads(2)), base);
    for (name, other) in [
        ("seed", small().seed(4)),
        ("learning_rate", small().learning_rate(1e-3)),
        ("steps", small().steps(5)),
        ("no_nsp", small().no_nsp()),
        ("train_batch_size", small().train_batch_size(5)),
        ("max_seq_length", small().max_seq_length(24)),
        ("eval_fraction", small().eval_fraction(0.2)),
        ("options", small().options(|o| o.recipe.masked_lm_prob = 0.3)),
    ] {
        assert_ne!(digest(other), base, "{name} changes nothing");
    }
    // First weights come from the seed: without a step of learning, too.
    let first = |seed| small().learning_rate(0.0).seed(seed).run().unwrap().bert.parameters;
    assert!(first(1) != first(2) && first(1) == first(1));
}

#[test]
fn a_stopped_run_of_a_program_is_resumed_by_that_program() {
    struct StopAfter(u64, u64);
    impl Observer for StopAfter {
        fn observe(&mut self, event: Event<'_>) {
            if let Event::Step(report) = event {
                self.1 = report.step + 1;
            }
        }

        fn should_stop(&mut self) -> bool {
            self.1 >= self.0
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    let expected = small().run().unwrap().model_sha256;
    let stopped = small().output_dir(&path).run_with(&mut StopAfter(4, 0)).err().unwrap();
    assert!(matches!(stopped, RunError::Stopped { step: 4, .. }), "{stopped}");
    let resumed = small().output_dir(&path).resume_with(&mut ()).unwrap();
    assert_eq!(resumed.model_sha256, expected);
    // run.json holds the digest of the text alone: nobody else can give the text again.
    let error = cloze::run::verify::verify(&path, &mut ()).unwrap_err().to_string();
    assert!(error.contains("in memory"), "{error}");
    let other = cloze::pretrain("One.\nTwo.\n\nThree.\nFour.").output_dir(&path);
    let error = other.resume_with(&mut ()).err().unwrap().to_string();
    assert!(error.contains("'input' was \""), "{error}");
}

#[test]
fn what_is_wrong_is_an_error_and_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    for (run, words) in [
        (small().steps(0), "'num_train_steps' is 0"),
        (small().model("huge"), "no model `huge`"),
        (small().model("0/0"), "hidden_size is 0"),
        (small().model("2/99999999999999999999"), "no model"),
        (cloze::pretrain(" \n "), "memory"),
        (cloze::pretrain("One.\nTwo."), "no_nsp"),
    ] {
        let error = run.output_dir(&path).run().err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
        assert!(!path.exists(), "{error}");
    }
}

#[test]
fn the_trained_model_answers() {
    let run = small().steps(60).eval_fraction(0.1).run().unwrap();
    let evaluation = run.evaluation.clone().unwrap();
    assert!(evaluation.term(MASKED_LM).unwrap().loss < (300.0f64).ln());
    let model = cloze::Model::from(run);
    let filled = model.fill_mask(&["The [MASK] sat.", "A [MASK] [MASK]."], 3).unwrap();
    assert_eq!(filled.iter().map(|text| text.masks.len()).collect::<Vec<_>>(), [1, 2]);
    assert!(filled[0].masks[0].predictions[0].probability > 0.0);
}
