//! Spans of words, as SpanBERT masks them (Joshi et al., 2020, section 3.1).
//!
//! The number of words of a span is drawn from the geometric distribution with p = 0.2, of which only 1 to 10
//! are kept: 3.8 in the mean. Its first word is drawn uniformly among the words that are not masked yet. A span
//! ends early where the segment ends, where a word is masked already, and where the next word would exceed the
//! number of positions; SpanBERT masks a part of such a word.

use crate::tensor::random::Generator;
use std::ops::Range;

/// The probability that a span ends after a word.
const P: f64 = 0.2;

/// The most words of a span.
const MOST_WORDS: usize = 10;

/// Draws spans until they have `wanted` positions or no other word fits. `words` are the positions of the pieces
/// of every word, in order; two words are neighbours if no position lies between them. Returns ranges of
/// `words`, in the order drawn.
pub(super) fn spans(
    words: &[Vec<u32>],
    wanted: usize,
    generator: &mut Generator,
) -> Vec<Range<usize>> {
    // Words in random order, without those that are masked by then: a uniform draw from the others.
    let mut order: Vec<usize> = (0..words.len()).collect();
    generator.shuffle(&mut order);
    let mut masked = vec![false; words.len()];
    let (mut spans, mut positions) = (Vec::new(), 0);
    for first in order {
        if positions >= wanted {
            break;
        }
        if masked[first] {
            continue;
        }
        let most = words.len().min(first + span_length(generator));
        let mut end = first;
        while end < most
            && !masked[end]
            && (end == first || are_neighbours(&words[end - 1], &words[end]))
            && positions + words[end].len() <= wanted
        {
            positions += words[end].len();
            masked[end] = true;
            end += 1;
        }
        if end > first {
            spans.push(first..end);
        }
    }
    spans
}

fn are_neighbours(left: &[u32], right: &[u32]) -> bool {
    left.last().zip(right.first()).is_some_and(|(last, first)| last + 1 == *first)
}

/// A number of words from 1 to [`MOST_WORDS`], geometrically distributed.
fn span_length(generator: &mut Generator) -> usize {
    // The probability of each length, (1 − P)^(length − 1) · P, before those above MOST_WORDS are left out.
    let mut probability = P;
    let kept = 1.0 - (0..MOST_WORDS).fold(1.0, |rest, _| rest * (1.0 - P));
    let mut rest = generator.uniform() * kept;
    for length in 1..MOST_WORDS {
        if rest < probability {
            return length;
        }
        rest -= probability;
        probability *= 1.0 - P;
    }
    MOST_WORDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::random::Purpose;

    #[test]
    fn lengths_are_geometric_up_to_ten() {
        const DRAWS: usize = 100_000;
        let mut generator = Generator::new(1, Purpose::Testing, 0, 0);
        let mut counts = [0usize; MOST_WORDS + 1];
        (0..DRAWS).for_each(|_| counts[span_length(&mut generator)] += 1);
        let kept = 1.0 - 0.8f64.powi(10);
        for (length, &count) in counts.iter().enumerate().skip(1) {
            let expected = DRAWS as f64 * 0.2 * 0.8f64.powi(length as i32 - 1) / kept;
            // Five standard deviations.
            assert!((count as f64 - expected).abs() < 5.0 * expected.sqrt(), "{length}: {count}");
        }
        assert_eq!(counts[0], 0);
        let words: usize = counts.iter().enumerate().map(|(length, count)| length * count).sum();
        // "a mean span length of 3.8"; the standard deviation of the mean is 0.009.
        assert!((words as f64 / DRAWS as f64 - 3.80).abs() < 0.05, "{words}");
    }

    #[test]
    fn spans_are_disjoint_do_not_cross_segments_and_fill_what_fits() {
        // [CLS] 5 words of 1, 2, 3, 1, 2 pieces [SEP] 4 words of one piece [SEP].
        let mut words: Vec<Vec<u32>> =
            vec![vec![1], vec![2, 3], vec![4, 5, 6], vec![7], vec![8, 9]];
        words.extend((11..15).map(|position| vec![position]));
        for wanted in 0..14 {
            let mut first = [0; 9];
            for seed in 0..900 {
                let mut generator = Generator::new(seed, Purpose::Testing, 0, 0);
                let spans = spans(&words, wanted, &mut generator);
                let mut taken = [false; 9];
                let mut positions = 0;
                for span in &spans {
                    assert!(!(span.contains(&4) && span.contains(&5)), "across [SEP]: {spans:?}");
                    for word in span.clone() {
                        assert!(!std::mem::replace(&mut taken[word], true), "twice: {spans:?}");
                        positions += words[word].len();
                    }
                }
                // Nothing that is left fits.
                assert!(positions <= wanted);
                let fits = |word: usize| !taken[word] && positions + words[word].len() <= wanted;
                assert!(!(0..9).any(fits), "{spans:?} of {wanted}");
                if let Some(span) = spans.first() {
                    first[span.start] += 1;
                }
            }
            if wanted >= 3 {
                // 100 each: five standard deviations of 9.4.
                assert!(first.iter().all(|&count: &i32| (53..=147).contains(&count)), "{first:?}");
            }
        }
    }
}
