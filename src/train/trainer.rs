//! One optimizer step: forward and backward over the batches of the step, clipping, AdamW.

use super::optimizer::{Group, Moments, add_gradients, clip_factor, global_norm, groups};
use super::recipe::Recipe;
use crate::autodiff::{GraphError, Mode, Profile};
use crate::data::Batch;
use crate::model::{Bert, Losses, PretrainingPlan};
use crate::tensor::dropout::DropoutKey;

/// A model in training: parameters, gradients, moments, and the plan that replays a step.
pub struct Trainer {
    /// The model as it is after [`Trainer::steps`] steps.
    pub bert: Bert,
    /// Adam's moments.
    pub moments: Moments,
    recipe: Recipe,
    plan: PretrainingPlan,
    groups: Vec<Group>,
    gradients: Vec<f32>,
    /// The gradients of one micro-batch after the first; empty until there is one.
    micro_batch_gradients: Vec<f32>,
    norm_partials: Vec<f32>,
    steps: u64,
}

/// What one step was like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// The step, counted from 0.
    pub step: u64,
    /// Means over the step's masked positions and pairs.
    pub losses: Losses,
    /// The rate that was applied.
    pub learning_rate: f32,
    /// The global norm of the gradient before clipping.
    pub grad_norm: f32,
    /// Tokens that are not padding.
    pub tokens: u64,
}

/// A loss or gradient that is not a finite number; the step was not applied. Or weights that are not
/// finite after a step; they are not saved.
#[derive(Debug, thiserror::Error)]
#[error(
    "step {}: loss {loss}, gradient norm {grad_norm} at learning rate {learning_rate}: training has \
     diverged; lower --learning-rate, or warm up longer with --num-warmup-steps",
    step + 1
)]
pub struct Diverged {
    /// The step, counted from 0.
    pub step: u64,
    /// Its loss.
    pub loss: f32,
    /// Its rate.
    pub learning_rate: f32,
    /// Its gradient norm.
    pub grad_norm: f32,
}

impl Trainer {
    /// Prepares to train `bert` as `recipe` says.
    ///
    /// # Errors
    /// [`GraphError`] when the recipe's shapes do not fit the model; [`Recipe::validate`] finds that
    /// first.
    pub fn new(bert: Bert, recipe: Recipe) -> Result<Self, GraphError> {
        let next_sentence = !recipe.no_nsp;
        let plan = PretrainingPlan::new(
            &bert,
            recipe.batch_shape(),
            Mode::Training,
            next_sentence,
            false,
        )?;
        // What gets no gradient is left alone: decay alone would wear it down.
        let groups = groups(&bert.layout, |name| {
            let head =
                name.starts_with("bert.pooler.") || name.starts_with("cls.seq_relationship.");
            next_sentence || !head
        });
        let length = bert.layout.len();
        Ok(Self {
            moments: Moments::new(length),
            gradients: vec![0.0; length],
            micro_batch_gradients: Vec::new(),
            norm_partials: Vec::new(),
            steps: 0,
            bert,
            recipe,
            plan,
            groups,
        })
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Goes on from where another trainer of the same recipe stood.
    ///
    /// # Panics
    /// When lengths differ from the model's; whoever reads them from a file has checked that.
    pub fn restore(&mut self, parameters: Vec<f32>, moments: Moments, steps: u64) {
        let length = self.bert.layout.len();
        assert!([&parameters, &moments.first, &moments.second].iter().all(|x| x.len() == length));
        self.bert.parameters = parameters;
        self.moments = moments;
        self.steps = steps;
    }

    /// Bytes of parameters, gradients, moments and all buffers of the plan.
    pub fn bytes(&mut self) -> usize {
        4 * 4 * self.bert.layout.len() + self.plan.plan().bytes()
    }

    /// The compiled graph, one line an operation.
    pub fn describe(&mut self) -> String {
        self.plan.plan().to_string()
    }

    /// Where the time of the steps went, operation by operation.
    pub fn profile(&mut self) -> &mut Profile {
        self.plan.plan().profile()
    }

    /// Whether every parameter and moment is a finite number. A step with a finite gradient can still
    /// leave weights that are not.
    pub fn is_finite(&self) -> bool {
        let arrays = [&self.bert.parameters, &self.moments.first, &self.moments.second];
        arrays.into_iter().flatten().all(|value| value.is_finite())
    }

    /// Takes one step over `batches`, its [micro-batches](Recipe::micro_batches) in order. Losses are
    /// means over all masked positions, and all pairs, of the batches together; gradients are added
    /// up batch by batch.
    ///
    /// # Errors
    /// [`Diverged`] when loss or gradient are not finite; nothing is changed then.
    pub fn step(&mut self, batches: &[Batch]) -> Result<StepReport, Diverged> {
        let seed = self.recipe.seed;
        let mean = |count: f32| if count > 0.0 { 1.0 / count } else { 0.0 };
        let total = |sum: fn(&Batch) -> f32| mean(batches.iter().map(sum).sum());
        let masked_lm_scale = total(|batch| batch.masked_lm_weights.iter().sum());
        let next_sentence_scale = total(|batch| batch.next_sentence_weights.iter().sum());
        let mut losses = Losses::default();
        for (index, batch) in batches.iter().enumerate() {
            let dropout_key = DropoutKey {
                seed,
                step: self.steps as u32,
                first_sequence: index * self.recipe.batch_shape().batch_size,
            };
            self.plan.load(batch, masked_lm_scale, next_sentence_scale);
            losses.add(&self.plan.forward(&self.bert.parameters, dropout_key));
            if index == 0 {
                self.plan.backward(&self.bert.parameters, &mut self.gradients, dropout_key);
            } else {
                self.micro_batch_gradients.resize(self.gradients.len(), 0.0);
                let gradients = &mut self.micro_batch_gradients;
                self.plan.backward(&self.bert.parameters, gradients, dropout_key);
                add_gradients(gradients, &mut self.gradients);
            }
        }
        let grad_norm = global_norm(&self.gradients, &mut self.norm_partials);
        let learning_rate = self.recipe.schedule.learning_rate(self.steps);
        let loss = losses.masked_lm_loss + losses.next_sentence_loss;
        if !loss.is_finite() || !grad_norm.is_finite() {
            return Err(Diverged { step: self.steps, loss, learning_rate, grad_norm });
        }
        self.recipe.optimizer.step(
            &self.groups,
            &self.gradients,
            clip_factor(grad_norm, self.recipe.max_grad_norm),
            learning_rate,
            &mut self.moments,
            &mut self.bert.parameters,
        );
        let real = |batch: &Batch| batch.attention_mask.iter().map(|&m| u64::from(m)).sum::<u64>();
        let tokens = batches.iter().map(real).sum();
        let report = StepReport { step: self.steps, losses, learning_rate, grad_norm, tokens };
        self.steps += 1;
        Ok(report)
    }
}
