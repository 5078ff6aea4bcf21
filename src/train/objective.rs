//! The computation of a training step: a compiled plan with its kind of batch and its named losses.
//!
//! [`Trainer`](super::Trainer) and [`Evaluator`](super::Evaluator) work on any [`Objective`]; pretraining is one
//! (`pretraining.rs` beside this file).

use crate::autodiff::{GraphError, Plan, Profile};
use crate::model::Bert;
use crate::tensor::dropout::DropoutKey;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One loss of an objective. Metrics call its values `{name}_loss` and `{name}_accuracy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The name, for example `masked_lm`.
    pub name: &'static str,
    /// The name of the number of targets in an evaluation, for example `masked_tokens`; `None` when an
    /// evaluation does not report it.
    pub count_name: Option<&'static str>,
    /// Whether an answer is right or wrong. A number is neither, and metrics leave its accuracy out.
    pub has_accuracy: bool,
}

/// Weighted sums of one term over the targets of one forward pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TermSums {
    /// Σ weight · loss.
    pub loss: f32,
    /// Σ weight · (1 when the likeliest answer is right, else 0).
    pub accuracy: f32,
}

/// Forward and backward of one kind of batch, compiled for one shape.
pub trait Objective {
    /// The examples of one forward pass.
    type Batch;

    /// The losses, in a fixed order. Training minimises their sum.
    fn terms(&self) -> &'static [Term];

    /// For each term, the number of targets in `batch`: the divisor of its mean.
    fn targets(&self, batch: &Self::Batch) -> Vec<f32>;

    /// The number of examples in `batch`.
    fn examples(&self, batch: &Self::Batch) -> u64;

    /// The number of tokens in `batch`, padding not counted.
    fn tokens(&self, batch: &Self::Batch) -> u64;

    /// Copies `batch` into the plan. The weight of every target of term `t` is `scales[t]`.
    ///
    /// # Panics
    /// If the shape of the batch is not the shape of the plan.
    fn load(&mut self, batch: &Self::Batch, scales: &[f32]);

    /// Computes the losses of the loaded batch, one entry per term.
    fn forward(&mut self, parameters: &[f32], dropout_key: DropoutKey) -> Vec<TermSums>;

    /// Writes the gradient of the summed losses into `gradients`, computed from zero. Elements of
    /// parameters that the objective does not use stay as they are.
    ///
    /// # Panics
    /// If the plan was compiled for evaluation.
    fn backward(&mut self, parameters: &[f32], gradients: &mut [f32], dropout_key: DropoutKey);

    /// Whether the parameter called `name` receives a gradient. The optimizer does not change other
    /// parameters; weight decay alone would shrink them.
    fn trains(&self, name: &str) -> bool;

    /// The compiled graph, for printing and for its memory.
    fn plan(&self) -> &Plan;

    /// The time that each operation has taken.
    fn profile(&mut self) -> &mut Profile;
}

/// An objective that several processes can train together: one of them has the data, and tells the others what to
/// compile, and what to compute.
pub trait SharedObjective: Objective + Sized {
    /// What the objective is compiled from, beside the model.
    type Specification: Serialize + DeserializeOwned;

    /// What this objective was compiled from.
    fn specification(&self) -> Self::Specification;

    /// Compiles the objective for training.
    ///
    /// # Errors
    /// [`GraphError`] when it does not fit the model.
    fn compile(bert: &Bert, specification: Self::Specification) -> Result<Self, GraphError>;

    /// All that [`Objective::load`] reads of a batch, as numbers of 32 bits.
    fn to_words(batch: &Self::Batch) -> Vec<u32>;

    /// The batch that [`SharedObjective::to_words`] turned into these words.
    ///
    /// # Panics
    /// On other words.
    fn from_words(words: &[u32]) -> Self::Batch;
}

/// The mean of one term over all its targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TermMean {
    /// [`Term::name`].
    pub name: Cow<'static, str>,
    /// Mean loss.
    pub loss: f64,
    /// The share of targets for which the likeliest answer is right; 0 without [`Term::has_accuracy`].
    pub accuracy: f64,
    /// [`Term::has_accuracy`].
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub has_accuracy: bool,
}

/// Checkpoints of earlier versions do not say it.
fn yes() -> bool {
    true
}

impl TermMean {
    /// The mean of `term`.
    pub fn new(term: &Term, loss: f64, accuracy: f64) -> Self {
        Self { name: term.name.into(), loss, accuracy, has_accuracy: term.has_accuracy }
    }

    /// `{prefix}{name}_loss` and, if it has one, `{prefix}{name}_accuracy`.
    pub fn fields(&self, prefix: &str) -> impl Iterator<Item = (String, f64)> {
        let field = |what: &str| format!("{prefix}{}_{what}", self.name);
        let accuracy = self.has_accuracy.then(|| (field("accuracy"), self.accuracy));
        std::iter::once((field("loss"), self.loss)).chain(accuracy)
    }
}

/// The sum of the mean losses.
pub fn total_loss(terms: &[TermMean]) -> f64 {
    terms.iter().map(|term| term.loss).sum()
}

/// The mean of the term called `name`, if there is one.
pub fn find<'t>(terms: &'t [TermMean], name: &str) -> Option<&'t TermMean> {
    terms.iter().find(|term| term.name == name)
}
