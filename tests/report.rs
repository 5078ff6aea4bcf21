//! `cloze report`: what the page says is what the runs say, whatever is wrong with them.

#[path = "command_line/place.rs"]
#[allow(dead_code)]
mod place;

use cloze::system::lock::Lock;
use place::{Answer, Place};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

/// How often `part` occurs.
fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

/// The parts of `text` that stand between `before` and `after`.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
    let parts = text.split(before).skip(1);
    parts.map(|part| part.split_once(after).map_or(part, |(part, _)| part)).collect()
}

/// Every element of the page that is opened is closed, in order.
#[track_caller]
fn assert_well_formed(page: &str) {
    const VOID: [&str; 3] = ["meta", "input", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, behind) = tag.split_once('>').expect("a tag ends");
        rest = behind;
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{tag}");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
            if ["script", "style"].contains(&name) {
                rest = &rest[rest.find(&format!("</{name}>")).expect("it ends")..];
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// The page of `cloze report ARGUMENTS` on standard output.
#[track_caller]
fn page_of(place: &Place, arguments: &str) -> (String, Answer) {
    let answer = place.cloze(&format!("report {arguments}")).ok();
    assert_well_formed(&answer.stdout);
    (answer.stdout.clone(), answer)
}

/// The lines of a run's `metrics.jsonl`.
fn metrics(place: &Place, run: &str) -> Vec<Value> {
    place::json_lines(&place.read_text(&format!("{run}/metrics.jsonl")))
}

/// Whether the page tells this value of the chart in a table.
fn tells(page: &str, value: &str) -> bool {
    page.contains(&format!("<td class=\"number\">{value}</td>"))
}

#[test]
fn two_runs_stand_side_by_side() {
    let place = Place::with_vocab();
    let train = |run: &str, rate: &str| {
        let options = format!("--learning-rate {rate} --log-every 1 --output-dir {run}");
        place.pretrain(&format!("--input text.txt --vocab vocab.txt {options}")).ok();
    };
    train("slow", "1e-3");
    train("fast", "1e-2");
    let (page, answer) = page_of(&place, "slow fast");
    assert_eq!(answer.stderr, "");
    assert!(page.contains("<h1>2 runs</h1>"));
    for run in ["slow", "fast"] {
        let json = place.read_json(&format!("{run}/run.json"));
        assert!(page.contains(json["model_sha256"].as_str().unwrap()), "{run}");
        assert!(json["peak_memory"].as_u64().is_none_or(|bytes| bytes > 1 << 20), "{json}");
        // Every log line of the four steps, to four digits.
        for line in metrics(&place, run) {
            let Some(loss) = line["masked_lm_loss"].as_f64() else { continue };
            let loss = format!("{loss:.3}");
            let loss = loss.trim_end_matches('0').trim_end_matches('.');
            assert!(tells(&page, loss), "{run}: {loss}");
        }
        assert_eq!(count(&page, &format!("data-name=\"{run}, held out\"")), 4, "losses, shares");
    }
    for title in [
        "Masked words: loss",
        "Masked words: share of right answers",
        "Next sentence: loss",
        "Next sentence: share of right answers",
        "Learning rate",
        "Norm of the gradient",
        "Tokens a second",
    ] {
        assert_eq!(count(&page, &format!("<h3>{title}</h3>")), 1, "{title}");
    }
    let differing = between(&page, "<caption>Where the runs differ</caption>", "</table>");
    assert_eq!(count(differing[0], "<th scope=\"row\">"), 1, "{differing:?}");
    let row = "<th scope=\"row\">learning_rate</th><td>0.001</td><td>0.01</td>";
    assert!(differing[0].contains(row), "{differing:?}");
    // Colour and dash pattern differ.
    assert!(page.contains("stroke=\"#010000\"") && page.contains("stroke=\"#010101\""));
    assert!(!page.contains("NaN") && !page.contains("undefined"));

    // `pretrain` has written the page of its own run.
    let own = place.read_text("slow/report.html");
    assert_well_formed(&own);
    assert!(own.contains("<h1>The run slow</h1>") && own.contains("All settings"));
    assert_eq!(own, page_of(&place, "slow").0.replace('\r', ""));
}

#[test]
fn the_evaluations_of_a_run_have_its_sample_and_kinds_of_tokens() {
    let place = Place::with_vocab();
    let options = "--num-train-steps 6 --eval-every 2 --output-dir run";
    place.pretrain(&format!("--input text.txt --vocab vocab.txt {options}")).ok();
    let lines = metrics(&place, "run");
    let evaluations: Vec<&Value> =
        lines.iter().filter(|line| line.get("eval_loss").is_some()).collect();
    assert_eq!(evaluations.len(), 3);
    for line in &evaluations {
        let kinds = line["eval_kinds"].as_array().unwrap();
        let by_form = |kind: &&Value| {
            !["frequent", "less frequent", "rare"].contains(&kind["kind"].as_str().unwrap())
        };
        // Both ways to divide the tokens give the whole.
        let (by_form, by_frequency): (Vec<&Value>, Vec<&Value>) = kinds.iter().partition(by_form);
        for part in [by_form, by_frequency] {
            let sum = |name: &str| -> f64 {
                let of = |kind: &Value| {
                    kind["masked_tokens"].as_f64().unwrap() * kind[name].as_f64().unwrap()
                };
                part.iter().map(|kind| of(kind)).sum()
            };
            let masked: f64 = part.iter().map(|kind| kind["masked_tokens"].as_f64().unwrap()).sum();
            assert_eq!(masked, line["eval_masked_tokens"].as_f64().unwrap(), "{line}");
            for (name, of_all) in [
                ("loss", "eval_masked_lm_loss"),
                ("accuracy", "eval_masked_lm_accuracy"),
                ("unigram_loss", "unigram_loss"),
            ] {
                let (got, expected) = (sum(name) / masked, line[of_all].as_f64().unwrap());
                // Sums of a hundred f32 in another order.
                assert!(
                    (got - expected).abs() < 1e-5 * expected.max(1.0),
                    "{name} {got} {expected}"
                );
            }
        }
    }
    // What was noted at the end is what the saved model answers.
    let sample = &evaluations[2]["sample"];
    let text = sample["text"].as_str().unwrap();
    let answer = place.run(&["fill-mask", "--model", "run", "--json", text]).json();
    let predictions: Vec<Value> = answer["masks"][0]["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| json!({"token": p["token"], "probability": p["probability"]}))
        .collect();
    assert_eq!(sample["predictions"][0], json!(predictions));
    assert!(sample["word"].is_string(), "{sample}");
    let page = page_of(&place, "run").0;
    assert!(page.contains("What it filled in") && page.contains("Kinds of tokens"));
    assert_eq!(count(&page, "<ol class=\"words\">"), 3);
    let loss = evaluations[2]["eval_kinds"][0]["loss"].as_f64().unwrap();
    assert!(tells(&page, format!("{loss:.3}").trim_end_matches('0')), "{loss}");
}

#[test]
fn what_is_damaged_is_named_and_the_rest_is_shown() {
    let place = Place::with_run();
    let whole = place.read_text("run/metrics.jsonl");
    let mut lines: Vec<&str> = whole.lines().collect();
    lines.insert(1, "{\"step\":2,\"loss\":");
    place.write("run/metrics.jsonl", lines.join("\n"));
    let (page, answer) = page_of(&place, "run");
    for text in [&page, &answer.stderr] {
        assert!(text.contains("line 2 of metrics.jsonl cannot be read"), "{text}");
    }
    assert!(page.contains("<h3>Masked words: loss</h3>"));
    // Bytes that are no text, twenty times.
    place.write("run/metrics.jsonl", [b"\xff\xfe{\n".repeat(20), whole.clone().into()].concat());
    let (page, _) = page_of(&place, "run");
    assert!(page.contains("15 more lines of metrics.jsonl cannot be read"));
    assert!(page.contains("<h3>Masked words: loss</h3>"));
    // Nothing but damage, nothing at all, no file.
    for bytes in [&b"\0\0\0"[..], b"", b"\n\n"] {
        place.write("run/metrics.jsonl", bytes);
        let (page, _) = page_of(&place, "run");
        assert!(!page.contains("<figure") && page.contains("At a glance"));
    }
    fs::remove_file(place.path("run/metrics.jsonl")).unwrap();
    let (page, answer) = page_of(&place, "run");
    assert!(page.contains("no metrics.jsonl"));
    assert!(answer.stderr.contains("warning: `run`: It has no metrics.jsonl"), "{}", answer.stderr);

    // Without run.json, or with one that is none: the curves are there.
    place.write("run/metrics.jsonl", &whole);
    for bytes in
        [&b"{"[..], b"[]", b"\xff", b"{\"options\": 7, \"config\": [], \"read\": {}, \"job\": 1}"]
    {
        place.write("run/run.json", bytes);
        let (page, _) = page_of(&place, "run");
        assert!(page.contains("<h3>Masked words: loss</h3>"));
    }
    fs::remove_file(place.path("run/run.json")).unwrap();
    let (page, answer) = page_of(&place, "run");
    assert!(page.contains("<h3>Masked words: loss</h3>"));
    assert!(answer.stderr.contains("run.json cannot be read"), "{}", answer.stderr);
}

#[test]
fn runs_of_other_versions_and_unfinished_ones_are_shown() {
    let place = Place::with_run();
    let mut json = place.read_json("run/run.json");
    json["cloze_version"] = "0.1.0".into();
    // A setting that this version does not have.
    json["options"]["number_of_the_beast"] = 666.into();
    place.write("run/run.json", json.to_string());
    let (page, _) = page_of(&place, "run");
    assert!(
        page.contains("made by cloze 0.1.0") && page.contains(">number_of_the_beast</th><td>666<")
    );
    json.as_object_mut().unwrap().remove("model_sha256");
    place.write("run/run.json", json.to_string());
    assert!(page_of(&place, "run").0.contains("<td>stopped, step 4 of 4</td>"));
    let _lock = Lock::acquire(&place.path("run")).unwrap();
    let (page, _) = page_of(&place, "run");
    assert!(page.contains("<td>going on, step 4 of 4</td>") && !page.contains("id=\"reload\""));
}

#[test]
fn what_is_no_run_is_refused() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).unwrap();
    for (arguments, status, words) in [
        ("report", 2, vec!["RUN"]),
        ("report missing", 1, vec!["`missing` is not a directory"]),
        ("report text.txt", 1, vec!["`text.txt` is not a directory"]),
        ("report empty", 1, vec!["`empty` holds no run", "run.json", "--output-dir"]),
        ("report empty --watch", 2, vec!["--output"]),
        ("report empty --output page.html", 1, vec!["`empty` holds no run"]),
        ("report empty --output missing/page.html", 1, vec!["missing"]),
    ] {
        place.cloze(arguments).refused(status, &words);
    }
    assert!(!place.path("page.html").exists());
}

#[test]
fn a_page_replaces_no_file_of_a_run() {
    let place = Place::with_run();
    let before = place.files();
    for output in
        ["run/metrics.jsonl", "run/run.json", "run/vocab.txt", "run/new", "run/checkpoint/x"]
    {
        let answer = place.cloze(&format!("report run --output {output}"));
        answer.refused(2, &[output, "is a file of the run `run`", ".html"]);
    }
    place.cloze("report run --output run").refused(2, &["run"]);
    assert!(place.files() == before);
    let answer = place.cloze("report run --output run/other.html").ok();
    assert!(
        answer.stdout.is_empty() && answer.stderr.contains("run/other.html"),
        "{}",
        answer.stderr
    );
    assert_eq!(place.read_text("run/other.html"), place.read_text("run/report.html"));
    // The same run by two names.
    let (page, answer) = page_of(&place, "run run/../run");
    assert!(page.contains("<h1>The run run</h1>"));
    assert!(answer.stderr.contains("`run/../run` was named more than once"), "{}", answer.stderr);
    // Runs of the same name have their whole paths.
    fs::create_dir_all(place.path("copies")).unwrap();
    place.copy("run", "copies/run");
    let (page, _) = page_of(&place, "run copies/run");
    assert!(
        page.contains("copies&#x2f;run, held out")
            && page.contains("The runs have the same settings.")
    );
}

#[test]
fn a_page_is_never_read_as_text() {
    let place = Place::with_run();
    place.write("texts/text.txt", place.read("text.txt"));
    place.cloze("report run --output texts/page.txt").ok();
    let vocab = "vocab --vocab-size 120 --json --input";
    let words = place.cloze(&format!("{vocab} text.txt")).json()["words"].clone();
    let answer = place.cloze(&format!("{vocab} texts")).ok();
    assert_eq!(answer.json()["words"], words);
    assert!(answer.stderr.contains("page.txt"), "{}", answer.stderr);
    place
        .cloze(&format!("{vocab} texts/page.txt"))
        .refused(1, &["page.txt", "cloze writes itself"]);
    // A run does not begin where a report is.
    fs::create_dir(place.path("reports")).unwrap();
    place.cloze("report run --output reports/report.html").ok();
    let pretrain = "--input text.txt --vocab vocab.txt --output-dir reports";
    place.pretrain(pretrain).refused(1, &["already holds `report.html`"]);
}

#[cfg(unix)]
#[test]
fn text_is_shown_as_text() {
    let place = Place::with_vocab();
    let name = "<img src=x onerror=alert(1)> & \"'";
    let sample = "</title><script>alert(1)</script> ]]> [MASK] &amp;";
    let arguments = "pretrain --recipe google --model tiny.json --max-seq-length 32 --num-train-steps 2 --input text.txt \
                     --vocab vocab.txt --output-dir";
    let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
    arguments.extend([name, "--sample", sample]);
    place.run(&arguments).ok();
    let answer = place.run(&["report", name]).ok();
    let page = answer.stdout;
    assert_well_formed(&page);
    assert!(!page.contains("<script>alert") && !page.contains("<img"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;"), "{page}");
}

#[test]
fn a_fine_tuned_model_has_its_metrics_and_its_confusion_matrix() {
    let place = Place::with_run();
    let examples: String = (0..40)
        .map(|i| {
            if i % 2 == 0 {
                format!("The cat sat {i}.\tmoves\n")
            } else {
                format!("The bird flew {i}.\trests\n")
            }
        })
        .collect();
    place.write("examples.tsv", format!("text\tlabel\n{examples}"));
    let options = "--max-seq-length 32 --learning-rate 1e-3,1e-2 --num-train-epochs 2 --log-every 1 --output-dir classes";
    place
        .cloze(&format!(
            "finetune classify --model run --train examples.tsv --eval examples.tsv {options}"
        ))
        .ok();
    let own = place.read_text("classes/report.html");
    assert_well_formed(&own);
    let lines = metrics(&place, "classes");
    let evaluations: Vec<&Value> =
        lines.iter().filter(|line| line.get("eval_loss").is_some()).collect();
    let best =
        evaluations.iter().map(|line| line["eval_accuracy"].as_f64().unwrap()).fold(0.0, f64::max);
    let kept =
        evaluations.iter().find(|line| line["eval_accuracy"].as_f64() == Some(best)).unwrap();
    let confusion: Vec<u64> = kept["eval_confusion"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|cell| cell.as_u64().unwrap())
        .collect();
    assert_eq!((confusion.len(), confusion.iter().sum::<u64>()), (4, 40));
    assert!((best - (confusion[0] + confusion[3]) as f64 / 40.0).abs() < 1e-12);
    let cells = between(&own, "<table class=\"confusion\">", "</table>");
    let cells: Vec<u64> = between(cells[0], "style=\"--share: ", "</td>")
        .iter()
        .map(|cell| cell.split_once('>').unwrap().1.parse().unwrap())
        .collect();
    assert_eq!(cells, confusion);
    for words in [
        "fine-tuning: classify",
        "Learning rates: classes",
        "Classes: loss",
        "1e-3</th>",
        "moves",
        "kept",
    ] {
        assert!(own.contains(words) || own.contains(&words.replace("1e-3", "0.001")), "{words}");
    }
    let (page, _) = page_of(&place, "run classes");
    assert!(page.contains("Masked words: loss") && page.contains("Classes: loss"));
}

#[test]
fn a_hundred_thousand_lines_make_a_small_page() {
    let place = Place::with_run();
    let line = |step: u64| {
        json!({
            "step": step, "loss": 9.0 - step as f64 / 20_000.0, "masked_lm_loss": 8.0 - step as f64 / 20_000.0,
            "masked_lm_accuracy": step as f64 / 200_000.0, "next_sentence_loss": 0.6, "next_sentence_accuracy": 0.7,
            "learning_rate": 1e-4, "grad_norm": 1.0, "tokens": 4096 * step, "seconds": step, "tokens_per_second": 4096
        })
    };
    let lines: String = (1..=100_000).map(|step| line(step).to_string() + "\n").collect();
    place.write("run/metrics.jsonl", lines);
    let (page, _) = page_of(&place, "run");
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    let points: Vec<usize> = between(&page, "<g class=\"points", "</g>")
        .iter()
        .map(|curve| count(curve, "<circle"))
        .collect();
    assert_eq!(points, [200; 7]);
    assert!(page.contains("mean of up to 500 of them"));
    // The mean of steps 1 to 500.
    assert!(tells(&page, "7.987") && page.contains("1–500"));
    assert!(
        page.contains("<td>1 d 3 h") || page.contains("<td>27 h 46 min</td>"),
        "100,000 seconds"
    );
}

#[test]
fn a_watched_page_follows_its_run() {
    let place = Place::with_run();
    // Nothing goes on: it is written once.
    place.cloze("report run --watch --output page.html").ok();
    let mut json = place.read_json("run/run.json");
    let hash = json.as_object_mut().unwrap().remove("model_sha256").unwrap();
    place.write("run/run.json", json.to_string());
    let lock = Lock::acquire(&place.path("run")).unwrap();
    let arguments = ["report", "run", "--watch", "--output", "page.html"];
    let mut watching = place.command(&arguments).spawn().unwrap();
    let wait_for = |words: &str| {
        let start = Instant::now();
        while !place.read_text("page.html").contains(words) {
            assert!(start.elapsed() < Duration::from_secs(120), "the page has no {words}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    // As a run writes: whole or not at all.
    let replace = |name: &str, text: String| {
        place.write("run/new", text);
        fs::rename(place.path("run/new"), place.path(name)).unwrap();
    };
    wait_for("id=\"reload\"");
    let more = place.read_text("run/metrics.jsonl") + "{\"step\":77,\"masked_lm_loss\":1.5}\n";
    replace("run/metrics.jsonl", more);
    wait_for("going on, step 77");
    json["model_sha256"] = hash;
    replace("run/run.json", json.to_string());
    drop(lock);
    assert!(watching.wait().unwrap().success());
    let page = place.read_text("page.html");
    assert!(page.contains("finished, step 77") && !page.contains("id=\"reload\""));
}
