//! Which charts a page has, what they are called and what they say.

use super::chart::{Chart, Curve, Drawn, Unit};
use super::curve::thin;
use super::numbers::{grouped, number};
use super::run::Run;
use crate::run::metrics_history::Series;
use serde::Serialize;

/// A chart with its words.
#[derive(Serialize)]
pub(super) struct Figure {
    title: String,
    /// What the chart shows, in sentences.
    about: Vec<String>,
    /// How to read it.
    notes: Vec<String>,
    /// The same in a line, for people who cannot see it.
    summary: String,
    chart: Drawn,
    /// Where a line to compare with lies.
    levels: Vec<String>,
}

/// What is measured: the series of `metrics.jsonl` that belong to one chart.
#[derive(Default)]
struct Measure {
    title: String,
    about: &'static str,
    /// While the model learns.
    training: Option<String>,
    /// On held-out data.
    held_out: Option<String>,
    unit: Unit,
    /// Whether counting words gives a value to compare with.
    counts_words: bool,
    /// Whether the axis is logarithmic where the values differ much.
    may_be_logarithmic: bool,
}

/// Titles and explanations of the losses and accuracies that have some, by the name of the term.
const TERMS: [(&str, &str, [&str; 2]); 4] = [
    (
        "masked_lm",
        "Masked words",
        [
            "The model reads a text in which some words are hidden, and says how likely each word of its vocabulary \
             is in the hidden place. The loss is −ln p, where p is the probability that it gave to the right word: \
             0 for a sure and right answer. Lower is better.",
            "The share of the hidden words for which the word that the model finds most likely is the right one. \
             Higher is better.",
        ],
    ),
    (
        "next_sentence",
        "Next sentence",
        [
            "The model reads two sentences and says how likely it is that the second one followed the first in the \
             text. The loss is −ln p of the right answer. Who guesses has ln 2 = 0.693. Lower is better.",
            "The share of the pairs for which the likelier answer is the right one. Half of the pairs are random, so \
             who guesses has 50 %.",
        ],
    ),
    (
        "sentence_order",
        "Order of sentences",
        [
            "The model reads two sentences and says how likely it is that they are in the order of the text. The loss \
             is −ln p of the right answer. Who guesses has ln 2 = 0.693. Lower is better.",
            "The share of the pairs for which the likelier answer is the right one. Half of the pairs are swapped, so \
             who guesses has 50 %.",
        ],
    ),
    (
        "classification",
        "Classes",
        [
            "The model reads a text and says how likely each class is. The loss is −ln p of the right class. Lower is \
             better.",
            "The share of the texts for which the likeliest class is the right one.",
        ],
    ),
];

/// What is said about a term that has no words of its own.
const OTHER_TERM: [&str; 2] = [
    "How far the answers are from the right ones: what training makes smaller. Lower is better.",
    "The share of the answers that are right. Higher is better.",
];

/// Explanations of metrics, by name.
const METRICS: [(&str, &str); 9] = [
    ("accuracy", "The share of the answers that are right. Higher is better."),
    (
        "f1",
        "The harmonic mean of precision (how many of the answers are right) and recall (how many of the right answers \
         are found). Higher is better. Of questions: of a hundred.",
    ),
    (
        "matthews_correlation",
        "How closely the answers follow the right classes: 1 for all right, 0 for no better than chance. It is fair \
         also where one class is frequent.",
    ),
    (
        "spearman",
        "Whether the model puts the examples in the right order: 1 for the same order, 0 for an order that has nothing \
         to do with it.",
    ),
    (
        "pearson",
        "How closely the numbers of the model lie on a line with the right numbers: 1 for exactly, 0 for not at all.",
    ),
    ("entity_f1", "The harmonic mean of precision and recall of whole entities. Higher is better."),
    ("entity_precision", "The share of the entities that the model names which are right."),
    ("entity_recall", "The share of the right entities that the model finds."),
    (
        "exact_match",
        "How many of a hundred answers are the right one to the letter. Higher is better.",
    ),
];

/// Numbers of an evaluation that are counts or times, or parts of other charts.
const NO_MEASURES: [&str; 5] =
    ["eval_loss", "eval_instances", "eval_masked_tokens", "eval_seconds", "eval_attention_uniform"];

/// `a_name` as `A name`.
pub(super) fn in_words(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// What the runs have measured, in the order of the page.
fn measures(runs: &[Run]) -> Vec<Measure> {
    let mut names: Vec<&str> = Vec::new();
    for series in runs.iter().flat_map(|run| &run.history.metrics.series) {
        if !names.contains(&series.name.as_str()) {
            names.push(&series.name);
        }
    }
    let has = |name: &str| names.contains(&name);
    let mut terms: Vec<&str> = Vec::new();
    for name in &names {
        let term =
            name.strip_suffix("_loss").map(|term| term.strip_prefix("eval_").unwrap_or(term));
        if let Some(term) = term.filter(|term| *term != "unigram" && *term != "eval")
            && !terms.contains(&term)
        {
            terms.push(term);
        }
    }
    let mut found = Vec::new();
    for term in &terms {
        let known = TERMS.iter().find(|(name, ..)| name == term);
        let title = known.map_or_else(|| in_words(term), |(_, title, _)| title.to_string());
        let about = |index: usize| known.map_or(OTHER_TERM, |(.., about)| *about)[index];
        for (index, (kind, unit)) in
            [("loss", Unit::Number), ("accuracy", Unit::Share)].into_iter().enumerate()
        {
            let [training, held_out] = ["", "eval_"]
                .map(|prefix| Some(format!("{prefix}{term}_{kind}")).filter(|name| has(name)));
            if training.is_some() || held_out.is_some() {
                let title = match kind {
                    "loss" => format!("{title}: loss"),
                    _ => format!("{title}: share of right answers"),
                };
                found.push(Measure {
                    title,
                    about: about(index),
                    training,
                    held_out,
                    unit,
                    counts_words: *term == "masked_lm" && kind == "loss",
                    ..Measure::default()
                });
            }
        }
    }
    let of_terms = |name: &str| {
        let name = name.strip_prefix("eval_").unwrap_or(name);
        let term = name.strip_suffix("_loss").or_else(|| name.strip_suffix("_accuracy"));
        term.is_some_and(|term| terms.contains(&term))
    };
    // The accuracy of a fine-tuned model is that of its only term, if that has one.
    let has_accuracy = terms.iter().any(|term| has(&format!("eval_{term}_accuracy")));
    for name in &names {
        let Some(metric) = name.strip_prefix("eval_") else { continue };
        let is_shown = *name == "eval_accuracy" && has_accuracy;
        if !is_shown && !NO_MEASURES.contains(name) && !of_terms(name) {
            let about = METRICS.iter().find(|(known, _)| *known == metric);
            found.push(Measure {
                title: format!("{} on held-out data", in_words(metric)),
                about: about.map_or("", |(_, about)| about),
                held_out: Some(name.to_string()),
                unit: if metric == "accuracy" { Unit::Share } else { Unit::Number },
                ..Measure::default()
            });
        }
    }
    let others = [
        (
            "learning_rate",
            "Learning rate",
            "How far a step moves the weights. It rises during the warm-up, so that the first steps, which know \
             little, do no harm. Then it falls to 0.",
        ),
        (
            "grad_norm",
            "Norm of the gradient",
            "How steep the loss is where the weights are: the length of its gradient, before clipping. A sudden rise \
             can announce that training fails.",
        ),
        (
            "tokens_per_second",
            "Tokens a second",
            "How fast the run read its text, padding not counted. This says something about the machine, and nothing \
             about the model.",
        ),
    ];
    for (name, title, about) in others.into_iter().filter(|(name, ..)| has(name)) {
        found.push(Measure {
            title: title.into(),
            about,
            training: Some(name.into()),
            may_be_logarithmic: name == "grad_norm",
            ..Measure::default()
        });
    }
    found
}

/// The charts of `runs`.
pub(super) fn figures(runs: &[Run]) -> Vec<Figure> {
    let measures = measures(runs);
    measures
        .iter()
        .map(|measure| figure(measure, runs))
        .filter(|(_, empty)| !empty)
        .map(|(f, _)| f)
        .collect()
}

/// The largest factor between values that a usual axis shows well.
const LOGARITHMIC_FROM: f64 = 50.0;

/// The chart of `measure`, and whether it is empty.
fn figure(measure: &Measure, runs: &[Run]) -> (Figure, bool) {
    let mut curves = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let both = [(&measure.training, false), (&measure.held_out, true)];
        for (name, held_out) in both {
            let series = name.as_ref().and_then(|name| run.history.metrics.series(name));
            let Some(Series { points, .. }) = series else { continue };
            let part = match (measure.training.is_some() && measure.held_out.is_some(), held_out) {
                (false, _) => "",
                (true, true) => ", held out",
                (true, false) => ", training",
            };
            let name = format!("{}{part}", run.name);
            curves.push(Curve { run: index, name, held_out, values: thin(points) });
        }
    }
    let mut about: Vec<String> = Vec::new();
    about.extend((!measure.about.is_empty()).then(|| measure.about.to_string()));
    let mut notes: Vec<String> = Vec::new();
    if measure.training.is_some() && measure.held_out.is_some() {
        notes.push(
            "The thin line is measured on the text that the model learns from, the thick line with circles on text \
             that it never learns from."
                .into(),
        );
    }
    let values = || curves.iter().flat_map(|curve| &curve.values.points);
    let extremes = values().fold((f64::INFINITY, 0.0f64), |(low, high), point| {
        (low.min(point.smallest), high.max(point.largest))
    });
    let is_logarithmic = measure.may_be_logarithmic
        && extremes.0 > 0.0
        && extremes.1 > LOGARITHMIC_FROM * extremes.0;
    if is_logarithmic {
        notes.push("The axis is logarithmic: equal distances are equal factors.".into());
    }
    let mut levels: Vec<f64> = Vec::new();
    let mut level_names = Vec::new();
    let mut marks = Vec::new();
    if measure.counts_words {
        for (index, run) in runs.iter().enumerate() {
            let Some(counting) = &run.counting else { continue };
            if !levels.iter().any(|level| (level - counting.loss).abs() < 1e-9) {
                levels.push(counting.loss);
                level_names.push(number(counting.loss));
            }
            marks.extend(counting.past_at.map(|step| (index, step)));
        }
        if !levels.is_empty() {
            about.push(
                "The dotted line is the loss of counting: what a model knows that only knows how frequent each word \
                 is. One of ten chosen words stays visible, and copying it is easy: so we say that a run is past counting \
                 when its held-out loss is below nine tenths of the line."
                    .into(),
            );
        }
        about.extend(runs.iter().filter_map(|run| run.past_in_words(runs.len() > 1)));
    }
    for (index, run) in runs.iter().enumerate() {
        marks.extend(run.trial_starts().into_iter().map(|step| (index, step)));
    }
    if runs.iter().any(|run| !run.trial_starts().is_empty()) {
        notes.push(
            "The vertical lines show where a run begins again from the same weights with its next learning rate."
                .into(),
        );
    }
    notes.extend(thinning(&curves));
    let summary = summary(measure, &curves);
    let chart = Chart { curves, levels, marks, unit: measure.unit, is_logarithmic };
    let empty = chart.is_empty();
    let title = measure.title.clone();
    (Figure { title, about, notes, summary, chart: chart.draw(), levels: level_names }, empty)
}

/// Says how many log lines a point stands for.
fn thinning(curves: &[Curve]) -> Option<String> {
    let several = curves.iter().map(|curve| curve.values.values_of_point).max()?;
    (several > 1).then(|| {
        let several = grouped(several as i64);
        format!(
            "There are more log lines than a chart can show: a point is the mean of up to {several} of them, and the \
             band goes from the smallest to the largest."
        )
    })
}

/// `Masked words: loss. run, held out: from 4.5 at step 360 to 0.678 at step 3,600.`
fn summary(measure: &Measure, curves: &[Curve]) -> String {
    let mut text = format!("Line chart over the steps. {}.", measure.title);
    for curve in curves {
        let points = &curve.values.points;
        if let (Some(first), Some(last)) = (points.first(), points.last()) {
            let [from, to] = [first, last].map(|point| measure.unit.show(point.mean));
            let [start, end] = [first.first_step, last.last_step].map(|step| grouped(step as i64));
            text += &format!(" {}: from {from} at step {start} to {to} at step {end}.", curve.name);
        }
    }
    text
}
