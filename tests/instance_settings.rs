//! Settings that say how text becomes instances: each changes what is learned, and each run can be stopped,
//! resumed and verified to the same bits, on any number of threads.

use cloze::Error;
use cloze::data::{MaskUnit, RandomNext, SentenceObjective};
use cloze::run::pretraining::{PretrainingOptions, PretrainingRecipe};
use cloze::run::verify::verify;
use cloze::run::{Event, Observer, Pretraining, RunError};
use std::fs;
use std::path::Path;

type Change = fn(&mut PretrainingRecipe);

/// Every setting of this file.
const SETTINGS: [(&str, Change); 9] = [
    ("random_next same-file", |recipe| recipe.random_next = RandomNext::SameFile),
    ("random_next nearby", |recipe| recipe.random_next = RandomNext::Nearby),
    ("masking whole-word", |recipe| recipe.masking = MaskUnit::WholeWord),
    ("masking span", |recipe| recipe.masking = MaskUnit::Span),
    ("sentence_objective sentence-order", |recipe| {
        recipe.sentence_objective = SentenceObjective::SentenceOrder;
    }),
    ("masked_lm_prob_start 0.4", |recipe| recipe.masked_lm_prob_start = Some(0.4)),
    ("short_phase_seq_length 16", |recipe| {
        (recipe.short_phase_seq_length, recipe.short_phase_fraction) = (Some(16), 0.5);
    }),
    ("short_phase_batch_size 50", |recipe| {
        (recipe.short_phase_seq_length, recipe.short_phase_batch_size) = (Some(12), Some(50));
    }),
    ("masked_lm_prob_start and lengths", |recipe| {
        (recipe.short_phase_seq_length, recipe.short_phase_fraction) = (Some(9), 0.3);
        recipe.masked_lm_prob_start = Some(0.5);
    }),
];

/// Three files of 30 short documents, in words of their own.
fn write_text(directory: &Path) {
    fs::create_dir(directory.join("texts")).unwrap();
    for (file, letter) in ["k", "l", "m"].iter().enumerate() {
        let mut text = String::new();
        for document in 0..30 {
            for sentence in 0..4 {
                for word in 0..3 + (document + sentence) % 4 {
                    let word = (7 * document + 5 * sentence + 3 * word + file) % 26;
                    text += &format!("{letter}{} ", char::from(b'a' + word as u8));
                }
                text += ".\n";
            }
            text += "\n";
        }
        fs::write(directory.join(format!("texts/{letter}.txt")), text).unwrap();
    }
}

/// Nine steps of two micro-batches, evaluated on held-out documents.
fn run(directory: &Path, change: Change) -> Pretraining {
    let texts = directory.join("texts").display().to_string();
    let run = Pretraining::from_files([texts]).model("1/32").vocab_size(120).max_seq_length(32);
    run.train_batch_size(96).steps(9).learning_rate(5e-3).threads(1).eval_fraction(0.2).options(
        |options: &mut PretrainingOptions| {
            options.recipe.max_predictions_per_seq = 5;
            (options.log_every, options.eval_every, options.max_eval_steps) = (1, 5, 2);
            options.save_checkpoints_steps = 2;
            change(&mut options.recipe);
        },
    )
}

/// Stops the run before each of the steps `at`, one after the other.
struct StopBefore<'a>(&'a [u64], u64);

impl Observer for StopBefore<'_> {
    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Started { step, .. } => self.1 = step,
            Event::Step(report) => self.1 = report.step + 1,
            _ => {}
        }
    }

    fn should_stop(&mut self) -> bool {
        self.0.contains(&self.1)
    }
}

#[test]
fn every_setting_changes_the_run_and_survives_stops_and_threads() {
    let place = tempfile::tempdir().unwrap();
    write_text(place.path());
    let unchanged = run(place.path(), |_| ()).run().unwrap();
    for (name, change) in SETTINGS {
        let whole = run(place.path(), change).run().unwrap();
        assert_ne!(whole.model_sha256, unchanged.model_sha256, "{name} changes nothing");
        assert_ne!(whole.evaluation, unchanged.evaluation, "{name}");
        let threads = run(place.path(), change).threads(3).run().unwrap();
        assert_eq!(threads.model_sha256, whole.model_sha256, "{name}: three threads");
        let halves = run(place.path(), change).train_batch_size(48);
        let halves = halves.options(|options| {
            options.recipe.training.gradient_accumulation_steps = 2;
            // A setting that counts sequences as well.
            options.recipe.short_phase_batch_size.iter_mut().for_each(|size| *size /= 2);
        });
        assert_eq!(halves.run().unwrap().model_sha256, whole.model_sha256, "{name}: 2 × 48");

        let path = place.path().join(name.replace(' ', "-"));
        // After every step: before, at and after every change of the settings on the way.
        for at in 1..9 {
            let mut watch = StopBefore(&[at], 0);
            let stopped = match at {
                1 => run(place.path(), change).output_dir(&path).run_with(&mut watch),
                _ => run(place.path(), change).output_dir(&path).resume_with(&mut watch),
            };
            let stopped = stopped.err().expect("it was stopped");
            assert!(matches!(stopped, RunError::Stopped { step, .. } if step == at), "{stopped}");
        }
        let resumed = run(place.path(), change).output_dir(&path).resume_with(&mut ()).unwrap();
        assert_eq!(resumed.model_sha256, whole.model_sha256, "{name}: resumed");
        let verified = verify(&path, &mut ()).unwrap();
        assert!(verified.agrees, "{name}: {verified:?}");
        // Without the setting it is another run.
        let error = run(place.path(), |_| ()).output_dir(&path).resume_with(&mut ());
        let error = error.err().unwrap().to_string();
        let setting = name.split(' ').next().unwrap();
        assert!(error.contains(&format!("'{setting}' was ")), "{error}");
    }
}

#[test]
fn a_run_knows_when_documents_have_moved_to_other_files() {
    let place = tempfile::tempdir().unwrap();
    write_text(place.path());
    let same_file: Change = |recipe| recipe.random_next = RandomNext::SameFile;
    for (name, change, refuses) in [("any", (|_| ()) as Change, false), ("file", same_file, true)] {
        let path = place.path().join(name);
        let mut watch = StopBefore(&[3], 0);
        run(place.path(), change).output_dir(&path).run_with(&mut watch).err().unwrap();
        let all = ["k", "l", "m"].map(|letter| {
            fs::read_to_string(place.path().join(format!("texts/{letter}.txt"))).unwrap()
        });
        let elsewhere = tempfile::tempdir().unwrap();
        fs::create_dir(elsewhere.path().join("texts")).unwrap();
        fs::write(elsewhere.path().join("texts/all.txt"), all.concat()).unwrap();
        let resumed = run(elsewhere.path(), change).output_dir(&path).resume_with(&mut ());
        match resumed.map_err(Error::from) {
            Ok(_) => assert!(!refuses, "{name}"),
            Err(error) => assert!(refuses && error.to_string().contains("have changed"), "{error}"),
        }
    }
}
