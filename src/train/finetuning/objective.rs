//! Fine-tuning as an [`Objective`].

use crate::autodiff::{GraphError, Mode, Plan, Profile};
use crate::data::features::{FeatureBatch, FeatureShape};
use crate::model::{Bert, FinetuningPlan, HeadLoss};
use crate::tensor::dropout::DropoutKey;
use crate::train::objective::{Objective, SharedObjective, Term, TermSums};

const CLASSIFICATION: [Term; 1] = [term("classification", true)];
const REGRESSION: [Term; 1] = [term("regression", false)];
const TAGS: [Term; 1] = [term("tags", true)];
const ANSWERS: [Term; 1] = [term("answers", true)];
const CONTRASTIVE: [Term; 1] = [term("contrastive", true)];

const fn term(name: &'static str, has_accuracy: bool) -> Term {
    Term { name, count_name: None, has_accuracy }
}

/// The loss of a task, compiled for one shape of batch.
pub struct Finetuning {
    plan: FinetuningPlan,
    shape: FeatureShape,
}

impl Finetuning {
    /// The term of a loss: `classification`, `regression`, `tags`, `answers` or `contrastive`.
    pub fn term(loss: HeadLoss) -> &'static Term {
        &Self::terms(loss)[0]
    }

    fn terms(loss: HeadLoss) -> &'static [Term] {
        match loss {
            HeadLoss::Classes => &CLASSIFICATION,
            HeadLoss::Number => &REGRESSION,
            HeadLoss::Tags => &TAGS,
            HeadLoss::Span => &ANSWERS,
            HeadLoss::Contrastive { .. } => &CONTRASTIVE,
        }
    }

    /// Compiles `loss` on the head of `bert` for batches of `shape`.
    ///
    /// # Errors
    /// [`GraphError`] when they do not fit.
    pub fn new(
        bert: &Bert,
        loss: HeadLoss,
        shape: FeatureShape,
        mode: Mode,
    ) -> Result<Self, GraphError> {
        Ok(Self { plan: FinetuningPlan::new(bert, loss, shape, mode)?, shape })
    }
}

impl Objective for Finetuning {
    type Batch = FeatureBatch;

    fn terms(&self) -> &'static [Term] {
        Self::terms(self.plan.loss())
    }

    fn targets(&self, batch: &FeatureBatch) -> Vec<f32> {
        vec![self.plan.targets(batch)]
    }

    fn examples(&self, batch: &FeatureBatch) -> u64 {
        batch.features as u64
    }

    fn tokens(&self, batch: &FeatureBatch) -> u64 {
        batch.attention_mask.iter().map(|&real| u64::from(real)).sum()
    }

    fn load(&mut self, batch: &FeatureBatch, scales: &[f32]) {
        self.plan.load(batch, scales[0]);
    }

    fn forward(&mut self, parameters: &[f32], dropout_key: DropoutKey) -> Vec<TermSums> {
        let [loss, accuracy] = self.plan.forward(parameters, dropout_key);
        vec![TermSums { loss, accuracy }]
    }

    fn backward(&mut self, parameters: &[f32], gradients: &mut [f32], dropout_key: DropoutKey) {
        self.plan.backward(parameters, gradients, dropout_key);
    }

    fn trains(&self, name: &str) -> bool {
        // An embedding is made of hidden states; the pooler stays as it is.
        let embeds = matches!(self.plan.loss(), HeadLoss::Contrastive { .. });
        !(embeds && name.starts_with("bert.pooler."))
    }

    fn plan(&self) -> &Plan {
        self.plan.plan()
    }

    fn profile(&mut self) -> &mut Profile {
        self.plan.plan_mut().profile()
    }
}

impl SharedObjective for Finetuning {
    type Specification = (HeadLoss, FeatureShape);

    fn specification(&self) -> Self::Specification {
        (self.plan.loss(), self.shape)
    }

    fn compile(bert: &Bert, (loss, shape): Self::Specification) -> Result<Self, GraphError> {
        Self::new(bert, loss, shape, Mode::Training)
    }

    fn to_words(batch: &FeatureBatch) -> Vec<u32> {
        batch.to_words()
    }

    fn from_words(words: &[u32]) -> FeatureBatch {
        FeatureBatch::from_words(words)
    }
}
