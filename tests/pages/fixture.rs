//! A small trained model that all tests share, its pages, and the texts to ask it.

use super::browser::Opened;
use cloze::data::stories::STORIES;
use cloze::report::page::{explain_page, script_json};
use cloze::tasks::{ExplainOptions, Model};
use cloze::tokenizer::{SPECIAL_TOKENS, Vocabulary};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// Texts with all kinds of Unicode: those that the tokenizer is compared with Hugging Face's on.
pub fn unicode_texts() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tokenizer/encodings.json");
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = cases.as_array().unwrap().iter();
    cases.map(|case| case["text"].as_str().unwrap().to_owned()).collect()
}

/// The lines of the built-in stories.
fn story_lines() -> impl Iterator<Item = &'static str> {
    STORIES.lines().filter(|line| !line.is_empty())
}

/// The Unicode texts with a blank at the end, and 54 lines of stories with one or two blanks.
pub fn masked_texts() -> Vec<String> {
    let unicode = unicode_texts().into_iter().map(|text| format!("{text} [MASK]"));
    let stories = story_lines().step_by(7).take(54).enumerate().map(|(index, line)| {
        let mut words: Vec<&str> = line.split(' ').collect();
        let place = index % words.len();
        words[place] = "[MASK]";
        if index % 3 == 0 {
            words.push("[MASK]");
        }
        words.join(" ")
    });
    unicode.chain(stories).collect()
}

/// Pairs that follow each other, pairs that do not, and one with Unicode.
pub fn pairs() -> Vec<(&'static str, &'static str)> {
    let lines: Vec<&str> = story_lines().take(60).collect();
    let follow = (0..10).map(|i| (lines[3 * i], lines[3 * i + 1]));
    let random = (0..10).map(|i| (lines[3 * i], lines[59 - i]));
    follow.chain(random).chain([("Ça va? 中文。", "İstanbul \u{1f600}")]).collect()
}

/// 2 layers of width 128, a few steps on 150 stories and the Unicode texts.
pub fn model() -> &'static Model<'static> {
    &trained().1
}

/// The directory of [`model`].
pub fn model_directory() -> PathBuf {
    trained().0.path().join("run")
}

fn trained() -> &'static (TempDir, Model<'static>) {
    static MODEL: OnceLock<(TempDir, Model<'static>)> = OnceLock::new();
    MODEL.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let stories = STORIES.split("\n\n").take(150).map(String::from);
        // A text of several lines would be several sentences.
        let unicode: Vec<String> =
            unicode_texts().iter().map(|text| text.replace(['\n', '\r'], " ")).collect();
        let unicode = unicode.chunks(2).map(|texts| texts.join("\n"));
        let text: Vec<String> = stories.chain(unicode).collect();
        let run = cloze::pretrain(text.join("\n\n"))
            .model("tiny")
            .vocab_size(900)
            .max_seq_length(48)
            .train_batch_size(16)
            .learning_rate(2e-3)
            .steps(60)
            .seed(3)
            .output_dir(directory.path().join("run"))
            .run()
            .unwrap();
        (directory, Model::from(run))
    })
}

/// The page of `cloze explain` for a text or a pair.
pub fn page(text: &str, next: Option<&str>) -> String {
    let explanation = model().explain(text, next, &ExplainOptions::default()).unwrap();
    explain_page(model(), &explanation, "cloze explain").unwrap()
}

/// `html` with `harness.js`, which answers `question`.
pub fn with_harness(html: &str, question: &Value) -> String {
    let watch = "<head><script>
const problems = [];
addEventListener('error', event => problems.push(event.message ?? `not loaded: ${event.target.outerHTML}`), true);
addEventListener('unhandledrejection', event => problems.push(`${event.reason}`));
addEventListener('securitypolicyviolation', event => problems.push(`${event.violatedDirective} ${event.blockedURI}`));
</script>";
    let harness = include_str!("harness.js");
    let question = script_json(question);
    let ask = format!("<script>const question = {question};\n{harness}</script></body>");
    assert!(html.contains("<head>") && html.contains("</body>"));
    html.replacen("<head>", watch, 1).replace("</body>", &ask)
}

/// What `harness.js` wrote.
pub fn harness_result(opened: &Opened) -> Value {
    let result = opened.dom.split_once("<pre id=\"harness-result\">");
    let result = result.unwrap_or_else(|| panic!("no answer; the console: {:?}", opened.console)).1;
    serde_json::from_str(result.split_once("</pre>").unwrap().0).unwrap()
}

/// What `harness.js` wrote, in a page without a problem or a request.
pub fn harness_answer(opened: &Opened) -> Value {
    let result = harness_result(opened);
    assert_eq!(result["problems"], Value::Array(Vec::new()));
    assert_eq!(result["resources"], Value::Array(Vec::new()));
    assert_eq!(opened.requests, Vec::<String>::new());
    assert_eq!(opened.console, Vec::<String>::new());
    result
}

/// The special tokens and words, together `size` tokens.
pub fn large_vocabulary(size: usize) -> Vocabulary {
    let words = (0..size - 5).map(|i| format!("word{i}"));
    Vocabulary::from_tokens(SPECIAL_TOKENS.map(String::from).into_iter().chain(words).collect())
        .unwrap()
}
