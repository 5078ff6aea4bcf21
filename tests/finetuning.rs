//! `cloze finetune`, `predict` and `eval` of fine-tuned models: the answers' JSON, the directories, and the contract of
//! determinism.

#[allow(dead_code)]
#[path = "command_line/place.rs"]
mod place;

use cloze::run::finetuning::{ExampleSource, ModelSource};
use cloze::run::{Event, Finetuning, FinetuningOptions, FinetuningTask, Observer, RunError};
use place::{Place, keys, with_input};
use serde_json::{Value, json};

/// Who moves and who rests: two classes over the words of the text.
fn classes(place: &Place, name: &str) {
    let mut table = "sentence\tlabel\n".to_string();
    for (i, animal) in ["cat", "dog", "fox", "owl", "bird", "boy"].iter().enumerate() {
        table +=
            &format!("The {animal} ran to the park.\tmoves\nThe {animal} sat on the mat.\trests\n");
        if i % 2 == 0 {
            table +=
                &format!("It was a {animal} and it slept until noon at the old tree.\trests\n");
        }
    }
    place.write(name, table);
}

fn tags(place: &Place, name: &str) {
    let mut file = String::new();
    for animal in ["cat", "dog", "fox", "owl", "bird"] {
        file += &format!("The\tO\nold\tB-ANIMAL\n{animal}\tI-ANIMAL\nsat\tO\n.\tO\n\n");
        file += &format!("Anna\tB-PERSON\nsaw\tO\na\tO\n{animal}\tB-ANIMAL\n.\tO\n\n");
    }
    place.write(name, file);
}

fn questions(place: &Place, name: &str) {
    let mut paragraphs = Vec::new();
    for (i, animal) in ["cat", "dog", "fox", "owl", "bird"].iter().enumerate() {
        let context = format!("Anna saw the {animal}. It was a warm day at the park.");
        let answers = json!([{"text": format!("the {animal}"), "answer_start": 9}]);
        paragraphs.push(json!({"context": context, "qas": [
            {"id": format!("{i}-a"), "question": "What did Anna see?", "answers": answers},
            {"id": format!("{i}-b"), "question": "What did Tom eat?", "answers": [], "is_impossible": true},
        ]}));
    }
    let file = json!({"version": "v2.0", "data": [{"title": "t", "paragraphs": paragraphs}]});
    place.write(name, file.to_string());
}

fn pairs(place: &Place, name: &str) {
    let mut file = String::new();
    for (i, animal) in ["cat", "dog", "fox", "owl", "bird"].iter().enumerate() {
        for score in 0..3 {
            let object = json!({
                "sentence1": format!("The {animal} sat."), "sentence2": format!("{} Tom ran.", "It was a day.".repeat(score)),
                "score": score as f64 + i as f64 / 10.0,
            });
            file += &format!("{object}\n");
        }
    }
    place.write(name, file);
}

const OPTIONS: &str = "--learning-rate 1e-2 --train-batch-size 4 --max-seq-length 32";

/// Fine-tunes the model in `run` on `file`, evaluates on the same file, into `out`.
fn finetune(place: &Place, task: &str, file: &str, more: &str) -> place::Answer {
    place.cloze(&format!(
        "finetune {task} --model run --train {file} --eval {file} --output-dir out {OPTIONS} {more}"
    ))
}

#[test]
fn classes_of_texts() {
    let place = Place::with_run();
    classes(&place, "train.tsv");
    let said = finetune(&place, "classify", "train.tsv", "--num-train-epochs 12 --json").ok();
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(answer["evaluation"]["accuracy"].as_f64().unwrap() > 0.9, "{answer}");
    let config = place.read_json("out/config.json");
    assert_eq!(config["architectures"], json!(["BertForSequenceClassification"]));
    assert_eq!(config["id2label"], json!({"0": "moves", "1": "rests"}));
    assert_eq!(config["label2id"], json!({"moves": 0, "rests": 1}));
    assert_eq!(config["problem_type"], "single_label_classification");

    // From arguments, standard input and a file: the same.
    let text = "The dog ran to the park.";
    let one = place.run(&["predict", "--model", "out", "--json", text]).json();
    assert_eq!(keys(&one), ["text", "label", "probabilities"]);
    assert_eq!((&one["text"], &one["label"]), (&json!(text), &json!("moves")));
    let sum: f64 =
        one["probabilities"].as_object().unwrap().values().map(|p| p.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-6);
    let lines = format!("\nThe cat sat on the mat.\n{text}\n");
    let piped = with_input(&place, "predict --model out --json", lines.as_bytes()).json_lines();
    assert_eq!((piped.len(), &piped[1]), (2, &one));
    let table = place.cloze("predict --model out --json --input train.tsv").json_lines();
    assert_eq!(table.len(), 15);
    assert!(table.contains(&one));
    let shown = place.run(&["predict", "--model", "out", text]).ok().stdout;
    assert!(shown.starts_with("moves ") && shown.contains("%"), "{shown}");

    let measured = place.cloze("eval --model out --input train.tsv --json").json();
    let names = ["accuracy", "f1", "matthews_correlation", "examples", "loss"];
    assert_eq!(keys(&measured), names);
    assert_eq!(measured["examples"], 15);
    assert_eq!(measured["accuracy"], answer["evaluation"]["accuracy"]);
    assert!(place.cloze("verify out --quiet").status == 0);
}

#[test]
fn numbers_of_pairs() {
    let place = Place::with_run();
    pairs(&place, "pairs.jsonl");
    finetune(&place, "regress", "pairs.jsonl", "--num-train-epochs 2").ok();
    let config = place.read_json("out/config.json");
    assert_eq!(
        (&config["problem_type"], &config["id2label"]),
        (&json!("regression"), &json!({"0": "LABEL_0"}))
    );
    let answer =
        place.run(&["predict", "--model", "out", "--json", "The cat sat.", "Tom ran."]).json();
    assert_eq!(keys(&answer), ["text", "text_b", "value"]);
    let measured = place.cloze("eval --model out --input pairs.jsonl --json").json();
    assert_eq!(keys(&measured), ["spearman", "pearson", "examples", "loss"]);
    // A number is neither right nor wrong.
    assert!(!place.read_text("out/metrics.jsonl").contains("regression_accuracy"));
}

/// Adam moves a bias by the learning rate at most: numbers near 40 are out of its reach.
#[test]
fn a_regression_begins_at_the_mean() {
    let place = Place::with_run();
    let table: String = ["cat 39", "dog 40", "fox 42", "owl 43"]
        .iter()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(animal, number)| format!("The {animal} sat.\t{number}\n"))
        .collect();
    place.write("numbers.tsv", format!("text\tlabel\n{table}"));
    let said = "finetune regress --model run --train numbers.tsv --eval-fraction 0 --output-dir out \
                --num-train-epochs 1 --learning-rate 1e-6";
    place.cloze(said).ok();
    let answer = place.run(&["predict", "--model", "out", "--json", "The cat sat."]).json();
    let value = answer["value"].as_f64().unwrap();
    // Beside the bias there is the product of the weights, drawn with 0.02, and 32 numbers below 1: below 0.3.
    assert!((value - 41.0).abs() < 0.5, "{value}");
}

#[test]
fn tags_of_words() {
    let place = Place::with_run();
    tags(&place, "tags.conll");
    finetune(&place, "tag", "tags.conll", "--num-train-epochs 15").ok();
    let text = "Zoë: the old cat sat.";
    let answer = place.run(&["predict", "--model", "out", "--json", text]).json();
    assert_eq!(keys(&answer), ["text", "words", "entities"]);
    let words = answer["words"].as_array().unwrap();
    let split: Vec<&str> = words.iter().map(|word| word["word"].as_str().unwrap()).collect();
    assert_eq!(split, ["Zoë", ":", "the", "old", "cat", "sat", "."]);
    assert_eq!(keys(&words[0]), ["word", "start", "end", "label", "probability"]);
    assert_eq!((&words[3]["start"], &words[3]["end"]), (&json!(9), &json!(12)), "characters");
    // Words as the file splits them, and its labels are not needed.
    place.write("words.conll", "The\nold\nbird\nsat\n.\n");
    let answer = place.cloze("predict --model out --json --input words.conll").json();
    let animal = json!({"type": "ANIMAL", "text": "old bird", "start": 4, "end": 12});
    assert_eq!(answer["entities"], json!([animal]), "{answer}");
    let measured = place.cloze("eval --model out --input tags.conll --json").json();
    let names = ["entity_f1", "entity_precision", "entity_recall", "accuracy", "examples", "loss"];
    assert_eq!(keys(&measured), names);
}

#[test]
fn answers_to_questions() {
    let place = Place::with_run();
    questions(&place, "questions.json");
    finetune(&place, "answer", "questions.json", "--num-train-epochs 10 --max-query-length 12")
        .ok();
    let arguments = ["What did Anna see?", "Zoë and Anna saw the cat. It was a warm day."];
    let command = [&["predict", "--model", "out", "--top", "3", "--json"], &arguments[..]].concat();
    let answer = place.run(&command).json();
    assert_eq!(keys(&answer), ["question", "context", "answers", "no_answer_probability"]);
    let answers = answer["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 3);
    assert_eq!(keys(&answers[0]), ["text", "start", "end", "score", "probability"]);
    let context: Vec<char> = arguments[1].chars().collect();
    for answer in answers {
        let [start, end] = ["start", "end"].map(|key| answer[key].as_u64().unwrap() as usize);
        assert_eq!(answer["text"], context[start..end].iter().collect::<String>());
    }
    let line = format!("{}\t{}\n", arguments[0], arguments[1]);
    let piped = with_input(&place, "predict --model out --top 3 --json", line.as_bytes()).json();
    assert_eq!(piped, answer);
    assert_eq!(
        place.cloze("predict --model out --json --input questions.json").json_lines().len(),
        10
    );
    let measured = place.cloze("eval --model out --input questions.json --json").json();
    assert_eq!(keys(&measured), ["f1", "exact_match", "examples", "loss"]);
    place.run(&["predict", "--model", "out", "Who?"]).refused(2, &["no text to answer it from"]);
}

#[test]
fn embeddings() {
    let place = Place::with_run();
    place.write("lines.txt", place::TEXT);
    let options = "--learning-rate 1e-3 --train-batch-size 8 --max-seq-length 60";
    place
        .cloze(&format!("finetune embed --model run --train lines.txt --output-dir out {options}"))
        .ok();
    let modules = place.read_json("out/modules.json");
    assert_eq!(modules[1]["path"], "1_Pooling");
    let pooling = place.read_json("out/1_Pooling/config.json");
    assert_eq!(
        (&pooling["word_embedding_dimension"], &pooling["pooling_mode_mean_tokens"]),
        (&json!(16), &json!(true))
    );
    assert_eq!(place.read_json("out/config.json")["architectures"], json!(["BertModel"]));
    assert!(place.weights("out") != place.weights("run"));
    place.cloze("predict --model out").refused(1, &["not fine-tuned"]);
    // Pairs, with other pairs as negatives; the best by Spearman's correlation on scored pairs.
    pairs(&place, "pairs.jsonl");
    let more = "--eval pairs.jsonl --num-train-epochs 2 --json";
    let said = place
        .cloze(&format!(
            "finetune embed --model run --train pairs.jsonl --output-dir paired {options} {more}"
        ))
        .ok();
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(answer["evaluation"]["spearman"].is_f64(), "{answer}");
    let measured = place.cloze("eval --model paired --input pairs.jsonl --json").json();
    assert_eq!(keys(&measured), ["spearman", "pearson", "examples"]);
    let [measured, recorded] =
        [&measured["spearman"], &answer["evaluation"]["spearman"]].map(|s| s.as_f64().unwrap());
    assert!((measured - recorded).abs() < 1e-9);
}

/// Stops a run before step `at`.
struct StopAt(u64, u64);

impl Observer for StopAt {
    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Started { step, .. } => self.1 = step,
            Event::Step(_) => self.1 += 1,
            _ => {}
        }
    }

    fn should_stop(&mut self) -> bool {
        self.1 >= self.0
    }
}

/// Two epochs of four steps with each of two learning rates.
fn options(place: &Place, run: &str) -> FinetuningOptions {
    let model = ModelSource::Directory(place.path("run"));
    let train = ExampleSource::Files(vec![place.path("train.tsv")]);
    let mut options = FinetuningOptions::new(FinetuningTask::Classify, model, train);
    options.eval = Some(ExampleSource::Files(vec![place.path("train.tsv")]));
    options.num_train_epochs = Some(2);
    options.learning_rate = Some(vec![1e-3, 2e-2]);
    (options.log_every, options.save_checkpoints_steps) = (3, 3);
    options.recipe.train_batch_size = 4;
    options.output_dir = Some(place.path(run));
    options
}

#[test]
fn resumed_from_any_step_on_any_threads_the_bytes_are_the_same() {
    let place = Place::with_run();
    classes(&place, "train.tsv");
    let whole = Finetuning::from_options(options(&place, "whole")).threads(2).run().unwrap();
    assert_eq!(whole.trials.len(), 2);
    let expected = (place.weights("whole"), place.metrics("whole"));
    assert_eq!(
        expected.1.len(),
        6 + 4,
        "16 steps: log lines at 3, 6, 9, 12, 15, 16; four evaluations"
    );
    for (at, threads) in [(0, 1), (3, 3), (4, 1), (7, 2), (8, 3), (9, 1), (13, 2), (15, 1)] {
        let run = format!("stopped-{at}");
        let finetuning = || Finetuning::from_options(options(&place, &run)).threads(threads);
        let stopped = finetuning().run_with(&mut StopAt(at, 0));
        assert!(matches!(stopped, Err(RunError::Stopped { step, .. }) if step == at));
        let resumed = finetuning().resume_with(&mut ()).unwrap();
        assert!((place.weights(&run), place.metrics(&run)) == expected, "stopped at step {at}");
        assert_eq!(resumed.trials, whole.trials);
        assert_eq!(resumed.evaluation, whole.evaluation);
    }
    // A setting that differs is named.
    let mut other = options(&place, "whole");
    other.num_train_epochs = Some(3);
    let error = Finetuning::from_options(other).resume_with(&mut ()).err().unwrap().to_string();
    assert!(error.contains("'num_train_epochs' was 2, now 3"), "{error}");
}

#[test]
fn a_trial_is_the_run_with_its_learning_rate_alone() {
    let place = Place::with_run();
    classes(&place, "train.tsv");
    let run = |rates: &[f64]| {
        let mut options = options(&place, "");
        (options.learning_rate, options.output_dir) = (Some(rates.to_vec()), None);
        Finetuning::from_options(options).run().unwrap()
    };
    let [first, second] = [1e-3, 2e-2].map(|rate| run(&[rate]));
    let both = run(&[1e-3, 2e-2]);
    let evaluations = |run: &cloze::run::Finished| run.evaluation.clone();
    let best = if second.trials[0].score > first.trials[0].score { &second } else { &first };
    assert_eq!(evaluations(&both), evaluations(best));
    assert_eq!(both.model_sha256, best.model_sha256);
    let scores: Vec<f64> = both.trials.iter().map(|trial| trial.score).collect();
    assert_eq!(scores, [first.trials[0].score, second.trials[0].score]);
    assert_ne!(first.model_sha256, second.model_sha256);
}

#[test]
fn the_command_resumes_and_says_what_it_tried() {
    let place = Place::with_run();
    classes(&place, "train.tsv");
    let rates = "--learning-rate 1e-3 2e-2 --num-train-epochs 1 --train-batch-size 4";
    let run = format!("finetune classify --model run --train train.tsv --output-dir out {rates}");
    let said = place.cloze(&run).ok();
    assert!(said.stderr.contains("kept"), "{}", said.stderr);
    assert!(said.stderr.contains("predict --model out"), "{}", said.stderr);
    let weights = place.weights("out");
    place.cloze("finetune --resume --output-dir out").ok();
    assert!(place.weights("out") == weights);
    place
        .cloze("finetune --resume --output-dir out --learning-rate 1e-3")
        .refused(1, &["--learning-rate was"]);
    place.cloze("finetune --resume --output-dir none").refused(1, &["no run to resume"]);
}

#[test]
fn the_built_in_examples_are_there_without_files() {
    let place = Place::with_run();
    // Questions and lines take longer with this small vocabulary; `built_in.rs` reads them.
    for task in ["classify", "regress", "tag"] {
        // Too short to learn much.
        let options = "--learning-rate 1e-3 --num-train-epochs 1 --train-batch-size 512";
        let said =
            place.cloze(&format!("finetune {task} --model run --output-dir {task} {options}")).ok();
        assert!(said.stderr.contains(&format!("The model is in `{task}`")), "{}", said.stderr);
    }
}

// Bad input, one test for each: nothing is written.

/// Refused with these words, and nothing is written.
#[track_caller]
fn refused(place: &Place, task: &str, file: &str, words: &[&str]) {
    place.refuses(words, |place| finetune(place, task, file, ""));
}

#[test]
fn a_header_without_the_column() {
    let place = Place::with_run();
    place.write("x.tsv", "sentence\tclass\nThe cat sat.\t1\n");
    refused(
        &place,
        "classify",
        "x.tsv",
        &["`x.tsv`, line 1", "no column `label` or `score`", "--label-column"],
    );
    place.refuses(&["no column `b`"], |place| {
        finetune(place, "classify", "x.tsv", "--label-column b")
    });
}

#[test]
fn a_row_with_too_few_columns() {
    let place = Place::with_run();
    place.write("x.tsv", "sentence\tlabel\nThe cat sat.\t1\nThe dog ran.\n");
    refused(&place, "classify", "x.tsv", &["`x.tsv`, line 3", "1 columns"]);
}

#[test]
fn a_label_that_training_has_not() {
    let place = Place::with_run();
    classes(&place, "train.tsv");
    place.write("eval.tsv", "sentence\tlabel\nThe cat sat.\trests\nThe cat flew.\tflies\n");
    place.refuses(&["`eval.tsv`, line 3", "`flies`", "`moves`, `rests`"], |place| {
        place.cloze(
            "finetune classify --model run --train train.tsv --eval eval.tsv --output-dir out",
        )
    });
}

#[test]
fn one_class_only() {
    let place = Place::with_run();
    place.write("x.tsv", "sentence\tlabel\nThe cat sat.\t1\nThe dog ran.\t1\n");
    refused(&place, "classify", "x.tsv", &["`x.tsv`", "only the label `1`"]);
}

#[test]
fn an_empty_text() {
    let place = Place::with_run();
    place.write("x.tsv", "sentence\tlabel\nThe cat sat.\t1\n\t0\n");
    refused(&place, "classify", "x.tsv", &["`x.tsv`, line 3", "the text is empty"]);
    place.write("empty.tsv", "");
    refused(&place, "classify", "empty.tsv", &["`empty.tsv`", "empty"]);
}

#[test]
fn a_number_that_is_none() {
    let place = Place::with_run();
    place.write("x.tsv", "sentence\tlabel\nThe cat sat.\t1.5\nThe dog ran.\tmany\n");
    refused(&place, "regress", "x.tsv", &["`x.tsv`, line 3", "`many` is not a number"]);
}

#[test]
fn an_entity_that_begins_inside() {
    let place = Place::with_run();
    place.write("x.conll", "The\tO\ncat\tI-ANIMAL\n");
    refused(&place, "tag", "x.conll", &["`x.conll`, line 2", "`I-ANIMAL` of `cat`"]);
}

#[test]
fn a_word_without_a_label() {
    let place = Place::with_run();
    place.write("x.conll", "The\tO\ncat\n");
    refused(&place, "tag", "x.conll", &["`x.conll`, line 2", "`cat` has no label"]);
}

#[test]
fn questions_that_are_cut_short() {
    let place = Place::with_run();
    questions(&place, "whole.json");
    let whole = place.read("whole.json");
    place.write("x.json", &whole[..whole.len() / 2]);
    place.refuses(&["`x.json`, line 1", "cut short"], |place| {
        finetune(place, "answer", "x.json", "--max-query-length 8")
    });
}

#[test]
fn an_answer_that_is_longer_than_the_window() {
    let place = Place::with_run();
    let context = "The cat sat on the mat. ".repeat(10);
    let answers = json!([{"text": context.trim(), "answer_start": 0}]);
    let qas = json!([{"id": "long", "question": "What?", "answers": answers}]);
    place.write(
        "x.json",
        json!({"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}).to_string(),
    );
    place.refuses(&["`x.json`, id `long`", "--max-seq-length", "--doc-stride"], |place| {
        let options =
            "--eval-fraction 0 --max-query-length 8 --learning-rate 1e-3 --max-seq-length 32";
        place.cloze(&format!(
            "finetune answer --model run --train x.json --output-dir out {options}"
        ))
    });
}

#[test]
fn answers_that_are_not_at_their_offsets_are_reported_and_left_out() {
    let place = Place::with_run();
    questions(&place, "whole.json");
    place.write(
        "x.json",
        place.read_text("whole.json").replacen("\"answer_start\":9", "\"answer_start\":8", 1),
    );
    let said = finetune(&place, "answer", "x.json", "--max-query-length 12").ok();
    assert!(
        said.stderr.contains("1 questions have answers that are not at their offsets"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("0-a") && said.stderr.contains("9 examples"), "{}", said.stderr);
}

#[test]
fn a_directory_for_another_task() {
    let place = Place::with_run();
    classes(&place, "train.tsv");
    tags(&place, "tags.conll");
    finetune(&place, "classify", "train.tsv", "--num-train-epochs 1").ok();
    place.refuses(&["`tags.conll`", "no column"], |place| {
        place.cloze("eval --model out --input tags.conll")
    });
}

#[test]
fn a_directory_that_was_only_pretrained() {
    let place = Place::with_run();
    place.refuses(&["pretrained", "not fine-tuned", "cloze finetune"], |place| {
        place.run(&["predict", "--model", "run", "The cat sat."])
    });
}

#[test]
fn text_that_is_not_utf_8() {
    let place = Place::with_run();
    place.write("x.tsv", b"sentence\tlabel\nThe c\xffat sat.\t1\n");
    refused(&place, "classify", "x.tsv", &["`x.tsv` is not UTF-8", "line 2, byte 20"]);
}

#[test]
fn learning_rates_that_cannot_be_compared() {
    let place = Place::with_run();
    classes(&place, "train.tsv");
    place.refuses(&["--learning-rate", "--eval"], |place| {
        place.cloze("finetune classify --model run --train train.tsv --eval-fraction 0 --learning-rate 1e-3 1e-4 --output-dir out")
    });
}
