//! The parts of a page that belong to one run: what it filled into its sample, kinds of tokens, the learning rates that it
//! tried, the confusion matrix.

use super::measures::in_words;
use super::numbers::{grouped, number, percent};
use super::run::Run;
use crate::run::metrics::{FilledSample, SampleToken};
use crate::run::metrics_history::{EvaluationDetails, Series};
use crate::tokenizer::MASK;
use serde::Serialize;

/// The most evaluations whose samples a page shows.
const MOST_SAMPLES: usize = 12;

/// Tokens that are shown for each `[MASK]`.
const TOP: usize = 3;

/// What a run filled into its sample.
#[derive(Serialize)]
pub(super) struct Samples {
    run: String,
    /// The text in parts; a `[MASK]` stands between two.
    parts: Vec<String>,
    /// The word that was replaced.
    word: Option<String>,
    evaluations: Vec<SampleRow>,
    /// Evaluations in all.
    all: usize,
}

impl Samples {
    /// The text with its blanks.
    pub(super) fn text(&self) -> String {
        self.parts.join(MASK)
    }
}

#[derive(Serialize)]
struct SampleRow {
    step: String,
    /// By `[MASK]`, best first.
    masks: Vec<Vec<Word>>,
}

#[derive(Serialize)]
struct Word {
    token: String,
    /// Of a hundred, for a bar.
    width: f64,
    probability: String,
    is_right: bool,
}

/// Some of `count` things, spread evenly, the first and the last among them.
fn spread(count: usize, most: usize) -> Vec<usize> {
    let shown = count.min(most);
    (0..shown).map(|i| i * (count - 1) / (shown - 1).max(1)).collect()
}

/// What each run filled into its sample over time.
pub(super) fn samples(runs: &[Run]) -> Vec<Samples> {
    let of_run = |run: &Run| {
        let all: Vec<(u64, &FilledSample)> = run
            .history
            .metrics
            .evaluations
            .iter()
            .filter_map(|details| Some((details.step, details.sample.as_ref()?)))
            .collect();
        // A run that was resumed may watch another text since then.
        let last = all.last()?.1;
        let all: Vec<_> = all.iter().filter(|(_, sample)| sample.text == last.text).collect();
        let word = |token: &SampleToken| Word {
            token: token.token.clone(),
            width: 100.0 * f64::from(token.probability),
            probability: percent(token.probability.into()),
            is_right: last.word.as_ref() == Some(&token.token),
        };
        let row = |(step, sample): &(u64, &FilledSample)| SampleRow {
            step: grouped(*step as i64),
            masks: sample
                .predictions
                .iter()
                .map(|mask| mask.iter().take(TOP).map(word).collect())
                .collect(),
        };
        Some(Samples {
            run: run.name.clone(),
            parts: last.text.split(MASK).map(String::from).collect(),
            word: last.word.clone(),
            evaluations: spread(all.len(), MOST_SAMPLES).into_iter().map(|i| row(all[i])).collect(),
            all: all.len(),
        })
    };
    runs.iter().filter_map(of_run).collect()
}

/// Kinds of tokens of a run.
#[derive(Serialize)]
pub(super) struct Kinds {
    run: String,
    step: String,
    rows: Vec<KindRow>,
}

#[derive(Serialize)]
struct KindRow {
    kind: String,
    masked_tokens: String,
    loss: String,
    counting: String,
    right: String,
    /// Of a hundred, for a bar.
    width: f64,
    /// Whether a group of kinds begins here.
    begins: bool,
}

/// How well each run predicts the kinds of tokens, at its last evaluation.
pub(super) fn kinds(runs: &[Run]) -> Vec<Kinds> {
    let of_run = |run: &Run| {
        let mut evaluations = run.history.metrics.evaluations.iter().rev();
        let last = evaluations.find(|details| !details.kinds.is_empty())?;
        let rows = last.kinds.iter().map(|kind| KindRow {
            kind: kind.kind.to_string(),
            masked_tokens: grouped(kind.masked_tokens as i64),
            loss: number(kind.loss),
            counting: kind.unigram_loss.map_or("–".into(), number),
            right: percent(kind.accuracy),
            width: 100.0 * kind.accuracy.clamp(0.0, 1.0),
            begins: kind.kind == "frequent",
        });
        Some(Kinds { run: run.name.clone(), step: grouped(last.step as i64), rows: rows.collect() })
    };
    runs.iter().filter_map(of_run).collect()
}

/// A confusion matrix.
#[derive(Serialize)]
pub(super) struct Confusion {
    run: String,
    step: String,
    labels: Vec<String>,
    rows: Vec<ConfusionRow>,
}

#[derive(Serialize)]
struct ConfusionRow {
    label: String,
    cells: Vec<ConfusionCell>,
    /// The share of right answers.
    right: String,
}

#[derive(Serialize)]
struct ConfusionCell {
    count: u64,
    /// The share of the row, of a hundred.
    share: f64,
    is_right: bool,
}

/// The metric that decides which weights are kept: the first of an evaluation.
fn main_metric(run: &Run) -> Option<&Series> {
    let mut series = run.history.metrics.series.iter();
    series.find(|series| series.name.starts_with("eval_") && series.name != "eval_loss")
}

/// The first of the largest values: step and value.
fn best(points: &[[f64; 2]]) -> Option<[f64; 2]> {
    points.iter().copied().reduce(|best, point| if point[1] > best[1] { point } else { best })
}

/// The confusion matrices of the weights that were kept.
pub(super) fn confusions(runs: &[Run]) -> Vec<Confusion> {
    let of_run = |run: &Run| {
        let [step, _] = best(&main_metric(run)?.points)?;
        let is_kept = |details: &&EvaluationDetails| details.step as f64 == step;
        let kept = run.history.metrics.evaluations.iter().find(is_kept)?;
        let names = run.history.json.get("config").and_then(|config| config.get("id2label"));
        let label = |class: usize| {
            let name = names.and_then(|names| names.get(class.to_string())?.as_str());
            name.map_or_else(|| class.to_string(), String::from)
        };
        let row = |(class, counts): (usize, &Vec<u64>)| {
            let all: u64 = counts.iter().sum();
            let share = |count: u64| 100.0 * count as f64 / all.max(1) as f64;
            let cell = |(predicted, &count): (usize, &u64)| ConfusionCell {
                count,
                share: share(count),
                is_right: predicted == class,
            };
            let right = counts.get(class).copied().unwrap_or(0);
            ConfusionRow {
                label: label(class),
                cells: counts.iter().enumerate().map(cell).collect(),
                right: if all > 0 { percent(share(right) / 100.0) } else { "–".into() },
            }
        };
        (!kept.confusion.is_empty()).then(|| Confusion {
            run: run.name.clone(),
            step: grouped(kept.step as i64),
            labels: (0..kept.confusion.len()).map(label).collect(),
            rows: kept.confusion.iter().enumerate().map(row).collect(),
        })
    };
    runs.iter().filter_map(of_run).collect()
}

/// The learning rates that a run tried.
#[derive(Serialize)]
pub(super) struct Trials {
    run: String,
    metric: String,
    rows: Vec<TrialRow>,
}

#[derive(Serialize)]
struct TrialRow {
    learning_rate: String,
    step: String,
    value: String,
    is_kept: bool,
}

/// The best evaluation of each learning rate, of the runs that tried several.
pub(super) fn trials(runs: &[Run]) -> Vec<Trials> {
    let of_run = |run: &Run| {
        let rates = run.history.trials();
        let steps = (run.history.num_train_steps()? / (rates.len() as u64).max(1)).max(1);
        let Series { name, points } = main_metric(run)?;
        let [kept, _] = best(points)?;
        let row = |(trial, rate): (usize, &f64)| {
            let of_trial =
                |[step, _]: &&[f64; 2]| (*step as u64).saturating_sub(1) / steps == trial as u64;
            let points: Vec<[f64; 2]> = points.iter().filter(of_trial).copied().collect();
            let [step, value] = best(&points)?;
            Some(TrialRow {
                learning_rate: number(*rate),
                step: grouped(step as i64),
                value: number(value),
                is_kept: step == kept,
            })
        };
        (rates.len() > 1).then(|| Trials {
            run: run.name.clone(),
            metric: in_words(name.strip_prefix("eval_").unwrap_or(name)),
            rows: rates.iter().enumerate().filter_map(row).collect(),
        })
    };
    runs.iter().filter_map(of_run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_both_ends() {
        assert_eq!(spread(0, 12), [0usize; 0]);
        assert_eq!(spread(1, 12), [0]);
        assert_eq!(spread(3, 12), [0, 1, 2]);
        assert_eq!(spread(100, 3), [0, 49, 99]);
    }

    #[test]
    fn the_first_of_equals_is_the_best() {
        assert_eq!(best(&[[1.0, 0.5], [2.0, 0.7], [3.0, 0.7]]), Some([2.0, 0.7]));
        assert_eq!(best(&[]), None);
    }
}
