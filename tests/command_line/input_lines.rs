//! Commands that use a model on a file of texts: `--input`, its formats, and its errors.

use crate::place::{Answer, Place, answer, keys};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write;
use std::process::Stdio;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Runs the program with `text` on standard input.
pub fn pipe(place: &Place, arguments: &str, text: &[u8]) -> Answer {
    let mut child = place
        .command(&arguments.split_whitespace().collect::<Vec<_>>())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    answer(child.wait_with_output().unwrap())
}

#[test]
fn fill_mask_answers_each_line_as_it_does_alone() {
    let place = Place::with_run();
    let texts = ["The [MASK] sat.", "[MASK]", "A \"dog\" ran to the [MASK] [MASK]."];
    let base = ["fill-mask", "--model", "run", "--top", "2", "--json"];
    let alone: Vec<_> =
        texts.iter().map(|text| place.run(&[&base[..], &[*text]].concat()).json()).collect();
    let lines = texts.map(|text| json!({"id": 1, "text": text}).to_string()).join("\n");
    place.write("a.txt", texts.join("\r\n"));
    place.write("a.jsonl", &lines);
    place.write("a.txt.gz", gzip(&(texts.join("\n") + "\n")));
    place.write("a.jsonl.gz", gzip(&lines));
    for file in ["a.txt", "a.jsonl", "a.txt.gz", "a.jsonl.gz"] {
        let answer = place.run(&[&base[..], &["--input", file]].concat()).ok();
        assert_eq!(answer.stderr, "");
        assert_eq!(answer.json_lines(), alone, "{file}");
    }
    assert_eq!(place.run(&[&base[..], &texts].concat()).json_lines(), alone);
    let piped = |text: &[u8]| pipe(&place, &(base.join(" ") + " --input -"), text).json_lines();
    assert_eq!(piped(texts.join("\n").as_bytes()), alone);
    assert_eq!(piped(lines.as_bytes()), alone);
    assert_eq!(piped(&gzip(&lines)), alone);
    // In another order, and with other threads.
    let reversed: Vec<&str> = texts.iter().rev().copied().collect();
    place.write("b.txt", "\n".to_string() + &reversed.join("\n\n"));
    let options = ["--input", "b.txt", "--skip-blank-lines", "--threads", "3"];
    let mut answers = place.run(&[&base[..], &options].concat()).json_lines();
    answers.reverse();
    assert_eq!(answers, alone);
    let shown = place.run(&["fill-mask", "--model", "run", "--input", "a.txt"]).ok().stdout;
    assert!(shown.contains(&format!("{}\n[MASK] at position ", texts[2])), "{shown}");
}

#[test]
fn next_sentence_answers_each_line_as_it_does_alone() {
    let place = Place::with_run();
    let pairs = [["The cat sat.", "It slept."], ["A dog.", "The moon is out."], ["A.", "B."]];
    let base = ["next-sentence", "--model", "run", "--json"];
    let alone: Vec<_> =
        pairs.iter().map(|pair| place.run(&[&base[..], pair].concat()).json()).collect();
    let object = |[a, b]: [&str; 2]| json!({"sentence_b": b, "sentence_a": a}).to_string();
    place.write("a.tsv", pairs.map(|pair| pair.join("\t") + "\n").concat());
    place.write("a.ndjson", pairs.map(object).join("\n"));
    for file in ["a.tsv", "a.ndjson"] {
        let answer = place.run(&[&base[..], &["--input", file]].concat()).ok();
        assert_eq!(answer.json_lines(), alone, "{file}");
    }
    let piped = |name| pipe(&place, &(base.join(" ") + " --input -"), &place.read(name));
    assert_eq!(piped("a.tsv").json_lines(), alone);
    assert_eq!(piped("a.ndjson").json_lines(), alone);
    let shown = place.cloze("next-sentence --model run --input a.tsv").ok().stdout;
    assert!(shown.lines().count() == 3 && shown.contains("A dog.  |  The moon is out."), "{shown}");
}

#[test]
fn a_wrong_line_is_named_and_nothing_is_answered() {
    let place = Place::with_run();
    let long = "a ".repeat(70);
    let refuses = |command: &str, text: &str, words: &[&str]| {
        place.write("a.txt", text);
        place.refuses(words, |place| {
            place.cloze(&format!("{command} --model run --json --input a.txt"))
        });
    };
    let masked = format!("A [MASK].\nThe [MASK].\n[MASK] {long}\n");
    refuses("fill-mask", &masked, &["`a.txt`, line 3: the text is ", "at most 64"]);
    refuses("fill-mask", "A [MASK].\nA dog.\n", &["`a.txt`, line 2: there is no [MASK]"]);
    let blank = ["`a.txt`, line 2: the line is blank", "--skip-blank-lines"];
    refuses("fill-mask", "A [MASK].\n\n[MASK]\n", &blank);
    refuses("fill-mask", "", &["`a.txt` holds no text"]);
    for command in ["embed", "score"] {
        refuses(command, "A.\n \nB.\n", &blank);
        refuses(command, "A.\nB.\n\u{0}\u{1}\n", &["`a.txt`, line 3: the text has no word"]);
    }
    refuses("score", "A.\nA [MASK].\n", &["`a.txt`, line 2: ", "special token [MASK]"]);
    let pairs = format!("A.\tB.\nA.\t{long}\n");
    refuses("next-sentence", &pairs, &["`a.txt`, line 2: the text is ", "at most 64"]);
    refuses("next-sentence", "A.\tB.\nA. B.\n", &["`a.txt`, line 2: 1 text(s), but 2 are needed"]);
    refuses("next-sentence", "A.\t \n", &["`a.txt`, line 1: text 2 of 2 is empty"]);
    place.write(
        "a.jsonl",
        "{\"sentence_a\": \"A\", \"sentence_b\": \"B\"}\n{\"sentence_a\": \"A\"}",
    );
    let command = "next-sentence --model run --input a.jsonl";
    let words = ["`a.jsonl`, line 2: there is no field \"sentence_b\""];
    place.refuses(&words, |place| place.cloze(command));
    place.write("bad.txt", b"A [MASK].\n\xff [MASK]\n");
    let command = "fill-mask --model run --input bad.txt";
    let words = ["`bad.txt` is not UTF-8: line 2, byte 10", "--invalid-utf8 replace"];
    place.refuses(&words, |place| place.cloze(command));
    place.cloze(&format!("{command} --invalid-utf8 replace")).ok();
    let none = "fill-mask --model run --input none.txt";
    place.refuses(&["cannot open `none.txt`"], |place| place.cloze(none));
    place.refuses(&["`run`"], |place| place.cloze("fill-mask --model run --input run"));
    let empty = ["standard input is empty"];
    place.refuses(&empty, |place| place.cloze("fill-mask --model run --input -"));
    place.refuses(&empty, |place| place.cloze("embed --model run"));
    place.refuses(&empty, |place| place.cloze("score --model run"));
}

#[test]
fn wrong_usage() {
    let place = Place::with_run();
    for arguments in [
        "fill-mask --model run --input a.txt A",
        "next-sentence --model run --input a.txt A B",
        "score --model run --input a.txt A",
        "score --model run --pairs a.jsonl A",
        "score --model run --pairs a.jsonl --input a.txt",
        "score --model run --group-by x A",
        "score --model run --method other A",
        "embed --model run --input a.txt A",
        "embed --model run --pooling max A",
        "embed --model run --similarity --output a.npy A",
        "embed --model run --output run/config.json A",
        "generate --model run --method beam",
        "generate --model run A B",
    ] {
        let before = place.files();
        place.cloze(arguments).refused(2, &["--help"]);
        assert!(place.files() == before);
    }
}

#[test]
fn scores_are_shown_and_answered() {
    let place = Place::with_run();
    let texts = ["The cat sat on the mat.", "Snow fell."];
    let base = ["score", "--model", "run", "--json"];
    let answers = place.run(&[&base[..], &texts].concat()).ok();
    assert_eq!(answers.stderr, "");
    let answers = answers.json_lines();
    for (answer, text) in answers.iter().zip(texts) {
        assert_eq!(keys(answer), ["text", "score", "tokens"]);
        assert_eq!(answer["text"], text);
        let tokens = answer["tokens"].as_array().unwrap();
        let pieces = place.run(&["tokenize", "--model", "run", "--json", text]).json();
        let names: Vec<_> = tokens.iter().map(|token| token["token"].clone()).collect();
        assert_eq!(json!(names), pieces["tokens"]);
        let sum: f64 = tokens.iter().map(|token| token["log_probability"].as_f64().unwrap()).sum();
        assert!((answer["score"].as_f64().unwrap() - sum).abs() < 1e-4);
    }
    assert_eq!(pipe(&place, &base.join(" "), texts.join("\n").as_bytes()).json_lines(), answers);
    let original = [&base[..], &["--method", "original"], &texts].concat();
    assert_ne!(place.run(&original).json_lines(), answers);
    let shown = place.run(&["score", "--model", "run", texts[1]]).ok().stdout;
    assert!(shown.starts_with("Snow fell.\n  score -"), "{shown}");
    let long = "the ".repeat(80);
    let answer = place.run(&[&base[..], &["A dog.", &long]].concat()).ok();
    let words = "warning: text 2 of 2: 82 tokens, but the model reads at most 64; what is behind character ";
    assert!(answer.stderr.starts_with(words), "{}", answer.stderr);
    let cut = &answer.json_lines()[1];
    assert_eq!(keys(cut), ["text", "score", "tokens", "truncated"]);
    assert_eq!(cut["tokens"].as_array().unwrap().len(), 62);
    let answer = place.run(&[&base[..], &["猫 猫"]].concat()).ok();
    assert!(answer.stderr.contains("the vocabulary knows none of its words"), "{}", answer.stderr);
}

#[test]
fn pairs_are_answered_in_groups() {
    let place = Place::with_run();
    let pair = |good: &str, bad: &str, more: &str| {
        format!("{{\"sentence_good\": \"{good}\", \"sentence_bad\": \"{bad}\"{more}}}\n")
    };
    let (x, y) = ("The cat sat.", "It was the dog.");
    place.write("d/a.jsonl", pair(x, y, "") + &pair(y, x, "") + &pair(x, x, ""));
    place.write("d/b.jsonl", pair(x, x, ", \"UID\": \"island\", \"field\": \"syntax\""));
    let answer = place.cloze("score --model run --pairs d --json").ok();
    assert_eq!(answer.stderr, "");
    let answer = answer.json();
    assert_eq!(keys(&answer), ["accuracy", "pairs", "ties", "groups"]);
    assert_eq!(keys(&answer["groups"]), ["a", "island"]);
    let expected = json!({"accuracy": 1.0 / 3.0, "pairs": 3, "ties": 1});
    assert_eq!(answer["groups"]["a"], expected);
    assert_eq!(answer["groups"]["island"], json!({"accuracy": 0.0, "pairs": 1, "ties": 1}));
    assert_eq!((&answer["accuracy"], &answer["pairs"]), (&json!(0.25), &json!(4)));
    let file = place.cloze("score --model run --pairs d/b.jsonl --group-by field --json").json();
    assert_eq!(keys(&file["groups"]), ["syntax"]);
    let piped = pipe(&place, "score --model run --pairs - --json", &place.read("d/b.jsonl")).json();
    assert_eq!(keys(&piped["groups"]), ["island"]);
    let shown = place.cloze("score --model run --pairs d").ok().stdout;
    assert!(shown.contains("all      25.0 %  of 4 pairs, 2 ties"), "{shown}");

    let refuses = |text: &str, words: &[&str]| {
        place.write("p.jsonl", text);
        place.refuses(words, |place| place.cloze("score --model run --pairs p.jsonl"));
    };
    let missing = pair(x, y, "") + "{\"sentence_good\": \"A\"}";
    refuses(&missing, &["`p.jsonl`, line 2: there is no field \"sentence_bad\""]);
    refuses("A\tB\n", &["`p.jsonl`, line 1: not JSON"]);
    refuses(&pair(x, " ", ""), &["`p.jsonl`, line 1: the field \"sentence_bad\" is empty"]);
    refuses("\n", &["`p.jsonl` holds no text"]);
    let long = pair(x, y, "") + "\n" + &pair(x, &"a ".repeat(70), "");
    refuses(&long, &["`p.jsonl`, line 3: the text is 72 tokens long", "at most 64"]);
    refuses(&pair(x, "A [SEP]", ""), &["`p.jsonl`, line 1: ", "special token [SEP]"]);
    place.write("empty/a.txt", "");
    let words = ["`empty` holds no file of pairs"];
    place.refuses(&words, |place| place.cloze("score --model run --pairs empty"));
}

#[test]
fn vectors_are_written_as_json_or_for_numpy() {
    let place = Place::with_run();
    let texts = ["The cat sat.", "Snow fell in the night.", "The cat sat."];
    place.write("a.txt", texts.join("\n"));
    let base = "embed --model run --input a.txt";
    let answer = place.cloze(base).ok();
    assert_eq!(answer.stderr, "");
    let lines = answer.json_lines();
    let vectors: Vec<Vec<f32>> = lines
        .iter()
        .zip(texts)
        .map(|(line, text)| {
            assert_eq!(keys(line), ["text", "embedding"]);
            assert_eq!(line["text"], text);
            serde_json::from_value(line["embedding"].clone()).unwrap()
        })
        .collect();
    assert!(vectors[0] == vectors[2] && vectors[0] != vectors[1] && vectors[0].len() == 16);
    place.cloze(&format!("{base} --json --output a.jsonl")).ok();
    assert_eq!(place.read_text("a.jsonl"), answer.stdout);
    place.cloze(&format!("{base} --output a.npy --threads 3")).ok();
    let bytes = place.read("a.npy");
    let numbers: Vec<u8> = vectors.concat().iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(bytes[128..], numbers);
    let header = String::from_utf8_lossy(&bytes[10..128]);
    assert!(header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 16), }"));
    let normalized = &place.cloze(&format!("{base} --normalize --pooling cls")).json_lines()[1];
    let normalized: Vec<f64> = serde_json::from_value(normalized["embedding"].clone()).unwrap();
    let length = normalized.iter().map(|x| x * x).sum::<f64>();
    assert!((length - 1.0).abs() < 1e-6, "{length}");

    let arguments = [&["embed", "--model", "run", "--similarity", "--json"], &texts[..]].concat();
    let similarity = place.run(&arguments).json();
    assert_eq!(keys(&similarity), ["texts", "cosine"]);
    assert_eq!(similarity["texts"], json!(texts));
    let cosine: Vec<Vec<f32>> = serde_json::from_value(similarity["cosine"].clone()).unwrap();
    let expected = cloze::tasks::cosine(&vectors[0], &vectors[1]);
    assert_eq!(cosine, [[1.0, expected, 1.0], [expected, 1.0, expected], [1.0, expected, 1.0]]);
    let shown = place.run(&["embed", "--model", "run", "--similarity", "A", "Tom"]).ok().stdout;
    assert!(shown.starts_with("A     1.000  ") && shown.lines().count() == 2, "{shown}");

    // An output that exists stays as it is when a text is refused.
    place.write("a.txt", "The cat sat.\n\nA\n");
    let command = format!("{base} --output a.npy");
    place.refuses(&["`a.txt`, line 2"], |place| place.cloze(&command));
    let command = "embed --model run --input a.txt --output a.txt";
    place.cloze(command).refused(2, &["would overwrite --input"]);
}

#[test]
fn generated_text_is_answered_and_shown() {
    let place = Place::with_run();
    let base = "generate --model run --length 8 --samples 2 --iterations 2";
    let answer = place.cloze(&format!("{base} --json The")).ok();
    assert_eq!(answer.stderr, "");
    let lines = answer.json_lines();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert_eq!(keys(line), ["prompt", "text", "score"]);
        assert_eq!(line["prompt"], "The");
        let text = line["text"].as_str().unwrap();
        assert!(text.starts_with("the") && !text.contains("[MASK]"), "{text}");
        let scored = place.run(&["score", "--model", "run", "--json", text]).json();
        assert_eq!(scored["score"], line["score"]);
    }
    let again = place.cloze(&format!("{base} --threads 3 --json The")).json_lines();
    assert_eq!(again, lines);
    assert_ne!(place.cloze(&format!("{base} --seed 1 --json The")).json_lines(), lines);
    for method in ["gibbs", "left-to-right", "mask-predict"] {
        let command = format!("generate --model run --length 60 --show --method {method}");
        let answer = place.cloze(&command).ok();
        assert_eq!(answer.stdout.lines().count(), 1, "{}", answer.stdout);
        assert!(answer.stderr.contains("BERT learned to fill blanks"), "{}", answer.stderr);
        assert!(answer.stderr.lines().count() > 2, "{}", answer.stderr);
        let shown = answer.stderr.lines().filter(|line| !line.starts_with("note: "));
        assert!(shown.clone().all(|line| line.chars().count() <= 80), "{}", answer.stderr);
        assert!(shown.clone().any(|line| line.contains('…')), "{}", answer.stderr);
    }
    for (arguments, words) in [
        ("--length 63", "65 tokens long"),
        ("--length 0", "'length'"),
        ("--temperature -1", "--temperature is -1"),
        ("--samples 0", "--samples is 0"),
        ("--iterations 0", "--iterations is 0"),
        ("--method left-to-right --iterations 2", "--iterations is 2"),
        ("[SEP]", "special token [SEP]"),
    ] {
        let words = words.replace("'length'", "--length is 0");
        let command = format!("generate --model run {arguments}");
        place.refuses(&[&words], |place| place.cloze(&command));
    }
}
