//! Named recipes, a budget of time, what is said before the first step, and the loss that counting words gives.

use crate::place::{Place, json_lines, keys};
use serde_json::{Value, json};

/// A small run without a number of steps.
const RUN: &str = "pretrain --input text.txt --model tiny.json --vocab-size 120 --max-seq-length 32 \
    --train-batch-size 4";

#[test]
fn the_steps_of_a_budget_are_worked_out_once_and_recorded() {
    let place = Place::new();
    let timed = format!("{RUN} --train-time 1s --log-every 1000000 --output-dir timed");
    let answer = place.cloze(&timed).ok();
    let run = place.read_json("timed/run.json");
    let schedule = &run["options"]["recipe"]["schedule"];
    let steps = schedule["num_train_steps"].as_u64().unwrap();
    assert_eq!(schedule["num_warmup_steps"], steps / 10);
    assert_eq!(run["train_time"], "1s");
    assert!(run["options"].get("train_time").is_none(), "{run}");
    let said = format!("{steps} steps, worked out from 1s");
    assert!(answer.stderr.contains(&said), "{said}: {}", answer.stderr);
    let last = place.metrics("timed").pop().unwrap();
    assert_eq!(last["step"], steps);

    // The command in run.json gives the run again, with its steps.
    let command = run["command"].as_str().unwrap();
    assert!(command.contains(&format!("--num-train-steps={steps}")), "{command}");
    assert!(!command.contains("--train-time"), "{command}");
    let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
    let again = arguments.join(" ").replace("--output-dir timed", "--output-dir again");
    place.cloze(&again).ok();
    assert!(place.weights("again") == place.weights("timed"));
    assert_eq!(place.metrics("again"), place.metrics("timed"));
    assert_eq!(
        place.read_json("again/run.json")["options"]["eval_every"],
        run["options"]["eval_every"]
    );

    assert_eq!(place.cloze("verify timed --quiet --json").json()["agrees"], true);
    // Resumed with the same budget: the steps stay. Another budget is another setting.
    place.cloze(&format!("{timed} --resume")).ok();
    assert_eq!(place.read_json("timed/run.json")["train_time"], "1s");
    let other = "pretrain --resume --train-time 2s --output-dir timed";
    place.cloze(other).refused(1, &["--train-time was \"1s\", now \"2s\""]);
    let other = "pretrain --resume --train-time 1s --output-dir again";
    place.cloze(other).refused(1, &["--train-time was not given, now \"1s\""]);
}

#[test]
fn what_is_given_beside_a_budget_stays() {
    let place = Place::new();
    let given = "--train-time=1s --num-warmup-steps 1 --eval-every 10000000 --output-dir run";
    place.cloze(&format!("{RUN} {given}")).ok();
    let run = place.read_json("run/run.json");
    assert_eq!(run["options"]["recipe"]["schedule"]["num_warmup_steps"], 1);
    assert_eq!(run["options"]["eval_every"], 10_000_000);
    let command = run["command"].as_str().unwrap();
    assert_eq!(command.matches("--eval-every").count(), 1, "{command}");
    assert!(!command.contains("--train-time"), "{command}");
}

#[test]
fn budgets_that_cannot_be_used_are_wrong_usage() {
    let place = Place::new();
    for (options, words) in [
        ("--train-time 1h --num-train-steps 5", "cannot be used with"),
        ("--train-time 5", "a number with its unit"),
        ("--train-time 0s", "at least 1s"),
        ("--recipe fast", "google or laptop"),
        ("--dry-run --resume", "cannot be used with"),
    ] {
        place.cloze(&format!("{RUN} {options} --output-dir run")).refused(2, &[words]);
    }
    assert!(!place.path("run").exists());
}

#[test]
fn a_dry_run_says_what_is_known_and_writes_nothing() {
    let place = Place::with_run();
    let before = place.files();
    // Nothing is written, so that the directory may hold a run already.
    let dry = format!("{RUN} --num-train-steps 100 --output-dir run --dry-run");
    let answer = place.cloze(&dry).ok();
    let lines: Vec<&str> = answer.stdout.lines().collect();
    let beginnings =
        ["100 steps, about ", "", "", "counting words alone gives a masked-LM loss of "];
    assert_eq!(lines.len(), beginnings.len(), "{}", answer.stdout);
    for (line, beginning) in lines.iter().zip(beginnings) {
        assert!(line.starts_with(beginning), "{line}");
    }
    assert!(lines[1].ends_with(" passes over the text"), "{}", lines[1]);
    assert!(lines[2].contains(" MB of memory: "), "{}", lines[2]);
    let json = place.cloze(&format!("{dry} --json --quiet")).ok();
    assert_eq!(json.stderr, "");
    let json = json_lines(&json.stdout).remove(0);
    let names = [
        "num_train_steps",
        "train_time",
        "seconds",
        "passes",
        "parameters",
        "model_bytes",
        "text_bytes",
        "unigram_loss",
    ];
    assert_eq!(keys(&json), names);
    assert_eq!(json["num_train_steps"], 100);
    let hour = place.cloze(&format!("{RUN} --output-dir run --dry-run --json --quiet")).ok();
    let hour = json_lines(&hour.stdout).remove(0);
    assert_eq!(hour["train_time"], "1h");
    assert!(hour["num_train_steps"].as_u64().unwrap() > 1000, "{hour}");
    assert!(place.files() == before, "nothing is written");

    // The same lines come before the first step of a run. Nobody watches it, so that its speed is not measured.
    let answer = place.cloze(&format!("{RUN} --num-train-steps 100 --output-dir real")).ok();
    assert!(answer.stderr.lines().any(|line| line == "100 steps"), "{}", answer.stderr);
    for line in lines.iter().enumerate().filter(|(i, _)| [1, 3].contains(i)).map(|(_, line)| line) {
        assert!(answer.stderr.contains(line), "{line}: {}", answer.stderr);
    }
    assert_eq!(place.read_json("real/run.json")["unigram_loss"], json["unigram_loss"]);
}

#[test]
fn own_text_has_the_recipe_for_a_laptop() {
    let place = Place::with_run();
    let train = |options: &str, run: &str| {
        place
            .cloze(&format!(
                "pretrain {options} --max-seq-length 32 --num-train-steps 2 --output-dir {run}"
            ))
            .ok();
        place.read_json(&format!("{run}/run.json"))
    };
    let settings = |run: &Value| {
        let recipe = &run["options"]["recipe"];
        let rate = recipe["schedule"]["learning_rate"].clone();
        let dropout = run["config"]["hidden_dropout_prob"].clone();
        let masked = recipe["masked_lm_prob"].clone();
        let correction = recipe["optimizer"]["bias_correction"].clone();
        [recipe["name"].clone(), rate, correction, dropout, masked]
    };
    let own = "--input text.txt --vocab vocab.txt --model tiny.json";
    let laptop = train(own, "laptop");
    assert_eq!(
        settings(&laptop),
        [json!("laptop"), json!(2e-3), json!(true), json!(0.0), json!(0.15)]
    );
    let google = train(&format!("{own} --recipe google"), "google");
    assert_eq!(
        settings(&google),
        [json!("google"), json!(5e-5), json!(false), json!(0.1), json!(0.15)]
    );
    let further = train("--input text.txt --init run", "further");
    assert_eq!(settings(&further), settings(&google));
    let given = "--learning-rate 1e-3 --hidden-dropout-prob 0.2 --adam-bias-correction=false --masked-lm-prob 0.2";
    let given = train(&format!("{own} {given}"), "given");
    assert_eq!(
        settings(&given),
        [json!("laptop"), json!(1e-3), json!(false), json!(0.2), json!(0.2)]
    );
    // A run has one recipe.
    let resume = |recipe: &str| {
        place.cloze(&format!("pretrain --resume --recipe {recipe} --output-dir given"))
    };
    resume("google").refused(1, &["--recipe was \"laptop\", now \"google\""]);
    resume("laptop").ok();
}

#[test]
fn the_recipe_for_a_laptop_learns_from_instances() {
    let place = Place::with_vocab();
    let make = "instances --input text.txt --vocab vocab.txt --max-seq-length 32 --output i.jsonl";
    place.cloze(make).ok();
    let run = "pretrain --recipe laptop --instances i.jsonl --vocab vocab.txt --model tiny.json \
        --max-seq-length 32 --num-train-steps 2 --output-dir run";
    place.cloze(run).ok();
    let options = &place.read_json("run/run.json")["options"];
    assert_eq!(options["recipe"]["masked_lm_prob_start"], Value::Null);
    assert_eq!(options["model"]["New"]["word_embeddings"], "random");
    assert_eq!(options["model"]["New"]["initialization"], "mimetic");
}

#[test]
fn every_evaluation_has_the_loss_that_counting_words_gives() {
    let place = Place::with_vocab();
    let make = "instances --input text.txt --vocab vocab.txt --max-seq-length 32 --output i.jsonl";
    place.cloze(make).ok();
    let train = |options: &str, run: &str| {
        let options = format!("{options} --vocab vocab.txt --output-dir {run}");
        let said = place.pretrain(&options).ok().stderr;
        let lines = place.metrics(run);
        let losses = lines.iter().filter(|line| line.get("eval_loss").is_some());
        let losses: Vec<Value> = losses.map(|line| line["unigram_loss"].clone()).collect();
        assert!(losses.iter().all(|loss| *loss == losses[0]), "{losses:?}");
        let recorded = place.read_json(&format!("{run}/run.json"))["unigram_loss"].clone();
        assert_eq!(losses.first().unwrap_or(&Value::Null), &recorded);
        (recorded, said)
    };
    // The same text to count and to evaluate on: what `eval` counts.
    let (whole, said) =
        train("--input text.txt --eval-input text.txt --max-eval-steps 1000", "whole");
    let evaluated =
        place.cloze("eval --model whole --input text.txt --max-seq-length 32 --json").json();
    assert_eq!(evaluated["unigram_loss"], whole);
    assert!(said.contains("(not past counting words, "), "{said}");
    assert!(said.contains("attention to the previous and the next token, by layer: "), "{said}");
    let answer = place.cloze("eval --model whole --input text.txt --max-seq-length 32").ok();
    assert!(answer.stderr.contains("the model is not past counting words: "), "{}", answer.stderr);
    let line = format!("unigram_loss = {:.4}", whole.as_f64().unwrap());
    assert!(answer.stdout.contains(&line), "{}", answer.stdout);
    // Instances hold the same word pieces, if not equally often.
    let (instances, _) =
        train("--instances i.jsonl --eval-input text.txt --max-eval-steps 1000", "i");
    let difference = instances.as_f64().unwrap() - whole.as_f64().unwrap();
    assert!(difference != 0.0 && difference.abs() < 0.2, "{instances} {whole}");
    // Without held-out text there is nothing to compare with.
    let (none, said) = train("--input text.txt --eval-fraction 0", "none");
    assert!(none.is_null() && !said.contains("counting words"), "{said}");
}

#[test]
fn a_run_that_stands_at_counting_words_is_told_so_once() {
    let place = Place::with_vocab();
    let options = "--learning-rate 0 --num-train-steps 40 --vocab vocab.txt --output-dir run";
    let said = place.pretrain(&format!("--input text.txt {options}")).ok().stderr;
    assert_eq!(said.matches("the loss stands at what counting words gives").count(), 1, "{said}");
    assert!(said.contains("This is still what counting words gives"), "{said}");
}
