//! One backward pass on the text at hand, and what one step of AdamW would change.
//!
//! The loss is that of pretraining on this example alone, without dropout; the step begins with moments of zero, as
//! the first step of a run does.

use super::super::error::TaskError;
use super::super::model::Model;
use super::super::sequence::Sequence;
use super::embeddings::sum_of_squares;
use super::masking::MaskingStep;
use super::predictions::{HiddenPosition, NextSentenceStep, hidden_positions, next_sentence_step};
use crate::autodiff::Mode;
use crate::data::{Batch, Instance, SentenceObjective};
use crate::model::{BatchShape, Bert};
use crate::tensor::dropout::DropoutKey;
use crate::train::gradient_tree::{clip_factor, global_norm};
use crate::train::objective::{Objective, TermSums};
use crate::train::optimizer::{AdamW, Moments, groups};
use crate::train::pretraining::Pretraining;
use serde::Serialize;

/// The largest norm of the gradient, as in Google's script.
const MAX_GRAD_NORM: f32 = 1.0;

/// The gradient of the loss, and one step against it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BackwardStep {
    /// The loss of this example.
    pub loss: ExampleLoss,
    /// The norm of the whole gradient: √Σ g² over all parameters.
    pub gradient_norm: f32,
    /// The gradient of each part of the model, from the input to the output.
    pub parts: Vec<PartGradient>,
    /// What one step changes.
    pub step: OptimizerStep,
}

/// The loss of one example, as training computes it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ExampleLoss {
    /// The mean of −ln(probability of the right word) over the hidden tokens.
    pub masked_lm: f32,
    /// −ln(probability of the right answer) for a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_sentence: Option<f32>,
    /// The sum of both, which training makes smaller.
    pub total: f32,
}

/// The gradient of one part of the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartGradient {
    /// The part, for example `layer 1 attention`.
    pub part: String,
    /// The layer that it belongs to, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// The number of its parameters.
    pub parameters: usize,
    /// The norm of its gradient: √Σ g².
    pub norm: f32,
}

/// One step of AdamW with moments of zero.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OptimizerStep {
    /// The learning rate.
    pub learning_rate: f32,
    /// The settings of AdamW.
    pub optimizer: AdamW,
    /// The largest norm of the gradient; a larger gradient is scaled down to it.
    pub max_grad_norm: f32,
    /// What the gradient is multiplied by for that; 1 when it is not too large.
    pub clip_factor: f32,
    /// The largest change of a single parameter.
    pub largest_change: f32,
    /// The loss of the same example after the step.
    pub loss_after: ExampleLoss,
    /// The right word at each hidden position.
    pub words: Vec<RightWordChange>,
    /// The probability of the right answer about the pair, with the hidden tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_sentence: Option<Change>,
}

/// The right word at one hidden position, before and after the step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RightWordChange {
    /// The position, counted from 0.
    pub position: usize,
    /// The right word.
    pub token: String,
    /// Its probability.
    pub probability: Change,
}

/// A number before and after the step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Before.
    pub before: f32,
    /// After.
    pub after: f32,
}

/// What the step is computed from: the example, and what the model answers before it.
pub(super) struct Example<'a> {
    /// The sequence as it was given.
    pub(super) given: &'a Sequence,
    pub(super) masking: &'a MaskingStep,
    pub(super) predictions: &'a [HiddenPosition],
    pub(super) next_sentence: Option<&'a NextSentenceStep>,
}

impl Example<'_> {
    /// The masked sequence with its right answers; `None` when a right word is not known, or no token is hidden.
    fn instance(&self) -> Option<Instance> {
        let hidden = &self.masking.hidden;
        let labels: Option<Vec<u32>> = hidden.iter().map(|token| token.token_id).collect();
        Some(Instance {
            input_ids: self.masking.input_ids.clone(),
            token_type_ids: self.given.token_type_ids.clone(),
            is_random_next: self.next_sentence.map(|step| step.is_random_next),
            masked_lm_positions: hidden.iter().map(|token| token.position as u32).collect(),
            masked_lm_labels: labels.filter(|labels| !labels.is_empty())?,
        })
    }
}

/// The backward pass and the step; `None` for an example without right answers.
pub(super) fn backward_step(
    model: &Model<'_>,
    example: &Example<'_>,
    learning_rate: f32,
) -> Result<Option<BackwardStep>, TaskError> {
    let Some(instance) = example.instance() else { return Ok(None) };
    let mut bert = model.bert().clone();
    // A plan for training drops values at these rates.
    (bert.config.hidden_dropout_prob, bert.config.attention_probs_dropout_prob) = (0.0, 0.0);
    let masks = instance.masked_lm_positions.len();
    let mut batch = Batch::new(1, instance.input_ids.len(), masks);
    batch.push(&instance);
    let shape = BatchShape {
        batch_size: 1,
        max_seq_length: instance.input_ids.len(),
        max_predictions_per_seq: masks,
    };
    let objective = match example.next_sentence {
        Some(_) => SentenceObjective::NextSentence,
        None => SentenceObjective::None,
    };
    let mut objective = Pretraining::new(&bert, shape, Mode::Training, objective)?;
    objective.load(&batch, &[1.0 / masks as f32, 1.0]);
    let key = DropoutKey { seed: 0, step: 0, first_sequence: 0 };
    let loss = example_loss(&objective.forward(&bert.parameters, key));
    let mut gradients = vec![0.0; bert.parameters.len()];
    objective.backward(&bert.parameters, &mut gradients, key);
    let gradient_norm = global_norm(&gradients);
    if !gradient_norm.is_finite() {
        return Err(TaskError::NotFinite("the gradient"));
    }
    let parts = parts(&bert, &gradients, |name| objective.trains(name));

    let (optimizer, clip_factor) = (AdamW::default(), clip_factor(gradient_norm, MAX_GRAD_NORM));
    let groups = groups(&bert.layout, |name| objective.trains(name));
    let mut moments = Moments::new(bert.parameters.len());
    let parameters = &mut bert.parameters;
    optimizer.step(&groups, &gradients, clip_factor, learning_rate, &mut moments, parameters);
    drop((moments, gradients));
    let changes = bert.parameters.iter().zip(&model.bert().parameters).map(|(a, b)| (a - b).abs());
    let largest_change = changes.fold(0.0, f32::max);
    let loss_after = example_loss(&objective.forward(&bert.parameters, key));

    let updated = Model::borrowed(&bert, model.tokenizer());
    let masked =
        Sequence { input_ids: instance.input_ids, token_type_ids: instance.token_type_ids };
    let after = hidden_positions(&updated, &masked, &example.masking.hidden, 1)?;
    let words = example.predictions.iter().zip(after).filter_map(|(before, after)| {
        let (before, after) = (before.right.as_ref()?, (after.position, after.right?));
        Some(RightWordChange {
            position: after.0,
            token: before.token.clone(),
            probability: Change { before: before.probability, after: after.1.probability },
        })
    });
    let words = words.collect();
    let next_sentence = match example.next_sentence {
        None => None,
        Some(before) => {
            let is_random = before.is_random_next;
            let after = next_sentence_step(&updated, example.given, example.masking, is_random)?;
            let [before, after] = [before, &after].map(NextSentenceStep::right_probability);
            Some(Change { before, after })
        }
    };
    Ok(Some(BackwardStep {
        loss,
        gradient_norm,
        parts,
        step: OptimizerStep {
            learning_rate,
            optimizer,
            max_grad_norm: MAX_GRAD_NORM,
            clip_factor,
            largest_change,
            loss_after,
            words,
            next_sentence,
        },
    }))
}

fn example_loss(terms: &[TermSums]) -> ExampleLoss {
    let next_sentence = terms.get(1).map(|term| term.loss);
    let masked_lm = terms[0].loss;
    ExampleLoss { masked_lm, next_sentence, total: masked_lm + next_sentence.unwrap_or(0.0) }
}

/// The gradient of each part that `trains`; `gradients` is flat, in the layout of `bert`.
fn parts(bert: &Bert, gradients: &[f32], trains: impl Fn(&str) -> bool) -> Vec<PartGradient> {
    let mut parts: Vec<(PartGradient, f64)> = Vec::new();
    for entry in bert.layout.entries().iter().filter(|entry| trains(&entry.name)) {
        let (part, layer) = part(&entry.name);
        let squares = sum_of_squares(&gradients[entry.range.clone()]);
        let at = parts.iter().position(|(known, _)| known.part == part).unwrap_or_else(|| {
            parts.push((PartGradient { part, layer, parameters: 0, norm: 0.0 }, 0.0));
            parts.len() - 1
        });
        parts[at].0.parameters += entry.range.len();
        parts[at].1 += squares;
    }
    let norm =
        |(part, squares): (PartGradient, f64)| PartGradient { norm: squares.sqrt() as f32, ..part };
    parts.into_iter().map(norm).collect()
}

/// The part that the parameter called `name` belongs to, and its layer.
fn part(name: &str) -> (String, Option<usize>) {
    let of_layer = name.strip_prefix("bert.encoder.layer.").and_then(|rest| rest.split_once('.'));
    if let Some((layer, rest)) = of_layer {
        let kind = match rest {
            rest if rest.contains("LayerNorm") => "LayerNorm",
            rest if rest.starts_with("attention.") => "attention",
            _ => "feed-forward",
        };
        let layer = layer.parse::<usize>().map_or(1, |layer| layer + 1);
        return (format!("layer {layer} {kind}"), Some(layer));
    }
    let part = match name {
        name if name.starts_with("bert.embeddings.word") => "word embeddings",
        name if name.starts_with("bert.embeddings.position") => "position embeddings",
        name if name.starts_with("bert.embeddings.token_type") => "segment embeddings",
        name if name.starts_with("bert.embeddings.") => "embeddings LayerNorm",
        name if name.starts_with("cls.predictions.") => "masked-LM head",
        _ => "next-sentence head",
    };
    (part.into(), None)
}
