//! A run can be stopped at any point and resumed; its result has the same bytes as an undisturbed run.

#[allow(dead_code)]
#[path = "command_line/place.rs"]
mod place;

use cloze::run::pretraining::{InstanceSource, VocabularySource};
use cloze::run::{Event, Finished, Observer, PretrainingJob, PretrainingOptions, RunError};
use cloze::system::threads::Pool;
use place::{Answer, Place};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A run of twelve steps that logs, evaluates and saves at different steps.
fn options(place: &Place, run: &str) -> PretrainingOptions {
    let path = |name: &str| place.path(name).to_str().unwrap().to_string();
    let mut options = PretrainingOptions::default();
    options.input = InstanceSource::Text(vec![path("text.txt")]);
    (options.eval_fraction, options.max_eval_steps) = (0.2, 2);
    options.model.as_new().model = path("tiny.json");
    *options.model.as_learned().0 = 120;
    (options.log_every, options.eval_every, options.save_checkpoints_steps) = (5, 4, 3);
    options.output_dir = Some(place.path(run));
    options.recipe.max_predictions_per_seq = 5;
    let training = &mut options.recipe.training;
    training.max_seq_length = 32;
    (training.train_batch_size, training.gradient_accumulation_steps) = (3, 2);
    training.schedule.learning_rate = 1e-2;
    (training.schedule.num_train_steps, training.schedule.num_warmup_steps) = (12, 2);
    options
}

fn pretrain(
    options: &PretrainingOptions,
    command: &str,
    observer: &mut dyn Observer,
) -> Result<Finished, RunError> {
    cloze::run::begin::<PretrainingJob>(options, command, observer)
}

fn resume(options: &PretrainingOptions, observer: &mut dyn Observer) -> Result<Finished, RunError> {
    cloze::run::resume::<PretrainingJob>(options, observer)
}

/// Stops a run before step `at`, and keeps what it is told.
struct StopAt {
    at: u64,
    step: u64,
    notes: Vec<String>,
}

impl StopAt {
    fn new(at: u64) -> Self {
        Self { at, step: 0, notes: Vec::new() }
    }
}

impl Observer for StopAt {
    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Note(message) | Event::Warning(message) => self.notes.push(message.into()),
            Event::Started { step, .. } => self.step = step,
            Event::Step(_) => self.step += 1,
            _ => {}
        }
    }

    fn should_stop(&mut self) -> bool {
        self.step >= self.at
    }
}

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    Pool::new(threads).unwrap().run(work)
}

/// Trains until just before step `at`.
fn stop(options: &PretrainingOptions, at: u64) {
    let result = on_threads(2, || pretrain(options, "test", &mut StopAt::new(at)));
    assert!(matches!(result, Err(RunError::Stopped { step, .. }) if step == at));
}

/// The parts that must be the same: weights, and metrics without timings.
fn result(place: &Place, run: &str) -> (Vec<u8>, Vec<Value>) {
    (place.weights(run), place.metrics(run))
}

#[test]
fn resumed_from_any_step_on_any_threads_the_bytes_are_the_same() {
    let place = Place::new();
    let finished = on_threads(2, || pretrain(&options(&place, "whole"), "test", &mut ())).unwrap();
    let whole = result(&place, "whole");
    assert_eq!(whole.1.len(), 3 + 3, "log lines at 5, 10 and 12, evaluations at 4, 8 and 12");
    let hash = place.read_json("whole/run.json")["model_sha256"].clone();
    assert_eq!(hash, finished.model_sha256.to_string());
    for (at, threads) in [(0, 1), (1, 3), (4, 1), (5, 3), (7, 1), (9, 3), (11, 1)] {
        let run = format!("stopped-{at}");
        let options = options(&place, &run);
        stop(&options, at);
        let resumed = on_threads(threads, || resume(&options, &mut ())).unwrap();
        assert!(result(&place, &run) == whole, "stopped at step {at}");
        assert!(resumed.evaluation == finished.evaluation);
        assert_eq!(place.read_json(&format!("{run}/run.json"))["model_sha256"], hash);
    }
    // Stopped several times, and resumed once more after the end.
    let options = options(&place, "often");
    stop(&options, 2);
    for at in [3, 4, 6, 10] {
        resume(&options, &mut StopAt::new(at)).err().unwrap();
    }
    for _ in 0..2 {
        assert!(resume(&options, &mut ()).unwrap().evaluation == finished.evaluation);
        assert!(result(&place, "often") == whole);
    }
}

/// Bias correction divides by 1 − βᵗ: t is the number of steps of the whole run, not of its last part.
#[test]
fn resumed_with_bias_correction_the_bytes_are_the_same() {
    let place = Place::new();
    let options = |run: &str| {
        let mut options = options(&place, run);
        options.recipe.training.optimizer.bias_correction = true;
        options
    };
    pretrain(&options("whole"), "test", &mut ()).unwrap();
    let whole = result(&place, "whole");
    pretrain(&self::options(&place, "without"), "test", &mut ()).unwrap();
    assert!(result(&place, "without") != whole, "the correction counts");
    for at in [1, 7] {
        let run = format!("stopped-{at}");
        stop(&options(&run), at);
        resume(&options(&run), &mut ()).unwrap();
        assert!(result(&place, &run) == whole, "stopped at step {at}");
    }
}

#[test]
fn resuming_with_a_file_of_instances() {
    let place = Place::with_vocab();
    let make = "instances --input text.txt --vocab vocab.txt --max-seq-length 32 --output i.jsonl";
    place.cloze(&format!("{make} --max-predictions-per-seq 5")).ok();
    let options = |run: &str| {
        let mut options = options(&place, run);
        options.input = InstanceSource::Instances { file: place.path("i.jsonl"), shuffle: true };
        let vocabulary = VocabularySource::File(place.path("vocab.txt"));
        options.model.as_new().vocabulary = vocabulary;
        options
    };
    pretrain(&options("whole"), "test", &mut ()).unwrap();
    stop(&options("stopped"), 7);
    resume(&options("stopped"), &mut ()).unwrap();
    assert!(result(&place, "stopped") == result(&place, "whole"));
}

#[test]
fn a_flipped_bit_is_found_and_named_and_the_checkpoint_before_is_used() {
    let place = Place::new();
    pretrain(&options(&place, "whole"), "test", &mut ()).unwrap();
    let options = options(&place, "run");
    stop(&options, 8);
    let last = place.path("run/checkpoint/step-000008.ckpt");
    let whole = fs::read(&last).unwrap();
    assert!(place.path("run/checkpoint/step-000006.ckpt").exists());
    // Magic number, header, each array, checksum. The unit test of the format flips every bit.
    for byte in [0, 17, 60, whole.len() / 4, whole.len() / 2, whole.len() - 40, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[byte] ^= 0x10;
        fs::write(&last, &flipped).unwrap();
        let mut observer = StopAt::new(0);
        let stopped = resume(&options, &mut observer).err().unwrap();
        assert!(matches!(stopped, RunError::Stopped { step: 6, .. }), "{stopped}");
        let named = |note: &String| note.contains("step-000008.ckpt` is damaged");
        assert!(observer.notes.iter().any(named), "{:?}", observer.notes);
    }
    resume(&options, &mut ()).unwrap();
    assert!(result(&place, "run") == result(&place, "whole"));

    // Without an intact checkpoint, the run does not restart by itself.
    for name in ["step-000012.ckpt", "step-000009.ckpt"] {
        fs::write(place.path("run/checkpoint").join(name), "").unwrap();
    }
    for _ in 0..2 {
        let error = resume(&options, &mut ()).err().unwrap().to_string();
        assert!(error.contains("no checkpoint in"), "{error}");
    }
}

#[test]
fn what_does_not_belong_to_the_run_is_refused() {
    let place = Place::new();
    let options = options(&place, "run");
    stop(&options, 4);
    let refused = |options: &PretrainingOptions, words: &str| {
        let error = resume(options, &mut ()).err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
    };
    // Other text, even with the same vocabulary.
    let text = place.read_text("text.txt");
    place.write("text.txt", text.replacen("\nThe dog ran", "The dog ran", 1));
    refused(&options, "have changed");
    place.write("text.txt", &text);
    // Another model file under the same name.
    let config = place.read_text("tiny.json");
    place.write("tiny.json", config.replace("32", "48"));
    refused(&options, "another model configuration");
    place.write("tiny.json", &config);
    // A checkpoint of a run with another seed.
    let mut other = self::options(&place, "other");
    other.recipe.training.seed = 1;
    stop(&other, 5);
    let [from, to] =
        ["other", "run"].map(|run| place.path(run).join("checkpoint/step-000005.ckpt"));
    fs::copy(from, &to).unwrap();
    refused(
        &options,
        "checkpoint/step-000005.ckpt` does not belong to this run: its settings are not",
    );
    fs::remove_file(&to).unwrap();
    let mut other = options.clone();
    other.log_every = 1;
    refused(&other, "'log_every' was 5, now 1");
    resume(&options, &mut ()).unwrap();
}

/// `cloze pretrain` with the settings of the runs below.
fn command(place: &Place, arguments: &str) -> Answer {
    place.cloze(&format!("pretrain {arguments}"))
}

const RUN: &str = "--input text.txt --recipe google --model tiny.json --vocab-size 120 --max-seq-length 32 \
    --train-batch-size 4 --num-train-steps 8 --log-every 3 --eval-every 5 --save-checkpoints-steps 2 \
    --learning-rate 1e-2";

#[test]
fn the_command_takes_the_same_options_again_or_only_the_directory() {
    let place = Place::new();
    let answer = command(&place, &format!("{RUN} --output-dir whole")).ok();
    let hash = place.read_json("whole/run.json")["model_sha256"].as_str().unwrap().to_string();
    assert!(answer.stderr.contains(&format!("SHA-256 of model.safetensors: {hash}")));
    let whole = result(&place, "whole");

    // `--resume` starts a run that does not exist yet, but not without options.
    command(&place, "--resume --output-dir run").refused(1, &["`run` has no run.json"]);
    let answer = command(&place, &format!("{RUN} --resume --output-dir run")).ok();
    assert!(answer.stderr.contains("there is no run in `run` yet"), "{}", answer.stderr);
    assert!(result(&place, "run") == whole);
    // A run that died before its first checkpoint starts again.
    fs::remove_dir_all(place.path("run/checkpoint")).unwrap();
    let mut run = place.read_json("run/run.json");
    for later in ["has_checkpoint", "model_sha256"] {
        run.as_object_mut().unwrap().remove(later).unwrap();
    }
    place.write("run/run.json", run.to_string());
    place.write("run/.vocab.txt.1234.tmp", "half");
    fs::remove_file(place.path("run/vocab.txt")).unwrap();
    let answer = command(&place, "--resume --output-dir run").ok();
    assert!(answer.stderr.contains("begins from its start"), "{}", answer.stderr);
    assert!(result(&place, "run") == whole);
    assert!(!place.path("run/.vocab.txt.1234.tmp").exists());

    // From step 6, with a metrics.jsonl such as a killed process may leave.
    fs::remove_file(place.path("run/checkpoint/step-000008.ckpt")).unwrap();
    let metrics = place.read_text("run/metrics.jsonl") + "{\"step\":9,\"lo";
    place.write("run/metrics.jsonl", metrics);
    command(&place, &format!("{RUN} --resume --threads 3 --output-dir run")).ok();
    assert!(result(&place, "run") == whole);

    // Changed settings are refused and named; a larger number of steps is accepted.
    // The lock file names the last process.
    let files = |place: &Place| {
        let mut files = place.files();
        files.retain(|(path, _)| !path.ends_with(".lock"));
        files
    };
    let before = files(&place);
    let other = "--resume --output-dir run --seed 7 --max-seq-length 16 --whole-word-mask";
    let named = [
        "--max-seq-length was 32, now 16",
        "--seed was 12345, now 7",
        "--masking was \"token\", now \"whole-word\"",
    ];
    command(&place, other).refused(1, &named);
    let other = "--resume --output-dir run --input other.txt --num-train-steps 7";
    let named =
        ["--input was [\"text.txt\"], now [\"other.txt\"]", "--num-train-steps was 8, now 7"];
    command(&place, other).refused(1, &named);
    let init = "--resume --output-dir run --init elsewhere";
    command(&place, init).refused(1, &["--init was not given, now \"elsewhere\""]);
    assert!(files(&place) == before, "nothing was changed");
    let answer = command(&place, "--resume --output-dir run --num-train-steps 10").ok();
    assert!(answer.stderr.contains("10 steps instead of 8"), "{}", answer.stderr);
    let run = place.read_json("run/run.json");
    assert_eq!(run["extensions"], serde_json::json!([{"step": 8, "num_train_steps": 8}]));
    assert_eq!(run["options"]["recipe"]["schedule"]["num_train_steps"], 10);
    assert_eq!(place.metrics("run").last().unwrap()["step"], 10);
}

/// A process that is killed when the test ends, even by a panic.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(place: &Place, arguments: &str) -> Running {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let mut command = place.command(&arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Running(command.spawn().unwrap())
}

/// Waits for a checkpoint of `run`.
fn wait_for_checkpoint(place: &Place, run: &mut Running, name: &str) {
    let directory = place.path(name).join("checkpoint");
    let is_checkpoint = |path: PathBuf| path.extension() == Some("ckpt".as_ref());
    while !fs::read_dir(&directory)
        .is_ok_and(|mut entries| entries.any(|entry| is_checkpoint(entry.unwrap().path())))
    {
        assert!(run.0.try_wait().unwrap().is_none(), "the run ended before its first checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// As [`RUN`], but with more steps than a test could wait for.
fn endless(place: &Place, run: &str) -> Running {
    let options = RUN.replace("--num-train-steps 8", "--num-train-steps 100000000");
    let mut running = start(place, &format!("pretrain {options} --output-dir {run}"));
    wait_for_checkpoint(place, &mut running, run);
    running
}

#[test]
#[cfg(unix)]
fn the_second_run_into_a_directory_is_refused_while_the_first_lives() {
    let place = Place::new();
    let mut first = endless(&place, "run");
    let process = format!("another run (process {})", first.0.id());
    command(&place, "--resume --output-dir run").refused(1, &[&process]);
    command(&place, &format!("{RUN} --output-dir run")).refused(1, &[&process]);
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    // After a crash, the run is refused because of the existing files, not because of a lock.
    command(&place, &format!("{RUN} --output-dir run")).refused(1, &["already holds", "--resume"]);
    let mut second = start(&place, "pretrain --resume --output-dir run");
    std::thread::sleep(Duration::from_millis(200));
    assert!(second.0.try_wait().unwrap().is_none(), "it goes on");
}

#[test]
#[cfg(unix)]
fn signals_finish_the_step_and_save() {
    let place = Place::new();
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let options = RUN.replace("--num-train-steps 8", "--num-train-steps 100000000");
        let arguments = format!("pretrain {options} --output-dir {signal}");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut command = place.command(&arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running(child.spawn().unwrap());
        wait_for_checkpoint(&place, &mut running, signal);
        let id = running.0.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        assert_eq!(running.0.wait().unwrap().code(), Some(status));
        let mut said = String::new();
        std::io::Read::read_to_string(running.0.stderr.as_mut().unwrap(), &mut said).unwrap();
        let resume_command = format!("cloze pretrain --resume --output-dir {signal}");
        assert!(said.contains("stopped after step") && said.contains(&resume_command), "{said}");
        let step = said.split("stopped after step ").nth(1).unwrap().split(' ').next().unwrap();
        let step: u64 = step.parse().unwrap();
        assert!(place.path(signal).join(format!("checkpoint/step-{step:06}.ckpt")).exists());
    }
}

/// A log on a full disk, a closed terminal or a closed pipe does not end a run.
#[test]
#[cfg(target_os = "linux")]
fn a_run_that_nobody_hears_goes_on() {
    let place = Place::new();
    for (run, redirection) in [("heard", ""), ("closed", "2>&-"), ("full", "2> /dev/full")] {
        let script = format!("exec \"$0\" pretrain {RUN} --output-dir {run} {redirection}");
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &script, env!("CARGO_BIN_EXE_cloze")]);
        let output = shell.current_dir(place.path("")).stdin(Stdio::null()).output().unwrap();
        place::answer(output).ok();
        assert!(result(&place, run) == result(&place, "heard"), "{run}");
    }
}

#[test]
fn from_another_directory_it_is_said_what_paths_are_relative_to() {
    let place = Place::new();
    command(&place, &format!("{RUN} --output-dir run")).ok();
    let directory = fs::canonicalize(place.path("")).unwrap();
    let began = format!("the run began in `{}`", directory.display());
    let elsewhere = tempfile::tempdir().unwrap();
    let run = place.path("run").display().to_string();
    for arguments in [vec!["verify", &run], vec!["pretrain", "--resume", "--output-dir", &run]] {
        let mut command = place.command(&arguments);
        let output = command.current_dir(elsewhere.path()).stdin(Stdio::null()).output().unwrap();
        place::answer(output).refused(1, &[&began, "`text.txt` matches no file"]);
    }
    // With the text in place, the bits are the same.
    fs::copy(place.path("text.txt"), elsewhere.path().join("text.txt")).unwrap();
    fs::copy(place.path("tiny.json"), elsewhere.path().join("tiny.json")).unwrap();
    let mut command = place.command(&["verify", &run, "--json"]);
    let output = command.current_dir(elsewhere.path()).stdin(Stdio::null()).output().unwrap();
    assert_eq!(place::answer(output).json()["agrees"], true);
}

#[test]
fn a_run_that_diverges_stops_and_its_last_checkpoint_stays() {
    let place = Place::new();
    let mut options = options(&place, "run");
    options.recipe.training.schedule.learning_rate = 1e38;
    options.save_checkpoints_steps = 1;
    let error = pretrain(&options, "test", &mut ()).err().unwrap();
    let RunError::Diverged(diverged) = &error else { panic!("{error}") };
    assert!(!diverged.loss.is_finite() || !diverged.grad_norm.is_finite());
    let message = error.to_string();
    let step = format!("step {}", diverged.step + 1);
    for word in [step.as_str(), "learning rate", "gradient norm", "'learning_rate'"] {
        assert!(message.contains(word), "{message}");
    }
    // The step was not applied and the saved weights are finite, so the run can be inspected.
    let error = resume(&options, &mut ()).err().unwrap();
    assert_eq!(error.to_string(), message);
}

/// Kills a run at random moments, resumes it each time and compares. `CLOZE_KILLS` sets the number of kills;
/// see `testdata/recovery/README.md`.
#[test]
#[cfg(unix)]
fn killed_at_random_moments_the_bytes_are_the_same() {
    let kills = std::env::var("CLOZE_KILLS").map_or(10, |text| text.parse().unwrap());
    let place = Place::new();
    let options = RUN.replace("--num-train-steps 8", "--num-train-steps 200");
    let options = options.replace("--save-checkpoints-steps 2", "--save-checkpoints-steps 7");
    let started = std::time::Instant::now();
    command(&place, &format!("{options} --output-dir whole")).ok();
    let whole = started.elapsed();
    let mut generator = cloze::tensor::random::Generator::new(
        u64::from(std::process::id()),
        cloze::tensor::random::Purpose::Testing,
        0,
        0,
    );
    let (mut killed, mut rounds, mut resumed) = (0, 0, 0);
    while killed < kills {
        let run = format!("run-{rounds}");
        rounds += 1;
        loop {
            let arguments = format!("pretrain {options} --resume --output-dir {run}");
            let mut running = start(&place, &arguments);
            if killed < kills {
                std::thread::sleep(whole.mul_f64(0.6 * generator.uniform()));
                running.0.kill().unwrap();
            }
            // The run may end before the kill.
            let status = running.0.wait().unwrap();
            if status.success() {
                break;
            }
            assert!(status.code().is_none(), "killed, not failed: {status}");
            (killed, resumed) = (killed + 1, resumed + 1);
        }
        assert!(result(&place, &run) == result(&place, "whole"), "round {rounds}");
        fs::remove_dir_all(place.path(&run)).unwrap();
    }
    println!("{killed} kills, {resumed} resumes, {rounds} runs: all of the same bytes");
}

/// Runs a command that cannot write a file of more than `blocks` blocks of 512 bytes.
#[cfg(unix)]
fn with_file_limit(place: &Place, blocks: u64, arguments: &str) -> Answer {
    // With SIGXFSZ ignored, a write beyond the limit fails as on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" {arguments}");
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_cloze")])
        .current_dir(place.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    place::answer(output)
}

#[test]
#[cfg(unix)]
fn a_full_disk_is_said_and_the_run_goes_on_once_there_is_room() {
    let place = Place::new();
    // The metrics file is larger than the model and smaller than a checkpoint, so the limits hit every kind of file in
    // turn.
    let options = RUN.replace("--log-every 3", "--log-every 1");
    let options = options.replace("--eval-every 5", "--eval-every 40");
    let options = options.replace("--num-train-steps 8", "--num-train-steps 160");
    let options = options.replace("--save-checkpoints-steps 2", "--save-checkpoints-steps 150");
    command(&place, &format!("{options} --output-dir whole")).ok();
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let largest = place.files().iter().map(|(path, _)| size(path)).max().unwrap();
    let mut failed_at = std::collections::BTreeSet::new();
    for limit in [0, 2, 7, 15, 30, 45, 60, 75, 90, 120] {
        if limit * 512 >= largest {
            break;
        }
        let run = format!("run-{limit}");
        let train = format!("pretrain {options} --output-dir {run}");
        with_file_limit(&place, limit, &train).refused(1, &["cannot"]);
        let answer = with_file_limit(&place, limit, &format!("{train} --resume"));
        let answer = answer.refused(1, &["cannot"]);
        let named = answer.stderr.split('`').filter(|part| part.contains(&run));
        let named = named.map(Path::new).find(|path| path.extension().is_some());
        failed_at.insert(named.unwrap().extension().unwrap().to_owned());
        command(&place, &format!("{options} --resume --output-dir {run}")).ok();
        assert!(result(&place, &run) == result(&place, "whole"), "limit {limit}");
    }
    println!("failed at {failed_at:?}");
    for extension in ["json", "jsonl", "safetensors", "ckpt"] {
        assert!(failed_at.contains(std::ffi::OsStr::new(extension)), "{extension}: {failed_at:?}");
    }
}
