//! `metrics.jsonl`: a line is the mean over the steps since the line before, and its numbers are exact counts.

use cloze::data::stories::STORIES;
use cloze::run::metrics::{EvaluationMetrics, MetricsLine, TrainingMetrics};

/// Twelve steps on the first sixty stories, with two documents of them held out.
fn run(log_every: u64) -> Vec<MetricsLine> {
    let text: Vec<&str> = STORIES.split("\n\n").take(60).collect();
    let run = cloze::pretrain(text.join("\n\n"))
        .model("1/32")
        .vocab_size(300)
        .max_seq_length(64)
        .train_batch_size(4)
        .learning_rate(1e-2)
        .steps(12)
        .eval_fraction(0.04)
        .options(|options| {
            (options.log_every, options.eval_every) = (log_every, 6);
        });
    run.run().unwrap().metrics
}

fn training(lines: &[MetricsLine]) -> Vec<&TrainingMetrics> {
    let only = lines.iter().filter_map(|line| match line {
        MetricsLine::Training(line) => Some(line),
        _ => None,
    });
    only.collect()
}

fn evaluations(lines: &[MetricsLine]) -> Vec<&EvaluationMetrics> {
    let only = lines.iter().filter_map(|line| match line {
        MetricsLine::Evaluation(line) => Some(&**line),
        _ => None,
    });
    only.collect()
}

#[test]
fn a_line_is_the_mean_of_the_steps_since_the_line_before() {
    let [every, fourth, fifth] = [1, 4, 5].map(run);
    let every = training(&every);
    assert_eq!(every.len(), 12);
    for (lines, groups) in [(&fourth, [1..=4, 5..=8, 9..=12]), (&fifth, [1..=5, 6..=10, 11..=12])] {
        let lines = training(lines);
        assert_eq!(lines.len(), 3);
        for (line, steps) in lines.iter().zip(groups) {
            let of: Vec<_> = every.iter().filter(|line| steps.contains(&line.step)).collect();
            let last = of[of.len() - 1];
            let mean = |value: &dyn Fn(&TrainingMetrics) -> f64| {
                of.iter().map(|line| value(line)).sum::<f64>() / of.len() as f64
            };
            for (index, term) in line.terms.iter().enumerate() {
                let close = |got: f64, expected: f64| {
                    // The same sums of f64, divided in another order.
                    assert!((got - expected).abs() < 1e-12, "step {}: {got}", line.step);
                };
                close(term.loss, mean(&|line| line.terms[index].loss));
                close(term.accuracy, mean(&|line| line.terms[index].accuracy));
            }
            assert_eq!(line.terms.len(), 2);
            // These are of the last step, and counted from the start of the run.
            assert_eq!(line.step, last.step);
            assert_eq!(line.learning_rate, last.learning_rate);
            assert_eq!((line.grad_norm, line.tokens), (last.grad_norm, last.tokens));
            assert!((line.loss() - line.terms[0].loss - line.terms[1].loss).abs() < 1e-12);
        }
    }
}

#[test]
fn tokens_are_counted_without_padding_and_evaluations_at_their_steps() {
    let lines = run(1);
    let training = training(&lines);
    let mut before = 0;
    for line in training {
        let tokens = line.tokens - before;
        assert!((4 * 5..=4 * 64).contains(&tokens), "four sequences of 5 to 64: {tokens}");
        before = line.tokens;
    }
    assert!(before < 12 * 4 * 64, "padding does not count: {before}");
    let evaluations = evaluations(&lines);
    assert_eq!(evaluations.iter().map(|line| line.step).collect::<Vec<_>>(), [6, 12]);
    for line in evaluations {
        let evaluation = &line.evaluation;
        let masked = evaluation.count("masked_tokens");
        assert!(masked > evaluation.instances && masked <= 10 * evaluation.instances);
        for term in &evaluation.terms {
            // An accuracy is a whole number of hits.
            let of = if term.name == "masked_lm" { masked } else { evaluation.instances };
            let hits = term.accuracy * of as f64;
            assert!((hits - hits.round()).abs() < 1e-6, "{} of {of}", term.accuracy);
        }
    }
}
