//! `mpirun -n N cloze pretrain | finetune`: the bytes of one process for any ranks and threads, resumed on others; and
//! what happens when a rank fails. `.ci/run` builds and runs this with `--features mpi`.
#![cfg(all(feature = "mpi", unix))]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const CLOZE: &str = env!("CARGO_BIN_EXE_cloze");

/// `mpirun` on this machine, with more ranks than cores.
fn mpirun() -> Command {
    let mut command = Command::new("mpirun");
    for (name, value) in [
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
        ("OMPI_MCA_hwloc_base_binding_policy", "none"),
        ("OMPI_MCA_mpi_yield_when_idle", "1"),
        // Containers forbid what this does.
        ("OMPI_MCA_btl_vader_single_copy_mechanism", "none"),
    ] {
        command.env(name, value);
    }
    command
}

/// Five micro-batches a step on the built-in stories; AdamW and Muon, an average of the weights.
fn pretrain(directory: &Path, more: &[&str]) -> Vec<String> {
    let directory = directory.to_str().unwrap();
    let mut all = vec!["pretrain", "--output-dir", directory];
    all.extend(
        "--model 2/64 --vocab-size 600 --max-seq-length 24 --seed 5 --optimizer muon".split(' '),
    );
    all.extend(
        "--train-batch-size 400 --log-every 2 --max-eval-steps 1 --ema-decay 0.9".split(' '),
    );
    all.extend("--save-checkpoints-steps 2".split(' '));
    all.extend(more);
    all.into_iter().map(String::from).collect()
}

fn on_ranks(ranks: usize, arguments: &[String]) -> Command {
    let mut command = mpirun();
    command.args(["-n", &ranks.to_string(), CLOZE]).args(arguments);
    command
}

fn done(command: &mut Command) -> Output {
    let output = command.output().expect("`mpirun` is installed: apt-get install openmpi-bin");
    assert!(output.status.success(), "{}", talk(&output));
    output
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn model(directory: &Path) -> Vec<u8> {
    std::fs::read(directory.join("model.safetensors")).unwrap()
}

/// `metrics.jsonl` without what the clock says.
fn metrics(directory: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(directory.join("metrics.jsonl")).unwrap();
    let lines = text.lines().map(|line| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        let timings = cloze::run::metrics::TIMINGS;
        line.as_object_mut().unwrap().retain(|name, _| !timings.contains(&name.as_str()));
        line
    });
    lines.collect()
}

const SHORT: [&str; 4] = ["--num-train-steps", "6", "--eval-every", "3"];
const LONG: [&str; 4] = ["--num-train-steps", "80", "--threads", "1"];

/// The run of one process without MPI.
fn alone(place: &Path, more: &[&str]) -> PathBuf {
    let directory = place.join("alone");
    done(Command::new(CLOZE).args(pretrain(&directory, more)));
    directory
}

#[test]
fn any_ranks_and_threads_give_the_bytes_of_one_process() {
    let place = tempfile::tempdir().unwrap();
    let with = |threads: &'static str| [&SHORT[..], &["--threads", threads]].concat();
    let expected = alone(place.path(), &with("1"));
    for (ranks, threads) in [(1, "1"), (2, "1"), (2, "2"), (3, "1"), (4, "2")] {
        let directory = place.path().join(format!("{ranks}-{threads}"));
        let output = done(&mut on_ranks(ranks, &pretrain(&directory, &with(threads))));
        assert!(model(&directory) == model(&expected), "{ranks} ranks of {threads} threads");
        assert_eq!(metrics(&directory), metrics(&expected));
        // Rank 0 alone talks.
        let text = talk(&output);
        assert_eq!(text.matches("SHA-256 of model.safetensors").count(), 1, "{text}");
        let shares = format!("{ranks} ranks share a step of 5 micro-batches");
        assert_eq!(text.matches(&shares).count(), usize::from(ranks > 1), "{text}");
    }
    done(Command::new(CLOZE).arg("verify").arg(place.path().join("3-1")));
}

#[test]
fn finetuning_on_two_ranks_gives_the_bytes_of_one_process() {
    let place = tempfile::tempdir().unwrap();
    let pretrained = alone(place.path(), &SHORT);
    let mut table = "sentence\tlabel\n".to_string();
    for i in 0..400 {
        let animal = ["cat", "dog", "fox", "owl", "bird"][i % 5];
        let label = if i % 3 == 0 { "rests" } else { "moves" };
        table +=
            &format!("The {animal} {label} near the old tree of Anna and Tom at noon.\t{label}\n");
    }
    std::fs::write(place.path().join("train.tsv"), table).unwrap();
    let finetune = |name: &str| {
        let at = |name: &str| place.path().join(name).to_str().unwrap().to_string();
        let (model, train, output) = (pretrained.to_str().unwrap(), at("train.tsv"), at(name));
        let arguments =
            ["finetune", "classify", "--model", model, "--train", &train, "--output-dir", &output];
        let more = "--max-seq-length 24 --train-batch-size 200 --num-train-epochs 1 --learning-rate 1e-3 3e-3";
        arguments.into_iter().chain(more.split(' ')).map(String::from).collect::<Vec<_>>()
    };
    done(Command::new(CLOZE).args(finetune("one")));
    done(&mut on_ranks(2, &finetune("two")));
    assert!(model(&place.path().join("two")) == model(&place.path().join("one")));
}

/// Waits until `is` holds.
fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A long run on `ranks` that has saved a checkpoint and goes on.
fn begun(ranks: usize, directory: &Path) -> Child {
    let mut command = on_ranks(ranks, &pretrain(directory, &LONG));
    let mut run = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    wait_until("a checkpoint", || {
        assert!(run.try_wait().unwrap().is_none(), "the run goes on");
        std::fs::read_dir(directory.join("checkpoint")).is_ok_and(|files| files.count() > 0)
    });
    run
}

/// The process of `rank` of the run in `directory`.
fn process(directory: &Path, rank: usize) -> u32 {
    let is = |id: u32| {
        let read = |file: &str| std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        let has =
            |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
        has(&read("environ"), &format!("OMPI_COMM_WORLD_RANK={rank}\0"))
            && has(&read("cmdline"), directory.to_str().unwrap())
    };
    let ids = std::fs::read_dir("/proc").unwrap().flatten();
    let mut ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.find(|&id| is(id)).expect("the process of a rank")
}

fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

/// How a run ended within a minute.
fn ended(mut run: Child) -> Output {
    wait_until("the end of the run", || run.try_wait().unwrap().is_some());
    run.wait_with_output().unwrap()
}

#[test]
fn what_ends_a_rank_ends_the_run_which_goes_on_with_others() {
    let place = tempfile::tempdir().unwrap();
    let expected = alone(place.path(), &LONG);
    let goes_on = |directory: &Path, ranks: usize| {
        let resume = ["pretrain", "--resume", "--output-dir", directory.to_str().unwrap()];
        done(&mut on_ranks(ranks, &resume.map(String::from)));
        assert!(model(directory) == model(&expected), "resumed on {ranks} ranks");
        assert_eq!(metrics(directory), metrics(&expected));
    };

    let killed = place.path().join("killed");
    let run = begun(3, &killed);
    signal("-KILL", process(&killed, 2));
    let output = ended(run);
    assert!(!output.status.success());
    let text = talk(&output);
    assert!(text.contains("signal 9"), "{text}");
    goes_on(&killed, 2);

    // A signal to any rank saves and stops.
    let stopped = place.path().join("stopped");
    let run = begun(2, &stopped);
    signal("-TERM", process(&stopped, 1));
    let output = ended(run);
    assert_eq!(output.status.code(), Some(1));
    let text = talk(&output);
    assert_eq!(text.matches("stopped after step").count(), 1, "{text}");
    goes_on(&stopped, 3);
}

#[test]
fn ranks_that_were_started_in_another_way_are_refused_once() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("run");
    let refused = |first: &[String], second: &[String]| {
        let mut command = mpirun();
        command.args(["-n", "1", CLOZE]).args(first).args([":", "-n", "2", CLOZE]).args(second);
        let output = command.output().unwrap();
        let text = talk(&output);
        assert_eq!(text.matches("error:").count(), 1, "{text}");
        assert!(!directory.exists());
        (output.status.code(), text)
    };
    // Short, for the case that it is not refused.
    let with = |more: &[&str]| pretrain(&directory, &[&SHORT[..], more].concat());
    let first = with(&["--learning-rate", "1e-3"]);
    let (status, text) = refused(&first, &with(&["--learning-rate", "2e-3"]));
    assert!(text.contains("--learning-rate is 1e-3 on rank 0 and 2e-3 on rank 1"), "{text}");
    assert_eq!(status, Some(1));
    let other_text = with(&["--learning-rate", "1e-3", "--input", "other.txt"]);
    let (status, text) = refused(&first, &other_text);
    assert!(text.contains("--input is not given on rank 0 and other.txt on rank 1"), "{text}");
    assert_eq!(status, Some(1));
    let (status, text) = refused(&first, &with(&["--nonsense"]));
    assert!(text.contains("rank 1: unexpected argument '--nonsense'"), "{text}");
    assert_eq!(status, Some(1));
    let (status, text) = refused(&with(&["--nonsense"]), &first);
    assert!(text.contains("unexpected argument '--nonsense'"), "{text}");
    assert_eq!(status, Some(2));
    let tokenize = ["tokenize", "--model", "run", "A fox."].map(String::from);
    let (status, text) = refused(&tokenize, &tokenize);
    assert!(text.contains("runs in one process"), "{text}");
    assert_eq!(status, Some(1));
    let bench = ["bench", "--mpi", "--model", "no-such-size"].map(String::from);
    let (status, text) = refused(&bench, &bench);
    assert!(text.contains("no-such-size"), "{text}");
    assert_eq!(status, Some(1));
    let missing = with(&["--input", "/no/such/file"]);
    let (status, text) = refused(&missing, &missing);
    assert!(text.contains("/no/such/file"), "{text}");
    assert_eq!(status, Some(1));
}

#[test]
fn rank_0_alone_needs_the_text() {
    let place = tempfile::tempdir().unwrap();
    let text = "The fox ran.\nIt was quick.\n\nThe dog slept.\nIt was lazy.\n\n".repeat(40);
    std::fs::write(place.path().join("text.txt"), text).unwrap();
    let input = place.path().join("text.txt");
    let input = input.to_str().unwrap();
    let directory = place.path().join("run");
    let mut command = mpirun();
    let settings = [&SHORT[..], &["--input", input]].concat();
    command.args(["-n", "1", CLOZE]).args(pretrain(&directory, &settings));
    let without_files = pretrain(Path::new(""), &SHORT);
    command.args([":", "-n", "1", CLOZE, "pretrain"]).args(&without_files[3..]);
    done(&mut command);
    let expected = alone(place.path(), &settings);
    assert!(model(&directory) == model(&expected));
}

#[test]
fn the_speed_of_two_ranks_is_measured() {
    let mut command = mpirun();
    let settings = "bench --mpi --model 2/64 --vocab-size 600 --max-seq-length 32 --steps 2 --json";
    command.args(["-n", "2", CLOZE]).args(settings.split(' '));
    let output = done(&mut command);
    let measured: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(measured["ranks"], 2);
    for number in ["latency_us", "gigabytes_per_second", "sent_bytes_per_step", "waiting_share"] {
        assert!(measured[number].as_f64().unwrap() > 0.0, "{measured}");
    }
}
