//! One optimizer step: forward and backward over the micro-batches of the step, clipping, AdamW or Muon, averaging.
//!
//! Several ranks can share a run: rank 0 has the data and calls the methods of its trainer, which tell the others
//! ([`serve`](super::serving::serve)) to do their part. Each rank has all parameters, and moments of the
//! [part](super::shards) that it updates.

use super::averaging;
use super::commands::Command;
use super::gradient_tree::{GradientTree, clip_factor};
use super::muon::{Muon, MuonStep, is_hidden_matrix};
use super::objective::{SharedObjective, TermMean, total_loss};
use super::optimizer::{Group, MatrixOptimizer, Moments, groups, groups_of_part};
use super::recipe::Recipe;
use super::reduction::Reduction;
use super::schedule::Schedule;
use super::shards::{Shards, micro_batches_of};
use crate::autodiff::Profile;
use crate::model::Bert;
use crate::system::ranks::{Alone, Team};
use crate::system::threads;
use crate::tensor::dropout::DropoutKey;
use std::ops::Range;

mod sharing;

pub use sharing::RankError;

/// A model in training: parameters, gradients, moments, and the objective that computes a micro-batch.
pub struct Trainer<O> {
    /// The model after [`Trainer::steps`] steps, which the next step changes. See [`Trainer::model`].
    pub bert: Bert,
    /// Adam's moments of the parameters that this rank updates (all of them unless ranks share the run); for matrices
    /// that Muon trains, its momentum and zeros. See [`Trainer::whole_moments`].
    pub moments: Moments,
    /// The model with the average of the weights, if the recipe asks for it. On rank 0 only.
    average: Option<Bert>,
    /// On other ranks, the average of the parameters that they update.
    part_of_average: Vec<f32>,
    muon: Option<Muon>,
    recipe: Recipe,
    objective: O,
    /// As ranges of the part that this rank updates.
    groups: Vec<Group>,
    gradients: GradientTree,
    steps: u64,
    /// The weights that every trial begins with; empty for a run of one trial.
    first_weights: Vec<f32>,
    reduction: Reduction,
    /// Whether another rank asks to stop.
    stop_asked: bool,
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

impl<O: SharedObjective> Trainer<O> {
    /// Prepares to train `bert` on `objective`, on this machine. The objective's plan must be compiled for one
    /// micro-batch of `recipe`.
    pub fn new(bert: Bert, objective: O, recipe: Recipe) -> Self {
        Self::of_rank(Alone::team(), bert, objective, recipe)
    }

    /// The trainer of this rank of `team`.
    pub(super) fn of_rank(team: Team, bert: Bert, objective: O, recipe: Recipe) -> Self {
        let length = bert.layout.len();
        let uses_muon = recipe.matrix_optimizer == MatrixOptimizer::Muon;
        let trains = |name: &str| objective.trains(name);
        let by_muon = |name: &str| uses_muon && is_hidden_matrix(name);
        let matrices = bert.layout.entries().iter().filter(|entry| by_muon(&entry.name));
        let matrices: Vec<Range<usize>> = matrices.map(|entry| entry.range.clone()).collect();
        let (rank, ranks) = (team.rank(), team.size());
        let shards = Shards::new(length, ranks, &matrices);
        let part = shards.update(rank);
        let all = recipe.micro_batches().count();
        let averages = recipe.ema_decay > 0.0;
        Self {
            moments: Moments::new(part.len()),
            average: (averages && rank == 0).then(|| bert.clone()),
            part_of_average: vec![0.0; if averages && rank > 0 { part.len() } else { 0 }],
            muon: uses_muon.then(|| {
                let trained = |name: &str| trains(name) && by_muon(name);
                Muon::of_part(&bert.layout, trained, part.clone())
            }),
            groups: groups_of_part(
                &groups(&bert.layout, |name| trains(name) && !by_muon(name)),
                part.clone(),
            ),
            gradients: GradientTree::new(length, micro_batches_of(rank, ranks, all).len()),
            steps: 0,
            first_weights: if recipe.trials.len() > 1 && rank == 0 {
                bert.parameters.clone()
            } else {
                Vec::new()
            },
            reduction: Reduction::new(team, shards),
            stop_asked: false,
            bert,
            recipe,
            objective,
        }
    }

    /// The elements that this rank updates.
    fn part(&self) -> Range<usize> {
        self.reduction.shards().update(self.team().rank())
    }

    /// The model to evaluate and to save: with the average of the weights if the recipe asks for it, else with
    /// the weights of the last step. Where ranks share the run, the average is as it was at the last call of
    /// [`Trainer::gather_average`].
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
        self.tell(&Command::Schedule(schedule));
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
        let specification = objective.specification();
        self.tell(&Command::Change { recipe: recipe.clone(), specification });
        let (rank, ranks) = (self.team().rank(), self.team().size());
        let mine =
            |recipe: &Recipe| micro_batches_of(rank, ranks, recipe.micro_batches().count()).len();
        if mine(&recipe) != mine(&self.recipe) {
            self.gradients = GradientTree::new(self.bert.layout.len(), mine(&recipe));
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
        self.bert.parameters = parameters;
        self.steps = steps;
        self.hand_out(Some(moments), average.as_deref());
    }

    /// Begins again at step 0 with these parameters, and their average if the recipe asks for it; all moments are 0.
    ///
    /// # Panics
    /// As [`Trainer::restore`].
    pub fn begin_again(&mut self, parameters: &[f32], average: Option<&[f32]>) {
        self.bert.parameters.copy_from_slice(parameters);
        self.steps = 0;
        self.hand_out(None, average);
    }

    /// Bytes of parameters, gradients, moments, the average and all buffers of the optimizer and the plan.
    pub fn bytes(&self) -> usize {
        let muon = self.muon.as_ref().map_or(0, Muon::bytes);
        let average = self.average.as_ref().map_or(0, |average| average.parameters.len());
        let floats = self.bert.layout.len()
            + average
            + self.part_of_average.len()
            + self.moments.first.len()
            + self.moments.second.len()
            + self.first_weights.len();
        let shared = match self.team().size() {
            1 => 0,
            _ => self.reduction.bytes(self.recipe.micro_batches().count()),
        };
        4 * floats + muon + shared + self.gradients.bytes() + self.objective.plan().bytes()
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

    /// Before the first step of a [trial](Recipe::trials): the first weights, and moments of zero.
    fn begin_trial(&mut self) {
        if !self.first_weights.is_empty() && self.recipe.trial(self.steps).1 == 0 {
            self.bert.parameters.clone_from(&self.first_weights);
            let average = self.average.is_some().then(|| self.first_weights.clone());
            self.hand_out(None, average.as_deref());
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
    /// If there are no batches.
    pub fn step(&mut self, batches: &[O::Batch]) -> Result<StepReport, Diverged> {
        assert!(!batches.is_empty(), "a step has at least one batch");
        self.begin_trial();
        let mut targets = vec![0.0f32; self.objective.terms().len()];
        for batch in batches {
            targets.iter_mut().zip(self.objective.targets(batch)).for_each(|(sum, n)| *sum += n);
        }
        let mean = |count: &f32| if *count > 0.0 { 1.0 / count } else { 0.0 };
        let scales: Vec<f32> = targets.iter().map(mean).collect();
        let (all, ranks) = (batches.len(), self.team().size());
        let bits = scales.iter().map(|scale| scale.to_bits()).collect();
        self.tell(&Command::Step { micro_batches: all, scales: bits });
        for rank in 1..ranks {
            for batch in &batches[micro_batches_of(rank, ranks, all)] {
                self.team().send(rank, &O::to_words(batch));
            }
        }
        let mine = &batches[micro_batches_of(0, ranks, all)];
        let mut report = threads::awake(|| self.step_of_rank(mine, all, &scales, false))?;
        report.tokens = batches.iter().map(|batch| self.objective.tokens(batch)).sum();
        Ok(report)
    }

    /// This rank's part of a step of `all` micro-batches: it computes `batches`. The report counts the tokens of `batches`
    /// alone.
    fn step_of_rank(
        &mut self,
        batches: &[O::Batch],
        all: usize,
        scales: &[f32],
        asks_to_stop: bool,
    ) -> Result<StepReport, Diverged> {
        let step_of_trial = self.recipe.trial(self.steps).1;
        let part = self.part();
        let Self { bert, objective, gradients, reduction, .. } = self;
        let first = micro_batches_of(reduction.team().rank(), reduction.team().size(), all).start;
        let terms = objective.terms();
        // [micro-batches, terms, 2]: loss and accuracy.
        let mut sums = Vec::with_capacity(2 * terms.len() * all);
        gradients.begin_at(first);
        for (index, batch) in (first..).zip(batches) {
            let dropout_key = DropoutKey {
                seed: self.recipe.seed,
                step: step_of_trial as u32,
                first_sequence: index * self.recipe.micro_batch_size(),
            };
            objective.load(batch, scales);
            let of_batch = objective.forward(&bert.parameters, dropout_key);
            sums.extend(of_batch.iter().flat_map(|term| [term.loss, term.accuracy]));
            objective.backward(&bert.parameters, gradients.next_gradient(), dropout_key);
        }
        let (gradient, grad_norm) = if reduction.team().size() == 1 {
            gradients.finish()
        } else {
            let sums_each = (sums.as_slice(), 2 * terms.len());
            let reduced = reduction.reduce(gradients, all, sums_each, asks_to_stop);
            self.stop_asked |= reduced.stop;
            sums = reduced.sums;
            (reduced.gradient, reduced.norm)
        };
        let mut total = vec![0.0f32; 2 * terms.len()];
        for of_batch in sums.chunks(total.len()) {
            total.iter_mut().zip(of_batch).for_each(|(sum, value)| *sum += value);
        }
        let terms = terms
            .iter()
            .zip(total.chunks(2))
            .map(|(term, sums)| TermMean::new(term, f64::from(sums[0]), f64::from(sums[1])));
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
        let parameters = &mut bert.parameters[part.clone()];
        let moments = &mut self.moments;
        optimizer.step(&self.groups, gradient, factor, learning_rate, moments, parameters);
        if let Some(muon) = &mut self.muon {
            let weight_decay = optimizer.weight_decay;
            let step = MuonStep { factor, learning_rate, weight_decay };
            muon.step(step, gradient, &mut moments.first, parameters);
        }
        self.steps += 1;
        if *ema_decay > 0.0 {
            let average = match &mut self.average {
                Some(average) => &mut average.parameters[part],
                None => &mut self.part_of_average[..],
            };
            averaging::update(*ema_decay, step_of_trial + 1, parameters, average);
        }
        if reduction.team().size() > 1 {
            reduction.share_parameters(&mut bert.parameters);
        }
        Ok(report)
    }
}
