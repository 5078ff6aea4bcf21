//! The order of the examples: which of them each step sees.

use crate::data::features::FeatureBatch;
use crate::tensor::random::{Generator, Purpose};
use crate::train::Recipe;
use crate::train::finetuning::{Dataset, Gold};

/// The examples of step after step. Each epoch has its own order, drawn from the seed; every trial sees the same.
pub(super) struct Stream {
    data: Dataset,
    recipe: Recipe,
    steps_of_epoch: u64,
    next_step: u64,
    /// The epoch, and its order of units.
    order: (u64, Vec<u32>),
}

impl Stream {
    pub(super) fn new(data: Dataset, recipe: Recipe) -> Self {
        let steps_of_epoch = data.units().div_ceil(recipe.sequences_per_step()).max(1) as u64;
        let order = order(&data, recipe.seed, 0);
        Self { data, recipe, steps_of_epoch, next_step: 0, order: (0, order) }
    }

    /// The step that comes next, counted from 0.
    pub(super) fn position(&self) -> u64 {
        self.next_step
    }

    pub(super) fn seek(&mut self, step: u64) {
        self.next_step = step;
    }

    /// Fills the micro-batches of the next step. The examples of a step are sorted by length, so that those of a
    /// micro-batch are of similar length. The last step of an epoch may have fewer.
    pub(super) fn fill(&mut self, batches: &mut [FeatureBatch], pad_id: u32) {
        let (_, step) = self.recipe.trial(self.next_step);
        self.next_step += 1;
        let (epoch, index) = (step / self.steps_of_epoch, step % self.steps_of_epoch);
        if self.order.0 != epoch {
            self.order = (epoch, order(&self.data, self.recipe.seed, epoch));
        }
        let size = self.recipe.sequences_per_step();
        let first = (index as usize).saturating_mul(size);
        let mut units: Vec<usize> =
            self.order.1.iter().skip(first).take(size).map(|&unit| unit as usize).collect();
        units.sort_by_key(|&unit| self.length(unit));
        let mut units = units.into_iter();
        for (batch, count) in batches.iter_mut().zip(self.recipe.micro_batches()) {
            batch.clear(pad_id);
            for unit in units.by_ref().take(count) {
                let features = &self.data.features;
                match self.data.gold {
                    Gold::Texts { paired: true, .. } => {
                        batch.push_pair([&features[2 * unit], &features[2 * unit + 1]]);
                    }
                    // The same text twice: dropout alone makes the difference (SimCSE).
                    Gold::Texts { paired: false, .. } => {
                        batch.push_pair([&features[unit], &features[unit]]);
                    }
                    _ => batch.push(&features[unit]),
                }
            }
        }
    }

    /// The tokens of a unit.
    fn length(&self, unit: usize) -> usize {
        let length = |feature: usize| self.data.features[feature].input_ids.len();
        match self.data.gold {
            Gold::Texts { paired: true, .. } => length(2 * unit).max(length(2 * unit + 1)),
            _ => length(unit),
        }
    }
}

/// The order of the units of `data` in an epoch.
fn order(data: &Dataset, seed: u64, epoch: u64) -> Vec<u32> {
    let mut order: Vec<u32> = (0..data.units() as u32).collect();
    Generator::new(seed, Purpose::InstanceOrder, epoch, 0).shuffle(&mut order);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::features::{Feature, FeatureShape, Target};
    use crate::train::schedule::Schedule;

    /// Five features; feature i has i + 1 tokens, all of them i.
    fn data(gold: Gold, examples: usize) -> Dataset {
        let feature = |i: u32| Feature {
            input_ids: vec![i; i as usize + 1],
            token_type_ids: vec![0; i as usize + 1],
            target: Target::Class(i),
        };
        Dataset { features: (0..5).map(feature).collect(), gold, examples, cut: 0 }
    }

    fn recipe() -> Recipe {
        let schedule = Schedule { num_train_steps: 12, num_warmup_steps: 0, learning_rate: 1.0 };
        Recipe {
            train_batch_size: 2,
            max_seq_length: 5,
            trials: vec![1.0, 2.0],
            schedule,
            ..Recipe::default()
        }
    }

    #[test]
    fn an_epoch_sees_everything_once_and_trials_see_the_same() {
        let mut stream = Stream::new(data(Gold::Classes(vec![0; 5]), 5), recipe());
        let shape = FeatureShape { batch_size: 2, max_seq_length: 5 };
        let mut batches = [FeatureBatch::new(shape)];
        let mut steps = Vec::new();
        for _ in 0..12 {
            stream.fill(&mut batches, 9);
            let batch = &batches[0];
            let classes = batch.classes[..batch.features].to_vec();
            assert!(classes.is_sorted(), "by length: {classes:?}");
            steps.push(classes);
        }
        for epoch in steps.chunks(3) {
            let mut seen = epoch.concat();
            seen.sort_unstable();
            assert_eq!((seen, epoch[2].len()), (vec![0, 1, 2, 3, 4], 1));
        }
        assert_ne!(steps[..3], steps[3..6]);
        assert_eq!(steps[..6], steps[6..]);
        stream.seek(4);
        stream.fill(&mut batches, 9);
        assert_eq!(batches[0].classes[..2], steps[4]);
    }

    #[test]
    fn a_single_text_is_its_own_partner() {
        let gold = Gold::Texts { paired: false, scores: None };
        let mut stream = Stream::new(data(gold, 5), recipe());
        let shape = FeatureShape { batch_size: 4, max_seq_length: 5 };
        let mut batches = [FeatureBatch::new(shape)];
        stream.fill(&mut batches, 9);
        let ids = &batches[0].input_ids;
        assert_eq!(ids[..10], ids[10..]);
        assert_eq!(batches[0].features, 4);
    }
}
