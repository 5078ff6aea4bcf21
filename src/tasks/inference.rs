//! Forward passes of many sequences: batches of similar length, plans that are compiled once.
//!
//! Sequences are sorted into buckets by length: up to 16 tokens, up to 32, 64 and so on. A batch takes
//! sequences of one bucket, and its plan has the bucket's length and a power of two of sequences, so
//! that few shapes occur. Padding is not computed. The values of a sequence have the same bits in
//! every batch, because no operation adds up over rows in a forward pass.

use super::sequence::Sequence;
use crate::autodiff::ops::gather_rows;
use crate::autodiff::{Graph, GraphError, Integers, Mode, Plan, Tensor};
use crate::model::heads::{
    masked_lm_logits, next_sentence_logits, pooler, question_answering_logits,
    sequence_classification_logits, token_classification_logits,
};
use crate::model::{
    Bert, EncoderInputs, Head, PackedRows, Padding, ReadRows, Sequences, encoder_at, load_rows,
};
use crate::system::threads;
use crate::tensor::dropout::DropoutKey;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// The length of the first bucket.
const SHORTEST: usize = 16;

/// Sequences of one batch, at most.
const BATCH_SEQUENCES: usize = 128;

/// Tokens of one batch, at most, unless a single sequence has more.
const BATCH_TOKENS: usize = 2048;

/// Positions of one batch with logits over the vocabulary, at most, unless a single sequence has more.
const BATCH_POSITIONS: usize = 256;

/// Tokens of one block, at most, unless a single text has more.
const BLOCK_TOKENS: usize = 1 << 17;

/// Bytes of all plans that are kept, at most, unless a single one has more.
const KEPT_BYTES: usize = 256 << 20;

/// What is computed on top of the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// The last hidden state `[tokens, hidden]`, and if wanted the pooled output `[1, hidden]`.
    Encoding {
        /// Whether the pooled output is computed.
        pooled: bool,
    },
    /// The last hidden state of `[CLS]`, `[1, hidden]`.
    FirstToken,
    /// Logits over the vocabulary at the wanted positions, `[positions, vocab_size]`.
    MaskedLm,
    /// Logits of "is next" and "is random", `[1, 2]`.
    NextSentence,
    /// Logits of the head of a fine-tuned model: `[1, num_labels]`, or `[tokens, num_labels]`.
    Head,
}

impl Output {
    /// Whether the last hidden states of all tokens are read; else only those of `[CLS]` and the wanted positions.
    fn reads_all(self, head: Head) -> bool {
        match self {
            Self::Encoding { .. } => true,
            Self::FirstToken | Self::MaskedLm | Self::NextSentence => false,
            Self::Head => {
                matches!(head, Head::QuestionAnswering | Head::TokenClassification { .. })
            }
        }
    }
}

/// Which rows of an output belong to a sequence.
#[derive(Clone, Copy)]
enum Rows {
    /// One for each token.
    Tokens,
    /// One.
    Sequence,
    /// One for each wanted position.
    Positions,
}

/// What a plan is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    output: Output,
    batch_size: usize,
    seq: usize,
    /// Wanted positions of the batch, at most.
    positions: usize,
    /// Wanted positions of a sequence, at most.
    of_sequence: usize,
    /// A plan has working memory for that many threads.
    threads: usize,
}

/// A compiled plan with its inputs and outputs.
struct Compiled {
    key: Key,
    plan: Plan,
    encoder: EncoderInputs,
    /// The rows of the last hidden state that are computed; all when `None`.
    read: Option<ReadRows>,
    /// The rows of the wanted positions in the last hidden state, `[positions]`.
    positions: Integers,
    /// The row of every `[CLS]` in the last hidden state, `[batch]`.
    first_tokens: Integers,
    outputs: Vec<(Tensor, Rows)>,
}

/// The plans of a model that are kept for later calls, the one used last at the end.
pub(super) struct Inference {
    plans: Mutex<Vec<Compiled>>,
    kept_bytes: usize,
}

/// The tokens of each sequence, for [`blocks`].
pub(super) fn lengths(sequences: &[Sequence]) -> impl Iterator<Item = usize> {
    sequences.iter().map(|sequence| sequence.input_ids.len())
}

/// Cuts texts into blocks: ranges of them that are answered in one call, so that memory holds the answers of one
/// block only. `tokens` says how many tokens are computed for each text. A block is many batches.
pub(super) fn blocks(tokens: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let (mut start, mut end, mut sum) = (0, 0, 0);
    for more in tokens {
        if end > start && sum + more > BLOCK_TOKENS {
            blocks.push(start..end);
            (start, sum) = (end, 0);
        }
        (end, sum) = (end + 1, sum + more);
    }
    if start < end {
        blocks.push(start..end);
    }
    blocks
}

impl Default for Inference {
    fn default() -> Self {
        Self { plans: Mutex::default(), kept_bytes: KEPT_BYTES }
    }
}

impl Inference {
    /// Computes `output` for every sequence. `positions[i]` are the wanted positions of sequence i;
    /// only [`Output::MaskedLm`] reads them. `read(i, values)` is called once for each sequence i, in
    /// no particular order, with the values of each of its outputs, flat.
    ///
    /// # Errors
    /// [`GraphError`] when there is not enough memory for a plan.
    pub(super) fn run(
        &self,
        bert: &Bert,
        output: Output,
        sequences: &[Sequence],
        positions: &[Vec<u32>],
        mut read: impl FnMut(usize, &[&[f32]]),
    ) -> Result<(), GraphError> {
        let most = bert.config.max_position_embeddings;
        let length = |i: usize| sequences[i].input_ids.len();
        let wanted = |i: usize| positions.get(i).map_or(&[][..], Vec::as_slice);
        let bucket = |i: usize| length(i).next_power_of_two().max(SHORTEST).min(most);
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by_key(|&i| bucket(i));
        let mut rest = order.as_slice();
        while let Some(&first) = rest.first() {
            let seq = bucket(first);
            let most_sequences = (BATCH_TOKENS / seq).clamp(1, BATCH_SEQUENCES);
            let mut count = 0;
            let mut batch_positions = 0;
            for &i in rest.iter().take(most_sequences).take_while(|&&i| bucket(i) == seq) {
                batch_positions += wanted(i).len();
                if count > 0 && batch_positions > BATCH_POSITIONS {
                    batch_positions -= wanted(i).len();
                    break;
                }
                count += 1;
            }
            let (batch, behind) = rest.split_at(count);
            rest = behind;
            let of_sequence = batch.iter().map(|&i| wanted(i).len()).max().unwrap_or(0);
            let key = Key {
                output,
                batch_size: count.next_power_of_two(),
                seq,
                positions: batch_positions.next_power_of_two(),
                of_sequence: if of_sequence > 0 { of_sequence.next_power_of_two() } else { 0 },
                threads: threads::count(),
            };
            let mut compiled = self.take(key).map_or_else(|| Compiled::new(bert, key), Ok)?;
            let positions = batch.iter().zip(0..).flat_map(|(&i, b)| {
                wanted(i).iter().map(move |position| b * seq as u32 + position)
            });
            let packed = compiled.load(batch, sequences, &positions.collect::<Vec<_>>());
            let key = DropoutKey { seed: 0, step: 0, first_sequence: 0 };
            compiled.plan.forward(&bert.parameters, key);
            let mut first_position = 0;
            for (b, &i) in batch.iter().enumerate() {
                let of_positions = first_position..first_position + wanted(i).len();
                first_position = of_positions.end;
                let values = compiled.outputs.iter().map(|&(tensor, rows)| {
                    let rows = match rows {
                        Rows::Tokens => packed.rows(b),
                        Rows::Sequence => b..b + 1,
                        Rows::Positions => of_positions.clone(),
                    };
                    let width = tensor.shape.columns();
                    &compiled.plan.value(tensor)[rows.start * width..rows.end * width]
                });
                read(i, &values.collect::<Vec<_>>());
            }
            self.keep(compiled);
        }
        Ok(())
    }

    /// Takes the plan for `key` out of those that are kept, so that no other thread uses it.
    fn take(&self, key: Key) -> Option<Compiled> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let index = plans.iter().position(|compiled| compiled.key == key)?;
        Some(plans.remove(index))
    }

    /// Keeps a plan for later, and drops those that were not used for longest when all together are
    /// too large.
    fn keep(&self, compiled: Compiled) {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.push(compiled);
        let mut bytes: usize = plans.iter().map(|compiled| compiled.plan.bytes()).sum();
        while bytes > self.kept_bytes && plans.len() > 1 {
            bytes -= plans.remove(0).plan.bytes();
        }
    }
}

impl Compiled {
    fn new(bert: &Bert, key: Key) -> Result<Self, GraphError> {
        let mut graph = Graph::new(&bert.layout);
        let g = &mut graph;
        let encoder_inputs = EncoderInputs::new(g, key.batch_size, key.seq);
        let positions = g.integers(key.positions);
        let first_tokens = g.integers(key.batch_size);
        let positions_read = (!key.output.reads_all(bert.head)).then_some(key.of_sequence);
        let (hidden_states, read) = encoder_at(g, &bert.config, &encoder_inputs, positions_read)?;
        let last = *hidden_states.last().expect("at least the embeddings");
        let outputs = match key.output {
            Output::Encoding { pooled } => {
                let mut outputs = vec![(last, Rows::Tokens)];
                if pooled {
                    outputs.push((pooler(g, last, first_tokens)?, Rows::Sequence));
                }
                outputs
            }
            Output::FirstToken => {
                vec![(gather_rows(g, last, first_tokens)?, Rows::Sequence)]
            }
            Output::MaskedLm => {
                let logits = masked_lm_logits(g, &bert.config, last, positions)?;
                vec![(logits, Rows::Positions)]
            }
            Output::Head => vec![head_logits(g, bert, last, &encoder_inputs, first_tokens)?],
            Output::NextSentence => {
                let pooled = pooler(g, last, first_tokens)?;
                vec![(next_sentence_logits(g, pooled)?, Rows::Sequence)]
            }
        };
        for (tensor, _) in &outputs {
            g.keep(*tensor);
        }
        let plan = Plan::new(graph, Mode::Evaluation)?;
        Ok(Self { key, plan, encoder: encoder_inputs, read, positions, first_tokens, outputs })
    }

    /// Copies the sequences `batch` into the inputs, and the wanted `positions`, which count over the flattened
    /// `[batch, seq]`.
    fn load(&mut self, batch: &[usize], sequences: &[Sequence], positions: &[u32]) -> PackedRows {
        let Key { batch_size, seq, .. } = self.key;
        let mut arrays = [(); 3].map(|()| vec![0; batch_size * seq]);
        let [input_ids, token_type_ids, attention_mask] = &mut arrays;
        for (b, &i) in batch.iter().enumerate() {
            let sequence = &sequences[i];
            let tokens = b * seq..b * seq + sequence.input_ids.len();
            input_ids[tokens.clone()].copy_from_slice(&sequence.input_ids);
            token_type_ids[tokens.clone()].copy_from_slice(&sequence.token_type_ids);
            attention_mask[tokens].fill(1);
        }
        let sequences = Sequences { input_ids, token_type_ids, attention_mask };
        let packed = self.encoder.load(&mut self.plan, sequences, Padding::LeftOut);
        let (first_tokens, rows) =
            load_rows(self.read.as_ref(), &mut self.plan, &packed, positions);
        self.plan.integers_mut(self.first_tokens).copy_from_slice(&first_tokens);
        let (wanted, padding) = self.plan.integers_mut(self.positions).split_at_mut(rows.len());
        wanted.copy_from_slice(&rows);
        padding.fill(0);
        packed
    }
}

/// Pushes the logits of the head of a fine-tuned model.
fn head_logits(
    g: &mut Graph<'_>,
    bert: &Bert,
    last: Tensor,
    inputs: &EncoderInputs,
    first_tokens: Integers,
) -> Result<(Tensor, Rows), GraphError> {
    Ok(match bert.head {
        Head::QuestionAnswering => (question_answering_logits(g, last)?, Rows::Tokens),
        Head::TokenClassification { .. } => {
            (token_classification_logits(g, &bert.config, last, inputs.row_ids)?, Rows::Tokens)
        }
        _ => {
            let pooled = pooler(g, last, first_tokens)?;
            let z = sequence_classification_logits(g, &bert.config, pooled, first_tokens)?;
            (z, Rows::Sequence)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Config;

    fn sequence(tokens: usize) -> Sequence {
        Sequence {
            input_ids: (0..tokens as u32).map(|i| i % 20).collect(),
            token_type_ids: vec![0; tokens],
        }
    }

    fn kept(inference: &Inference) -> Vec<(usize, usize)> {
        let plans = inference.plans.lock().unwrap();
        plans.iter().map(|compiled| (compiled.key.batch_size, compiled.key.seq)).collect()
    }

    #[test]
    fn blocks_hold_every_sequence_once() {
        let blocks = |tokens: &[usize]| blocks(tokens.iter().copied());
        assert!(blocks(&[]).is_empty());
        assert_eq!(blocks(&[3, 4]), std::slice::from_ref(&(0..2)));
        let half = BLOCK_TOKENS / 2;
        assert_eq!(blocks(&[half, half, 1, 2 * half + 1, 5]), [0..2, 2..3, 3..4, 4..5]);
    }

    #[test]
    fn plans_are_few_and_used_again() {
        let bert = Bert::new(Config::new(1, 8, 20), 1);
        let inference = Inference::default();
        // 5 of up to 16 tokens, 65 of up to 32: batches of 8, 64 and 1.
        let mut sequences: Vec<Sequence> = (0..65).map(|i| sequence(17 + i % 16)).collect();
        sequences.extend((1..=5).map(sequence));
        for _ in 0..2 {
            let mut seen = vec![0; sequences.len()];
            inference
                .run(&bert, Output::Encoding { pooled: true }, &sequences, &[], |i, values| {
                    seen[i] += 1;
                    assert_eq!(values[0].len(), sequences[i].input_ids.len() * 8);
                    assert_eq!(values[1].len(), 8);
                })
                .unwrap();
            assert!(seen.iter().all(|&times| times == 1));
            assert_eq!(kept(&inference), [(8, 16), (64, 32), (1, 32)]);
        }
    }

    #[test]
    fn the_memory_of_kept_plans_is_bounded() {
        let bert = Bert::new(Config::new(1, 8, 20), 1);
        let run = |inference: &Inference, tokens: usize| {
            let sequences = [sequence(tokens)];
            inference
                .run(&bert, Output::Encoding { pooled: true }, &sequences, &[], |_, _| ())
                .unwrap();
        };
        let mut inference = Inference::default();
        for tokens in [16, 32, 64] {
            run(&inference, tokens);
        }
        let bytes = |inference: &Inference| -> usize {
            inference.plans.lock().unwrap().iter().map(|compiled| compiled.plan.bytes()).sum()
        };
        inference.kept_bytes = bytes(&inference) - 1;
        run(&inference, 16);
        assert_eq!(kept(&inference), [(1, 64), (1, 16)], "the oldest is dropped");
        // A single plan that is too large is kept all the same.
        inference.kept_bytes = 1;
        run(&inference, 64);
        assert_eq!(kept(&inference), [(1, 64)]);
    }
}
