//! Pretraining as an [`Objective`]: masked-LM cross-entropy averaged over all masked positions, plus
//! next-sentence cross-entropy averaged over all pairs (BERT paper, section 3.1). Sentence-order prediction
//! uses the same head and the same loss on other pairs.

use super::evaluation::Evaluator;
use super::objective::{Objective, SharedObjective, Term, TermSums};
use crate::autodiff::{GraphError, Mode, Plan, Profile};
use crate::data::{Batch, SentenceObjective};
use crate::model::{BatchShape, Bert, PretrainingPlan};
use crate::tensor::dropout::DropoutKey;

/// The term of masked language modelling.
pub const MASKED_LM: &str = "masked_lm";
/// The term of next-sentence prediction.
pub const NEXT_SENTENCE: &str = "next_sentence";
/// The term of sentence-order prediction.
pub const SENTENCE_ORDER: &str = "sentence_order";

const MASKED_LM_TERM: Term = term(MASKED_LM, Some("masked_tokens"));
const WITH_NEXT_SENTENCE: [Term; 2] = [MASKED_LM_TERM, term(NEXT_SENTENCE, None)];
const WITH_SENTENCE_ORDER: [Term; 2] = [MASKED_LM_TERM, term(SENTENCE_ORDER, None)];

const fn term(name: &'static str, count_name: Option<&'static str>) -> Term {
    Term { name, count_name, has_accuracy: true }
}

/// Pretraining, compiled for one shape of batch.
pub struct Pretraining {
    plan: PretrainingPlan,
    shape: BatchShape,
    objective: SentenceObjective,
}

impl Pretraining {
    /// Compiles pretraining of `bert` for batches of `shape`; `objective` is learned about pairs.
    ///
    /// # Errors
    /// [`GraphError`] when `shape` does not fit the model.
    pub fn new(
        bert: &Bert,
        shape: BatchShape,
        mode: Mode,
        objective: SentenceObjective,
    ) -> Result<Self, GraphError> {
        let plan = PretrainingPlan::new(bert, shape, mode, objective.has_pairs(), false)?;
        Ok(Self { plan, shape, objective })
    }

    /// An evaluator for batches of `shape`. Only the instances that are pairs count for `objective`.
    ///
    /// # Errors
    /// [`GraphError`] when `shape` does not fit the model.
    pub fn evaluator(
        bert: &Bert,
        shape: BatchShape,
        objective: SentenceObjective,
    ) -> Result<Evaluator<Self>, GraphError> {
        Ok(Evaluator::new(Self::new(bert, shape, Mode::Evaluation, objective)?))
    }
}

impl Pretraining {
    /// [`PretrainingPlan::masked_lm_rows`].
    pub fn masked_lm_rows(&self) -> (&[f32], &[f32]) {
        self.plan.masked_lm_rows()
    }
}

impl Objective for Pretraining {
    type Batch = Batch;

    fn terms(&self) -> &'static [Term] {
        match self.objective {
            SentenceObjective::NextSentence => &WITH_NEXT_SENTENCE,
            SentenceObjective::SentenceOrder => &WITH_SENTENCE_ORDER,
            SentenceObjective::None => &WITH_NEXT_SENTENCE[..1],
        }
    }

    fn targets(&self, batch: &Batch) -> Vec<f32> {
        let weights = [&batch.masked_lm_weights, &batch.next_sentence_weights];
        weights.into_iter().take(self.terms().len()).map(|weights| weights.iter().sum()).collect()
    }

    fn examples(&self, batch: &Batch) -> u64 {
        batch.instances as u64
    }

    fn tokens(&self, batch: &Batch) -> u64 {
        batch.attention_mask.iter().map(|&real| u64::from(real)).sum()
    }

    fn load(&mut self, batch: &Batch, scales: &[f32]) {
        self.plan.load(batch, scales[0], scales.get(1).copied().unwrap_or(0.0));
    }

    fn forward(&mut self, parameters: &[f32], dropout_key: DropoutKey) -> Vec<TermSums> {
        let losses = self.plan.forward(parameters, dropout_key);
        let masked_lm =
            TermSums { loss: losses.masked_lm_loss, accuracy: losses.masked_lm_accuracy };
        let next_sentence =
            TermSums { loss: losses.next_sentence_loss, accuracy: losses.next_sentence_accuracy };
        [masked_lm, next_sentence].into_iter().take(self.terms().len()).collect()
    }

    fn backward(&mut self, parameters: &[f32], gradients: &mut [f32], dropout_key: DropoutKey) {
        self.plan.backward(parameters, gradients, dropout_key);
    }

    fn trains(&self, name: &str) -> bool {
        let of_pairs =
            name.starts_with("bert.pooler.") || name.starts_with("cls.seq_relationship.");
        self.objective.has_pairs() || !of_pairs
    }

    fn plan(&self) -> &Plan {
        self.plan.plan()
    }

    fn profile(&mut self) -> &mut Profile {
        self.plan.plan_mut().profile()
    }
}

impl SharedObjective for Pretraining {
    type Specification = (BatchShape, SentenceObjective);

    fn specification(&self) -> Self::Specification {
        (self.shape, self.objective)
    }

    fn compile(bert: &Bert, (shape, objective): Self::Specification) -> Result<Self, GraphError> {
        Self::new(bert, shape, Mode::Training, objective)
    }

    fn to_words(batch: &Batch) -> Vec<u32> {
        batch.to_words()
    }

    fn from_words(words: &[u32]) -> Batch {
        Batch::from_words(words)
    }
}
