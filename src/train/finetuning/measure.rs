//! How good the answers of a model are: loss and metrics of a [`Dataset`] from the logits of its features.

use super::dataset::{Dataset, Gold, QuestionWindows, TaggedPart};
use super::objective::Finetuning;
use super::spans::{WindowLogits, best_spans};
use crate::data::features::Target;
use crate::model::HeadLoss;
use crate::train::evaluation::{CONFUSION_CLASSES, Evaluation};
use crate::train::metrics::{
    accuracy, answer_f1, confusion, entity_scores, exact_match, f1, matthews_correlation, pearson,
    spearman,
};
use crate::train::objective::TermMean;
use std::borrow::Cow;

/// Pairs whose other texts are each other's negatives when embeddings are measured.
const NEGATIVES: usize = 32;

type Metrics = Vec<(Cow<'static, str>, f64)>;

/// −ln softmax(z)\[label\] in `f64`, and the index of the largest logit, the first of several.
fn cross_entropy(z: impl Iterator<Item = f64> + Clone, label: usize) -> (f64, usize) {
    let (mut largest, mut at) = (f64::NEG_INFINITY, 0);
    for (i, z) in z.clone().enumerate() {
        if z > largest {
            (largest, at) = (z, i);
        }
    }
    let sum: f64 = z.clone().map(|z| (z - largest).exp()).sum();
    let of_label = z.clone().nth(label).expect("a label of the model");
    (sum.ln() + largest - of_label, at)
}

fn wide(z: &[f32]) -> impl Iterator<Item = f64> + Clone {
    z.iter().map(|&z| f64::from(z))
}

/// The names and values of metrics.
fn named<const N: usize>(metrics: [(&'static str, f64); N]) -> Metrics {
    metrics.map(|(name, value)| (name.into(), value)).into()
}

impl Dataset {
    /// The loss and the metrics of a model whose logits of the features are `logits`, in the form of
    /// [`FinetuningPlan::logits`](crate::model::FinetuningPlan::logits). `labels` are the names of its labels. The main
    /// metric comes first; there is none where nothing says what is right.
    ///
    /// # Panics
    /// When there is not one entry in `logits` for each feature.
    pub fn measure(&self, logits: &[Vec<f32>], labels: &[String]) -> Evaluation {
        assert_eq!(logits.len(), self.features.len(), "one entry a feature");
        let (loss, head, metrics) = match &self.gold {
            Gold::Classes(gold) => of_classes(gold, logits, labels.len()),
            Gold::Numbers(gold) => of_numbers(gold, logits),
            Gold::Tags { sentences, parts } => of_tags(sentences, parts, logits, labels),
            Gold::Questions(questions) => self.of_questions(questions, logits),
            Gold::Texts { paired, scores } => of_texts(*paired, scores.as_deref(), logits),
        };
        let term = Finetuning::term(head);
        let [loss, accuracy] = loss;
        let terms = match loss.is_nan() {
            true => Vec::new(),
            false => vec![TermMean::new(term, loss, accuracy)],
        };
        let confusion = match &self.gold {
            Gold::Classes(gold) if labels.len() <= CONFUSION_CLASSES => {
                confusion(&answers(gold, logits).1, gold, labels.len())
            }
            _ => Vec::new(),
        };
        let instances = self.examples as u64;
        Evaluation { terms, instances, metrics, confusion, ..Evaluation::default() }
    }

    fn of_questions(
        &self,
        questions: &[QuestionWindows],
        logits: &[Vec<f32>],
    ) -> ([f64; 2], HeadLoss, Metrics) {
        let (mut loss, mut right) = (0.0, 0.0);
        for (feature, z) in self.features.iter().zip(logits) {
            let Target::Span { first, last } = feature.target else { continue };
            let column = |c: usize| z.iter().skip(c).step_by(2).map(|&z| f64::from(z));
            let (of_first, best_first) = cross_entropy(column(0), first as usize);
            let (of_last, best_last) = cross_entropy(column(1), last as usize);
            loss += 0.5 * (of_first + of_last);
            if (best_first, best_last) == (first as usize, last as usize) {
                right += 1.0;
            }
        }
        let (mut exact, mut overlap) = (0.0, 0.0);
        let has_unanswerable = questions.iter().any(|question| question.answers.is_empty());
        for question in questions {
            let answer = question.best_answer(logits, has_unanswerable);
            exact += exact_match(answer, &question.answers);
            overlap += answer_f1(answer, &question.answers);
        }
        let (windows, questions) = (self.features.len() as f64, questions.len() as f64);
        // As SQuAD's script: of a hundred.
        let metrics =
            [("f1", 100.0 * overlap / questions), ("exact_match", 100.0 * exact / questions)];
        ([loss / windows, right / windows], HeadLoss::Span, named(metrics))
    }
}

impl QuestionWindows {
    /// The best answer by the logits of all features; empty when that is "no answer" and `may_be_empty`.
    pub fn best_answer(&self, logits: &[Vec<f32>], may_be_empty: bool) -> &str {
        let windows: Vec<WindowLogits<'_>> = self
            .windows
            .iter()
            .zip(&logits[self.features.clone()])
            .map(|((first_position, words), logits)| WindowLogits {
                first_position: *first_position,
                words,
                logits,
            })
            .collect();
        let spans = best_spans(&windows, 1);
        match spans.best.first() {
            Some(best) if !may_be_empty || best.probability >= spans.no_answer_probability => {
                &self.context[best.source.clone()]
            }
            _ => "",
        }
    }
}

/// The loss of each example, and the class that the model gives it.
fn answers(gold: &[usize], logits: &[Vec<f32>]) -> (Vec<f64>, Vec<usize>) {
    logits.iter().zip(gold).map(|(z, &label)| cross_entropy(wide(z), label)).unzip()
}

fn of_classes(
    gold: &[usize],
    logits: &[Vec<f32>],
    classes: usize,
) -> ([f64; 2], HeadLoss, Metrics) {
    let (losses, predicted) = answers(gold, logits);
    let accuracy = accuracy(&predicted, gold);
    let metrics = [
        ("accuracy", accuracy),
        ("f1", f1(&predicted, gold, classes)),
        ("matthews_correlation", matthews_correlation(&predicted, gold, classes)),
    ];
    let loss = losses.iter().sum::<f64>() / gold.len() as f64;
    ([loss, accuracy], HeadLoss::Classes, named(metrics))
}

fn of_numbers(gold: &[f64], logits: &[Vec<f32>]) -> ([f64; 2], HeadLoss, Metrics) {
    let predicted: Vec<f64> = logits.iter().map(|z| f64::from(z[0])).collect();
    let errors = predicted.iter().zip(gold).map(|(p, g)| (p - g) * (p - g));
    let loss = errors.sum::<f64>() / gold.len() as f64;
    let metrics =
        [("spearman", spearman(&predicted, gold)), ("pearson", pearson(&predicted, gold))];
    ([loss, 0.0], HeadLoss::Number, named(metrics))
}

fn of_tags(
    sentences: &[Vec<usize>],
    parts: &[TaggedPart],
    logits: &[Vec<f32>],
    labels: &[String],
) -> ([f64; 2], HeadLoss, Metrics) {
    let mut predicted: Vec<Vec<usize>> = sentences.iter().map(|s| vec![0; s.len()]).collect();
    let mut loss = 0.0;
    for (part, z) in parts.iter().zip(logits) {
        for &(word, position) in &part.words {
            let z = wide(&z[position * labels.len()..][..labels.len()]);
            let (of_word, best) = cross_entropy(z, sentences[part.sentence][word]);
            loss += of_word;
            predicted[part.sentence][word] = best;
        }
    }
    let accuracy = accuracy(&predicted.concat(), &sentences.concat());
    let mut metrics = Vec::new();
    if labels.iter().all(|label| label == "O" || label.starts_with("B-") || label.starts_with("I-"))
    {
        let names = |tags: &[Vec<usize>]| -> Vec<Vec<&str>> {
            let names = |tags: &Vec<usize>| tags.iter().map(|&tag| labels[tag].as_str()).collect();
            tags.iter().map(names).collect()
        };
        let scores = entity_scores(&names(&predicted), &names(sentences));
        metrics = named([
            ("entity_f1", scores.f1),
            ("entity_precision", scores.precision),
            ("entity_recall", scores.recall),
        ]);
    }
    metrics.push(("accuracy".into(), accuracy));
    let words: usize = sentences.iter().map(Vec::len).sum();
    ([loss / words as f64, accuracy], HeadLoss::Tags, metrics)
}

fn of_texts(
    paired: bool,
    scores: Option<&[f64]>,
    embeddings: &[Vec<f32>],
) -> ([f64; 2], HeadLoss, Metrics) {
    let loss = HeadLoss::Contrastive { pooling: Default::default(), temperature: 1.0 };
    if !paired {
        return ([f64::NAN; 2], loss, Vec::new());
    }
    let pairs = embeddings.as_chunks::<2>().0;
    if let Some(scores) = scores {
        let cosines: Vec<f64> = pairs.iter().map(|[a, b]| cosine(a, b)).collect();
        let metrics =
            [("spearman", spearman(&cosines, scores)), ("pearson", pearson(&cosines, scores))];
        return ([f64::NAN; 2], loss, named(metrics));
    }
    let mut right = 0;
    for pairs in pairs.chunks(NEGATIVES) {
        for (i, [a, _]) in pairs.iter().enumerate() {
            let cosines = pairs.iter().map(|[_, b]| cosine(a, b));
            right += usize::from(cross_entropy(cosines.collect::<Vec<_>>().into_iter(), i).1 == i);
        }
    }
    ([f64::NAN; 2], loss, named([("accuracy", right as f64 / pairs.len() as f64)]))
}

/// a·b / (‖a‖·‖b‖) in `f64`.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| wide(a).zip(wide(b)).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-24)
}
