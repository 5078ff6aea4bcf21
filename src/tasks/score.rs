//! Scoring: the pseudo-log-likelihood (PLL) of a text, and minimal pairs.
//!
//! ```text
//! PLL(w) = Σ_t ln p(w_t | w with token t masked)
//! ```
//!
//! Every token of the text is masked in turn, and the model says how likely the token is there: one forward
//! pass for each token (Salazar et al., 2020, "Masked Language Model Scoring"). `[CLS]` and `[SEP]` are not
//! scored. A long word gets too good a score, because its other pieces give the masked piece away. So, by
//! default, the later pieces of the same word are masked too (Kauf & Ivanova, 2023, "A Better Way to Do Masked
//! Language Model Scoring": `PLL-word-l2r`).

use super::error::TaskError;
use super::inference::blocks;
use super::model::Model;
use super::read_text::Truncated;
use super::sequence::Sequence;
use crate::data::MinimalPair;
use crate::tensor::softmax::log_probability;
use crate::tokenizer::CONTINUATION_PREFIX;
use serde::{Deserialize, Serialize, Serializer};

/// What is masked while a token is scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreMethod {
    /// The token and the later pieces of the same word (Kauf & Ivanova, 2023).
    #[default]
    WithinWord,
    /// The token alone (Salazar et al., 2020).
    Original,
}

/// The score of one text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoredText {
    /// The text as it was given.
    pub text: String,
    /// The pseudo-log-likelihood: the sum over the tokens.
    pub score: f64,
    /// The tokens of the text, without `[CLS]` and `[SEP]`.
    pub tokens: Vec<ScoredToken>,
    /// Where a text that is too long for the model was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<Truncated>,
    /// Whether every token of the text is `[UNK]`: the score says nothing about the text.
    #[serde(skip)]
    pub all_unknown: bool,
}

/// One token of a scored text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoredToken {
    /// The word piece.
    pub token: String,
    /// The natural logarithm of its probability, at most 0.
    pub log_probability: f32,
}

/// How often a model prefers the good sentence of a minimal pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairsAnswer {
    /// Of all pairs.
    #[serde(flatten)]
    pub all: PairAccuracy,
    /// Of the pairs of each group, in the order in which the groups first occur.
    #[serde(serialize_with = "as_map")]
    pub groups: Vec<(String, PairAccuracy)>,
}

/// How often the good sentence has the higher score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PairAccuracy {
    /// The share of pairs whose good sentence has the higher score, from 0 to 1. A tie counts as wrong.
    pub accuracy: f64,
    /// The number of pairs.
    pub pairs: u64,
    /// The number of pairs whose sentences have the same score.
    pub ties: u64,
}

impl PairAccuracy {
    /// Of pairs with these scores, good and bad.
    fn of(scores: impl Iterator<Item = [f64; 2]>) -> Self {
        let (mut right, mut pairs, mut ties) = (0, 0, 0);
        for [good, bad] in scores {
            pairs += 1;
            right += u64::from(good > bad);
            ties += u64::from(good == bad);
        }
        Self { accuracy: right as f64 / pairs as f64, pairs, ties }
    }
}

impl Model<'_> {
    /// The pseudo-log-likelihood of every text, in the order of `texts`. A text with more tokens than the model
    /// has positions is cut ([`ScoredText::truncated`]).
    ///
    /// ```
    /// use cloze::model::{Bert, Config};
    /// use cloze::tasks::{Model, ScoreMethod};
    /// use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
    ///
    /// // A model in memory, not trained. `Model::open("run")?` reads one that is.
    /// let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat ##s sat .";
    /// let vocabulary = Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect())?;
    /// let bert = Bert::new(Config::new(1, 32, vocabulary.len()), 1);
    /// let model = Model::new(bert, Tokenizer::new(vocabulary, TokenizerOptions::default()));
    ///
    /// let scored = model.score(&["The cats sat."], ScoreMethod::WithinWord)?;
    /// assert_eq!(scored[0].tokens.len(), 5); // the cat ##s sat .
    /// assert!(scored[0].score < 0.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TaskError::NoToken`], [`TaskError::SpecialToken`], [`TaskError::NoHead`],
    /// [`TaskError::HeadNotStored`]; no text is answered then.
    pub fn score(
        &self,
        texts: &[impl AsRef<str>],
        method: ScoreMethod,
    ) -> Result<Vec<ScoredText>, TaskError> {
        let mut scored = Vec::with_capacity(texts.len());
        self.for_each_scored(texts, method, |text| {
            scored.push(text);
            Ok::<_, TaskError>(())
        })?;
        Ok(scored)
    }

    /// [`Model::score`] that calls `visit` with each answer, in the order of `texts`. Memory holds the answers of
    /// a block of texts. All texts are checked before the first one is answered.
    ///
    /// # Errors
    /// As [`Model::score`]; the error of `visit`, which ends the work.
    pub fn for_each_scored<E: From<TaskError>>(
        &self,
        texts: &[impl AsRef<str>],
        method: ScoreMethod,
        mut visit: impl FnMut(ScoredText) -> Result<(), E>,
    ) -> Result<(), E> {
        let read = self.read_texts(texts, None)?;
        for (index, read) in read.iter().enumerate() {
            self.check_words(index, read.words())?;
        }
        self.need_masked_lm()?;
        let lengths = read.iter().map(|read| read.sequence.input_ids.len());
        // A text of n tokens is n sequences of n tokens.
        for block in blocks(lengths.map(|tokens| tokens * tokens)) {
            let read = &read[block.clone()];
            let words: Vec<&[u32]> = read.iter().map(|read| read.words()).collect();
            let scores = self.score_tokens(&words, method)?;
            for ((text, read), scores) in texts[block].iter().zip(read).zip(scores) {
                let names = self.tokenizer().tokens(read.words());
                let tokens = names.into_iter().zip(&scores).map(|(token, &log_probability)| {
                    ScoredToken { token: token.into(), log_probability }
                });
                visit(ScoredText {
                    text: text.as_ref().into(),
                    score: scores.iter().map(|&score| f64::from(score)).sum(),
                    tokens: tokens.collect(),
                    truncated: read.truncated,
                    all_unknown: read.all_unknown,
                })?;
            }
        }
        Ok(())
    }

    /// How often the good sentence of a pair has the higher score, in each group and on the whole.
    ///
    /// # Errors
    /// As [`Model::score`], with the index of the pair; [`TaskError::TooLong`], because sentences that are cut
    /// cannot be compared; no pair is answered then.
    pub fn score_pairs(
        &self,
        pairs: &[MinimalPair],
        method: ScoreMethod,
    ) -> Result<PairsAnswer, TaskError> {
        let sentences: Vec<(&str, Option<&str>)> = pairs
            .iter()
            .flat_map(|pair| [&pair.sentence_good, &pair.sentence_bad])
            .map(|sentence| (sentence.as_str(), None))
            .collect();
        let pair_of = |error: TaskError| error.with_index(|index| index / 2, pairs.len());
        self.sequences(&sentences).map_err(pair_of)?;
        let sentences: Vec<&str> = sentences.into_iter().map(|(sentence, _)| sentence).collect();
        let mut scores = Vec::with_capacity(sentences.len());
        self.for_each_scored(&sentences, method, |scored| {
            scores.push(scored.score);
            Ok::<_, TaskError>(())
        })
        .map_err(pair_of)?;
        let mut names: Vec<&str> = Vec::new();
        let mut groups: Vec<Vec<[f64; 2]>> = Vec::new();
        let mut known = std::collections::HashMap::new();
        for (pair, scores) in pairs.iter().zip(scores.chunks_exact(2)) {
            let group = *known.entry(&*pair.group).or_insert_with(|| {
                names.push(&pair.group);
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push([scores[0], scores[1]]);
        }
        let all = PairAccuracy::of(groups.iter().flatten().copied());
        let groups = groups.into_iter().map(|scores| PairAccuracy::of(scores.into_iter()));
        Ok(PairsAnswer { all, groups: names.into_iter().map(String::from).zip(groups).collect() })
    }

    /// Checks that a text has no special token that stands for something else than a word.
    fn check_words(&self, index: usize, words: &[u32]) -> Result<(), TaskError> {
        let vocabulary = self.tokenizer().vocabulary();
        let special =
            [vocabulary.cls_id(), vocabulary.sep_id(), vocabulary.mask_id(), vocabulary.pad_id()];
        match words.iter().find(|id| special.contains(id)) {
            None => Ok(()),
            Some(&id) => {
                let token = vocabulary.token(id).unwrap_or_default().into();
                Err(TaskError::SpecialToken { index, token })
            }
        }
    }

    /// ln p of each token of each text. `texts` are ids without `[CLS]` and `[SEP]`.
    fn score_tokens(
        &self,
        texts: &[&[u32]],
        method: ScoreMethod,
    ) -> Result<Vec<Vec<f32>>, TaskError> {
        let vocabulary = self.tokenizer().vocabulary();
        let (cls, sep, mask) = (vocabulary.cls_id(), vocabulary.sep_id(), vocabulary.mask_id());
        let continues = |id: u32| {
            vocabulary.token(id).is_some_and(|token| token.starts_with(CONTINUATION_PREFIX))
        };
        let (mut sequences, mut positions, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (text, words) in texts.iter().enumerate() {
            for token in 0..words.len() {
                let mut input_ids = Vec::with_capacity(words.len() + 2);
                input_ids.push(cls);
                input_ids.extend_from_slice(words);
                input_ids.push(sep);
                let later = match method {
                    ScoreMethod::Original => 0,
                    ScoreMethod::WithinWord => {
                        words[token + 1..].iter().take_while(|&&id| continues(id)).count()
                    }
                };
                input_ids[token + 1..token + 2 + later].fill(mask);
                let token_type_ids = vec![0; input_ids.len()];
                sequences.push(Sequence { input_ids, token_type_ids });
                positions.push(vec![token as u32 + 1]);
                places.push((text, token));
            }
        }
        let mut scores: Vec<Vec<f32>> = texts.iter().map(|words| vec![0.0; words.len()]).collect();
        let mut scratch = Vec::new();
        self.for_each_masked_lm(&sequences, &positions, |i, logits| {
            let (text, token) = places[i];
            let id = texts[text][token] as usize;
            scores[text][token] = log_probability(logits, id, &mut scratch);
        })?;
        Ok(scores)
    }
}

/// Groups as an object, in their order.
fn as_map<S: Serializer>(
    groups: &[(String, PairAccuracy)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(groups.iter().map(|(name, accuracy)| (name, accuracy)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_is_wrong_and_counted() {
        let scores = [[-1.0, -2.0], [-2.0, -1.0], [-1.0, -1.0], [-1.0, -1.5]];
        let expected = PairAccuracy { accuracy: 0.5, pairs: 4, ties: 1 };
        assert_eq!(PairAccuracy::of(scores.into_iter()), expected);
    }
}
