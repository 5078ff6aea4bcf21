//! What each signal does at each moment of a run: reading, training, evaluating, saving. The README has the table.
//!
//! `CLOZE_SIGNALS=300 cargo test --release --test signals random -- --nocapture` sends 300 signals at random
//! moments and prints what they met.
#![cfg(unix)]

#[allow(dead_code)]
#[path = "command_line/place.rs"]
mod place;

use cloze::tensor::random::{Generator, Purpose};
use place::Place;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const SIGNALS: [(&str, i32); 3] = [("HUP", 1), ("INT", 2), ("TERM", 15)];

/// The signals that this process does not ignore: under `nohup`, programs ignore SIGHUP, and so does what they start.
fn signals() -> impl Iterator<Item = (&'static str, i32)> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    SIGNALS.into_iter().filter(move |(name, _)| *name != "HUP" || ignored & 1 == 0)
}

/// A process that is killed when the test ends, even by a panic.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// `cloze pretrain` with these arguments; standard error goes to the file `said`.
    fn start(place: &Place, arguments: &str) -> Self {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut command = place.command(&[&["pretrain"], &*arguments].concat());
        let said = fs::File::create(place.path("said")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        Self(command.spawn().unwrap())
    }

    /// Waits until `come` is true.
    #[track_caller]
    fn wait_until(&mut self, mut come: impl FnMut() -> bool) {
        while !come() {
            assert!(self.0.try_wait().unwrap().is_none(), "the run ended before");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    fn ends(&mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

/// Settings of a small run.
const RUN: &str = "--input text.txt --vocab vocab.txt --recipe google --model tiny.json --max-seq-length 32 \
    --train-batch-size 4 --learning-rate 1e-2";

fn is_there(place: &Place, name: &str) -> bool {
    fs::metadata(place.path(name)).is_ok_and(|metadata| metadata.len() > 0)
}

/// Checks that a run stopped and saved after a step, and acknowledged the signal.
#[track_caller]
fn stopped(place: &Place, status: ExitStatus, number: i32, work: &str) {
    let said = place.read_text("said");
    assert_eq!(status.code(), Some(128 + number), "{said}");
    assert!(said.contains(&format!("stopping after {work}; ")), "{said}");
    assert!(said.contains("stopped after step "), "{said}");
    let step = said.split("stopped after step ").nth(1).unwrap().split(' ').next().unwrap();
    let step: u64 = step.parse().unwrap();
    assert!(place.path("run").join(format!("checkpoint/step-{step:06}.ckpt")).exists(), "{said}");
}

#[test]
fn while_reading_the_process_ends_at_once_and_leaves_nothing() {
    let place = Place::new();
    place.write("long.txt", place::TEXT.repeat(50_000));
    let reading =
        "--input long.txt --recipe google --model tiny.json --max-seq-length 32 --output-dir run";
    for (name, number) in signals() {
        let mut run = Running::start(&place, reading);
        std::thread::sleep(Duration::from_millis(50));
        run.signal(name);
        assert_eq!(run.ends().signal(), Some(number), "{}", place.read_text("said"));
        assert!(!place.path("run").exists(), "{name}");
    }
}

#[test]
fn while_training_the_step_is_finished_and_saved() {
    let place = Place::with_vocab();
    for (name, number) in signals() {
        let endless = format!("{RUN} --num-train-steps 100000000 --eval-every 0 --log-every 1");
        let mut run = Running::start(&place, &format!("{endless} --output-dir run"));
        run.wait_until(|| is_there(&place, "run/metrics.jsonl"));
        run.signal(name);
        stopped(&place, run.ends(), number, "this step");
        fs::remove_dir_all(place.path("run")).unwrap();
    }
}

#[test]
fn while_evaluating_the_evaluation_is_left_and_done_again() {
    let place = Place::with_vocab();
    place.write("long.txt", place::TEXT.repeat(3000));
    let options = format!(
        "{RUN} --num-train-steps 2 --eval-every 1 --log-every 1 --eval-input long.txt \
         --max-eval-steps 100000"
    );
    place.cloze(&format!("pretrain {options} --output-dir whole")).ok();
    for (name, number) in signals() {
        let mut run = Running::start(&place, &format!("{options} --output-dir run"));
        // The log line of step 1 is written: its evaluation begins, and takes more than a second.
        let metrics = place.path("run/metrics.jsonl");
        run.wait_until(|| fs::metadata(&metrics).is_ok_and(|file| file.len() > 0));
        std::thread::sleep(Duration::from_millis(100));
        run.signal(name);
        stopped(&place, run.ends(), number, "this batch of the evaluation");
        assert_eq!(place.metrics("run").len(), 1, "no line of the evaluation");
        place.cloze("pretrain --resume --output-dir run").ok();
        assert!(place.metrics("run") == place.metrics("whole"), "{name}");
        assert!(place.weights("run") == place.weights("whole"), "{name}");
        fs::remove_dir_all(place.path("run")).unwrap();
    }
}

#[test]
fn while_saving_the_checkpoint_is_finished() {
    let place = Place::with_vocab();
    // Large enough that writing a checkpoint takes a while.
    place.write("wide.json", place::CONFIG.replace("16", "512").replace("32,", "2048,"));
    let options = RUN.replace("tiny.json", "wide.json");
    let directory = place.path("run/checkpoint");
    for (name, number) in signals() {
        // A signal may come a moment late.
        for attempt in 0.. {
            let more = "--num-train-steps 1000 --save-checkpoints-steps 1 --eval-every 0";
            let mut run = Running::start(&place, &format!("{options} {more} --output-dir run"));
            run.wait_until(|| {
                let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
                let mut names = entries.map(|entry| entry.file_name().into_string().unwrap());
                names.any(|name| name.starts_with('.'))
            });
            run.signal(name);
            let status = run.ends();
            if attempt == 20 || place.read_text("said").contains("after this checkpoint") {
                stopped(&place, status, number, "this checkpoint");
                break;
            }
            fs::remove_dir_all(place.path("run")).unwrap();
        }
        // The checkpoint that was being written is whole.
        let answer =
            place.cloze("pretrain --resume --output-dir run --seed 1").refused(1, &["--seed"]);
        assert!(!answer.stderr.contains("damaged"), "{}", answer.stderr);
        let left = fs::read_dir(&directory).unwrap();
        let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(left.into_iter().all(|name| !name.starts_with('.')));
        fs::remove_dir_all(place.path("run")).unwrap();
    }
}

/// A step of a quarter of a million sequences, which no test waits for, after it was sent the signal `name`. Until
/// training begins, a signal ends the process: then another one is started.
fn long_step(place: &Place, name: &str) -> Running {
    let options = RUN.replace("--train-batch-size 4", "--train-batch-size 262144");
    for attempt in 1..=20 {
        let mut run =
            Running::start(place, &format!("{options} --num-train-steps 2 --output-dir run"));
        run.wait_until(|| is_there(place, "run/vocab.txt"));
        std::thread::sleep(Duration::from_millis(100 * attempt));
        run.signal(name);
        while run.0.try_wait().unwrap().is_none() {
            if place.read_text("said").contains("again to stop at once") {
                return run;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        fs::remove_dir_all(place.path("run")).unwrap();
    }
    panic!("no run began to train: {}", place.read_text("said"));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let place = Place::with_vocab();
    let mut run = long_step(&place, "INT");
    assert!(place.read_text("said").contains("press Ctrl-C again to stop at once"));
    std::thread::sleep(Duration::from_millis(1100));
    run.signal("INT");
    assert_eq!(run.ends().code(), Some(130));
    assert!(!place.read_text("said").contains("stopped after step"));
    assert!(!place.path("run/checkpoint").exists());
}

#[test]
fn two_signals_within_a_second_are_one_request() {
    let place = Place::with_vocab();
    let mut run = long_step(&place, "TERM");
    assert!(place.read_text("said").contains("signal again to stop at once"));
    run.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(run.0.try_wait().unwrap().is_none(), "{}", place.read_text("said"));
}

/// `nohup` has its command ignore SIGHUP.
#[test]
#[cfg(target_os = "linux")]
fn a_signal_that_is_ignored_stays_ignored() {
    let place = Place::with_vocab();
    let options = format!("{RUN} --num-train-steps 100000000 --eval-every 0 --log-every 1");
    let script = format!("trap '' HUP; exec \"$0\" pretrain {options} --output-dir run");
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", &script, env!("CARGO_BIN_EXE_cloze")]);
    let shell = shell.current_dir(place.path("")).stdin(Stdio::null()).stderr(Stdio::null());
    let mut run = Running(shell.spawn().unwrap());
    run.wait_until(|| is_there(&place, "run/metrics.jsonl"));
    run.signal("HUP");
    let length = || fs::metadata(place.path("run/metrics.jsonl")).unwrap().len();
    let before = length();
    run.wait_until(|| length() > before + 1000);
}

/// What a run that got the signal `number` was doing. A run that had ended before the signal is "after the end".
fn moment(place: &Place, status: ExitStatus, number: i32) -> &'static str {
    let said = place.read_text("said");
    if status.success() {
        return "after the end";
    }
    if number == 9 {
        assert_eq!(status.signal(), Some(9), "{said}");
        return "killed";
    }
    if status.signal() == Some(number) {
        assert!(!said.contains("stopping after"), "{said}");
        return "reading";
    }
    assert_eq!(status.code(), Some(128 + number), "{said}");
    let Some(acknowledged) = said.split("stopping after ").nth(1) else {
        // Everything was saved: there was nothing to wait for.
        assert!(place.read_json("run/run.json")["model_sha256"].is_string(), "{said}");
        return "after the last save";
    };
    assert!(said.contains("stopped after step "), "{said}");
    match acknowledged.split(';').next().unwrap() {
        "this step" => "training",
        "this batch of the evaluation" => "evaluating",
        "this checkpoint" => "saving",
        other => panic!("the signal was acknowledged as `{other}`: {said}"),
    }
}

/// Sends signals to runs at random moments, one signal in four twice within a moment, resumes each run to its
/// end and compares. `CLOZE_SIGNALS` sets the number of signals.
#[test]
fn after_signals_at_random_moments_the_bytes_are_the_same() {
    let count = std::env::var("CLOZE_SIGNALS").map_or(8, |text| text.parse().unwrap());
    let place = Place::with_vocab();
    // Reading, training, evaluating and saving each take a part of the time.
    place.write("long.txt", place::TEXT.repeat(1000));
    place.write("wide.json", place::CONFIG.replace("16", "128").replace("32,", "512,"));
    let options = RUN.replace("text.txt", "long.txt").replace("tiny.json", "wide.json")
        + " --num-train-steps 24 --save-checkpoints-steps 2 --eval-every 6 --eval-input text.txt \
           --max-eval-steps 8 --log-every 1";
    let started = Instant::now();
    place.cloze(&format!("pretrain {options} --output-dir whole")).ok();
    let whole = started.elapsed();
    let named: Vec<_> = signals().chain([("KILL", 9)]).collect();
    let seed = u64::from(std::process::id());
    let mut generator = Generator::new(seed, Purpose::Testing, 0, 0);
    let (mut sent, mut runs) = (0, 0);
    let mut met = BTreeMap::<(&str, &str), u32>::new();
    while sent < count {
        let begin = format!("{options} --resume --output-dir run");
        loop {
            let mut run = Running::start(&place, &begin);
            let mut number = 0;
            if sent < count {
                let (name, its_number) = named[(generator.uniform() * named.len() as f64) as usize];
                std::thread::sleep(whole.mul_f64(generator.uniform()));
                if run.0.try_wait().unwrap().is_none() {
                    run.signal(name);
                    if generator.uniform() < 0.25 {
                        std::thread::sleep(Duration::from_millis(
                            (20.0 * generator.uniform()) as u64,
                        ));
                        // The process may have ended by now.
                        let id = run.0.id().to_string();
                        let mut twice = Command::new("kill");
                        twice.args(["-s", name, &id]).stderr(Stdio::null()).status().unwrap();
                    }
                    (number, sent) = (its_number, sent + 1);
                    *met.entry((name, moment(&place, run.ends(), number))).or_default() += 1;
                }
            }
            let status = run.ends();
            if status.success() {
                break;
            }
            assert_ne!(number, 0, "no signal was sent: {}", place.read_text("said"));
        }
        runs += 1;
        assert!(
            place.weights("run") == place.weights("whole"),
            "seed {seed}, run {runs}: the weights"
        );
        assert!(
            place.metrics("run") == place.metrics("whole"),
            "seed {seed}, run {runs}: the metrics"
        );
        fs::remove_dir_all(place.path("run")).unwrap();
    }
    println!("{sent} signals, {runs} runs resumed to their end: all of the same bytes");
    for ((name, moment), times) in met {
        println!("{name} {moment}: {times}");
    }
}
