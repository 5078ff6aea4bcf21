//! What counting words alone can do: the unigram loss. A model that has learned nothing but the shares of the word
//! pieces has this masked-LM loss; a model below it uses the other words of the sentence.
//!
//! ```text
//! p(w) = (c(w) + 1) / (N + V)        loss = mean of −ln p(w) over the masked tokens
//! ```
//!
//! c(w): how often word piece w occurs in the N word pieces of the text that is counted; V: pieces of the vocabulary
//! (add-one smoothing; Jurafsky and Martin, *Speech and Language Processing*, chapter 3).

use crate::data::{Batch, DataError, InstanceFile, TokenStore};
use crate::tensor::math;
use crate::tokenizer::Vocabulary;

/// How often each word piece occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unigrams {
    /// `[vocab_size]`
    counts: Vec<u64>,
    total: u64,
}

impl Unigrams {
    /// Nothing is counted yet.
    pub fn new(vocabulary: &Vocabulary) -> Self {
        Self { counts: vec![0; vocabulary.len()], total: 0 }
    }

    /// The word pieces of `documents` of `store`.
    ///
    /// # Panics
    /// When `store` has no such document, or an id that is not in `vocabulary`.
    pub fn of_documents(vocabulary: &Vocabulary, store: &TokenStore, documents: &[u32]) -> Self {
        const RELEASED_AT_ONCE: usize = 1 << 22;
        let mut unigrams = Self::new(vocabulary);
        let (mut ids, mut read) = (Vec::new(), 0);
        for &document in documents {
            for sentence in store.document(document as usize) {
                ids.clear();
                store.extend(store.sentence(sentence), &mut ids);
                unigrams.add(&ids);
                read += ids.len();
            }
            if read >= RELEASED_AT_ONCE {
                store.release();
                read = 0;
            }
        }
        unigrams
    }

    /// Adds the word pieces of every instance of `file` as they were before masking, without `[CLS]` and `[SEP]`. The
    /// position in the file stays as it is.
    ///
    /// # Errors
    /// [`DataError`] when the file has changed.
    pub(super) fn with_file(mut self, file: &mut InstanceFile) -> Result<Self, DataError> {
        let position = file.position();
        for _ in 0..file.len() {
            let mut instance = file.next_instance()?;
            for (&at, &id) in instance.masked_lm_positions.iter().zip(&instance.masked_lm_labels) {
                instance.input_ids[at as usize] = id;
            }
            let special =
                instance.input_ids.first().copied().zip(instance.input_ids.last().copied());
            let is_text = |id: &u32| special.is_none_or(|(cls, sep)| *id != cls && *id != sep);
            self.add(&instance.input_ids.into_iter().filter(is_text).collect::<Vec<_>>());
        }
        file.seek(position);
        Ok(self)
    }

    fn add(&mut self, ids: &[u32]) {
        for &id in ids {
            self.counts[id as usize] += 1;
        }
        self.total += ids.len() as u64;
    }

    /// How often each word piece occurs, `[vocab_size]`.
    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// For tests: word piece i occurs `counts[i]` times.
    #[cfg(test)]
    pub(super) fn from_counts(counts: Vec<u64>) -> Self {
        Self { total: counts.iter().sum(), counts }
    }

    /// ln p(w) of word piece `id`.
    pub(super) fn log_share(&self, id: usize) -> f32 {
        let all = self.total as f64 + self.counts.len() as f64;
        // Our own ln: the platform's may differ in the last bit.
        math::ln(((self.counts[id] as f64 + 1.0) / all) as f32)
    }

    /// ln p(w) of every word piece minus their mean, `[vocab_size]`. The mean changes no probability; without
    /// it, the numbers are small.
    pub fn output_bias(&self) -> Vec<f32> {
        let shares: Vec<f32> = (0..self.counts.len()).map(|id| self.log_share(id)).collect();
        let sum: f64 = shares.iter().map(|&share| f64::from(share)).sum();
        let mean = (sum / shares.len().max(1) as f64) as f32;
        shares.into_iter().map(|share| share - mean).collect()
    }

    /// How many word pieces were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Begins to measure the unigram loss of masked tokens.
    pub fn loss(&self) -> UnigramLoss<'_> {
        UnigramLoss { unigrams: self, sum: 0.0, masked: 0 }
    }

    /// The unigram loss of the masked tokens of `batches`.
    pub fn loss_of(&self, batches: &[Batch]) -> Option<f64> {
        let mut loss = self.loss();
        batches.iter().for_each(|batch| loss.add(batch));
        loss.mean()
    }
}

/// The unigram loss of the masked tokens that were added, in their order.
pub struct UnigramLoss<'u> {
    unigrams: &'u Unigrams,
    sum: f64,
    masked: u64,
}

impl UnigramLoss<'_> {
    /// Adds the masked tokens of `batch`.
    ///
    /// # Panics
    /// When one is not in the vocabulary.
    pub fn add(&mut self, batch: &Batch) {
        for (&id, &weight) in batch.masked_lm_ids.iter().zip(&batch.masked_lm_weights) {
            if weight > 0.0 {
                self.sum -= f64::from(self.unigrams.log_share(id as usize));
                self.masked += 1;
            }
        }
    }

    /// The mean; `None` when no token was masked, or nothing was counted.
    pub fn mean(&self) -> Option<f64> {
        (self.masked > 0 && self.unigrams.total > 0).then(|| self.sum / self.masked as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Instance;

    #[test]
    fn the_loss_is_that_of_the_smoothed_shares() {
        let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] a b c";
        let vocabulary =
            Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect()).unwrap();
        let mut unigrams = Unigrams::new(&vocabulary);
        let mut batch = Batch::new(2, 8, 3);
        batch.push(&Instance {
            input_ids: vec![2, 4, 4, 7, 3],
            token_type_ids: vec![0; 5],
            is_random_next: None,
            masked_lm_positions: vec![1, 2],
            masked_lm_labels: vec![5, 7],
        });
        assert_eq!(unigrams.loss_of(&[batch.clone()]), None, "nothing was counted");
        unigrams.add(&[5, 5, 5, 6]);
        assert_eq!(unigrams.total(), 4);
        // a: (3 + 1) / (4 + 8); c never occurs: 1 / 12.
        let expected = -((4.0f64 / 12.0).ln() + (1.0f64 / 12.0).ln()) / 2.0;
        let loss = unigrams.loss_of(&[batch.clone(), batch]).unwrap();
        // The logarithm is of an f32.
        assert!((loss - expected).abs() < 1e-6, "{loss} {expected}");
        assert_eq!(unigrams.loss_of(&[]), None);
    }
}
