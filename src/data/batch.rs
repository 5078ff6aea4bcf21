//! A batch: instances padded to one length, as flat arrays for the model.

use super::instance::Instance;
use super::words_of_batch::{Field, read_fields, write_fields};

/// Instances padded to `max_seq_length`; `batch` and `seq` below stand for `batch_size` and
/// `max_seq_length`. A batch can be cleared and filled again without allocating.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The number of sequences that fit.
    pub batch_size: usize,
    /// The number of tokens of each sequence, padding included.
    pub max_seq_length: usize,
    /// The most masked positions of a sequence.
    pub max_predictions_per_seq: usize,
    /// The number of instances in the batch; the other sequences are padding.
    pub instances: usize,
    /// `[batch, seq]`: token ids.
    pub input_ids: Vec<u32>,
    /// `[batch, seq]`: 0 for sentence A and padding, 1 for sentence B.
    pub token_type_ids: Vec<u32>,
    /// `[batch, seq]`: 1 for tokens, 0 for padding.
    pub attention_mask: Vec<u32>,
    /// `[batch · max_predictions_per_seq]`: masked positions, as row numbers of the flattened
    /// `[batch, seq]`. Real entries come first, then padding.
    pub masked_lm_positions: Vec<u32>,
    /// `[batch · max_predictions_per_seq]`: the original ids of the masked positions.
    pub masked_lm_ids: Vec<u32>,
    /// `[batch · max_predictions_per_seq]`: 1 for real entries, 0 for padding.
    pub masked_lm_weights: Vec<f32>,
    /// `[batch]`: 0 if B is the true next, 1 if it is random.
    pub next_sentence_labels: Vec<u32>,
    /// `[batch]`: 1 for pairs, 0 for sequences without B and for padding.
    pub next_sentence_weights: Vec<f32>,
}

impl Batch {
    /// An empty batch that holds up to `batch_size` sequences.
    pub fn new(batch_size: usize, max_seq_length: usize, max_predictions_per_seq: usize) -> Self {
        let (tokens, predictions) =
            (batch_size * max_seq_length, batch_size * max_predictions_per_seq);
        Self {
            batch_size,
            max_seq_length,
            max_predictions_per_seq,
            instances: 0,
            input_ids: vec![0; tokens],
            token_type_ids: vec![0; tokens],
            attention_mask: vec![0; tokens],
            masked_lm_positions: vec![0; predictions],
            masked_lm_ids: vec![0; predictions],
            masked_lm_weights: vec![0.0; predictions],
            next_sentence_labels: vec![0; batch_size],
            next_sentence_weights: vec![0.0; batch_size],
        }
    }

    /// Removes all instances and fills the sequences with `pad_id`.
    pub fn clear(&mut self, pad_id: u32) {
        self.instances = 0;
        self.input_ids.fill(pad_id);
        for field in [
            &mut self.token_type_ids,
            &mut self.attention_mask,
            &mut self.masked_lm_positions,
            &mut self.masked_lm_ids,
            &mut self.next_sentence_labels,
        ] {
            field.fill(0);
        }
        self.masked_lm_weights.fill(0.0);
        self.next_sentence_weights.fill(0.0);
    }

    /// The ids of every position as they were before masking, `[batch, seq]`.
    pub fn unmasked_ids(&self) -> Vec<u32> {
        let mut ids = self.input_ids.clone();
        for (i, &weight) in self.masked_lm_weights.iter().enumerate() {
            if weight > 0.0 {
                ids[self.masked_lm_positions[i] as usize] = self.masked_lm_ids[i];
            }
        }
        ids
    }

    fn fields(&mut self) -> [Field<'_>; 8] {
        [
            Field::Integers(&mut self.input_ids),
            Field::Integers(&mut self.token_type_ids),
            Field::Integers(&mut self.attention_mask),
            Field::Integers(&mut self.masked_lm_positions),
            Field::Integers(&mut self.masked_lm_ids),
            Field::Floats(&mut self.masked_lm_weights),
            Field::Integers(&mut self.next_sentence_labels),
            Field::Floats(&mut self.next_sentence_weights),
        ]
    }

    /// The batch as numbers of 32 bits, for another process.
    pub fn to_words(&self) -> Vec<u32> {
        let numbers =
            [self.batch_size, self.max_seq_length, self.max_predictions_per_seq, self.instances];
        let mut words = numbers.map(|n| n as u32).to_vec();
        write_fields(self.clone().fields(), &mut words);
        words
    }

    /// The batch of [`Batch::to_words`].
    ///
    /// # Panics
    /// On other words.
    pub fn from_words(words: &[u32]) -> Self {
        let (numbers, rest) = words.split_at(4);
        let [batch_size, max_seq_length, max_predictions_per_seq, instances] =
            [0, 1, 2, 3].map(|i| numbers[i] as usize);
        let mut batch = Self::new(batch_size, max_seq_length, max_predictions_per_seq);
        batch.instances = instances;
        read_fields(batch.fields(), rest);
        batch
    }

    /// Whether the batch holds `batch_size` instances.
    pub fn is_full(&self) -> bool {
        self.instances == self.batch_size
    }

    /// Appends an instance.
    ///
    /// # Panics
    /// When the batch is full, or the instance is longer than `max_seq_length` or has more than
    /// `max_predictions_per_seq` masked positions.
    pub fn push(&mut self, instance: &Instance) {
        assert!(!self.is_full(), "the batch is full");
        let (row, length) = (self.instances, instance.input_ids.len());
        let masks = instance.masked_lm_positions.len();
        assert!(length <= self.max_seq_length && masks <= self.max_predictions_per_seq);
        let start = row * self.max_seq_length;
        self.input_ids[start..start + length].copy_from_slice(&instance.input_ids);
        self.token_type_ids[start..start + length].copy_from_slice(&instance.token_type_ids);
        self.attention_mask[start..start + length].fill(1);
        // Real entries come first, so that the loss can stop after the last one.
        let first = self.masked_lm_weights.iter().take_while(|&&weight| weight != 0.0).count();
        for i in 0..masks {
            self.masked_lm_positions[first + i] = start as u32 + instance.masked_lm_positions[i];
            self.masked_lm_ids[first + i] = instance.masked_lm_labels[i];
            self.masked_lm_weights[first + i] = 1.0;
        }
        if let Some(is_random_next) = instance.is_random_next {
            self.next_sentence_labels[row] = u32::from(is_random_next);
            self.next_sentence_weights[row] = 1.0;
        }
        self.instances += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 tokens of 2 segments with 2 masks, then 2 tokens of one segment with one.
    fn instances() -> [Instance; 2] {
        let pair = Instance {
            input_ids: vec![11, 12, 13],
            token_type_ids: vec![0, 1, 1],
            is_random_next: Some(true),
            masked_lm_positions: vec![0, 2],
            masked_lm_labels: vec![21, 22],
        };
        let single = Instance {
            input_ids: vec![14, 15],
            token_type_ids: vec![0, 0],
            is_random_next: None,
            masked_lm_positions: vec![1],
            masked_lm_labels: vec![23],
        };
        [pair, single]
    }

    #[test]
    fn instances_lie_row_by_row_and_masks_at_the_front() {
        let [pair, single] = instances();
        let mut batch = Batch::new(3, 4, 2);
        batch.clear(9);
        batch.push(&pair);
        batch.push(&single);
        let expected = Batch {
            batch_size: 3,
            max_seq_length: 4,
            max_predictions_per_seq: 2,
            instances: 2,
            input_ids: vec![11, 12, 13, 9, 14, 15, 9, 9, 9, 9, 9, 9],
            token_type_ids: vec![0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            attention_mask: vec![1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0],
            // Rows of the flattened batch: the second sequence begins at 4.
            masked_lm_positions: vec![0, 2, 5, 0, 0, 0],
            masked_lm_ids: vec![21, 22, 23, 0, 0, 0],
            masked_lm_weights: vec![1.0, 1.0, 1.0, 0.0, 0.0, 0.0],
            // 1 is random, 0 the true next; without a second sentence the weight is 0.
            next_sentence_labels: vec![1, 0, 0],
            next_sentence_weights: vec![1.0, 0.0, 0.0],
        };
        assert_eq!(batch, expected);
        assert!(!batch.is_full());
        batch.push(&Instance { is_random_next: Some(false), ..single });
        assert!(batch.is_full());
        assert_eq!(batch.next_sentence_labels, [1, 0, 0]);
        assert_eq!(batch.next_sentence_weights, [1.0, 0.0, 1.0]);
        assert_eq!(Batch::from_words(&batch.to_words()), batch);
    }

    #[test]
    fn a_cleared_batch_is_as_new() {
        let [pair, single] = instances();
        let mut used = Batch::new(2, 3, 2);
        used.push(&pair);
        used.push(&pair);
        let mut fresh = Batch::new(2, 3, 2);
        for batch in [&mut used, &mut fresh] {
            batch.clear(7);
            batch.push(&single);
        }
        assert_eq!(used, fresh);
    }

    #[test]
    #[should_panic(expected = "the batch is full")]
    fn a_full_batch_takes_no_more() {
        let [pair, _] = instances();
        let mut batch = Batch::new(1, 3, 2);
        batch.push(&pair);
        batch.push(&pair);
    }
}
