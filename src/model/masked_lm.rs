//! The masked-LM logits of one sequence, compiled once and replayed: what a run watches while it trains.

use super::bert::Bert;
use super::encoder::encoder;
use super::encoder_inputs::{EncoderInputs, Padding, Sequences};
use super::heads::masked_lm_logits;
use crate::autodiff::{Graph, GraphError, Mode, Plan, Tensor};
use crate::tensor::dropout::DropoutKey;

/// Forward pass of one sequence with the logits at some of its positions.
pub struct MaskedLmPlan {
    plan: Plan,
    logits: Tensor,
}

impl MaskedLmPlan {
    /// For the single sequence `input_ids` `[tokens]`, all of segment 0, and the positions `positions` in it.
    ///
    /// # Errors
    /// [`GraphError`] when the model has fewer positions than that, or no masked-LM head.
    ///
    /// # Panics
    /// When a position is not below the number of tokens.
    pub fn new(bert: &Bert, input_ids: &[u32], positions: &[u32]) -> Result<Self, GraphError> {
        assert!(positions.iter().all(|&position| (position as usize) < input_ids.len()));
        let mut graph = Graph::new(&bert.layout);
        let g = &mut graph;
        let inputs = EncoderInputs::new(g, 1, input_ids.len());
        let rows = g.integers(positions.len());
        let hidden_states = encoder(g, &bert.config, &inputs)?;
        let last = *hidden_states.last().expect("at least the embeddings");
        let logits = masked_lm_logits(g, &bert.config, last, rows)?;
        g.keep(logits);
        let mut plan = Plan::new(graph, Mode::Evaluation)?;
        let tokens = input_ids.len();
        let (token_type_ids, attention_mask) = (vec![0; tokens], vec![1; tokens]);
        let sequences = Sequences {
            input_ids,
            token_type_ids: &token_type_ids,
            attention_mask: &attention_mask,
        };
        inputs.load(&mut plan, sequences, Padding::LeftOut);
        // The only sequence: its positions are its rows.
        plan.integers_mut(rows).copy_from_slice(positions);
        Ok(Self { plan, logits })
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> usize {
        self.plan.bytes()
    }

    /// The logits `[positions, vocab_size]` of `bert`, in the layout that the plan was made for.
    pub fn logits(&mut self, bert: &Bert) -> &[f32] {
        let key = DropoutKey { seed: 0, step: 0, first_sequence: 0 };
        self.plan.forward(&bert.parameters, key);
        self.plan.value(self.logits)
    }
}
