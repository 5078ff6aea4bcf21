//! A pretrained BERT with its tokenizer, read from a directory: ours or any of Hugging Face's.

use super::error::TaskError;
use super::inference::Inference;
use super::sequence::Sequence;
use crate::data::SentenceObjective;
use crate::data::features::WindowSettings;
use crate::model::{Bert, Config, Head, LoadReport};
use crate::run::newest_weights::{UnfinishedRun, newest_weights};
use crate::run::{Finished, Recorded};
use crate::tensor::kernels::Simd;
use crate::tokenizer::Tokenizer;
use std::borrow::Cow;
use std::path::Path;

/// Prefix of the pooler's parameters.
const POOLER: &str = "bert.pooler.";

/// A BERT and the tokenizer it was trained with: text in, answers out, many texts at a time.
///
/// | method | answers |
/// |---|---|
/// | [`fill_mask`](Model::fill_mask) | the likeliest words for each `[MASK]` |
/// | [`next_sentence`](Model::next_sentence) | whether sentence B follows sentence A |
/// | [`encode`](Model::encode) | hidden states |
/// | [`embed`](Model::embed) | one vector for a text |
/// | [`score`](Model::score), [`score_pairs`](Model::score_pairs) | how likely a text is; minimal pairs |
/// | [`generate`](Model::generate) | text, such as it is |
/// | [`classify`](Model::classify), [`regress`](Model::regress) | the class of a text or a pair; a number for it |
/// | [`tag`](Model::tag) | a label for each word |
/// | [`answer`](Model::answer) | the part of a text that answers a question |
/// | [`measure`](Model::measure) | how good a fine-tuned model is on labelled examples |
///
/// An answer depends on its own text alone: it has the same bits whatever other texts are in the call
/// and in whatever order. Texts of similar length are computed together, without their padding. The
/// graph for a shape of batch is compiled once and used again by later calls.
///
/// `Model<'static>` owns its parts, and any number of threads may use it at once.
pub struct Model<'a> {
    bert: Cow<'a, Bert>,
    tokenizer: Cow<'a, Tokenizer>,
    report: LoadReport,
    unfinished: Option<UnfinishedRun>,
    /// How long contexts are cut; `None` for the usual way.
    pub(super) windows: Option<WindowSettings>,
    sentence_objective: SentenceObjective,
    pub(super) inference: Inference,
}

impl From<Finished> for Model<'static> {
    /// The model that a run has trained.
    fn from(run: Finished) -> Self {
        Self::new(run.bert, run.tokenizer)
    }
}

impl Model<'static> {
    /// Reads `config.json`, `model.safetensors` and the tokenizer of `directory`.
    ///
    /// The head is the one that `config.json` names. A model with the masked-LM head alone or
    /// without a head is read with all heads of pretraining, because many directories hold more than
    /// `config.json` says. The parameters that are missing are drawn at random;
    /// [`report`](Model::report) names them, and a task that needs one of them is an error.
    ///
    /// Of a run that has not finished, the newest weights are read: those of its newest checkpoint, or
    /// of `model.safetensors` when it is newer. [`unfinished`](Model::unfinished) says so.
    ///
    /// # Errors
    /// [`TaskError`], naming the file at fault.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, TaskError> {
        Simd::check()?;
        let directory = directory.as_ref();
        let config = Config::from_file(&directory.join("config.json"))?;
        let tokenizer = Tokenizer::from_directory(directory)?;
        check_vocabulary(directory, &tokenizer, &config)?;
        let head = match config.head() {
            Head::MaskedLm | Head::None => Head::Pretraining,
            head => head,
        };
        let (bert, report, unfinished) = newest_weights(directory, config, head, 0)?;
        let recorded = Recorded::read(directory);
        let sentence_objective = recorded.sentence_objective.unwrap_or_default();
        let model = Self::new(bert, tokenizer);
        let mut model = Self { report, unfinished, sentence_objective, ..model };
        if let Some(windows) = recorded.windows {
            model.set_windows(windows)?;
        }
        Ok(model)
    }

    /// A model of a BERT in memory.
    ///
    /// # Panics
    /// When the vocabulary of `tokenizer` is larger than `vocab_size` of `bert`.
    pub fn new(bert: Bert, tokenizer: Tokenizer) -> Self {
        Self::from_parts(Cow::Owned(bert), Cow::Owned(tokenizer))
    }
}

impl<'a> Model<'a> {
    /// A model of a BERT that belongs to someone else: one in training, for example.
    ///
    /// # Panics
    /// When the vocabulary of `tokenizer` is larger than `vocab_size` of `bert`.
    pub fn borrowed(bert: &'a Bert, tokenizer: &'a Tokenizer) -> Self {
        Self::from_parts(Cow::Borrowed(bert), Cow::Borrowed(tokenizer))
    }

    fn from_parts(bert: Cow<'a, Bert>, tokenizer: Cow<'a, Tokenizer>) -> Self {
        assert!(
            tokenizer.vocabulary().len() <= bert.config.vocab_size,
            "the vocabulary has more tokens than the model has word embeddings"
        );
        let (report, inference) = (LoadReport::default(), Inference::default());
        let sentence_objective = SentenceObjective::default();
        let (unfinished, windows) = (None, None);
        Self { bert, tokenizer, report, unfinished, windows, sentence_objective, inference }
    }

    /// The BERT.
    pub fn bert(&self) -> &Bert {
        &self.bert
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The parameters that the directory did not have (drawn at random), and the tensors in it that
    /// the model has no use for.
    pub fn report(&self) -> &LoadReport {
        &self.report
    }

    /// The state of the run that the model was read from, if that run has not finished.
    pub fn unfinished(&self) -> Option<&UnfinishedRun> {
        self.unfinished.as_ref()
    }

    /// What the model learned about two segments: as its `run.json` says, else next-sentence prediction.
    pub fn sentence_objective(&self) -> SentenceObjective {
        self.sentence_objective
    }

    /// `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`.
    ///
    /// # Errors
    /// [`TaskError::TooLong`] when the model has fewer positions than that.
    pub fn sequence(&self, first: &str, second: Option<&str>) -> Result<Sequence, TaskError> {
        let mut sequences = self.sequences(&[(first, second)])?;
        Ok(sequences.remove(0))
    }

    /// [`Model::sequence`] of every text or pair of texts.
    pub(super) fn sequences(
        &self,
        texts: &[(&str, Option<&str>)],
    ) -> Result<Vec<Sequence>, TaskError> {
        let most = self.bert.config.max_position_embeddings;
        let sequence = |(index, &(first, second)): (usize, &(&str, Option<&str>))| {
            let sequence = Sequence::new(&self.tokenizer, first, second);
            match sequence.input_ids.len() {
                tokens if tokens > most => {
                    Err(TaskError::TooLong { index, texts: texts.len(), tokens, most })
                }
                _ => Ok(sequence),
            }
        };
        texts.iter().enumerate().map(sequence).collect()
    }

    /// Whether the model predicts masked words, with numbers that were read.
    pub fn predicts_masked_words(&self) -> bool {
        self.need_masked_lm().is_ok()
    }

    /// Whether the model predicts next sentences, with numbers that were read.
    pub fn predicts_next_sentences(&self) -> bool {
        self.need_next_sentence("").is_ok()
    }

    /// Checks that the model has a masked-LM head.
    pub(super) fn need_masked_lm(&self) -> Result<(), TaskError> {
        let remedy = "use a model that was pretrained with one";
        self.need(self.bert.head.has_masked_lm(), "masked-LM head", &["cls.predictions."], remedy)
    }

    /// Checks that the model has a next-sentence head and the pooler below it. `remedy` says what to do
    /// without them.
    pub(super) fn need_next_sentence(&self, remedy: &'static str) -> Result<(), TaskError> {
        let parameters = ["cls.seq_relationship.", POOLER];
        self.need(self.bert.head.has_next_sentence(), "next-sentence head", &parameters, remedy)
    }

    /// Checks that the model's head has what a task needs, and that its numbers were read.
    pub(super) fn need(
        &self,
        has: bool,
        head: &'static str,
        parameters: &[&str],
        remedy: &'static str,
    ) -> Result<(), TaskError> {
        if !has {
            return Err(TaskError::NoHead { head, architecture: self.bert.head.architecture() });
        }
        match self.missing(parameters) {
            None => Ok(()),
            Some(missing) => {
                Err(TaskError::HeadNotStored { head, missing: missing.clone(), remedy })
            }
        }
    }

    /// Whether the model has a pooler with numbers that were read.
    pub(super) fn has_pooler(&self) -> bool {
        self.bert.head.has_pooler() && self.missing(&[POOLER]).is_none()
    }

    /// The first parameter with one of these prefixes that the files do not have.
    fn missing(&self, prefixes: &[&str]) -> Option<&String> {
        let is_wanted = |name: &&String| prefixes.iter().any(|prefix| name.starts_with(prefix));
        self.report.initialized.iter().find(is_wanted)
    }
}

/// Every id of the tokenizer must have a row in the embedding table.
fn check_vocabulary(
    directory: &Path,
    tokenizer: &Tokenizer,
    config: &Config,
) -> Result<(), TaskError> {
    let tokens = tokenizer.vocabulary().len();
    if tokens > config.vocab_size {
        let directory = directory.to_path_buf();
        return Err(TaskError::Vocabulary { directory, tokens, vocab_size: config.vocab_size });
    }
    Ok(())
}
