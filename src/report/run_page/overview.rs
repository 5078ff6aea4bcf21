//! The tables of a page that have a column for each run: what the runs are, what they reached, where they differ.

use super::measures::in_words;
use super::numbers::{grouped, megabytes, number, percent};
use super::run::Run;
use crate::report::duration::duration;
use crate::run::history::RunState;
use crate::run::run_json::leaves;
use serde::Serialize;
use serde_json::Value;

/// A row: its name, and a cell for each run.
#[derive(Serialize)]
pub(super) struct Row {
    name: String,
    cells: Vec<String>,
}

/// What a row says where a run does not tell.
const UNKNOWN: &str = "not known";

/// What stands in a cell where a run has no such value.
const NONE: &str = "–";

fn row(name: &str, runs: &[Run], cell: impl Fn(&Run) -> Option<String>) -> Option<Row> {
    let cells: Vec<Option<String>> = runs.iter().map(cell).collect();
    let known = cells.iter().any(Option::is_some);
    let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| UNKNOWN.into())).collect();
    known.then(|| Row { name: name.into(), cells })
}

/// How far a run is, in words.
fn state(run: &Run) -> String {
    let step = run.history.metrics.last_step;
    let all = run.history.num_train_steps();
    let steps = match all {
        Some(all) => format!("step {} of {}", grouped(step as i64), grouped(all as i64)),
        None => format!("step {}", grouped(step as i64)),
    };
    match run.history.state {
        RunState::Finished => format!("finished, {steps}"),
        RunState::GoingOn => format!("going on, {steps}"),
        RunState::Stopped => format!("stopped, {steps}"),
        RunState::Unknown => steps,
    }
}

/// `pretraining`, or `fine-tuning: classify`.
fn kind(run: &Run) -> Option<String> {
    let task = || run.history.json.get("options")?.get("task")?.as_str();
    Some(match (run.history.is_finetuning(), task()) {
        (true, Some(task)) => format!("fine-tuning: {task}"),
        (true, None) => "fine-tuning".into(),
        (false, _) => run.history.text("job").unwrap_or("pretraining").into(),
    })
}

/// `2 layers of width 128, 2 heads, 1,006 word pieces`.
fn model(run: &Run) -> Option<String> {
    let config = run.history.json.get("config")?;
    let count = |name: &str| config.get(name).and_then(Value::as_u64).map(|n| grouped(n as i64));
    Some(format!(
        "{} layers of width {}, {} heads, {} word pieces",
        count("num_hidden_layers")?,
        count("hidden_size")?,
        count("num_attention_heads")?,
        count("vocab_size")?
    ))
}

/// What was read.
fn text(run: &Run) -> Option<String> {
    let read = run.history.json.get("read")?.as_array()?;
    let one = |read: &Value| {
        let count = |name: &str| read[name].as_i64().map(grouped);
        let (documents, sentences) = (count("documents")?, count("sentences")?);
        Some(format!("{}: {documents} documents, {sentences} sentences", read["name"].as_str()?))
    };
    Some(read.iter().filter_map(one).collect::<Vec<_>>().join("; "))
}

/// What the runs are.
pub(super) fn overview(runs: &[Run]) -> Vec<Row> {
    let speed = |run: &Run| {
        let points = &run.history.metrics.series("tokens_per_second")?.points;
        let sum: f64 = points.iter().map(|[_, speed]| speed).sum();
        Some(format!("{} tokens a second", number(sum / points.len() as f64)))
    };
    let json = |name: &'static str| move |run: &Run| run.history.text(name).map(String::from);
    let rows = [
        row("State", runs, |run| Some(state(run))),
        row("Kind", runs, kind),
        row("Directory", runs, |run| Some(run.history.directory.display().to_string())),
        row("Model", runs, model),
        row("Parameters", runs, |run| Some(grouped(run.history.parameters? as i64))),
        row("model.safetensors", runs, |run| Some(megabytes(run.history.model_bytes?))),
        row("SHA-256 of it", runs, json("model_sha256")),
        row("Text", runs, text),
        row("Time of training", runs, |run| Some(duration(run.history.seconds()?))),
        row("Speed, on average", runs, speed),
        row("Memory, at most", runs, |run| {
            Some(megabytes(run.history.json.get("peak_memory")?.as_u64()?))
        }),
        row("Version of cloze", runs, json("cloze_version")),
        row("Command", runs, json("command")),
    ];
    rows.into_iter().flatten().collect()
}

/// What the last evaluation of each run gave.
pub(super) fn last_evaluation(runs: &[Run]) -> Vec<Row> {
    // The sum of one loss is that loss.
    let has_several_losses = runs.iter().any(|run| {
        let names = run.history.metrics.series.iter().map(|series| series.name.as_str());
        names.filter(|name| name.starts_with("eval_") && name.ends_with("_loss")).count() > 2
    });
    let mut names: Vec<&str> = Vec::new();
    for series in runs.iter().flat_map(|run| &run.history.metrics.series) {
        let is_told = series.name.starts_with("eval_") || series.name == "unigram_loss";
        let is_left_out = ["eval_seconds", "eval_attention_uniform"].contains(&&*series.name)
            || series.name == "eval_loss" && !has_several_losses;
        if is_told && !is_left_out && !names.contains(&&*series.name) {
            names.push(&series.name);
        }
    }
    let cell = |name: &str, run: &Run| {
        let value = run.history.metrics.last(name)?;
        Some(if name.ends_with("accuracy") { percent(value) } else { number(value) })
    };
    let words = |name: &str| match name {
        "eval_masked_lm_loss" => "Masked words: loss".into(),
        "eval_masked_lm_accuracy" => "Masked words: right".into(),
        "eval_next_sentence_loss" => "Next sentence: loss".into(),
        "eval_next_sentence_accuracy" => "Next sentence: right".into(),
        "eval_loss" => "Sum of the losses".into(),
        "unigram_loss" => "Masked words: loss of counting words".into(),
        name => in_words(name.strip_prefix("eval_").unwrap_or(name)),
    };
    let mut rows: Vec<Row> =
        names.iter().filter_map(|name| row(&words(name), runs, |run| cell(name, run))).collect();
    let step = |run: &Run| {
        let series = run.history.metrics.series.iter();
        let last = series.filter(|series| series.name.starts_with("eval_"));
        let last = last.filter_map(|series| series.points.last()).map(|[step, _]| *step);
        Some(grouped(last.reduce(f64::max)? as i64))
    };
    if !rows.is_empty() {
        rows.splice(0..0, row("Step", runs, step));
    }
    rows
}

/// The settings of the runs: first the settings that differ, then the settings that are the same in all runs.
pub(super) struct Settings {
    pub(super) differing: Vec<Row>,
    pub(super) same: Vec<Row>,
}

/// A value as a person reads it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => NONE.into(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}

/// The settings of the runs, with the configuration of the model.
pub(super) fn settings(runs: &[Run]) -> Settings {
    let of_run = |run: &Run| -> Vec<(String, String)> {
        let mut settings = run.history.settings();
        let config = run.history.json.get("config").map(leaves).unwrap_or_default();
        for (name, value) in config {
            if !settings.iter().any(|(known, known_value)| known == name && !known_value.is_null())
            {
                settings.retain(|(known, _)| known != name);
                settings.push((name.to_string(), value.clone()));
            }
        }
        settings.into_iter().map(|(name, value)| (name, shown(&value))).collect()
    };
    let all: Vec<Vec<(String, String)>> = runs.iter().map(of_run).collect();
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in all.iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut settings = Settings { differing: Vec::new(), same: Vec::new() };
    for name in names {
        let cell = |of_run: &Vec<(String, String)>| {
            let found = of_run.iter().find(|(known, _)| known == name);
            found.map_or(NONE.to_string(), |(_, value)| value.clone())
        };
        let cells: Vec<String> = all.iter().map(cell).collect();
        let differs = cells.iter().any(|cell| *cell != cells[0]);
        let rows = if differs { &mut settings.differing } else { &mut settings.same };
        rows.push(Row { name: name.clone(), cells });
    }
    settings
}
