//! From the logits of a question's windows to its best answers (`write_predictions` of Google's `run_squad.py`;
//! probabilities as Hugging Face's question-answering pipeline computed them).
//!
//! In each window, p_first and p_last are softmaxes over `[CLS]` and the tokens of the context. The probability of
//! a span is p_first[s] · p_last[e]; that of "no answer" is p_first\[`[CLS]`\] · p_last\[`[CLS]`\], the smallest over the
//! windows.

use crate::tensor::softmax::softmax;
use std::cmp::Ordering;
use std::ops::Range;

/// Tokens of an answer, at most (`max_answer_length` of `run_squad.py`).
pub const MAX_ANSWER_LENGTH: usize = 30;

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its bytes in the context: whole words.
    pub source: Range<usize>,
    /// The logit of its first token plus that of its last.
    pub score: f32,
    /// p_first · p_last, from 0 to 1.
    pub probability: f32,
}

/// The answers of a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Spans {
    /// The most probable ones, best first.
    pub best: Vec<Span>,
    /// The probability that the context holds no answer.
    pub no_answer_probability: f32,
}

/// A window as the search sees it.
#[derive(Clone, Copy, Debug)]
pub struct WindowLogits<'a> {
    /// The position of the first token of the context.
    pub first_position: usize,
    /// The bytes of the word of each token of the context.
    pub words: &'a [Range<usize>],
    /// `[tokens, 2]`: of the first and of the last token.
    pub logits: &'a [f32],
}

/// The `top` best answers over all windows. Words that two windows share count once. On a tie, the earlier answer is
/// better.
pub fn best_spans(windows: &[WindowLogits<'_>], top: usize) -> Spans {
    let mut best: Vec<Span> = Vec::new();
    let mut no_answer_probability = f32::INFINITY;
    for window in windows {
        let [first, last] = [0, 1].map(|column| probabilities(window, column));
        no_answer_probability = no_answer_probability.min(first[0] * last[0]);
        // Only the likeliest first tokens can begin one of the best answers: a span that begins elsewhere has `top`
        // spans before it.
        for s in 0..window.words.len() {
            for e in s..window.words.len().min(s + MAX_ANSWER_LENGTH) {
                let probability = first[s + 1] * last[e + 1];
                let is_full = best.len() >= top;
                if is_full && best.last().is_none_or(|worst| probability <= worst.probability) {
                    continue;
                }
                let logit = |token: usize, column| {
                    window.logits[2 * (window.first_position + token) + column]
                };
                let score = logit(s, 0) + logit(e, 1);
                let source = window.words[s].start..window.words[e].end;
                insert(&mut best, Span { source, score, probability }, top);
            }
        }
    }
    Spans { best, no_answer_probability: no_answer_probability.min(1.0) }
}

/// Inserts an answer in order, unless the same words are there with a probability that is not lower.
fn insert(best: &mut Vec<Span>, span: Span, top: usize) {
    if let Some(known) = best.iter().position(|known| known.source == span.source) {
        if best[known].probability >= span.probability {
            return;
        }
        best.remove(known);
    }
    let order = |known: &Span| known.probability.total_cmp(&span.probability) != Ordering::Less;
    let at = best.partition_point(order);
    best.insert(at, span);
    best.truncate(top);
}

/// The softmax of a column over `[CLS]` and the tokens of the context: `[1 + context tokens]`.
fn probabilities(window: &WindowLogits<'_>, column: usize) -> Vec<f32> {
    let context = window.first_position..window.first_position + window.words.len();
    let logits: Vec<f32> = std::iter::once(0)
        .chain(context)
        .map(|position| window.logits[2 * position + column])
        .collect();
    softmax(&logits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The logits of `[CLS]`, question, `[SEP]`, three words, `[SEP]`, from those of `[CLS]` and the words.
    fn logits(first: [f32; 4], last: [f32; 4]) -> Vec<f32> {
        let column = |z: [f32; 4]| [z[0], 90.0, 90.0, z[1], z[2], z[3], 90.0];
        column(first).into_iter().zip(column(last)).flat_map(|(a, b)| [a, b]).collect()
    }

    #[test]
    fn the_best_answers_of_all_windows_come_first_and_shared_words_once() {
        let (a, b) = (
            logits([1.0, 0.5, 3.0, 0.0], [1.0, 0.0, 0.5, 2.0]),
            logits([0.0, 3.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]),
        );
        let words = [0..1, 2..5, 6..7, 8..9];
        let windows = [
            WindowLogits { first_position: 3, words: &words[..3], logits: &a },
            WindowLogits { first_position: 3, words: &words[1..], logits: &b },
        ];
        let all = best_spans(&windows, 100);
        assert_eq!(all.best.len(), 9, "six spans in each window, three are shared");
        assert!(all.best.windows(2).all(|pair| pair[0].probability >= pair[1].probability));
        let softmax = |z: [f64; 4], i: usize| z[i].exp() / z.iter().map(|z| z.exp()).sum::<f64>();
        // Words 1 to 2: more probable in the second window.
        let of_b = softmax([0.0, 3.0, 0.0, 0.0], 1) * softmax([0.0, 0.0, 2.0, 0.0], 2);
        let best = &all.best[0];
        assert_eq!((best.source.clone(), best.score), (2..7, 5.0));
        assert!((f64::from(best.probability) - of_b).abs() < 1e-6, "{best:?} {of_b}");
        let none = [
            softmax([1.0, 0.5, 3.0, 0.0], 0) * softmax([1.0, 0.0, 0.5, 2.0], 0),
            softmax([0.0, 3.0, 0.0, 0.0], 0) * softmax([0.0, 0.0, 2.0, 0.0], 0),
        ];
        let smallest = none[0].min(none[1]);
        assert!((f64::from(all.no_answer_probability) - smallest).abs() < 1e-6);
        for top in 1..9 {
            assert_eq!(best_spans(&windows, top).best, all.best[..top], "top {top}");
        }
    }

    #[test]
    fn an_answer_has_at_most_thirty_tokens() {
        let words: Vec<_> = (0..40).map(|word| 2 * word..2 * word + 1).collect();
        let mut logits = vec![0.0; 2 * 44];
        (logits[2 * 3], logits[2 * 42 + 1]) = (9.0, 9.0);
        let windows = [WindowLogits { first_position: 3, words: &words, logits: &logits }];
        let longest = best_spans(&windows, 2000).best;
        let most = longest.iter().map(|span| span.source.len().div_ceil(2)).max();
        assert_eq!(most, Some(30));
    }
}
