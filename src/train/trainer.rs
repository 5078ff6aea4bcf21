//! One optimizer step: forward and backward over the micro-batches of the step, clipping, AdamW or Muon, averaging.

use super::averaging;
use super::gradient_tree::{GradientTree, clip_factor};
use super::muon::{Muon, MuonStep, is_hidden_matrix};
use super::objective::{Objective, TermMean, total_loss};
use super::optimizer::{Group, MatrixOptimizer, Moments, groups};
use super::recipe::Recipe;
use super::schedule::Schedule;
use crate::autodiff::Profile;
use crate::model::Bert;
use crate::tensor::dropout::DropoutKey;

/// A model in training: parameters, gradients, moments, and the objective that computes a micro-batch.
pub struct Trainer<O> {
    /// The model after [`Trainer::steps`] steps, which the next step changes. See [`Trainer::model`].
    pub bert: Bert,
    /// Adam's moments; for matrices that Muon trains, its momentum and zeros.
    pub moments: Moments,
    /// The model with the average of the weights, if the recipe asks for it.
    average: Option<Bert>,
    muon: Option<Muon>,
    recipe: Recipe,
    objective: O,
    groups: Vec<Group>,
    gradients: GradientTree,
    steps: u64,
    /// The weights that every trial begins with; empty for a run of one trial.
    first_weights: Vec<f32>,
}

/// The losses and other numbers of one step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepReport {
    /// The step, counted from 0.
    pub step: u64,
    /// The mean of every loss over all targets of the step.
    pub terms: Vec<TermMean>,
    /// The learning rate of this step.
    pub learning_rate: f32,
    /// The global norm of the gradient before clipping.
    pub grad_norm: f32,
    /// Tokens, padding not counted.
    pub tokens: u64,
}

impl StepReport {
    /// The sum of the mean losses.
    pub fn loss(&self) -> f64 {
        total_loss(&self.terms)
    }
}

/// Training has diverged. Either the loss or the gradient of a step is not finite, and the step was not
/// applied; or the weights after a step are not finite, and they are not saved.
#[derive(Debug, thiserror::Error)]
#[error(
    "step {}: loss {loss}, gradient norm {grad_norm} at learning rate {learning_rate}: training has \
     diverged; lower 'learning_rate', or warm up longer with 'num_warmup_steps'",
    step + 1
)]
pub struct Diverged {
    /// The step, counted from 0.
    pub step: u64,
    /// Its loss.
    pub loss: f32,
    /// Its learning rate.
    pub learning_rate: f32,
    /// Its gradient norm.
    pub grad_norm: f32,
}

impl From<&StepReport> for Diverged {
    fn from(report: &StepReport) -> Self {
        let StepReport { step, learning_rate, grad_norm, .. } = *report;
        Self { step, loss: report.loss() as f32, learning_rate, grad_norm }
    }
}

impl<O: Objective> Trainer<O> {
    /// Prepares to train `bert` on `objective`. The objective's plan must be compiled for one micro-batch of
    /// `recipe`.
    pub fn new(bert: Bert, objective: O, recipe: Recipe) -> Self {
        let length = bert.layout.len();
        let by_muon =
            |name: &str| recipe.matrix_optimizer == MatrixOptimizer::Muon && is_hidden_matrix(name);
        let trains = |name: &str| objective.trains(name);
        Self {
            moments: Moments::new(length),
            average: (recipe.ema_decay > 0.0).then(|| bert.clone()),
            muon: (recipe.matrix_optimizer == MatrixOptimizer::Muon)
                .then(|| Muon::new(&bert.layout, |name| trains(name) && by_muon(name))),
            groups: groups(&bert.layout, |name| trains(name) && !by_muon(name)),
            gradients: GradientTree::new(length, recipe.micro_batches().count()),
            steps: 0,
            first_weights: if recipe.trials.len() > 1 {
                bert.parameters.clone()
            } else {
                Vec::new()
            },
            bert,
            recipe,
            objective,
        }
    }

    /// The model to evaluate and to save: with the average of the weights if the recipe asks for it, else with
    /// the weights of the last step.
    pub fn model(&self) -> &Bert {
        self.average.as_ref().unwrap_or(&self.bert)
    }

    /// [`Trainer::model`], when training has ended.
    pub fn into_model(self) -> Bert {
        self.average.unwrap_or(self.bert)
    }

    /// The average of the weights, `[parameters]`, if the recipe asks for it.
    pub fn average(&self) -> Option<&[f32]> {
        self.average.as_ref().map(|bert| bert.parameters.as_slice())
    }

    /// Replaces the schedule of the learning rate.
    pub fn set_schedule(&mut self, schedule: Schedule) {
        self.recipe.schedule = schedule;
    }

    /// The number of steps taken so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The recipe of the next step.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Goes on with batches of another shape. `objective` must have the terms of the one before, compiled for
    /// one micro-batch of `recipe`.
    pub fn change(&mut self, objective: O, recipe: Recipe) {
        let (length, micro_batches) = (self.bert.layout.len(), recipe.micro_batches().count());
        if micro_batches != self.recipe.micro_batches().count() {
            self.gradients = GradientTree::new(length, micro_batches);
        }
        (self.objective, self.recipe) = (objective, recipe);
    }

    /// The objective.
    pub fn objective(&self) -> &O {
        &self.objective
    }

    /// Continues from the state of another trainer of the same recipe. `parameters`, `average` and both moments
    /// are `[parameters]`.
    ///
    /// # Panics
    /// If a length differs from the model's, or if there is an average without the recipe asking for it, or the
    /// reverse. Code that reads them from a file must check that first.
    pub fn restore(
        &mut self,
        parameters: Vec<f32>,
        moments: Moments,
        average: Option<Vec<f32>>,
        steps: u64,
    ) {
        let length = self.bert.layout.len();
        let arrays = [&parameters, &moments.first, &moments.second];
        assert!(arrays.into_iter().chain(&average).all(|x| x.len() == length));
        assert_eq!(average.is_some(), self.average.is_some(), "an average");
        if let Some((of_trainer, average)) = self.average.as_mut().zip(average) {
            of_trainer.parameters = average;
        }
        self.bert.parameters = parameters;
        self.moments = moments;
        self.steps = steps;
    }

    /// Bytes of parameters, gradients, moments, the average and all buffers of the optimizer and the plan.
    pub fn bytes(&self) -> usize {
        let arrays = 3 + usize::from(self.average.is_some());
        let muon = self.muon.as_ref().map_or(0, Muon::bytes);
        let parameters = 4 * (arrays * self.bert.layout.len() + self.first_weights.len());
        parameters + muon + self.gradients.bytes() + self.objective.plan().bytes()
    }

    /// The compiled graph with one line per operation, then the memory of parameters, moments and gradients.
    pub fn describe(&self) -> String {
        let parameters = self.bert.layout.len();
        let micro_batches = self.recipe.micro_batches().count();
        let average = match self.average {
            Some(_) => format!("{} bytes of the average of the parameters\n", 4 * parameters),
            None => String::new(),
        };
        let muon = match &self.muon {
            Some(muon) => format!("{} bytes for the products of Muon\n", muon.bytes()),
            None => String::new(),
        };
        format!(
            "{}{} bytes of parameters, as much for each of Adam's two moments\n\
             {} bytes of gradients: {} partial sums for {micro_batches} micro-batches\n{average}{muon}",
            self.objective.plan(),
            4 * parameters,
            self.gradients.bytes(),
            GradientTree::buffers(micro_batches),
        )
    }

    /// The time of the steps by operation.
    pub fn profile(&mut self) -> &mut Profile {
        self.objective.profile()
    }

    /// Whether every parameter and moment is a finite number. A step with a finite gradient can still
    /// leave weights that are not.
    pub fn is_finite(&self) -> bool {
        let arrays = [&self.bert.parameters, &self.moments.first, &self.moments.second];
        arrays.into_iter().flatten().all(|value| value.is_finite())
    }

    /// Before the first step of a [trial](Recipe::trials): the first weights, and moments of zero.
    fn begin_trial(&mut self) {
        if !self.first_weights.is_empty() && self.recipe.trial(self.steps).1 == 0 {
            self.bert.parameters.clone_from(&self.first_weights);
            self.moments = Moments::new(self.first_weights.len());
            if let Some(average) = &mut self.average {
                average.parameters.clone_from(&self.first_weights);
            }
        }
    }

    /// Takes one step over `batches`, its [micro-batches](Recipe::micro_batches) in order. Losses are means
    /// over all targets of all batches; the gradient is the [tree](GradientTree) sum of the gradients of the
    /// batches.
    ///
    /// # Errors
    /// [`Diverged`] if the loss or the gradient is not finite. Parameters and moments have not changed then.
    ///
    /// # Panics
    /// If there are no batches, or more batches than the recipe has micro-batches.
    pub fn step(&mut self, batches: &[O::Batch]) -> Result<StepReport, Diverged> {
        self.begin_trial();
        let step_of_trial = self.recipe.trial(self.steps).1;
        let Self { bert, objective, gradients, .. } = self;
        let terms = objective.terms();
        let mut targets = vec![0.0f32; terms.len()];
        for batch in batches {
            targets.iter_mut().zip(objective.targets(batch)).for_each(|(sum, n)| *sum += n);
        }
        let mean = |count: &f32| if *count > 0.0 { 1.0 / count } else { 0.0 };
        let scales: Vec<f32> = targets.iter().map(mean).collect();
        let mut sums = vec![[0.0f32; 2]; terms.len()];
        for (index, batch) in batches.iter().enumerate() {
            let dropout_key = DropoutKey {
                seed: self.recipe.seed,
                step: step_of_trial as u32,
                first_sequence: index * self.recipe.micro_batch_size(),
            };
            objective.load(batch, &scales);
            let of_batch = objective.forward(&bert.parameters, dropout_key);
            for ([loss, accuracy], term) in sums.iter_mut().zip(of_batch) {
                *loss += term.loss;
                *accuracy += term.accuracy;
            }
            objective.backward(&bert.parameters, gradients.next_gradient(), dropout_key);
        }
        let (gradient, grad_norm) = gradients.finish();
        let terms = terms.iter().zip(sums).map(|(term, sums)| {
            let [loss, accuracy] = sums.map(f64::from);
            TermMean::new(term, loss, accuracy)
        });
        let report = StepReport {
            step: self.steps,
            terms: terms.collect(),
            learning_rate: self.recipe.learning_rate(self.steps),
            grad_norm,
            tokens: batches.iter().map(|batch| objective.tokens(batch)).sum(),
        };
        if !report.loss().is_finite() || !grad_norm.is_finite() {
            return Err(Diverged::from(&report));
        }
        let Recipe { optimizer, ema_decay, max_grad_norm, .. } = &self.recipe;
        let (factor, learning_rate) =
            (clip_factor(grad_norm, *max_grad_norm), report.learning_rate);
        let parameters = &mut bert.parameters;
        let moments = &mut self.moments;
        optimizer.step(&self.groups, gradient, factor, learning_rate, moments, parameters);
        if let Some(muon) = &mut self.muon {
            let weight_decay = optimizer.weight_decay;
            let step = MuonStep { factor, learning_rate, weight_decay };
            muon.step(step, gradient, &mut moments.first, parameters);
        }
        self.steps += 1;
        if let Some(average) = &mut self.average {
            averaging::update(*ema_decay, step_of_trial + 1, parameters, &mut average.parameters);
        }
        Ok(report)
    }
}
