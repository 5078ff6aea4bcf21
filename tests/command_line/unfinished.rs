//! Runs that have not finished: every command that reads a model uses their newest weights and says of
//! which step they are.

use crate::place::{Place, json_lines};
use std::fs;

const LAST: &str = "run/checkpoint/step-000004.ckpt";

/// A run with checkpoints of steps 2 and 4 that does not look finished.
fn place() -> Place {
    let place = Place::with_vocab();
    let options = "--vocab vocab.txt --save-checkpoints-steps 2 --output-dir run";
    place.pretrain(&format!("--input text.txt {options}")).ok();
    let mut run = place.read_json("run/run.json");
    run.as_object_mut().unwrap().remove("model_sha256").expect("it was finished");
    place.write("run/run.json", run.to_string());
    place
}

/// What each command that reads a model prints, and what it says about the run.
fn answers(place: &Place) -> (Vec<String>, Vec<String>) {
    let commands = [
        "fill-mask --model run --json [MASK]",
        "next-sentence --model run --json A B",
        "eval --model run --input text.txt --max-seq-length 32 --json",
    ];
    let answers = commands.map(|command| place.cloze(command).ok());
    let said = answers.iter().map(|answer| answer.stderr.trim_end().to_string()).collect();
    (answers.into_iter().map(|answer| answer.stdout).collect(), said)
}

#[test]
fn the_newest_weights_are_used_and_their_step_is_said() {
    let place = place();
    let said = |step: u32| {
        let text = format!(
            "warning: the run in `run` has not finished: its weights are those of step \
            {step}; --resume completes it"
        );
        vec![text; 3]
    };
    // The model of the last evaluation is as new as the checkpoint.
    let (finished, of_model) = answers(&place);
    assert_eq!(of_model, said(4));
    // Without it, the checkpoint holds the same weights.
    let model = place.weights("run");
    fs::remove_file(place.path("run/model.safetensors")).unwrap();
    assert_eq!(answers(&place), (finished.clone(), said(4)));
    // The model is newer than the checkpoint.
    let last = place.read(LAST);
    fs::remove_file(place.path(LAST)).unwrap();
    place.write("run/model.safetensors", &model);
    assert_eq!(answers(&place), (finished.clone(), said(4)));
    // The checkpoint is newer than the model: metrics.jsonl has no evaluation.
    let metrics = place.read_text("run/metrics.jsonl");
    place.write("run/metrics.jsonl", "");
    let (earlier, of_checkpoint) = answers(&place);
    assert_eq!(of_checkpoint, said(2));
    assert!(earlier.iter().zip(&finished).all(|(a, b)| a != b), "of another step");
    // A damaged checkpoint is passed over, and nothing is changed.
    place.write(LAST, &last[..last.len() - 1]);
    let before = place.files();
    assert_eq!(answers(&place), (earlier, said(2)));
    assert!(place.files() == before);
    // Training goes on from the same weights.
    let options = "--input text.txt --learning-rate 0 --init run --output-dir further";
    let answer = place.pretrain(options).ok();
    assert!(answer.stderr.contains("weights are those of step 2"), "{}", answer.stderr);
    // The run itself, resumed, is as if nothing had happened.
    place.write(LAST, &last);
    place.write("run/metrics.jsonl", metrics);
    place.cloze("pretrain --resume --output-dir run").ok();
    assert!(place.weights("run") == model);
    assert_eq!(answers(&place), (finished, vec![String::new(); 3]));
}

#[test]
fn a_run_without_weights_is_told_to_be_resumed() {
    let place = place();
    fs::remove_file(place.path("run/model.safetensors")).unwrap();
    fs::remove_dir_all(place.path("run/checkpoint")).unwrap();
    for command in [
        "fill-mask --model run [MASK]",
        "next-sentence --model run A B",
        "eval --model run --input text.txt",
        "pretrain --init run --input text.txt --max-seq-length 32 --output-dir out",
    ] {
        let answer = place.cloze(command);
        assert!(!answer.stderr.contains("transformers"), "{}", answer.stderr);
        answer.refused(1, &["the run in `run` has not finished", "no weights yet", "--resume"]);
    }
    assert!(!place.path("out").exists());
    // A finished run whose model is lost still has its last checkpoint.
    let place = Place::with_run();
    let fill = "fill-mask --model run --json [MASK]";
    let before = place.cloze(fill).ok();
    fs::remove_file(place.path("run/model.safetensors")).unwrap();
    let after = place.cloze(fill).ok();
    assert_eq!(json_lines(&after.stdout), json_lines(&before.stdout));
    // The loss is said, as every damage of a finished run is.
    let said = "warning: `run/model.safetensors` is missing or cannot be read\n";
    assert_eq!((before.stderr.as_str(), after.stderr.as_str()), ("", said));
}
