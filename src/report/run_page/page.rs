//! A page about one run, or about several side by side.

use super::chart::stroke;
use super::details::{Confusion, Kinds, Samples, Trials, confusions, kinds, samples, trials};
use super::measures::{Figure, figures};
use super::numbers::grouped;
use super::overview::{Row, last_evaluation, overview, settings};
use super::run::Run;
use crate::report::page::{ModelPart, PageError, render};
use crate::run::history::{History, HistoryError, RunState};
use crate::system::files::{self, FileError};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The text that the model answers first, when the run has no sample.
const TEXT: &str = "The quick brown fox [MASK] over the lazy dog.";

/// The pair that it judges first.
const SENTENCES: [&str; 2] =
    ["The quick brown fox jumps over the lazy dog.", "The cat sat on the mat."];

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A directory that holds no run.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The page cannot be made.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The page cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A page about runs.
pub struct RunPage {
    /// The page as HTML.
    pub html: String,
    /// What is wrong with the runs, in sentences that name them; the page says it, too.
    pub problems: Vec<String>,
    /// Whether one of the runs is going on.
    pub goes_on: bool,
}

/// A run in the legend.
#[derive(Serialize)]
struct Legend {
    name: String,
    /// The marker colour of its lines.
    stroke: String,
}

/// What the template is filled in with.
#[derive(Serialize)]
struct Context {
    title: String,
    legend: Vec<Legend>,
    problems: Vec<String>,
    overview: Vec<Row>,
    last_evaluation: Vec<Row>,
    figures: Vec<Figure>,
    samples: Vec<Samples>,
    kinds: Vec<Kinds>,
    trials: Vec<Trials>,
    confusions: Vec<Confusion>,
    differing: Vec<Row>,
    same: Vec<Row>,
    /// The model of a single run.
    model: Option<ModelPart>,
    /// Seconds after which a browser loads the page again.
    reload: Option<u32>,
}

/// The page about the runs in `directories`; a directory that is named twice counts once. With `reload`, a browser loads
/// the page again after as many seconds while a run is going on.
///
/// # Errors
/// [`ReportError`], naming the directory at fault.
pub fn run_page(directories: &[PathBuf], reload: Option<u32>) -> Result<RunPage, ReportError> {
    let mut known = Vec::new();
    let mut histories = Vec::new();
    let mut problems = Vec::new();
    for directory in directories {
        let real = directory.canonicalize().unwrap_or_else(|_| directory.clone());
        if known.contains(&real) {
            let directory = directory.display();
            problems.push(format!("`{directory}` was named more than once; it is shown once."));
            continue;
        }
        known.push(real);
        histories.push(History::read(directory)?);
    }
    let runs = Run::all(histories);
    problems.extend(runs.iter().flat_map(run_problems));
    let goes_on = runs.iter().any(|run| run.history.state == RunState::GoingOn);
    let title = match runs.as_slice() {
        [run] => format!("The run {}", run.name),
        runs => format!("{} runs", runs.len()),
    };
    let legend =
        |(index, run): (usize, &Run)| Legend { name: run.name.clone(), stroke: stroke(index) };
    let settings = settings(&runs);
    let samples = samples(&runs);
    // A page that is written again and again would read the weights each time.
    let model = match runs.as_slice() {
        [run] if reload.is_none() => {
            let text = samples.first().map_or_else(|| TEXT.into(), Samples::text);
            Some(ModelPart::open(&run.history.directory, &text, SENTENCES))
        }
        _ => None,
    };
    let context = Context {
        title,
        legend: runs.iter().enumerate().map(legend).collect(),
        problems: problems.clone(),
        overview: overview(&runs),
        last_evaluation: last_evaluation(&runs),
        figures: figures(&runs),
        samples,
        kinds: kinds(&runs),
        trials: trials(&runs),
        confusions: confusions(&runs),
        differing: settings.differing,
        same: settings.same,
        model,
        reload: reload.filter(|_| goes_on),
    };
    Ok(RunPage { html: render("report.html", &context)?, problems, goes_on })
}

/// Writes `report.html` into the run directory `directory`, at the end of a run.
///
/// # Errors
/// [`ReportError`].
pub fn write_report(directory: &Path) -> Result<(), ReportError> {
    let page = run_page(&[directory.to_path_buf()], None)?;
    let path = directory.join("report.html");
    Ok(files::write_atomically(&path, |out| out.write_all(page.html.as_bytes()))?)
}

/// What is wrong with a run, each sentence with its name.
fn run_problems(run: &Run) -> Vec<String> {
    let name = &run.name;
    let mut problems: Vec<String> =
        run.history.problems.iter().map(|problem| format!("`{name}`: {problem}")).collect();
    let metrics = &run.history.metrics;
    for damaged in &metrics.damaged {
        problems.push(format!(
            "`{name}`: line {} of metrics.jsonl cannot be read and is left out: {}.",
            damaged.line, damaged.message
        ));
    }
    let more = metrics.num_damaged - metrics.damaged.len() as u64;
    if more > 0 {
        let more = grouped(more as i64);
        problems.push(format!("`{name}`: {more} more lines of metrics.jsonl cannot be read."));
    }
    problems
}
