//! Muon against its formulas in `f64` (`testdata/muon/muon.json`, made by `make.py`, which compares with
//! PyTorch), and runs with `--optimizer muon` and `--ema-decay`.

#[allow(dead_code)]
#[path = "command_line/place.rs"]
mod place;

use cloze::autodiff::Layout;
use cloze::run::{Event, Observer};
use cloze::system::threads::Pool;
use cloze::train::muon::{Muon, MuonStep, is_hidden_matrix};
use place::Place;
use serde_json::Value;
use std::fs;

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn singles(value: &Value) -> Vec<f32> {
    floats(value).into_iter().map(|x| x as f32).collect()
}

#[test]
fn muon_is_that_of_its_formulas() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/muon/muon.json");
    let fixture: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    // All cases in one flat buffer, with a parameter between them that Muon leaves alone.
    let mut layout = Layout::default();
    let (mut parameters, mut expected) = (Vec::new(), Vec::new());
    for (index, case) in cases.iter().enumerate() {
        let shape: Vec<usize> = serde_json::from_value(case["shape"].clone()).unwrap();
        layout.add(format!("{index}.weight"), &shape);
        layout.add(format!("{index}.bias"), &[1]);
        parameters.extend(singles(&case["parameters"]).into_iter().chain([0.5]));
        expected.push((floats(&case["momentum"]), floats(&case["updated"])));
    }
    let mut muon = Muon::new(&layout, |name| name.ends_with("weight"));
    let mut momentum = vec![0.0; layout.len()];
    let learning_rate = fixture["learning_rate"].as_f64().unwrap() as f32;
    let weight_decay = fixture["weight_decay"].as_f64().unwrap() as f32;
    for step in 0..3 {
        let gradients = cases.iter().map(|case| singles(&case["gradients"][step]));
        // Clipping halves gradients of twice the size.
        let gradients = gradients.flat_map(|of_case| of_case.into_iter().chain([1.0]));
        let gradients: Vec<f32> = gradients.map(|g| 2.0 * g).collect();
        let step = MuonStep { factor: 0.5, learning_rate, weight_decay };
        muon.step(step, &gradients, &mut momentum, &mut parameters);
    }
    for (index, (m, updated)) in expected.iter().enumerate() {
        let entry = layout.get(&format!("{index}.weight")).unwrap();
        let size = learning_rate * 0.2 * (*entry.shape.iter().max().unwrap() as f32).sqrt();
        for ((at, m), updated) in entry.range.clone().zip(m).zip(updated) {
            // Three roundings of values below 1.
            assert!((f64::from(momentum[at]) - m).abs() < 2e-7, "{index}: {} {m}", momentum[at]);
            // Five iterations multiply rounding errors of 2⁻²⁴ by up to 3.44⁵ = 484, that is 3e-5 of an update.
            let error = (f64::from(parameters[at]) - updated).abs() / f64::from(size);
            assert!(error < 1e-4, "{index}: {} {updated}: {error}", parameters[at]);
        }
        let bias = layout.get(&format!("{index}.bias")).unwrap().range.start;
        assert_eq!((parameters[bias], momentum[bias]), (0.5, 0.0));
    }
}

#[test]
fn a_gradient_of_zeros_changes_a_matrix_by_its_decay_alone() {
    let mut layout = Layout::default();
    layout.add("weight", &[3, 2]);
    let mut muon = Muon::new(&layout, |_| true);
    let mut parameters = vec![2.0; 6];
    let step = MuonStep { factor: 1.0, learning_rate: 0.5, weight_decay: 0.25 };
    muon.step(step, &[0.0; 6], &mut [0.0; 6], &mut parameters);
    assert_eq!(parameters, [1.75; 6]);
}

#[test]
fn the_update_has_the_same_bits_on_any_threads() {
    let mut layout = Layout::default();
    // Several chunks and tasks; both kinds of rectangles.
    layout.add("wide", &[70, 300]);
    layout.add("tall", &[300, 70]);
    layout.add("square", &[130, 130]);
    let gradients: Vec<f32> =
        (0..layout.len()).map(|i| ((i * 7919) % 1013) as f32 / 1013.0 - 0.5).collect();
    let run = |threads| {
        let (mut momentum, mut parameters) = (vec![0.1; layout.len()], vec![0.2; layout.len()]);
        let mut muon = Muon::new(&layout, |_| true);
        let step = MuonStep { factor: 1.0, learning_rate: 0.1, weight_decay: 0.0 };
        Pool::new(threads).unwrap().run(|| {
            muon.step(step, &gradients, &mut momentum, &mut parameters);
        });
        (momentum, parameters)
    };
    let one = run(1);
    for threads in [2, 3, 7] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

#[test]
fn muon_is_for_the_matrices_of_the_layers() {
    let bert = cloze::model::Bert::new(cloze::model::Config::new(2, 16, 50), 1);
    let names = bert.layout.entries().iter().map(|entry| entry.name.as_str());
    let hidden: Vec<&str> = names.filter(|name| is_hidden_matrix(name)).collect();
    let of_layer = ["self.query", "self.key", "self.value", "output.dense"]
        .map(|part| format!("attention.{part}"));
    let of_layer = of_layer.into_iter().chain(["intermediate.dense".into(), "output.dense".into()]);
    let of_layer: Vec<String> = of_layer.collect();
    let expected = (0..2).flat_map(|layer| {
        of_layer.iter().map(move |part| format!("bert.encoder.layer.{layer}.{part}.weight"))
    });
    assert_eq!(hidden, expected.collect::<Vec<_>>());
}

const MUON: &str = "--optimizer muon --adam-beta2 0.98 --weight-decay 0.1";
const AVERAGE: &str = "--ema-decay 0.5";

/// 14 sequences of 128 tokens a step would be one micro-batch; 20 are two.
const RUN: &str = "pretrain --input text.txt --recipe google --model 2/32 --vocab-size 120 --max-seq-length 128 \
    --train-batch-size 10 --gradient-accumulation-steps 2 --learning-rate 1e-2 --num-train-steps 8 \
    --log-every 1 --eval-every 3 --save-checkpoints-steps 4";

type Outcome = (Vec<u8>, Vec<Value>);

fn outcome(place: &Place, run: &str) -> Outcome {
    (place.weights(run), place.metrics(run))
}

#[test]
fn runs_are_recorded_resumed_and_verified_with_the_same_bits() {
    let place = Place::new();
    let train = |options: &str, run: &str| {
        place.cloze(&format!("{RUN} {options} --output-dir {run}")).ok();
        outcome(&place, run)
    };
    let plain = train("", "plain");
    let mut different = vec![plain];
    for (index, options) in [MUON, AVERAGE, &format!("{MUON} {AVERAGE}")].iter().enumerate() {
        let run = format!("run-{index}");
        let whole = train(&format!("{options} --threads 1"), &run);
        assert!(!different.contains(&whole), "{options} changes the weights");
        assert!(
            train(&format!("{options} --threads 3"), &format!("threads-{index}")) == whole,
            "{options}: threads"
        );
        let shared = "--train-batch-size 4 --gradient-accumulation-steps 5";
        let split = RUN.replace("--train-batch-size 10 --gradient-accumulation-steps 2", shared);
        place.cloze(&format!("{split} {options} --output-dir split-{index}")).ok();
        assert!(outcome(&place, &format!("split-{index}")) == whole, "{options}: micro-batches");

        // From step 4, between two evaluations.
        fs::remove_file(place.path(&format!("{run}/checkpoint/step-000008.ckpt"))).unwrap();
        place.cloze(&format!("pretrain --resume --output-dir {run}")).ok();
        assert!(outcome(&place, &run) == whole, "{options}: resumed");
        let verified = place.cloze(&format!("verify {run} --json --threads 2")).json();
        assert_eq!(verified["agrees"], true, "{options}");
        different.push(whole);
    }
    let recipe = &place.read_json("run-2/run.json")["options"]["recipe"];
    assert_eq!(recipe["matrix_optimizer"], "muon");
    assert_eq!(recipe["optimizer"]["beta_2"], 0.98);
    assert_eq!(recipe["ema_decay"], 0.5);
    for (option, words) in [
        ("--optimizer adamw", "--optimizer was \"muon\", now \"adamw\""),
        ("--adam-beta2 0.9", "--adam-beta2 was 0.98, now 0.9"),
        ("--ema-decay 0", "--ema-decay was 0.5, now 0.0"),
    ] {
        let resume = format!("pretrain --resume --output-dir run-2 {option}");
        place.cloze(&resume).refused(1, &[words]);
    }
}

#[test]
fn the_same_bits_on_every_instruction_set() {
    use cloze::tensor::kernels::Simd;
    if !Simd::has_fma() {
        return;
    }
    let place = Place::new();
    let train = |simd: &str| {
        let run = RUN.replace("--num-train-steps 8", "--num-train-steps 3");
        let arguments = format!("{run} {MUON} {AVERAGE} --output-dir {simd}");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut command = place.command(&arguments);
        let output = command.env("CLOZE_SIMD", simd).stdin(std::process::Stdio::null()).output();
        place::answer(output.unwrap()).ok();
        outcome(&place, simd)
    };
    let portable = train("portable");
    for simd in Simd::available() {
        assert!(*simd == Simd::Portable || train(simd.name()) == portable, "{simd:?}");
    }
}

#[test]
fn bad_values_are_refused() {
    let place = Place::new();
    for (options, status, words) in [
        ("--optimizer sgd", 2, "`adamw` or `muon`"),
        ("--adam-beta2 1", 1, "--adam-beta2 is 1"),
        ("--ema-decay 1", 1, "--ema-decay is 1"),
        ("--ema-decay -0.5", 1, "--ema-decay is -0.5"),
    ] {
        place.cloze(&format!("{RUN} {options}")).refused(status, &[words]);
    }
}

/// Keeps the weights after each step, and those that were evaluated.
#[derive(Default)]
struct Evaluated(Vec<(u64, Vec<f32>)>);

impl Observer for Evaluated {
    fn observe(&mut self, event: Event<'_>) {
        if let Event::Evaluated { metrics, bert, .. } = event {
            self.0.push((metrics.step, bert.parameters.clone()));
        }
    }
}

#[test]
fn the_average_is_what_is_evaluated_saved_and_read_from_a_checkpoint() {
    let text = place::TEXT;
    let run = |ema_decay: f32, observer: &mut Evaluated| {
        cloze::pretrain(text)
            .model("1/16")
            .vocab_size(120)
            .max_seq_length(32)
            .train_batch_size(4)
            .steps(6)
            .learning_rate(1e-2)
            .eval_fraction(0.3)
            .options(|options| {
                options.recipe.training.ema_decay = ema_decay;
                options.eval_every = 1;
                options.recipe.training.schedule.num_warmup_steps = 1;
            })
            .run_with(observer)
            .unwrap()
    };
    let (mut raw, mut averaged) = (Evaluated::default(), Evaluated::default());
    run(0.0, &mut raw);
    let finished = run(0.4, &mut averaged);
    assert_eq!(raw.0.len(), 6);
    // Step 1 has rate 0, so the weights after it are the first ones.
    let mut expected: Vec<f64> = raw.0[0].1.iter().map(|&x| f64::from(x)).collect();
    for ((step, weights), (_, average)) in raw.0.iter().zip(&averaged.0) {
        let t = *step as f64;
        let decay = f64::from(0.4f32).min((1.0 + t) / (10.0 + t));
        for ((expected, &weight), &average) in expected.iter_mut().zip(weights).zip(average) {
            *expected = decay * *expected + (1.0 - decay) * f64::from(weight);
            // A few roundings of values near 1.
            assert!((*expected - f64::from(average)).abs() < 1e-6, "step {step}");
        }
    }
    assert!(finished.bert.parameters == averaged.0[5].1, "the average is the result");
    assert!(raw.0[5].1 != averaged.0[5].1);

    // A run that was stopped: its model is the average in its newest checkpoint.
    let place = Place::with_vocab();
    let options = "--input text.txt --vocab vocab.txt --eval-fraction 0 --save-checkpoints-steps 2";
    place.pretrain(&format!("{options} {AVERAGE} --output-dir run")).ok();
    let finished = place.cloze("fill-mask --model run --json [MASK]").json();
    let mut json = place.read_json("run/run.json");
    json.as_object_mut().unwrap().remove("model_sha256").unwrap();
    place.write("run/run.json", json.to_string());
    fs::remove_file(place.path("run/model.safetensors")).unwrap();
    assert_eq!(place.cloze("fill-mask --model run --json [MASK]").json(), finished);
}
