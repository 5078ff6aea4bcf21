//! The contract of determinism: the same version, input, settings and seed give the same bytes, except
//! for timings.

#[allow(dead_code)]
#[path = "command_line/place.rs"]
mod place;

use cloze::run::pretraining::InstanceSource;
use place::Place;
use serde_json::Value;
use std::process::Stdio;

/// With dropout, accumulation and evaluation; 14 sequences of 32 tokens a step.
const RUN: &str = "pretrain --input text.txt --model tiny.json --vocab-size 120 --max-seq-length 32 \
    --recipe google --train-batch-size 7 --gradient-accumulation-steps 2 --learning-rate 1e-2 --num-train-steps 10 \
    --log-every 1 --eval-every 2";

/// Weights and metrics of a run.
type Result = (Vec<u8>, Vec<Value>);

fn result(place: &Place, run: &str) -> Result {
    (place.weights(run), place.metrics(run))
}

/// The golden run: 140 sequences a step in micro-batches of 47, 47 and 46, parameters of several chunks, dropout,
/// and a seed that is not the default.
const GOLDEN_RUN: &str = "pretrain --input text.txt --model 2/64 --vocab-size 120 --max-seq-length 32 \
    --recipe google --train-batch-size 7 --gradient-accumulation-steps 20 --learning-rate 1e-2 --num-train-steps 6 \
    --log-every 1 --eval-every 2 --seed 7";

/// SHA-256 of `model.safetensors` after [`GOLDEN_RUN`], on every machine.
const GOLDEN: &str = "24fff9bb9b5b6eba3c8218027cb1c983c9c5805090bcbd0b63f6de88c84779bd";

#[test]
fn the_golden_run() {
    let place = Place::new();
    place.cloze(&format!("{GOLDEN_RUN} --output-dir run")).ok();
    let run = place.read_json("run/run.json");
    let hash = run["model_sha256"].as_str().unwrap();
    // What makes this run a sharp test.
    assert_eq!(run["config"]["hidden_dropout_prob"], 0.1);
    assert!(place.weights("run").len() > 4 * 4 * 16_384, "several chunks of 16,384 parameters");
    assert!(
        hash == GOLDEN,
        "training changed: the golden run gives other weights.\n\
         expected {GOLDEN}\n     got {hash}\n\
         If nothing about training was meant to change, this is a bug: find the commit with `git \
         bisect run cargo test --release --test determinism the_golden_run`. If it was meant to, set \
         GOLDEN in tests/determinism.rs and the hash in docs/determinism.md to the new ones, and \
         say so in the commit: results of earlier versions are not reproduced from here on."
    );
}

/// A small run of the recipe for a laptop.
const LAPTOP_RUN: &str = "pretrain --input text.txt --model 2/64 --vocab-size 120 --max-seq-length 32 \
    --recipe laptop --num-train-steps 20 --train-batch-size 70 --log-every 1 --eval-every 5 --seed 7";

/// SHA-256 of `model.safetensors` after [`LAPTOP_RUN`], on every machine.
const GOLDEN_LAPTOP: &str = "eb1194d51770456c1d9b316eadbb61e36bc3b614d4ff9f905148ba3e4b8a06bc";

#[test]
fn the_golden_run_of_the_laptop_recipe() {
    use cloze::run::pretraining::PretrainingJob;
    use cloze::run::run_json::RunJson;
    use cloze::run::{Event, Observer, PretrainingOptions, RunError, begin, resume};
    use cloze::tensor::kernels::Simd;

    let place = Place::new();
    let train = |run: &str, threads: usize, simd: &str| {
        let arguments = format!("{LAPTOP_RUN} --threads {threads} --output-dir {run}");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut command = place.command(&arguments);
        if !simd.is_empty() {
            command.env("CLOZE_SIMD", simd);
        }
        place::answer(command.stdin(Stdio::null()).output().unwrap()).ok();
        let json = place.read_json(&format!("{run}/run.json"));
        assert_eq!(json["options"]["recipe"]["name"], "laptop");
        (json["model_sha256"].as_str().unwrap().to_string(), place.metrics(run))
    };
    let (hash, metrics) = train("one", 1, "");
    assert!(
        hash == GOLDEN_LAPTOP,
        "the recipe or training changed: expected {GOLDEN_LAPTOP}, got {hash}. If that was meant, set \
         GOLDEN_LAPTOP, and say so in the commit."
    );
    for threads in [2, 3] {
        assert!(train(&threads.to_string(), threads, "") == (hash.clone(), metrics.clone()));
    }
    // The contract does not cover processors without FMA.
    for simd in Simd::available().iter().filter(|_| Simd::has_fma()) {
        assert!(train(simd.name(), 2, simd.name()) == (hash.clone(), metrics.clone()), "{simd:?}");
    }

    /// Stops a run after its step 13.
    struct Stop(u64);
    impl Observer for Stop {
        fn observe(&mut self, event: Event<'_>) {
            if let Event::Step(report) = event {
                self.0 = report.step + 1;
            }
        }
        fn should_stop(&mut self) -> bool {
            self.0 == 13
        }
    }
    let recorded = RunJson::<PretrainingOptions>::read(&place.path("one")).unwrap();
    let mut options = recorded.options;
    options.input = InstanceSource::Text(vec![place.path("text.txt").display().to_string()]);
    options.output_dir = Some(place.path("resumed"));
    let stopped = begin::<PretrainingJob>(&options, "test", &mut Stop(0));
    assert!(matches!(stopped, Err(RunError::Stopped { step: 13, .. })));
    let resumed = resume::<PretrainingJob>(&options, &mut ()).unwrap();
    assert_eq!(resumed.model_sha256.to_string(), hash);
    assert!(place.metrics("resumed") == metrics);
}

#[test]
fn the_same_bytes_whatever_the_threads() {
    let place = Place::new();
    let train = |threads: usize| {
        let run = format!("threads-{threads}");
        place.cloze(&format!("{RUN} --threads {threads} --output-dir {run}")).ok();
        (result(&place, &run), place.read(&format!("{run}/vocab.txt")))
    };
    let one = train(1);
    // Dropout is on, so the test covers the dropout masks too.
    let config = place.read_json("threads-1/config.json");
    assert_eq!(config["hidden_dropout_prob"], 0.1);
    assert_eq!(config["attention_probs_dropout_prob"], 0.1);
    for threads in [2, 3, 5, 16] {
        assert!(train(threads) == one, "{threads} threads");
    }
}

#[test]
fn the_same_bytes_whatever_the_instruction_set() {
    use cloze::tensor::kernels::Simd;
    // The contract does not cover processors without FMA.
    if !Simd::has_fma() {
        return;
    }
    let place = Place::new();
    let train = |simd: &str| {
        let run = RUN.replace("--num-train-steps 10", "--num-train-steps 4");
        let arguments = format!("{run} --output-dir {simd}");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut command = place.command(&arguments);
        let output = command.env("CLOZE_SIMD", simd).stdin(Stdio::null()).output().unwrap();
        place::answer(output).ok();
        result(&place, simd)
    };
    let portable = train("portable");
    for simd in Simd::available() {
        assert!(*simd == Simd::Portable || train(simd.name()) == portable, "{simd:?}");
    }
}

#[test]
fn an_instruction_set_that_is_not_there_is_refused() {
    use cloze::tensor::kernels::Simd;
    let place = Place::new();
    let run = format!("{RUN} --output-dir run");
    let refused = |simd: &str| {
        let mut command = place.command(&run.split_whitespace().collect::<Vec<_>>());
        let output = command.env("CLOZE_SIMD", simd).stdin(Stdio::null()).output().unwrap();
        let named = [format!("CLOZE_SIMD is \"{simd}\""), "this CPU has portable".into()];
        place::answer(output).refused(2, &named.each_ref().map(String::as_str));
    };
    refused("avx1024");
    for simd in [Simd::Neon, Simd::Avx2, Simd::Avx512] {
        if !Simd::available().contains(&simd) {
            refused(simd.name());
        }
    }
    assert!(!place.path("run").exists());
}

#[test]
fn the_same_bytes_whether_the_text_is_one_file_or_several() {
    let place = Place::new();
    let train = |input: &str| {
        place.cloze(&format!("{} --output-dir run", RUN.replace("text.txt", input))).ok();
        let result = result(&place, "run");
        std::fs::remove_dir_all(place.path("run")).unwrap();
        result
    };
    let one = train("text.txt");
    let text = place.read_text("text.txt");
    let documents: Vec<&str> = text.split_inclusive("\n\n").collect();
    for (name, part) in ["a.txt", "b.txt", "c.txt"].iter().zip(documents.chunks(5)) {
        place.write(&format!("parts/{name}"), part.concat());
    }
    for input in ["parts", "parts/*.txt", "parts/a.txt parts/b.txt parts/c.txt"] {
        assert!(train(input) == one, "{input}");
    }
    assert!(train("parts/b.txt parts/a.txt parts/c.txt") != one, "the order counts");
}

#[test]
fn the_same_weights_whoever_watches() {
    let place = Place::new();
    let train = |options: &str| {
        let run = RUN.replace("--log-every 1 --eval-every 2", options);
        place.cloze(&format!("{run} --output-dir run")).ok();
        let weights = place.weights("run");
        std::fs::remove_dir_all(place.path("run")).unwrap();
        weights
    };
    let expected = train("--log-every 1 --eval-every 2");
    for options in [
        "--log-every 100 --eval-every 0",
        "--log-every 3 --eval-every 1 --max-eval-steps 1 --sample [MASK]",
        "--log-every 1 --eval-every 4 --save-checkpoints-steps 1",
    ] {
        assert!(train(options) == expected, "{options}");
    }
}

#[test]
fn the_same_bytes_however_a_step_is_shared_out() {
    let place = Place::with_vocab();
    let train = |batch: usize, accumulation: usize| {
        let run = format!("{batch}x{accumulation}");
        let options =
            format!("--train-batch-size {batch} --gradient-accumulation-steps {accumulation}");
        let options = format!("--vocab vocab.txt --num-train-steps 3 --log-every 1 {options}");
        place.pretrain(&format!("--input text.txt {options} --output-dir {run}")).ok();
        result(&place, &run)
    };
    // 96 sequences of 32 tokens: more than one micro-batch.
    let whole = train(96, 1);
    assert!(train(48, 2) == whole && train(32, 3) == whole && train(1, 96) == whole);
    assert!(train(48, 1) != whole && train(32, 1) != whole);
    // 8 sequences: one micro-batch.
    let whole = train(8, 1);
    assert!(train(4, 2) == whole && train(2, 4) == whole);
}

#[test]
fn verify_runs_a_run_again() {
    let place = Place::new();
    place.cloze(&format!("{RUN} --output-dir run")).ok();
    let hash = place.read_json("run/run.json")["model_sha256"].as_str().unwrap().to_string();
    let before = place.files();
    let verified = place.cloze("verify run --json --threads 3").json();
    assert_eq!(verified["agrees"], true);
    for name in ["recorded_sha256", "file_sha256", "second_sha256"] {
        assert_eq!(verified[name], hash, "{name}");
    }
    assert!(verified["metrics_part_at_step"].is_null());
    let said = place.cloze("verify run").ok().stdout;
    assert!(said.contains("the same again") && said.contains(&hash), "{said}");
    assert!(place.files() == before, "a run is only looked at");

    // Changed text: `verify` reports different bits and the first step that differs.
    let text = place.read_text("text.txt");
    place.write("text.txt", text.replace("warm day", "cold day"));
    let answer = place.cloze("verify run --json");
    assert_eq!(answer.status, 1, "{}", answer.stderr);
    let verified = place::json_lines(&answer.stdout).remove(0);
    assert_eq!(verified["agrees"], false);
    assert_eq!(
        (&verified["recorded_sha256"], &verified["file_sha256"]),
        (&hash.clone().into(), &hash.clone().into())
    );
    assert_ne!(verified["second_sha256"], hash);
    let step = verified["metrics_part_at_step"].as_u64().unwrap();
    assert!((1..=10).contains(&step), "{step}");
    let said = place.cloze("verify run").stdout;
    assert!(said.contains("came out otherwise") && said.contains("differs at step"), "{said}");
    place.write("text.txt", &text);

    // One changed line of the metrics, or one changed byte of the weights.
    let metrics = place.read_text("run/metrics.jsonl");
    let mut lines: Vec<String> = metrics.lines().map(String::from).collect();
    let fourth = lines.iter().position(|line| line.contains("\"step\":4,")).unwrap();
    lines[fourth] = lines[fourth].replace("\"tokens\":", "\"tokens\":1");
    place.write("run/metrics.jsonl", lines.join("\n"));
    let mut weights = place.weights("run");
    *weights.last_mut().unwrap() ^= 1;
    place.write("run/model.safetensors", weights);
    let answer = place.cloze("verify run --json");
    let verified = place::json_lines(&answer.stdout).remove(0);
    assert_eq!((answer.status, &verified["agrees"]), (1, &false.into()));
    assert_eq!(
        (&verified["metrics_part_at_step"], &verified["second_sha256"]),
        (&4.into(), &hash.clone().into())
    );
    assert_ne!(verified["file_sha256"], hash);
    let said = place.cloze("verify run").stdout;
    assert!(said.contains("is not what the run wrote"), "{said}");

    place.cloze("verify elsewhere").refused(1, &["run.json"]);
    let json = place.read_text("run/run.json").replace("model_sha256", "other");
    place.write("run/run.json", json);
    place.cloze("verify run").refused(1, &["is not finished"]);
    place.write("run/run.json", "{}");
    place.cloze("verify run").refused(1, &["run.json", "missing field"]);
}
