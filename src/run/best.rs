//! The best evaluations of a run whose job says what is good: the run keeps the weights of the best one.

use crate::train::{Evaluation, Recipe};
use serde::{Deserialize, Serialize};

/// The best evaluation of one trial of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BestOfTrial {
    /// The learning rate of the trial.
    pub learning_rate: f64,
    /// The step of the run after which the model was best.
    pub step: u64,
    /// How good it was: [`Job::score`](super::Job::score).
    pub score: f64,
    /// What was measured.
    pub evaluation: Evaluation,
}

impl BestOfTrial {
    /// The best of several trials, the first of equals.
    pub fn of(trials: &[Self]) -> Option<&Self> {
        trials.iter().reduce(|best, trial| if trial.score > best.score { trial } else { best })
    }

    /// Notes an evaluation after `step` steps of a run with the recipe `recipe` in `trials`. Returns whether it is the
    /// best so far. A score that is not a number is as bad as any.
    pub(super) fn note(
        trials: &mut Vec<Self>,
        recipe: &Recipe,
        step: u64,
        score: f64,
        evaluation: &Evaluation,
    ) -> bool {
        let score = if score.is_finite() { score } else { f64::MIN };
        let (trial, _) = recipe.trial(step.saturating_sub(1));
        let learning_rate =
            recipe.trials.get(trial).copied().unwrap_or(recipe.schedule.learning_rate);
        let is_best = Self::of(trials).is_none_or(|best| score > best.score);
        let now = Self { learning_rate, step, score, evaluation: evaluation.clone() };
        match trials.get_mut(trial) {
            Some(known) if score > known.score => *known = now,
            Some(_) => {}
            None => trials.push(now),
        }
        is_best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_is_the_best_of_each_trial_and_of_all() {
        let mut recipe = Recipe { trials: vec![1.0, 2.0], ..Recipe::default() };
        recipe.schedule.num_train_steps = 8;
        let mut trials = Vec::new();
        let mut note = |step, score| {
            BestOfTrial::note(&mut trials, &recipe, step, score, &Evaluation::default())
        };
        let best =
            [(2, 0.5), (4, 0.5), (6, f64::NAN), (8, 0.75)].map(|(step, score)| note(step, score));
        assert_eq!(best, [true, false, false, true]);
        let found: Vec<_> =
            trials.iter().map(|best| (best.learning_rate, best.step, best.score)).collect();
        assert_eq!(found, [(1.0, 2, 0.5), (2.0, 8, 0.75)]);
        assert_eq!(BestOfTrial::of(&trials).unwrap().step, 8);
    }
}
