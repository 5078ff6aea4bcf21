//! Generation: text from a model that was made to fill blanks, not to write.
//!
//! BERT gives each blank a distribution, from both sides, but no distribution over whole texts. The three
//! methods here use it all the same. Expect words that fit their neighbours, and no thread through the text.
//!
//! - [`GenerateMethod::Gibbs`]: Wang & Cho, 2019, "BERT has a Mouth, and It Must Speak". A token is masked and
//!   drawn anew, given all others, again and again. Wang & Cho draw each position at random; here every sweep
//!   visits each position once, in an order that is drawn, so that none stays masked.
//! - [`GenerateMethod::LeftToRight`]: the first mask is filled, then the next one.
//! - [`GenerateMethod::MaskPredict`]: Ghazvininejad et al., 2019. All masks are filled at once; then, T − 1
//!   times, the tokens with the lowest probabilities are masked and predicted again, N·(T − t)/T of them at
//!   time t.

use super::error::TaskError;
use super::model::Model;
use super::score::ScoreMethod;
use super::sequence::Sequence;
use crate::tensor::math;
use crate::tensor::random::{Generator, Purpose};
use crate::tensor::softmax::softmax;
use crate::tokenizer::{CONTINUATION_PREFIX, Tokenizer};
use crate::train::check_setting;
use serde::{Deserialize, Serialize};

/// Tokens behind a prompt without `[MASK]`, unless `length` says otherwise.
const LENGTH: usize = 20;

/// The default of `iterations`.
const ITERATIONS: usize = 10;

/// How masks are filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GenerateMethod {
    /// Each token is drawn again and again, given all others.
    #[default]
    Gibbs,
    /// One mask after the other.
    LeftToRight,
    /// All at once, then the least certain ones again.
    MaskPredict,
}

/// The settings of [`Model::generate`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GenerateOptions {
    /// How masks are filled.
    pub method: GenerateMethod,
    /// Masks behind the prompt. `None`: 20 (or as many as the model has positions for), and none behind a
    /// prompt with `[MASK]`.
    pub length: Option<usize>,
    /// What logits are divided by before a token is drawn; 0 takes the likeliest token. `None`: 1, and 0 for
    /// [`GenerateMethod::MaskPredict`], as in its paper.
    pub temperature: Option<f32>,
    /// Only that many of the likeliest tokens are drawn from; 0 means all.
    pub top_k: usize,
    /// Sweeps over all positions of [`GenerateMethod::Gibbs`], predictions of
    /// [`GenerateMethod::MaskPredict`]. `None`: 10. [`GenerateMethod::LeftToRight`] has none.
    pub iterations: Option<usize>,
    /// What tokens are drawn with.
    pub seed: u64,
    /// Texts to write. Sample i is the same however many there are.
    pub samples: usize,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            method: GenerateMethod::default(),
            length: None,
            temperature: None,
            top_k: 0,
            iterations: None,
            seed: 12345,
            samples: 1,
        }
    }
}

/// A text that a model has written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Generated {
    /// The prompt as it was given.
    pub prompt: String,
    /// The prompt with its masks filled, and what was written behind it.
    pub text: String,
    /// The pseudo-log-likelihood of `text`, as [`Model::score`] gives it
    /// ([`ScoreMethod::WithinWord`]).
    pub score: f64,
}

/// A moment of generation, after tokens have changed.
#[derive(Clone, Copy, Debug)]
pub struct GenerationStep<'a> {
    /// The index of the sample.
    pub sample: usize,
    /// Counts from 0 in each sample.
    pub step: usize,
    /// The ids of the text, without `[CLS]` and `[SEP]`; masks among them.
    pub ids: &'a [u32],
    /// The index in `ids` of the last token that was written.
    pub written: usize,
}

impl Model<'_> {
    /// Writes texts from a prompt: its masks are filled, and behind a prompt without any, new tokens are
    /// written. The prompt may be empty. Special tokens and `[unused…]` are never produced. The same seed gives
    /// the same texts for any number of threads.
    ///
    /// ```
    /// use cloze::model::{Bert, Config};
    /// use cloze::tasks::{GenerateOptions, Model};
    /// use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
    ///
    /// // A model in memory, not trained. `Model::open("run")?` reads one that is.
    /// let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat dog sat .";
    /// let vocabulary = Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect())?;
    /// let bert = Bert::new(Config::new(1, 32, vocabulary.len()), 1);
    /// let model = Model::new(bert, Tokenizer::new(vocabulary, TokenizerOptions::default()));
    ///
    /// let options = GenerateOptions { samples: 2, ..GenerateOptions::default() };
    /// let written = model.generate("the [MASK] sat [MASK]", &options, &mut |_| ())?;
    /// assert_eq!(written.len(), 2);
    /// assert!(written[0].text.starts_with("the ") && !written[0].text.contains("[MASK]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// `observe` is called after every change of a text.
    ///
    /// # Errors
    /// [`TaskError::Setting`], [`TaskError::TooLong`], [`TaskError::NoMaskToFill`],
    /// [`TaskError::SpecialToken`], [`TaskError::NothingToWrite`], [`TaskError::NoHead`],
    /// [`TaskError::HeadNotStored`].
    pub fn generate(
        &self,
        prompt: &str,
        options: &GenerateOptions,
        observe: &mut dyn FnMut(GenerationStep<'_>),
    ) -> Result<Vec<Generated>, TaskError> {
        self.need_masked_lm()?;
        let mut writing = Writing::new(self, prompt, options)?;
        match options.method {
            GenerateMethod::Gibbs => writing.gibbs(observe)?,
            GenerateMethod::LeftToRight => writing.left_to_right(observe)?,
            GenerateMethod::MaskPredict => writing.mask_predict(observe)?,
        }
        let decode = |ids: &Vec<u32>| self.tokenizer().decode(&ids[1..ids.len() - 1], false);
        let texts: Vec<String> = writing.samples.iter().map(decode).collect();
        let scored = self.score(&texts, ScoreMethod::WithinWord)?;
        let generated = texts.into_iter().zip(scored).map(|(text, scored)| Generated {
            prompt: prompt.into(),
            text,
            score: scored.score,
        });
        Ok(generated.collect())
    }
}

/// Texts that are being written.
struct Writing<'m> {
    model: &'m Model<'m>,
    /// `[CLS] text [SEP]` of each sample.
    samples: Vec<Vec<u32>>,
    /// The positions that are masks in the prompt or behind it.
    free: Vec<usize>,
    /// The tokens that may be written, by id.
    allowed: Vec<bool>,
    /// The tokens that may begin a text, by id: those without `##`.
    allowed_first: Vec<bool>,
    temperature: f32,
    top_k: usize,
    iterations: usize,
    seed: u64,
    /// Steps that were observed, for each sample.
    steps: Vec<usize>,
}

impl<'m> Writing<'m> {
    fn new(
        model: &'m Model<'_>,
        prompt: &str,
        options: &GenerateOptions,
    ) -> Result<Self, TaskError> {
        let GenerateOptions { method, length, temperature, top_k, iterations, seed, samples } =
            *options;
        check_setting(samples > 0, "samples", samples, "it must be at least 1")?;
        let default = if method == GenerateMethod::MaskPredict { 0.0 } else { 1.0 };
        let temperature = temperature.unwrap_or(default);
        let fits = temperature.is_finite() && temperature >= 0.0;
        check_setting(fits, "temperature", temperature, "it must be a number from 0")?;
        if let Some(iterations) = iterations {
            let fits = method != GenerateMethod::LeftToRight;
            check_setting(
                fits,
                "iterations",
                iterations,
                "the method left-to-right has none; leave it out",
            )?;
            check_setting(iterations > 0, "iterations", iterations, "it must be at least 1")?;
        }
        let vocabulary = model.tokenizer().vocabulary();
        let (mask, most) = (vocabulary.mask_id(), model.bert().config.max_position_embeddings);
        let Sequence { mut input_ids, .. } = Sequence::new(model.tokenizer(), prompt, None);
        let end = input_ids.pop().expect("[CLS] and [SEP]");
        let meaningless = [vocabulary.cls_id(), vocabulary.sep_id(), vocabulary.pad_id()];
        if let Some(&id) = input_ids[1..].iter().find(|id| meaningless.contains(id)) {
            let token = vocabulary.token(id).unwrap_or_default().into();
            return Err(TaskError::SpecialToken { index: 0, token });
        }
        let masks_behind = match (length, input_ids.contains(&mask)) {
            (Some(length), _) => length,
            (None, true) => 0,
            (None, false) => LENGTH.min(most.saturating_sub(input_ids.len() + 1)).max(1),
        };
        let tokens = input_ids.len().saturating_add(masks_behind).saturating_add(1);
        if tokens > most {
            return Err(TaskError::TooLong { index: 0, texts: 1, tokens, most });
        }
        input_ids.extend(std::iter::repeat_n(mask, masks_behind));
        input_ids.push(end);
        let free: Vec<usize> = (0..input_ids.len()).filter(|&i| input_ids[i] == mask).collect();
        if free.is_empty() {
            return Err(TaskError::NoMaskToFill);
        }
        let allowed = allowed(model.tokenizer(), model.bert().config.vocab_size);
        let begins = |id: usize| {
            let token = vocabulary.token(id as u32).unwrap_or_default();
            allowed[id] && !token.starts_with(CONTINUATION_PREFIX)
        };
        let allowed_first: Vec<bool> = (0..allowed.len()).map(begins).collect();
        if !allowed_first.contains(&true) {
            return Err(TaskError::NothingToWrite);
        }
        Ok(Self {
            model,
            samples: vec![input_ids; samples],
            free,
            allowed,
            allowed_first,
            temperature,
            top_k,
            iterations: iterations.unwrap_or(ITERATIONS),
            seed,
            steps: vec![0; samples],
        })
    }

    fn gibbs(&mut self, observe: &mut dyn FnMut(GenerationStep<'_>)) -> Result<(), TaskError> {
        let mask = self.model.tokenizer().vocabulary().mask_id();
        for sweep in 0..self.iterations as u64 {
            let orders: Vec<Vec<usize>> = (0..self.samples.len() as u64)
                .map(|sample| {
                    let mut order = self.free.clone();
                    Generator::new(self.seed, Purpose::GenerationOrder, sweep, sample)
                        .shuffle(&mut order);
                    order
                })
                .collect();
            for turn in 0..self.free.len() {
                for (ids, order) in self.samples.iter_mut().zip(&orders) {
                    ids[order[turn]] = mask;
                }
                let positions: Vec<Vec<usize>> =
                    orders.iter().map(|order| vec![order[turn]]).collect();
                let time = sweep * self.free.len() as u64 + turn as u64;
                self.write(&positions, time, observe)?;
            }
        }
        Ok(())
    }

    fn left_to_right(
        &mut self,
        observe: &mut dyn FnMut(GenerationStep<'_>),
    ) -> Result<(), TaskError> {
        for (time, position) in self.free.clone().into_iter().enumerate() {
            self.write(&vec![vec![position]; self.samples.len()], time as u64, observe)?;
        }
        Ok(())
    }

    fn mask_predict(
        &mut self,
        observe: &mut dyn FnMut(GenerationStep<'_>),
    ) -> Result<(), TaskError> {
        let mask = self.model.tokenizer().vocabulary().mask_id();
        let (total, count) = (self.iterations, self.free.len());
        let mut positions = vec![self.free.clone(); self.samples.len()];
        // The probability of the token at each free position, when it was written.
        let mut probabilities = vec![vec![0.0; count]; self.samples.len()];
        for time in 0..total {
            let written = self.write(&positions, time as u64, observe)?;
            let next = (count as u128 * (total - time - 1) as u128 / total as u128) as usize;
            if next == 0 {
                break;
            }
            for sample in 0..self.samples.len() {
                let probabilities = &mut probabilities[sample];
                for (position, &p) in positions[sample].iter().zip(&written[sample]) {
                    let index = self.free.binary_search(position).expect("a free position");
                    probabilities[index] = p;
                }
                let mut order: Vec<usize> = (0..count).collect();
                order.sort_by(|&a, &b| {
                    probabilities[a].total_cmp(&probabilities[b]).then(a.cmp(&b))
                });
                order.truncate(next);
                order.sort_unstable();
                positions[sample] = order.into_iter().map(|index| self.free[index]).collect();
                for &position in &positions[sample] {
                    self.samples[sample][position] = mask;
                }
            }
        }
        Ok(())
    }

    /// Predicts every sample and writes tokens at `positions[sample]`, which are masks. Returns the probability
    /// of each of them. `time` counts the calls.
    fn write(
        &mut self,
        positions: &[Vec<usize>],
        time: u64,
        observe: &mut dyn FnMut(GenerationStep<'_>),
    ) -> Result<Vec<Vec<f32>>, TaskError> {
        let sequence = |ids: &Vec<u32>| Sequence {
            input_ids: ids.clone(),
            token_type_ids: vec![0; ids.len()],
        };
        let sequences: Vec<Sequence> = self.samples.iter().map(sequence).collect();
        let wanted: Vec<Vec<u32>> = positions
            .iter()
            .map(|positions| positions.iter().map(|&position| position as u32).collect())
            .collect();
        let vocab_size = self.model.bert().config.vocab_size;
        let mut drawn: Vec<Vec<(u32, f32)>> = vec![Vec::new(); sequences.len()];
        let this = &*self;
        self.model.for_each_masked_lm(&sequences, &wanted, |sample, logits| {
            let mut generator = Generator::new(this.seed, Purpose::Generation, time, sample as u64);
            let rows = logits.chunks_exact(vocab_size).zip(&positions[sample]);
            drawn[sample] =
                rows.map(|(row, &position)| this.draw(row, position, &mut generator)).collect();
        })?;
        for (sample, positions) in positions.iter().enumerate() {
            for (&position, &(id, _)) in positions.iter().zip(&drawn[sample]) {
                self.samples[sample][position] = id;
            }
            let ids = &self.samples[sample];
            observe(GenerationStep {
                sample,
                step: self.steps[sample],
                ids: &ids[1..ids.len() - 1],
                written: positions.last().map_or(0, |position| position - 1),
            });
            self.steps[sample] += 1;
        }
        let probabilities = drawn.into_iter().map(|drawn| drawn.into_iter().map(|(_, p)| p));
        Ok(probabilities.map(Iterator::collect).collect())
    }

    /// A token for a position with these logits, and its probability among all tokens of the vocabulary.
    fn draw(&self, logits: &[f32], position: usize, generator: &mut Generator) -> (u32, f32) {
        let allowed = if position == 1 { &self.allowed_first } else { &self.allowed };
        let better = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b));
        let mut ids: Vec<usize> = (0..logits.len()).filter(|&id| allowed[id]).collect();
        let best = ids.iter().copied().min_by(better).expect("a token that is allowed");
        if self.top_k > 0 && self.top_k < ids.len() {
            ids.select_nth_unstable_by(self.top_k, better);
            ids.truncate(self.top_k);
            ids.sort_unstable();
        }
        let mut id = best;
        // One number for each token, whatever the settings.
        let u = generator.uniform();
        if self.temperature > 0.0 {
            let weight = |id: usize| {
                let exponent = (logits[id] - logits[best]) / self.temperature;
                f64::from(math::exp(exponent.clamp(-100.0, 0.0)))
            };
            let sum: f64 = ids.iter().map(|&id| weight(id)).sum();
            let mut left = u * sum;
            let drawn = ids.iter().copied().find(|&id| {
                left -= weight(id);
                left < 0.0
            });
            // Rounding may leave a rest behind the last one.
            id = drawn.unwrap_or(best);
        }
        (id as u32, softmax(logits)[id])
    }
}

/// Which ids may be written: tokens of the vocabulary that are neither special nor `[unused…]`.
fn allowed(tokenizer: &Tokenizer, vocab_size: usize) -> Vec<bool> {
    let vocabulary = tokenizer.vocabulary();
    let special = [
        vocabulary.pad_id(),
        vocabulary.unk_id(),
        vocabulary.cls_id(),
        vocabulary.sep_id(),
        vocabulary.mask_id(),
    ];
    let is_allowed = |id: u32| {
        let is_unused = |token: &str| token.starts_with("[unused") && token.ends_with(']');
        let is_special = special.contains(&id) || tokenizer.is_special_token(id);
        vocabulary.token(id).is_some_and(|token| !is_unused(token)) && !is_special
    };
    (0..vocab_size as u32).map(is_allowed).collect()
}
