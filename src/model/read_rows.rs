//! The rows of the last hidden state that something reads: the masked positions and `[CLS]` for masked
//! words and next sentences, `[CLS]` alone for a class or a number. The last layer computes its queries,
//! its attention output and its feed-forward network at these rows alone; its keys and values are needed
//! everywhere.

use super::encoder_inputs::PackedRows;
use crate::autodiff::ops::RowIds;
use crate::autodiff::{Graph, Integers, Plan, RowCount};

/// The rows that are read, in a plan's memory. Those of sequence b are numbers
/// `starts[b] .. starts[b + 1]`: `[CLS]` first, then the others in the order in which they were given.
#[derive(Clone, Copy, Debug)]
pub struct ReadRows {
    /// Sequences of a batch.
    pub batch_size: usize,
    /// The row of the encoder that each of them is, `[batch · of_sequence]`.
    pub rows: Integers,
    /// The index of each in `[batch, seq]`, `[batch · of_sequence]`.
    pub row_ids: RowIds,
    /// The first of each sequence, then their number, `[batch + 1]`.
    pub starts: Integers,
    /// Their number.
    pub count: RowCount,
    /// Rows of one sequence, at most.
    of_sequence: usize,
}

impl ReadRows {
    /// Room for `[CLS]` and `positions` other rows of each of `batch_size` sequences of `seq` tokens.
    pub fn new(g: &mut Graph<'_>, batch_size: usize, seq: usize, positions: usize) -> Self {
        let of_sequence = positions + 1;
        let most = batch_size * of_sequence;
        Self {
            batch_size,
            rows: g.integers(most),
            row_ids: RowIds { ids: g.integers(most), seq },
            starts: g.integers(batch_size + 1),
            count: g.row_count(),
            of_sequence,
        }
    }

    /// Copies the rows of a batch to `plan`, for the passes that follow. `positions` count over the
    /// flattened `[batch, seq]`. Returns the number of each `[CLS]` among the rows, `[batch]`, and of
    /// each of `positions`.
    ///
    /// # Panics
    /// When a sequence has more positions than there is room for.
    pub fn load(
        &self,
        plan: &mut Plan,
        packed: &PackedRows,
        positions: &[u32],
    ) -> (Vec<u32>, Vec<u32>) {
        let seq = self.row_ids.seq;
        let mut indices: Vec<Vec<usize>> = (0..self.batch_size).map(|b| vec![b * seq]).collect();
        for &position in positions {
            indices[position as usize / seq].push(position as usize);
        }
        let mut starts = vec![0];
        for own in &indices {
            assert!(own.len() <= self.of_sequence, "more positions than the plan has room for");
            starts.push(starts[starts.len() - 1] + own.len() as u32);
        }
        let mut next: Vec<u32> = starts[..self.batch_size].iter().map(|start| start + 1).collect();
        let numbers = positions.iter().map(|&position| {
            let next = &mut next[position as usize / seq];
            *next += 1;
            *next - 1
        });
        let numbers = numbers.collect();
        for (number, index) in indices.into_iter().flatten().enumerate() {
            plan.integers_mut(self.rows)[number] = packed.row(index);
            plan.integers_mut(self.row_ids.ids)[number] = index as u32;
        }
        plan.integers_mut(self.starts).copy_from_slice(&starts);
        plan.set_row_count(self.count, starts[self.batch_size] as usize);
        starts.pop();
        (starts, numbers)
    }
}

/// Copies the rows of a batch to `plan` ([`ReadRows::load`]), or none where all rows are computed (`read` is `None`).
/// Returns the row of each `[CLS]` in the last hidden state, `[batch]`, and of each of `positions`, which count over the
/// flattened `[batch, seq]`.
///
/// # Panics
/// When a sequence has more positions than the plan was compiled for.
pub fn load_rows(
    read: Option<&ReadRows>,
    plan: &mut Plan,
    packed: &PackedRows,
    positions: &[u32],
) -> (Vec<u32>, Vec<u32>) {
    match read {
        Some(read) => read.load(plan, packed, positions),
        None => {
            let rows = positions.iter().map(|&position| packed.row(position as usize));
            (packed.first_tokens().to_vec(), rows.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::{Layout, Mode};
    use crate::model::{EncoderInputs, Padding, Sequences};

    #[test]
    fn rows_are_grouped_by_sequence_with_cls_first() {
        let layout = Layout::default();
        let mut g = Graph::new(&layout);
        let inputs = EncoderInputs::new(&mut g, 3, 4);
        let read = ReadRows::new(&mut g, 3, 4, 2);
        let mut plan = Plan::new(g, Mode::Evaluation).unwrap();
        let sequences = Sequences {
            input_ids: &[0; 12],
            token_type_ids: &[0; 12],
            attention_mask: &[1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0],
        };
        let packed = inputs.load(&mut plan, sequences, Padding::LeftOut);
        // Position 1 of the last sequence, 3 and 2 of the second, none of the first.
        let (first_tokens, numbers) = read.load(&mut plan, &packed, &[9, 7, 6]);
        assert_eq!(first_tokens, [0, 1, 4]);
        assert_eq!(numbers, [5, 2, 3]);
        assert_eq!(plan.integers_mut(read.starts), [0, 1, 4, 6]);
        assert_eq!(plan.integers_mut(read.rows)[..6], [0, 2, 5, 4, 6, 7]);
        assert_eq!(plan.integers_mut(read.row_ids.ids)[..6], [0, 4, 7, 6, 8, 9]);
    }
}
