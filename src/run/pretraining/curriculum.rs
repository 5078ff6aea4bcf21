//! What changes in the course of a run: the share of masked positions, and the length of sequences. Both are
//! functions of the step alone.
//!
//! - More masks first: the share falls linearly from `masked_lm_prob_start` to `masked_lm_prob`.
//! - Short sequences first: "we pre-train the model with sequence length of 128 for 90 % of the steps. Then, we
//!   train the rest 10 % of the steps of sequence of 512" (Devlin et al., 2019, appendix A.2). The short phase
//!   is the first `short_phase_fraction` of the steps. Attention costs the square of the length, so a step of
//!   as many tokens takes less time.
//!
//! `max_predictions_per_seq` is meant for sequences of `max_seq_length` tokens with the share `masked_lm_prob`;
//! it grows with the share and falls with the length.

use super::recipe::PretrainingRecipe;
use crate::data::MaskSettings;

impl PretrainingRecipe {
    /// The recipe of step `step`, counted from 0: `max_seq_length`, the sequences of a step, and the most
    /// masked positions that a sequence has in this phase, as its buffers need.
    #[must_use]
    pub fn at(&self, step: u64) -> Self {
        let mut now = self.clone();
        if let Some(length) = self.short_phase_seq_length
            && step < self.short_phase_steps()
        {
            let training = &mut now.training;
            training.max_seq_length = length;
            match self.short_phase_batch_size {
                Some(size) => training.train_batch_size = size,
                // From the product, on which alone a step depends.
                None => {
                    let tokens = self.training.sequences_per_step() * self.training.max_seq_length;
                    training.train_batch_size = tokens / length;
                    training.gradient_accumulation_steps = 1;
                }
            }
        }
        let share = self.masked_lm_prob_start.unwrap_or(0.0).max(self.masked_lm_prob);
        now.max_predictions_per_seq = self.predictions(now.training.max_seq_length, share);
        now
    }

    /// How tokens are masked in step `step`, counted from 0.
    pub fn masks_at(&self, step: u64) -> MaskSettings {
        let steps = self.training.schedule.num_train_steps;
        let last = steps.saturating_sub(1).max(1);
        let share = match self.masked_lm_prob_start {
            Some(start) if step < last => {
                start + (self.masked_lm_prob - start) * (step as f64 / last as f64)
            }
            _ => self.masked_lm_prob,
        };
        // No more than the buffers hold, however the share is rounded.
        let now = self.at(step);
        let most = self.predictions(now.training.max_seq_length, share);
        self.masks()
            .with_masked_lm_prob(share)
            .with_max_predictions_per_seq(most.min(now.max_predictions_per_seq))
    }

    /// The number of steps in the short phase; 0 without one.
    pub fn short_phase_steps(&self) -> u64 {
        let steps = self.training.schedule.num_train_steps;
        match self.short_phase_seq_length {
            Some(_) => (self.short_phase_fraction * steps as f64).round() as u64,
            None => 0,
        }
    }

    /// The most masked positions of a sequence of `length` tokens with `share` of them masked.
    fn predictions(&self, length: usize, share: f64) -> usize {
        let most =
            (self.max_predictions_per_seq * length) as f64 / self.training.max_seq_length as f64;
        let more = match self.masked_lm_prob_start {
            Some(_) => share / self.masked_lm_prob,
            None => 1.0,
        };
        ((most * more).ceil() as usize).clamp(1, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> PretrainingRecipe {
        let mut recipe = PretrainingRecipe::default();
        recipe.training.schedule.num_train_steps = 11;
        recipe
    }

    #[test]
    fn without_a_curriculum_every_step_is_the_same() {
        let recipe = recipe();
        for step in 0..12 {
            assert_eq!(recipe.at(step), recipe);
            assert_eq!(recipe.masks_at(step), recipe.masks());
        }
    }

    #[test]
    fn the_share_of_masks_changes_linearly_and_the_most_with_it() {
        let mut recipe = recipe();
        recipe.masked_lm_prob_start = Some(0.3);
        for (step, share, most) in [(0, 0.3, 40), (5, 0.225, 30), (10, 0.15, 20), (11, 0.15, 20)] {
            let masks = recipe.masks_at(step);
            assert!((masks.masked_lm_prob - share).abs() < 1e-15, "{step}: {masks:?}");
            assert_eq!(masks.max_predictions_per_seq, most);
            // The buffers hold the most of all steps.
            assert_eq!(recipe.at(step).max_predictions_per_seq, 40);
        }
        recipe.masked_lm_prob_start = Some(0.05);
        assert_eq!(recipe.masks_at(0).max_predictions_per_seq, 7);
        assert_eq!(recipe.at(0).max_predictions_per_seq, 20);
        recipe.masked_lm_prob_start = Some(1.0);
        assert_eq!(recipe.at(0).max_predictions_per_seq, 128, "not more than a sequence has");
        // A run of one step.
        recipe.training.schedule.num_train_steps = 1;
        assert_eq!(recipe.masks_at(0).masked_lm_prob, 1.0);
    }

    #[test]
    fn the_short_phase_has_its_length_and_as_many_tokens() {
        let mut recipe = recipe();
        recipe.short_phase_seq_length = Some(48);
        recipe.short_phase_fraction = 0.45;
        let shape = |recipe: &PretrainingRecipe, step| {
            let at = recipe.at(step);
            let sequences = at.training.sequences_per_step();
            (at.training.max_seq_length, sequences, at.max_predictions_per_seq)
        };
        // 0.45 × 11 steps; 32 × 128 tokens.
        for (step, expected) in [(0, (48, 85, 8)), (4, (48, 85, 8)), (5, (128, 32, 20))] {
            assert_eq!(shape(&recipe, step), expected);
            assert_eq!(recipe.masks_at(step).max_predictions_per_seq, expected.2);
        }
        let mut halves = recipe.clone();
        halves.training.train_batch_size = 16;
        halves.training.gradient_accumulation_steps = 2;
        assert_eq!(shape(&halves, 0), (48, 85, 8), "only the product matters");
        halves.short_phase_batch_size = Some(20);
        assert_eq!([0, 5].map(|step| shape(&halves, step).1), [40, 32]);
        // With both: 20 × 48/128 × 0.3/0.15.
        recipe.masked_lm_prob_start = Some(0.3);
        assert_eq!(recipe.at(0).max_predictions_per_seq, 15);
    }
}
