//! Before the first step: text, vocabulary, model, instances. Nothing is written here but the tokens of
//! a large text, so that they need not be held in memory.

use super::error::TrainError;
use super::observer::Observer;
use super::options::{Input, ModelSource, Options, VocabularySource};
use crate::data::stories::STORIES;
use crate::data::{
    Batch, Corpus, DataError, InstanceFile, InstanceStream, MaskSettings, PairSettings,
    SMALL_TEXT_BYTES, Sampler, TokenStore, count_words, split_documents,
};
use crate::model::{Bert, Config, Head, layout};
use crate::system::digest::{Digest, Sha256};
use crate::system::files::FileError;
use crate::system::memory;
use crate::tokenizer::{Tokenizer, TokenizerOptions, TrainerOptions, Vocabulary, learn};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Everything that a run needs.
pub struct Prepared {
    /// The model with its first weights.
    pub bert: Bert,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// Where training instances come from.
    pub source: InstanceStream,
    /// Held-out instances, drawn once.
    pub evaluation: Vec<Batch>,
    /// Digest of vocabulary and data: what a run that goes on must find again.
    pub data: Digest,
}

/// Reads or learns everything that `options` ask for.
///
/// # Errors
/// [`TrainError`], naming what is at fault.
pub fn prepare(options: &Options, observer: &mut dyn Observer) -> Result<Prepared, TrainError> {
    let read = |inputs: &[String]| {
        Ok::<_, DataError>(Corpus::from_inputs(inputs)?.with_invalid_utf8(options.invalid_utf8))
    };
    let corpus = match &options.input {
        Input::Stories => Some(Corpus::Text("the built-in corpus", STORIES)),
        Input::Text(inputs) => Some(read(inputs)?),
        Input::Instances { .. } => None,
    };
    let eval_corpus = match options.eval_input.as_slice() {
        [] => None,
        inputs => Some(read(inputs)?),
    };
    let (bert, tokenizer) = model(options, corpus.as_ref(), observer)?;
    let recipe = &options.recipe;

    let store_path = |name| options.output_dir.join("tokens").join(format!("{name}.tokens"));
    let mut held_out = None;
    let mut data = Sha256::new();
    tokenizer.vocabulary().write(&mut data).expect("a digest takes everything");
    let source = match (&options.input, corpus) {
        (Input::Instances { file, shuffle }, _) => {
            let mut bytes = File::open(file).map_err(|error| FileError::io("open", file, error))?;
            std::io::copy(&mut bytes, &mut data)
                .map_err(|error| FileError::io("read", file, error))?;
            let file = InstanceFile::open(
                file,
                tokenizer.vocabulary(),
                recipe.max_seq_length,
                recipe.max_predictions_per_seq,
                *shuffle,
                recipe.seed,
            )?;
            observer.note(&format!("{} instances", file.len()));
            InstanceStream::File(Box::new(file))
        }
        (_, corpus) => {
            let corpus = corpus.expect("input other than instances is text");
            let path = store_path("train");
            let store = tokenize(&corpus, &tokenizer, &path, observer)?;
            add_store(&store, &mut data);
            let all: Vec<u32> = (0..store.documents() as u32).collect();
            let (training, evaluation) = if eval_corpus.is_some() || options.eval_fraction == 0.0 {
                (all, Vec::new())
            } else {
                let (fraction, name) = (options.eval_fraction, corpus.name());
                let (documents, no_nsp) = (store.documents(), recipe.no_nsp);
                split_documents(documents, fraction, no_nsp, recipe.seed, &name)?
            };
            if !evaluation.is_empty() {
                observer.note(&format!("{} of its documents are held out", evaluation.len()));
                let store = Arc::clone(&store);
                held_out = Some(sampler(options, store, evaluation, &tokenizer, &corpus.name())?);
            }
            let sampler = sampler(options, store, training, &tokenizer, &corpus.name())?;
            if let Some(warning) = sampler.warning() {
                observer.note(&warning);
            }
            InstanceStream::Sampler(Box::new(sampler))
        }
    };
    if let Some(corpus) = eval_corpus {
        let store = tokenize(&corpus, &tokenizer, &store_path("eval"), observer)?;
        add_store(&store, &mut data);
        let all = (0..store.documents() as u32).collect();
        held_out = Some(sampler(options, store, all, &tokenizer, &corpus.name())?);
    }
    let pad_id = tokenizer.vocabulary().pad_id();
    let evaluation = held_out.map(|mut sampler| {
        let shape = recipe.batch_shape();
        let most = options.max_eval_steps.saturating_mul(recipe.train_batch_size);
        let new_batch = || {
            let mut batch =
                Batch::new(shape.batch_size, shape.max_seq_length, shape.max_predictions_per_seq);
            batch.clear(pad_id);
            batch
        };
        let mut batches = Vec::new();
        for instance in sampler.first_pass().take(most) {
            if batches.last().is_none_or(Batch::is_full) {
                batches.push(new_batch());
            }
            batches.last_mut().expect("pushed above").push(&instance);
        }
        batches
    });
    let (evaluation, data) = (evaluation.unwrap_or_default(), data.finish());
    Ok(Prepared { bert, tokenizer, source, evaluation, data })
}

/// Adds all tokens of `store`, and the bounds of its sentences and documents, to a digest.
fn add_store(store: &TokenStore, data: &mut Sha256) {
    const RELEASED_AT_ONCE: usize = 1 << 24;
    let (mut ids, mut bytes, mut read) = (Vec::new(), Vec::new(), 0);
    for document in 0..store.documents() {
        for sentence in store.document(document) {
            let range = store.sentence(sentence);
            ids.clear();
            ids.push((range.end - range.start) as u32);
            store.extend(range, &mut ids);
            bytes.clear();
            bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
            data.update(&bytes);
            read += bytes.len();
            if read >= RELEASED_AT_ONCE {
                store.release();
                read = 0;
            }
        }
        // No id is this large: what lies between are lengths and ids of one document.
        data.update(&u32::MAX.to_le_bytes());
    }
}

/// The model with its first weights, and its tokenizer.
fn model(
    options: &Options,
    corpus: Option<&Corpus>,
    observer: &mut dyn Observer,
) -> Result<(Bert, Tokenizer), TrainError> {
    let seed = options.recipe.seed;
    let adjust = |mut config: Config| {
        config.hidden_dropout_prob =
            options.hidden_dropout_prob.unwrap_or(config.hidden_dropout_prob);
        config.attention_probs_dropout_prob =
            options.attention_probs_dropout_prob.unwrap_or(config.attention_probs_dropout_prob);
        config
    };
    match &options.model {
        ModelSource::Init(directory) => {
            let file = directory.join("config.json");
            let config = adjust(Config::from_file(&file)?);
            config.validate("the options")?;
            options.recipe.validate(&config)?;
            let tokenizer = Tokenizer::from_directory(directory)?;
            let (tokens, vocab_size) = (tokenizer.vocabulary().len(), config.vocab_size);
            if tokens > vocab_size {
                let directory = directory.display().to_string();
                return Err(TrainError::Vocabulary { directory, tokens, vocab_size });
            }
            let (bert, report) = Bert::from_directory(directory, config, Head::Pretraining, seed)?;
            observer.note(&format!("weights from `{}`", directory.display()));
            if !report.initialized.is_empty() {
                let names = report.initialized.join(", ");
                observer.note(&format!("not there, so drawn from the seed: {names}"));
            }
            if !report.ignored.is_empty() {
                observer.note(&format!(
                    "not of pretraining, so left out: {}",
                    report.ignored.join(", ")
                ));
            }
            Ok((bert, tokenizer))
        }
        ModelSource::New { model, vocabulary, cased } => {
            // The settings are checked before the text is read: the size of the vocabulary comes last.
            let config = adjust(Config::named_or_file(model, 1 << 20)?);
            config.validate("the options")?;
            options.recipe.validate(&config)?;
            let tokenizer_options =
                TokenizerOptions { do_lower_case: !cased, ..TokenizerOptions::default() };
            let tokenizer = match (vocabulary, corpus) {
                (VocabularySource::File(path), _) => {
                    Tokenizer::new(Vocabulary::from_file(path)?, tokenizer_options)
                }
                (VocabularySource::Learn { .. }, None) => {
                    return Err(TrainError::InstancesNeedVocabulary);
                }
                (&VocabularySource::Learn { vocab_size, limit_alphabet }, Some(corpus)) => {
                    let trainer_options =
                        TrainerOptions { vocab_size, limit_alphabet, ..TrainerOptions::default() };
                    learn_vocabulary(corpus, tokenizer_options, &trainer_options, observer)?
                }
            };
            let config = Config {
                vocab_size: tokenizer.vocabulary().len(),
                pad_token_id: tokenizer.vocabulary().pad_id(),
                ..config
            };
            config.validate(&format!("`{model}` with this vocabulary"))?;
            // Parameters, gradients and both moments.
            memory::check(layout(&config, Head::Pretraining).len().saturating_mul(4))?;
            Ok((Bert::new(config, seed), tokenizer))
        }
    }
}

fn learn_vocabulary(
    corpus: &Corpus,
    tokenizer_options: TokenizerOptions,
    options: &TrainerOptions,
    observer: &mut dyn Observer,
) -> Result<Tokenizer, TrainError> {
    let total = corpus.bytes();
    let progress = &mut |done| observer.progress("counting words", done, total);
    let words = count_words(corpus, tokenizer_options.normalizer(), progress)?;
    let vocabulary = learn(&words, options)?;
    observer.note(&format!(
        "learned a vocabulary of {} word pieces from {} words ({} different)",
        vocabulary.len(),
        words.total(),
        words.distinct()
    ));
    let tokenizer = Tokenizer::new(vocabulary, tokenizer_options);
    let unknown_id = tokenizer.vocabulary().unk_id();
    let is_unknown = |word: &str| tokenizer.encode_text(word).contains(&unknown_id);
    let share = words.total_of(is_unknown) as f64 / words.total() as f64;
    if share > 0.01 {
        observer.note(&format!(
            "warning: {:.0} % of the words hold a character outside the alphabet of {} and become [UNK]; a \
             larger --limit-alphabet, with a --vocab-size that has room for it, keeps them",
            100.0 * share,
            options.limit_alphabet
        ));
    }
    Ok(tokenizer)
}

/// The tokens of `corpus`: in memory when it is small, else in the file `path`, which is used again
/// by another run on the same text.
fn tokenize(
    corpus: &Corpus,
    tokenizer: &Tokenizer,
    path: &Path,
    observer: &mut dyn Observer,
) -> Result<Arc<TokenStore>, TrainError> {
    let total = corpus.bytes();
    let progress = &mut |work: &'static str, done| observer.progress(work, done, total);
    let store = if total > SMALL_TEXT_BYTES {
        TokenStore::open_or_create(path, corpus, tokenizer, progress)?
    } else {
        TokenStore::in_memory(corpus, tokenizer, progress)?
    };
    if let Some(error) = store.replaced() {
        observer.note(&format!("warning: {error}; it was made anew from the text"));
    }
    observer.note(&format!(
        "{}: {} documents, {} sentences, {} tokens",
        corpus.name(),
        store.documents(),
        store.sentences(),
        store.tokens()
    ));
    Ok(Arc::new(store))
}

fn sampler(
    options: &Options,
    store: Arc<TokenStore>,
    documents: Vec<u32>,
    tokenizer: &Tokenizer,
    origin: &str,
) -> Result<Sampler, DataError> {
    let recipe = &options.recipe;
    let pairs = PairSettings {
        max_seq_length: recipe.max_seq_length,
        short_seq_prob: recipe.short_seq_prob,
        no_nsp: recipe.no_nsp,
    };
    let masks = MaskSettings {
        masked_lm_prob: recipe.masked_lm_prob,
        max_predictions_per_seq: recipe.max_predictions_per_seq,
        whole_word_mask: recipe.whole_word_mask,
    };
    let vocabulary = tokenizer.vocabulary();
    Sampler::new(store, documents, pairs, masks, vocabulary, recipe.seed, origin)
}
