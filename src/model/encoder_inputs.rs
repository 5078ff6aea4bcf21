//! What the encoder reads, and how sequences are copied there: the padding behind their last tokens
//! can be left out, once here for every plan.

use crate::autodiff::ops::RowIds;
use crate::autodiff::{Graph, Integers, Plan, RowCount};

/// The encoder's inputs in a plan's memory.
///
/// A row is one token of one sequence. The arrays `[batch, seq]` may hold fewer rows than
/// `batch · seq`: the rows of a sequence follow those of the sequence before it, and only the first
/// [`rows`](EncoderInputs::rows) are computed. [`EncoderInputs::load`] must be called before the
/// first pass; it returns where the rows are.
#[derive(Clone, Copy, Debug)]
pub struct EncoderInputs {
    /// Sequences of a batch.
    pub batch_size: usize,
    /// Tokens of each sequence, padding included.
    pub seq: usize,
    /// Ids of the word pieces, `[batch, seq]`.
    pub input_ids: Integers,
    /// 0 for sentence A, 1 for sentence B, `[batch, seq]`.
    pub token_type_ids: Integers,
    /// 1 for tokens, 0 for padding, `[batch, seq]`.
    pub attention_mask: Integers,
    /// The index of each row in `[batch, seq]`.
    pub row_ids: RowIds,
    /// The first row of each sequence, then the number of rows, `[batch + 1]`.
    pub starts: Integers,
    /// The number of rows.
    pub rows: RowCount,
}

/// A batch of sequences, each array `[batch, seq]`.
#[derive(Clone, Copy, Debug)]
pub struct Sequences<'a> {
    /// Ids of the word pieces.
    pub input_ids: &'a [u32],
    /// 0 for sentence A, 1 for sentence B.
    pub token_type_ids: &'a [u32],
    /// 1 for tokens, 0 for padding.
    pub attention_mask: &'a [u32],
}

/// Whether the padding behind the last token of a sequence is computed. It never changes the values
/// of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Every position has a row: row `b · seq + i` is position i of sequence b.
    Computed,
    /// A sequence has rows up to its last token only, and at least one.
    LeftOut,
}

/// Which row each position of a loaded batch has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedRows {
    seq: usize,
    /// `[batch + 1]`: `starts[b]..starts[b + 1]` are the rows of sequence b.
    starts: Vec<u32>,
}

impl PackedRows {
    /// The row of the position `index`, which counts over the flattened `[batch, seq]`.
    pub fn row(&self, index: usize) -> u32 {
        self.starts[index / self.seq] + (index % self.seq) as u32
    }

    /// The row of the first token of every sequence, `[batch]`.
    pub fn first_tokens(&self) -> &[u32] {
        &self.starts[..self.starts.len() - 1]
    }

    /// The rows of sequence `b`.
    pub fn rows(&self, b: usize) -> std::ops::Range<usize> {
        self.starts[b] as usize..self.starts[b + 1] as usize
    }
}

impl EncoderInputs {
    /// Inputs for `batch_size` sequences of `seq` tokens.
    pub fn new(g: &mut Graph<'_>, batch_size: usize, seq: usize) -> Self {
        let tokens = batch_size * seq;
        Self {
            batch_size,
            seq,
            input_ids: g.integers(tokens),
            token_type_ids: g.integers(tokens),
            attention_mask: g.integers(tokens),
            row_ids: RowIds { ids: g.integers(tokens), seq },
            starts: g.integers(batch_size + 1),
            rows: g.row_count(),
        }
    }

    /// Copies `sequences` into `plan`, for the passes that follow.
    ///
    /// # Panics
    /// When an array of `sequences` has another length than `batch_size · seq`.
    pub fn load(&self, plan: &mut Plan, sequences: Sequences<'_>, padding: Padding) -> PackedRows {
        let (batch_size, seq) = (self.batch_size, self.seq);
        let Sequences { input_ids, token_type_ids, attention_mask } = sequences;
        for array in [input_ids, token_type_ids, attention_mask] {
            assert_eq!(array.len(), batch_size * seq, "the batch has another shape than the plan");
        }
        let length = |mask: &[u32]| match padding {
            Padding::Computed => seq,
            // At least one, so that every sequence has a first token.
            Padding::LeftOut => mask.iter().rposition(|&m| m != 0).map_or(1, |last| last + 1),
        };
        let mut starts = vec![0];
        let mut end = 0;
        for mask in attention_mask.chunks_exact(seq) {
            end += length(mask);
            starts.push(end as u32);
        }
        let packed = PackedRows { seq, starts };
        for b in 0..batch_size {
            let (rows, first) = (packed.rows(b), b * seq);
            let positions = first..first + rows.len();
            for (to, from) in [
                (self.input_ids, input_ids),
                (self.token_type_ids, token_type_ids),
                (self.attention_mask, attention_mask),
            ] {
                plan.integers_mut(to)[rows.clone()].copy_from_slice(&from[positions.clone()]);
            }
            for (row_id, position) in
                plan.integers_mut(self.row_ids.ids)[rows].iter_mut().zip(first..)
            {
                *row_id = position as u32;
            }
        }
        plan.integers_mut(self.starts).copy_from_slice(&packed.starts);
        plan.set_row_count(self.rows, end);
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::{Layout, Mode};

    #[test]
    fn padding_is_left_out_and_every_sequence_keeps_a_row() {
        let layout = Layout::default();
        let mut g = Graph::new(&layout);
        let inputs = EncoderInputs::new(&mut g, 3, 4);
        let mut plan = Plan::new(g, Mode::Evaluation).unwrap();
        let sequences = Sequences {
            input_ids: &[1, 2, 0, 0, 3, 4, 5, 6, 0, 0, 0, 0],
            token_type_ids: &[0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0],
            attention_mask: &[1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0],
        };
        let packed = inputs.load(&mut plan, sequences, Padding::LeftOut);
        assert_eq!(packed.first_tokens(), [0, 2, 6]);
        assert_eq!(packed.rows(1), 2..6);
        assert_eq!([0, 1, 4, 7, 8].map(|index| packed.row(index)), [0, 1, 2, 5, 6]);
        assert_eq!(plan.integers_mut(inputs.starts), [0, 2, 6, 7]);
        assert_eq!(plan.integers_mut(inputs.input_ids)[..7], [1, 2, 3, 4, 5, 6, 0]);
        assert_eq!(plan.integers_mut(inputs.token_type_ids)[..7], [0, 1, 0, 0, 1, 1, 0]);
        assert_eq!(plan.integers_mut(inputs.attention_mask)[..7], [1, 1, 1, 1, 1, 1, 0]);
        assert_eq!(plan.integers_mut(inputs.row_ids.ids)[..7], [0, 1, 4, 5, 6, 7, 8]);

        let packed = inputs.load(&mut plan, sequences, Padding::Computed);
        assert_eq!(packed.first_tokens(), [0, 4, 8]);
        assert_eq!(plan.integers_mut(inputs.input_ids), sequences.input_ids);
        assert!((0..12).all(|index| packed.row(index) == index as u32));
    }
}
