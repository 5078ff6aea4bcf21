//! A batch of features, padded to one length, as flat arrays for the model.

use super::feature::{Feature, Target};
use crate::data::words_of_batch::{Field, read_fields, write_fields};
use serde::{Deserialize, Serialize};

/// The shape of a batch of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureShape {
    /// Sequences of a batch.
    pub batch_size: usize,
    /// Tokens of each sequence, padding included.
    pub max_seq_length: usize,
}

/// Features padded to `max_seq_length`; `batch` and `seq` below are the numbers of the shape.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureBatch {
    /// How much fits.
    pub shape: FeatureShape,
    /// Features in the batch; the other sequences are padding.
    pub features: usize,
    /// `[batch, seq]`: token ids.
    pub input_ids: Vec<u32>,
    /// `[batch, seq]`: 0 for A and padding, 1 for B.
    pub token_type_ids: Vec<u32>,
    /// `[batch, seq]`: 1 for tokens, 0 for padding.
    pub attention_mask: Vec<u32>,
    /// `[batch]`: the class of each sequence.
    pub classes: Vec<u32>,
    /// `[batch]`: the number of each sequence.
    pub numbers: Vec<f32>,
    /// `[batch, seq]`: the label of each token.
    pub tags: Vec<u32>,
    /// `[batch, seq]`: 1 for tokens with a label, else 0.
    pub tag_weights: Vec<f32>,
    /// `[batch]`: the first token of the answer, as an index into the flattened `[batch, seq]`.
    pub first: Vec<u32>,
    /// `[batch]`: the last token of the answer.
    pub last: Vec<u32>,
    /// `[batch]`: 1 for a feature with a target, 0 for others and for padding.
    pub weights: Vec<f32>,
}

impl FeatureBatch {
    /// An empty batch.
    pub fn new(shape: FeatureShape) -> Self {
        let FeatureShape { batch_size, max_seq_length } = shape;
        let tokens = batch_size * max_seq_length;
        Self {
            shape,
            features: 0,
            input_ids: vec![0; tokens],
            token_type_ids: vec![0; tokens],
            attention_mask: vec![0; tokens],
            classes: vec![0; batch_size],
            numbers: vec![0.0; batch_size],
            tags: vec![0; tokens],
            tag_weights: vec![0.0; tokens],
            first: vec![0; batch_size],
            last: vec![0; batch_size],
            weights: vec![0.0; batch_size],
        }
    }

    /// Removes all features and fills the sequences with `pad_id`.
    pub fn clear(&mut self, pad_id: u32) {
        let seq = self.shape.max_seq_length as u32;
        self.features = 0;
        self.input_ids.fill(pad_id);
        for array in
            [&mut self.token_type_ids, &mut self.attention_mask, &mut self.classes, &mut self.tags]
        {
            array.fill(0);
        }
        for array in [&mut self.numbers, &mut self.tag_weights, &mut self.weights] {
            array.fill(0.0);
        }
        for array in [&mut self.first, &mut self.last] {
            array.iter_mut().zip(0..).for_each(|(index, b)| *index = b * seq);
        }
    }

    /// Whether no other feature fits.
    pub fn is_full(&self) -> bool {
        self.features == self.shape.batch_size
    }

    /// Appends a feature.
    ///
    /// # Panics
    /// When the batch is full, or the feature is longer than `max_seq_length`.
    pub fn push(&mut self, feature: &Feature) {
        assert!(!self.is_full(), "the batch is full");
        self.set(self.features, feature);
        self.features += 1;
    }

    /// Appends two texts that belong together, as sequences k and `batch_size / 2 + k`; for the contrastive loss.
    ///
    /// # Panics
    /// When the batch is full, or a feature is longer than `max_seq_length`.
    pub fn push_pair(&mut self, pair: [&Feature; 2]) {
        assert!(!self.is_full(), "the batch is full");
        let k = self.features / 2;
        self.set(k, pair[0]);
        self.set(self.shape.batch_size / 2 + k, pair[1]);
        self.weights[k] = 1.0;
        self.features += 2;
    }

    fn fields(&mut self) -> [Field<'_>; 10] {
        [
            Field::Integers(&mut self.input_ids),
            Field::Integers(&mut self.token_type_ids),
            Field::Integers(&mut self.attention_mask),
            Field::Integers(&mut self.classes),
            Field::Floats(&mut self.numbers),
            Field::Integers(&mut self.tags),
            Field::Floats(&mut self.tag_weights),
            Field::Integers(&mut self.first),
            Field::Integers(&mut self.last),
            Field::Floats(&mut self.weights),
        ]
    }

    /// The batch as numbers of 32 bits, for another process.
    pub fn to_words(&self) -> Vec<u32> {
        let FeatureShape { batch_size, max_seq_length } = self.shape;
        let mut words = [batch_size, max_seq_length, self.features].map(|n| n as u32).to_vec();
        write_fields(self.clone().fields(), &mut words);
        words
    }

    /// The batch of [`FeatureBatch::to_words`].
    ///
    /// # Panics
    /// On other words.
    pub fn from_words(words: &[u32]) -> Self {
        let (numbers, rest) = words.split_at(3);
        let [batch_size, max_seq_length, features] = [0, 1, 2].map(|i| numbers[i] as usize);
        let mut batch = Self::new(FeatureShape { batch_size, max_seq_length });
        batch.features = features;
        read_fields(batch.fields(), rest);
        batch
    }

    /// Writes `feature` as sequence `b`.
    fn set(&mut self, b: usize, feature: &Feature) {
        let (start, length) = (b * self.shape.max_seq_length, feature.input_ids.len());
        assert!(length <= self.shape.max_seq_length, "the feature is too long");
        self.input_ids[start..start + length].copy_from_slice(&feature.input_ids);
        self.token_type_ids[start..start + length].copy_from_slice(&feature.token_type_ids);
        self.attention_mask[start..start + length].fill(1);
        self.weights[b] = f32::from(u8::from(feature.target != Target::None));
        match &feature.target {
            Target::None => {}
            Target::Class(class) => self.classes[b] = *class,
            Target::Number(number) => self.numbers[b] = *number,
            Target::Tags(tags) => {
                for (i, tag) in tags.iter().enumerate() {
                    if let Some(tag) = tag {
                        self.tags[start + i] = *tag;
                        self.tag_weights[start + i] = 1.0;
                    }
                }
            }
            Target::Span { first, last } => {
                self.first[b] = start as u32 + first;
                self.last[b] = start as u32 + last;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(input_ids: &[u32], target: Target) -> Feature {
        let token_type_ids = vec![1; input_ids.len()];
        Feature { input_ids: input_ids.to_vec(), token_type_ids, target }
    }

    #[test]
    fn features_lie_row_by_row_and_a_cleared_batch_is_as_new() {
        let shape = FeatureShape { batch_size: 4, max_seq_length: 3 };
        let mut batch = FeatureBatch::new(shape);
        let mut fresh = batch.clone();
        fresh.clear(9);
        batch.push(&feature(&[5, 6], Target::Span { first: 0, last: 1 }));
        batch.push(&feature(&[5], Target::Tags(vec![Some(7)])));
        batch.push(&feature(&[5, 6, 7], Target::Number(2.5)));
        batch.clear(9);
        assert_eq!(batch, fresh);

        batch.push(&feature(&[5, 6], Target::Class(3)));
        batch.push(&feature(&[1, 2, 3], Target::Span { first: 1, last: 2 }));
        batch.push(&feature(&[8, 4], Target::Tags(vec![None, Some(2)])));
        batch.push(&feature(&[8], Target::None));
        assert!(batch.is_full());
        batch.numbers[2] = 0.1;
        assert_eq!(FeatureBatch::from_words(&batch.to_words()), batch);
        assert_eq!(batch.input_ids, [5, 6, 9, 1, 2, 3, 8, 4, 9, 8, 9, 9]);
        assert_eq!(batch.token_type_ids, [1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 0]);
        assert_eq!(batch.attention_mask, [1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 0]);
        assert_eq!(
            (batch.classes.as_slice(), batch.weights.as_slice()),
            ([3, 0, 0, 0].as_slice(), [1.0, 1.0, 1.0, 0.0].as_slice())
        );
        assert_eq!((batch.first, batch.last), (vec![0, 4, 6, 9], vec![0, 5, 6, 9]));
        assert_eq!((batch.tags[7], batch.tag_weights.iter().sum::<f32>()), (2, 1.0));
        assert_eq!(batch.tag_weights[7], 1.0);
    }

    #[test]
    fn the_texts_of_a_pair_lie_half_a_batch_apart() {
        let mut batch = FeatureBatch::new(FeatureShape { batch_size: 4, max_seq_length: 1 });
        batch.clear(0);
        let [a, b, c, d] = [1, 2, 3, 4].map(|id| feature(&[id], Target::None));
        batch.push_pair([&a, &b]);
        assert_eq!(
            (batch.input_ids.as_slice(), batch.weights.as_slice()),
            ([1, 0, 2, 0].as_slice(), [1.0, 0.0, 0.0, 0.0].as_slice())
        );
        batch.push_pair([&c, &d]);
        assert!(batch.is_full() && batch.input_ids == [1, 3, 2, 4]);
    }
}
