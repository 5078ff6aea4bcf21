//! Sampling training instances from a token store: pass after pass over the documents, with new pairs
//! and masks in every pass.
//!
//! Each pass (epoch) shuffles the documents. Their pairs are collected into a window of 65,536 pairs;
//! the window is shuffled and returned pair by pair, and a pair is masked when it is returned. Every
//! draw is a pure function of (seed, purpose, epoch, index), so a [`SamplerPosition`] is enough to
//! continue from any instance.

use super::error::DataError;
use super::instance::Instance;
use super::masking::{MaskSettings, Masking};
use super::pairs::{Pair, PairSettings, create_pairs};
use super::sentence_objective::SentenceObjective;
use super::store::TokenStore;
use crate::tensor::random::{Generator, Purpose};
use crate::tokenizer::Vocabulary;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The number of pairs that are shuffled together.
const WINDOW: usize = 1 << 16;

/// The position of a [`Sampler`]: the next instance is number `offset` of the window that begins with
/// document number `document` of pass `epoch`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamplerPosition {
    /// The number of the pass over the documents, from 0.
    pub epoch: u64,
    /// The first document of the window: an index into the shuffled documents of the pass.
    pub document: u64,
    /// The number of instances of the pass before the window.
    pub before: u64,
    /// The number of instances of the window already returned.
    pub offset: u64,
    /// [`PairSettings::max_seq_length`] of the window.
    pub max_seq_length: u64,
}

/// An endless stream of training instances from some documents of a token store.
pub struct Sampler {
    store: Arc<TokenStore>,
    /// The documents to draw from, as numbers in the store.
    documents: Vec<u32>,
    pairs: PairSettings,
    masking: Masking,
    seed: u64,
    /// Indices into `documents`, in the order of this pass.
    order: Vec<u32>,
    window: Vec<Pair>,
    position: SamplerPosition,
    /// The index into `order` of the first document after the window.
    next_document: usize,
    /// Documents without another of the same file, where random sentences are to come from one.
    alone: usize,
}

impl Sampler {
    /// A sampler at the start of its first pass. `documents` are numbers of documents of `store`, each
    /// below [`TokenStore::documents`], in ascending order; `origin` names the text in errors.
    ///
    /// # Errors
    /// [`DataError::NoSentence`] when `documents` is empty; [`DataError::TooFewDocuments`] when random
    /// sentences are wanted and there is only one document; [`DataError::NoPair`] when the order of sentences
    /// is wanted and every document is one sentence; [`DataError::OneDocumentPerFile`] when random sentences
    /// are to come from the same file and no document has another there.
    ///
    /// # Panics
    /// When `documents` are not in ascending order.
    pub fn new(
        store: Arc<TokenStore>,
        documents: Vec<u32>,
        pairs: PairSettings,
        masks: MaskSettings,
        vocabulary: &Vocabulary,
        seed: u64,
        origin: &str,
    ) -> Result<Self, DataError> {
        if documents.is_empty() {
            return Err(DataError::NoSentence(origin.into()));
        }
        let objective = pairs.sentence_objective;
        if documents.len() < 2 && objective == SentenceObjective::NextSentence {
            let documents = documents.len();
            return Err(DataError::TooFewDocuments { origin: origin.into(), documents });
        }
        assert!(documents.is_sorted(), "documents are in ascending order");
        let one_sentence = |&document: &u32| store.document(document as usize).len() < 2;
        if objective == SentenceObjective::SentenceOrder && documents.iter().all(one_sentence) {
            return Err(DataError::NoPair(origin.into()));
        }
        let alone = match objective {
            SentenceObjective::NextSentence => {
                pairs.random_next.alone(&store, &documents, origin)?
            }
            _ => 0,
        };
        let masking = Masking::new(masks, vocabulary);
        let mut sampler = Self {
            store,
            documents,
            pairs,
            masking,
            seed,
            order: Vec::new(),
            window: Vec::new(),
            position: SamplerPosition::default(),
            next_document: 0,
            alone,
        };
        sampler.seek(sampler.start());
        Ok(sampler)
    }

    /// The text: a store, and the numbers of its documents that are drawn from.
    pub fn text(&self) -> (&TokenStore, &[u32]) {
        (&self.store, &self.documents)
    }

    /// The position before the first instance.
    fn start(&self) -> SamplerPosition {
        let max_seq_length = self.pairs.max_seq_length as u64;
        SamplerPosition { max_seq_length, ..SamplerPosition::default() }
    }

    /// The position of the next instance.
    pub fn position(&self) -> SamplerPosition {
        self.position
    }

    /// Continues from a position that [`Sampler::position`] returned. A position past the end of a pass
    /// or window means its end; a length outside of 5 … 2²⁰, which no window has, the present one.
    pub fn seek(&mut self, position: SamplerPosition) {
        if (5..=1 << 20).contains(&position.max_seq_length) {
            self.pairs.max_seq_length = position.max_seq_length as usize;
        }
        self.start_pass(position.epoch);
        let max_seq_length = self.pairs.max_seq_length as u64;
        self.position = SamplerPosition { max_seq_length, ..position };
        self.next_document = position.document.min(self.order.len() as u64) as usize;
        self.fill_window();
        self.position.offset = position.offset.min(self.window.len() as u64);
    }

    /// Makes the instances from here on with sequences of at most `max_seq_length` tokens, masked by `masks`.
    /// With another length than before, what is left of the window is passed over: the next instance is of
    /// the documents after it, or of the next pass.
    ///
    /// # Panics
    /// When `max_seq_length` is below 5.
    pub fn change(&mut self, max_seq_length: usize, masks: MaskSettings) {
        self.masking.set_settings(masks);
        if self.pairs.max_seq_length == max_seq_length {
            return;
        }
        self.pairs.max_seq_length = max_seq_length;
        if self.next_document == self.order.len() {
            self.start_pass(self.position.epoch + 1);
        } else {
            self.position.before += self.window.len() as u64;
        }
        self.fill_window();
    }

    /// Shuffles the documents for pass `epoch`.
    fn start_pass(&mut self, epoch: u64) {
        self.order = (0..self.documents.len() as u32).collect();
        let mut generator = Generator::new(self.seed, Purpose::DocumentOrder, epoch, 0);
        generator.shuffle(&mut self.order);
        self.position = SamplerPosition { epoch, ..self.start() };
        self.window.clear();
        self.next_document = 0;
    }

    /// Collects and shuffles the window that begins with document `next_document`.
    fn fill_window(&mut self) {
        self.position.document = self.next_document as u64;
        self.position.offset = 0;
        self.position.max_seq_length = self.pairs.max_seq_length as u64;
        self.window.clear();
        // Otherwise all pages of the file ever read would count as memory.
        self.store.release();
        let SamplerPosition { epoch, document, .. } = self.position;
        while self.window.len() < WINDOW && self.next_document < self.order.len() {
            let index = self.order[self.next_document] as usize;
            let id = u64::from(self.documents[index]);
            let mut generator = Generator::new(self.seed, Purpose::SentencePairs, epoch, id);
            let (store, documents) = (&self.store, &self.documents);
            create_pairs(store, documents, index, &self.pairs, &mut generator, &mut self.window);
            self.next_document += 1;
        }
        Generator::new(self.seed, Purpose::InstanceOrder, epoch, document)
            .shuffle(&mut self.window);
    }

    /// The next instance of the current pass; `None` at its end.
    fn next_in_pass(&mut self) -> Option<Instance> {
        while self.position.offset == self.window.len() as u64 {
            if self.next_document == self.order.len() {
                return None;
            }
            self.position.before += self.window.len() as u64;
            self.fill_window();
        }
        let SamplerPosition { epoch, before, offset, .. } = self.position;
        let mut generator = Generator::new(self.seed, Purpose::Masking, epoch, before + offset);
        let pair = &self.window[offset as usize];
        self.position.offset += 1;
        Some(self.masking.instance(&self.store, pair, &mut generator))
    }

    /// The next instance. The last instance of a pass is followed by the first of the next pass.
    pub fn next_instance(&mut self) -> Instance {
        loop {
            if let Some(instance) = self.next_in_pass() {
                return instance;
            }
            let epoch = self.position.epoch + 1;
            self.start_pass(epoch);
            self.fill_window();
        }
    }

    /// The next instance, or `None` once the first `passes` passes are over.
    pub fn next_before(&mut self, passes: u64) -> Option<Instance> {
        while self.position.epoch < passes {
            if let Some(instance) = self.next_in_pass() {
                return Some(instance);
            }
            let epoch = self.position.epoch + 1;
            self.start_pass(epoch);
            if epoch < passes {
                self.fill_window();
            }
        }
        None
    }

    /// Seeks to the start of the first pass and iterates over that pass. Every call gives the same
    /// instances.
    pub fn first_pass(&mut self) -> impl Iterator<Item = Instance> + '_ {
        self.seek(self.start());
        std::iter::from_fn(|| self.next_in_pass())
    }

    /// The share of random pairs in the current window, 0 to 1. It is near 1/2 unless most sentences
    /// are as long as the target length: then most chunks have one sentence, and their B is random.
    pub fn random_share(&self) -> f64 {
        let random = self.window.iter().filter(|pair| pair.is_random_next == Some(true)).count();
        random as f64 / self.window.len().max(1) as f64
    }

    /// Warnings for the user: if more than 60 % of the pairs in the current window are random; if random
    /// sentences cannot come from the same file everywhere.
    pub fn warnings(&self) -> Vec<String> {
        let alone = (self.alone > 0).then(|| {
            format!(
                "{} of {} documents are the only one of their file: their random sentences come from any \
                 other document",
                self.alone,
                self.documents.len()
            )
        });
        self.mostly_random().into_iter().chain(alone).collect()
    }

    /// A warning if more than 60 % of the pairs in the current window are random.
    fn mostly_random(&self) -> Option<String> {
        let share = self.random_share();
        let draws = self.pairs.sentence_objective == SentenceObjective::NextSentence;
        (draws && share > 0.6).then(|| {
            format!(
                "{:.0} % of the pairs are random: most sentences are as long as a whole \
                 sequence; a larger 'max_seq_length', or text with shorter sentences, gives more true \
                 pairs",
                100.0 * share
            )
        })
    }
}

/// Splits the documents `0 .. documents` into a training set and a held-out set, both sorted. The
/// held-out set is `fraction` of the documents, drawn from `seed`. Each set has at least two documents where
/// `objective` is next-sentence prediction, which needs them, else one. `origin` names the text in errors.
///
/// # Errors
/// [`DataError::TooFewDocuments`] when pairs are wanted and there are fewer than two documents;
/// [`DataError::NothingToHoldOut`] when there are too few for both sets.
pub fn split_documents(
    documents: usize,
    fraction: f64,
    objective: SentenceObjective,
    seed: u64,
    origin: &str,
) -> Result<(Vec<u32>, Vec<u32>), DataError> {
    let origin = origin.to_string();
    let least = if objective == SentenceObjective::NextSentence { 2 } else { 1 };
    if documents < least {
        return Err(DataError::TooFewDocuments { origin, documents });
    }
    if documents < 2 * least {
        return Err(DataError::NothingToHoldOut { origin, documents, least: 2 * least });
    }
    let mut order: Vec<u32> = (0..documents as u32).collect();
    Generator::new(seed, Purpose::HeldOut, 0, 0).shuffle(&mut order);
    let held_out = ((documents as f64 * fraction).round() as usize).clamp(least, documents - least);
    let mut training = order.split_off(held_out);
    training.sort_unstable();
    order.sort_unstable();
    Ok((training, order))
}

#[cfg(test)]
#[path = "sampler_tests.rs"]
mod tests;
