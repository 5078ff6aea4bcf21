//! The pages in a real browser: what their scripts compute is what `cloze` computes, and they load nothing.
//!
//! [`browser`] opens a page in Chromium; `harness.js` is added to a copy of the page, asks its scripts, and writes
//! their answers into the page. Without Chromium these tests say so and pass; `.ci/run` requires it.

mod browser;
mod fixture;

use browser::{chromium, open};
use cloze::report::page::{MOST_PARAMETERS, explain_page};
use cloze::tasks::{ExplainOptions, Model};
use cloze::tokenizer::{MASK, Tokenizer, TokenizerOptions, for_each_word};
use fixture::{harness_answer, masked_texts, model, page, pairs, unicode_texts, with_harness};
use serde_json::{Value, json};
use std::path::Path;

/// Relative. The browser has 16 of the 32 bits of each weight: 2.6e-5 is measured on this model, which has learned
/// little, and 1.7e-3 on the built-in one.
const TOLERANCE: f64 = 2e-4;

/// FNV-1a over the UTF-16 units, as in `harness.js`.
fn digest(text: &str) -> u32 {
    text.encode_utf16()
        .fold(0x811c_9dc5, |hash, unit| (hash ^ u32::from(unit)).wrapping_mul(0x0100_0193))
}

/// The settings of the tokenizer, by their names in `model.js`.
fn settings() -> [TokenizerOptions; 4] {
    let uncased = TokenizerOptions::default();
    let cased = uncased.with_do_lower_case(false);
    let without_accents = cased.with_strip_accents(Some(true)).with_tokenize_chinese_chars(false);
    [uncased, cased, uncased.with_strip_accents(Some(false)), without_accents]
}

fn close(found: &Value, expected: f32) -> f64 {
    let expected = f64::from(expected);
    (found.as_f64().expect("a number") - expected).abs() / expected
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn the_browser_computes_what_cloze_computes() {
    let Some(chromium) = chromium() else { return };
    let model = model();
    let (texts, pairs) = (masked_texts(), pairs());
    assert!(texts.len() >= 100 && pairs.len() >= 10);
    let unicode = unicode_texts();
    let options = settings();
    let question = json!({
        "texts": texts,
        "pairs": pairs,
        "typed": "The [MASK] fox ran a [MASK].",
        "settings": options.iter().enumerate().map(|(index, options)| {
            let normalizer = options.normalizer();
            json!({
                "options": {
                    "lowerCase": normalizer.lower_case,
                    "stripAccents": normalizer.strip_accents,
                    "tokenizeChineseChars": normalizer.tokenize_chinese_chars,
                },
                "texts": unicode,
                "scalars": index % 3 == 0,
            })
        }).collect::<Vec<_>>(),
    });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("page.html");
    std::fs::write(&file, with_harness(&page("The fox ran.", Some("It was fast.")), &question))
        .unwrap();
    let opened = open(&chromium, &file);
    let answer = harness_answer(&opened);

    // Ids and probabilities of the blanks.
    let mut largest = 0f64;
    let filled = model.fill_mask(&texts, 5).unwrap();
    for ((text, filled), answer) in
        texts.iter().zip(&filled).zip(answer["texts"].as_array().unwrap())
    {
        let sequence = model.sequence(text, None).unwrap();
        assert_eq!(ids(&answer["ids"]), sequence.input_ids, "{text:?}");
        assert_eq!(ids(&answer["segments"]), sequence.token_type_ids, "{text:?}");
        let masks = answer["masks"].as_array().unwrap();
        assert_eq!(masks.len(), filled.masks.len(), "{text:?}");
        for (mask, filled) in masks.iter().zip(&filled.masks) {
            assert_eq!(mask["position"], filled.position, "{text:?}");
            let predictions = mask["predictions"].as_array().unwrap();
            for expected in &filled.predictions {
                let found = predictions.iter().find(|found| found["id"] == expected.token_id);
                let found = found.unwrap_or_else(|| panic!("{text:?}: no {expected:?} in {mask}"));
                assert_eq!(found["token"], expected.token);
                let difference = close(&found["probability"], expected.probability);
                assert!(difference < TOLERANCE, "{text:?}: {found}, but {expected:?}");
                largest = largest.max(difference);
            }
        }
    }

    // Pairs.
    let judged = model.next_sentence(&pairs).unwrap();
    for ((pair, judged), answer) in
        pairs.iter().zip(&judged).zip(answer["pairs"].as_array().unwrap())
    {
        let sequence = model.sequence(pair.0, Some(pair.1)).unwrap();
        assert_eq!(ids(&answer["ids"]), sequence.input_ids, "{pair:?}");
        assert_eq!(ids(&answer["segments"]), sequence.token_type_ids, "{pair:?}");
        let difference = close(&answer["follows"], judged.is_next_probability);
        assert!(
            difference < TOLERANCE,
            "{pair:?}: {}, but {}",
            answer["follows"],
            judged.is_next_probability
        );
        largest = largest.max(difference);
    }
    eprintln!("largest relative difference of a probability: {largest:.1e}");

    // GELU with erf and not with tanh, which would be up to 5e-4 away; the formula of the page is good to 1.5e-7.
    for (i, found) in answer["gelus"].as_array().unwrap().iter().enumerate() {
        let x = (i as f32 - 600.0) / 100.0;
        let expected = f64::from(cloze::tensor::math::gelu(x));
        assert!(
            (found.as_f64().unwrap() - expected).abs() < 1e-6,
            "gelu({x}): {found}, {expected}"
        );
    }

    // The tokenizer with all settings, and with every Unicode scalar value.
    for (options, answer) in options.into_iter().zip(answer["settings"].as_array().unwrap()) {
        let vocabulary = model.tokenizer().vocabulary().clone();
        let (cls, sep) = (vocabulary.cls_id(), vocabulary.sep_id());
        let tokenizer = Tokenizer::new(vocabulary, options);
        for (text, found) in unicode.iter().zip(answer["ids"].as_array().unwrap()) {
            let expected = [vec![cls], tokenizer.encode(text), vec![sep]].concat();
            assert_eq!(ids(found), expected, "{options:?}: {text:?}");
        }
        for (block, found) in answer["blocks"].as_array().unwrap().iter().enumerate() {
            let first = 256 * block as u32;
            let characters = (first..first + 256).filter_map(char::from_u32);
            let text: String = characters.map(|c| format!("a{c}b {c} \n")).collect();
            let mut words = Vec::new();
            for_each_word(&options.normalizer(), &text, |word, _| words.push(word.to_owned()));
            assert_eq!(
                *found,
                digest(&words.join(" ")),
                "{options:?}: U+{first:04X} and the 255 behind it"
            );
        }
    }

    used(model, answer["use"].as_array().expect("the page was used"));
}

/// Checks what the page showed while a person used it.
fn used(model: &Model<'_>, steps: &[Value]) {
    let step = |what: &str| steps.iter().find(|step| step["what"] == what).expect("a step");
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let tokens = ["[CLS]", "the", MASK, "fox", "ran", "a", MASK, ".", "[SEP]"];

    let typed = step("typed");
    let filled = &model.fill_mask(&["The [MASK] fox ran a [MASK]."], 5).unwrap()[0];
    let expected = filled.masks.iter().flat_map(|mask| &mask.predictions);
    let answers = typed["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 10);
    for (answer, expected) in answers.iter().zip(expected) {
        let shown = answer[1].as_str().unwrap().trim_end_matches(" %").trim_start_matches('<');
        let shown: f64 = shown.parse().unwrap();
        // Rounded to 0.05 percent.
        assert!(
            (shown - 100.0 * f64::from(expected.probability)).abs() < 0.06,
            "{answer} {expected:?}"
        );
    }
    assert_eq!(strings(&typed["tokens"]), tokens);
    assert_eq!(typed["problem"], "");
    let first = step("at first");
    assert!(!first["answers"].as_array().unwrap().is_empty(), "{first}");
    assert!(first["follows"].as_str().unwrap().contains("% that B follows A"), "{first}");

    // From [CLS]: two to the right, to the end, no further, one back.
    let explained =
        model.explain("The [MASK] fox ran a [MASK].", None, &ExplainOptions::default()).unwrap();
    let shares = |query: usize| -> Vec<String> {
        let row = &explained.attention[1].heads[1].probabilities[query];
        row.iter().map(|p| format!("{:.0} %", 100.0 * p)).collect()
    };
    let moved = step("moved");
    assert!(
        moved["looks"].as_str().unwrap().starts_with("In layer 2, head 2, “.” looks most at “"),
        "{moved}"
    );
    let differ = strings(&moved["shares"]).iter().zip(shares(7)).filter(|(a, b)| **a != *b).count();
    // A share at the border between two percents may be rounded to the other one.
    assert!(differ <= 1, "{moved} {:?}", shares(7));
    assert!(step("pointed")["looks"].as_str().unwrap().contains("“the” looks most at"));

    assert!(step("no blank")["problem"].as_str().unwrap().contains("no blank"));
    assert_eq!(strings(&step("no blank")["answers"]).len(), 0);
    assert_eq!(strings(&step("blank put")["tokens"])[1..3], ["no", MASK]);
    assert!(step("too long")["problem"].as_str().unwrap().contains("at most 512: shorten it"));
    assert_eq!(strings(&step("empty")["tokens"]), ["[CLS]", "[SEP]"]);
    let is_next = model.next_sentence(&pairs()[..1]).unwrap()[0].is_next_probability;
    let follows = step("pair")["follows"].as_str().unwrap();
    let shown = follows.split_once(" %").unwrap().0.parse::<f64>().unwrap();
    assert!((shown - 100.0 * f64::from(is_next)).abs() < 0.3, "{follows} {is_next}");
    assert!(step("half a pair")["follows"].as_str().unwrap().contains("both fields"));
}

/// Opens `html` as it is: no message in the console, no request. Returns the document.
fn open_clean(chromium: &Path, html: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("page.html");
    std::fs::write(&file, html).unwrap();
    let opened = open(chromium, &file);
    assert_eq!(opened.console, Vec::<String>::new());
    assert_eq!(opened.requests, Vec::<String>::new());
    opened.dom
}

#[test]
fn text_is_shown_as_text_and_nowhere_executed() {
    let Some(chromium) = chromium() else { return };
    let evil = "</script><script>document.title = 'broken'</script> ]]> <!-- </style> </textarea> \" ' \
                <img src=x onerror=\"document.title='broken'\"> {{ title }} ${document.title='broken'} [MASK]";
    let html = page(evil, Some(evil));
    let dom = open_clean(&chromium, &html);
    assert!(dom.contains("<title>One text, step by step</title>"), "{dom}");
    assert!(dom.contains(
        "&lt;/script&gt;&lt;script&gt;document.title = 'broken'&lt;/script&gt; ]]&gt; &lt;!--"
    ));
    assert!(!dom.contains("<img"));
    // The page shows it, and the scripts have answered it.
    let text = dom.split_once("id=\"try-answers\">").unwrap().1;
    assert!(text.contains("the likeliest pieces"), "{}", &text[..200]);
    let attention = dom.split_once("id=\"attention-view\"").unwrap().1;
    assert!(
        attention.contains("In layer 1, head 1, “[MASK]” looks most at “"),
        "{}",
        &attention[..200]
    );
}

/// `cloze explain --html FILE` on the fixture: exit status and standard error.
fn explain_html(file: &Path, more: &[&str]) -> (i32, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_cloze"))
        .arg("explain")
        .arg("--model")
        .arg(fixture::model_directory())
        .arg("--html")
        .arg(file)
        .args(more)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_command_writes_the_page_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("page.html");
    let texts = ["The quick brown fox jumps over the lazy dog.", "The cat sat on the mat."];
    assert_eq!(explain_html(&file, &texts), (0, String::new()));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    let html = std::fs::read_to_string(&file).unwrap();
    let lines = |html: &str| -> Vec<String> {
        html.lines().filter(|line| !line.contains("Written by")).map(String::from).collect()
    };
    assert_eq!(lines(&html), lines(&page(texts[0], Some(texts[1]))));
    if let Some(chromium) = chromium() {
        let dom = open_clean(&chromium, &html);
        assert!(dom.contains("% that B follows A"), "{dom}");
    }

    // Files of the model are not replaced, and only one kind of answer is given.
    let config = fixture::model_directory().join("config.json");
    let (status, message) = explain_html(&config, &texts);
    assert!(status == 2 && message.contains("error: --html `"), "{status} {message}");
    assert!(message.contains("would overwrite --model"), "{message}");
    for other in [&["--json"][..], &["--step", "text"], &["--layer", "1"]] {
        let (status, message) = explain_html(&file, &[other, &texts[..]].concat());
        assert!(status == 2 && message.contains("cannot be used with"), "{status} {message}");
    }
    let missing = directory.path().join("no/page.html");
    let (status, message) = explain_html(&missing, &texts);
    assert!(status == 1 && message.contains("/no`"), "{status} {message}");
    // An error leaves the old page as it was.
    let (status, message) = explain_html(&file, &[""]);
    assert!(status == 1 && message.contains("no word"), "{status} {message}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), html);
}

#[test]
fn the_report_of_a_run_holds_its_model() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("report.html");
    let report = |runs: &[&Path]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_cloze"))
            .arg("report")
            .args(runs)
            .arg("--output")
            .arg(&file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read_to_string(&file).unwrap()
    };
    let run = fixture::model_directory();
    let html = report(&[&run]);
    assert!(html.contains("This page holds the whole model"));
    if let Some(chromium) = chromium() {
        let dom = open_clean(&chromium, &html);
        assert!(dom.contains("the likeliest pieces</caption>"), "{dom}");
        assert!(dom.contains("% that B follows A"), "{dom}");
    }

    // Several runs have no model in their page; what cannot be read is said.
    let copy = directory.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(&run).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    assert!(!report(&[&run, &copy]).contains("id=\"try\""));
    std::fs::write(copy.join("tokenizer.json"), "{").unwrap();
    let html = report(&[&copy]);
    assert!(html.contains("This page does not hold the model, which cannot be read: "));
    assert!(html.contains("tokenizer.json") && !html.contains("model-weights"));
}

#[test]
fn every_kind_of_text_makes_a_page() {
    let long = "the fox ran over the hill ".repeat(60);
    for (text, next, parts) in [
        ("The [MASK] fox.", None, &["nobody knows the right words", "This is one text"][..]),
        (
            "The fox.",
            Some("It [MASK]."),
            &["B follows A", "The right words for the blanks are not known"],
        ),
        (&long, Some(&*long), &["The text was cut.", "What chosen tokens become"]),
        ("\u{4e2d}\u{1f600}\u{202e}\u{7}", None, &["\\u{202e}", "\\u{7}", "U+0007", "dropped"]),
        ("The fox ran to the park.", None, &["What each head does", "‖g‖", "p(right", "λ ="][..2]),
    ] {
        let html = page(text, next);
        for part in parts {
            assert!(html.contains(part), "{text:?}: no {part:?}");
        }
        // Numbers only: NaN and infinity would be written out.
        assert!(!html.contains(">NaN") && !html.contains(">inf"), "{text:?}");
        // The input of the model holds the text as it is.
        let (steps, _) = html.split_once("<section id=\"try\">").unwrap();
        assert!(!steps.contains('\u{202e}') && !steps.contains('\u{7}'), "{text:?}");
    }
}

#[test]
fn a_page_that_fails_or_loads_something_is_noticed() {
    let Some(chromium) = chromium() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("page.html");
    let bad = "<img src=\"https://example.invalid/x.png\"><script>nope()</script>";
    std::fs::write(&file, format!("<!DOCTYPE html><html><body>{bad}</body></html>")).unwrap();
    let opened = open(&chromium, &file);
    assert!(
        opened.console.iter().any(|line| line.contains("nope is not defined")),
        "{:?}",
        opened.console
    );
    assert!(
        opened.requests.iter().any(|url| url.contains("example.invalid")),
        "{:?}",
        opened.requests
    );
    // In a page of ours the policy stops it first, and says so.
    let html = page("The fox ran.", None).replace("<main>", &format!("<main>{bad}"));
    std::fs::write(
        &file,
        with_harness(&html, &json!({"texts": [], "pairs": [["a", "b"]], "settings": []})),
    )
    .unwrap();
    let opened = open(&chromium, &file);
    let problems = fixture::harness_result(&opened)["problems"].to_string();
    assert!(problems.contains("nope is not defined"), "{problems}");
    assert!(problems.contains("img-src https://example.invalid/x.png"), "{problems}");
    assert_eq!(opened.requests, Vec::<String>::new());
}

#[test]
fn a_page_is_below_12_megabytes_and_says_when_it_does_not_hold_the_model() {
    use cloze::model::{Bert, Config};
    let vocabulary = fixture::large_vocabulary(30_000);
    let explain = |config: Config| {
        let bert = Bert::new(config, 1);
        let parameters = bert.parameters.len();
        let tokenizer = Tokenizer::new(vocabulary.clone(), TokenizerOptions::default());
        let model = Model::new(bert, tokenizer);
        let explanation = model.explain("word1 word2", None, &ExplainOptions::default()).unwrap();
        (parameters, explain_page(&model, &explanation, "cloze explain").unwrap())
    };
    let mut config = Config::new(1, 64, 30_000);
    config.intermediate_size = 15_600;
    config.max_position_embeddings = 120;
    let (parameters, html) = explain(config.clone());
    assert!((MOST_PARAMETERS - 20_000..MOST_PARAMETERS).contains(&parameters), "{parameters}");
    assert!(html.len() < 12_000_000, "{}", html.len());
    assert!(html.contains("This page holds the whole model"));
    config.max_position_embeddings = 512;
    let (parameters, html) = explain(config);
    assert!(parameters > MOST_PARAMETERS);
    assert!(html.contains("and a page holds at most 4,000,000."));
    assert!(!html.contains("model-weights") && html.len() < 1_000_000);
}
