//! The model with its first weights, its vocabulary and its tokenizer.

use super::options::{ModelSource, NewModel, PretrainingOptions, VocabularySource};
use crate::data::{Corpus, Sampler, WordSample, count_words};
use crate::model::word_embeddings::{self, LEAST_COUNT, WordEmbeddings};
use crate::model::{Bert, Config, Head, layout};
use crate::run::error::RunError;
use crate::run::newest_weights::newest_weights;
use crate::run::observer::{Event, Observer};
use crate::system::memory;
use crate::tokenizer::{Tokenizer, TokenizerOptions, TrainerOptions, Vocabulary, learn};

/// The model with its first weights, and its tokenizer.
pub(super) fn model(
    options: &PretrainingOptions,
    corpus: Option<&Corpus>,
    observer: &mut dyn Observer,
) -> Result<(Bert, Tokenizer), RunError> {
    let seed = options.recipe.training.seed;
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
            config.validate("the settings")?;
            options.recipe.validate(&config)?;
            let tokenizer = Tokenizer::from_directory(directory)?;
            let (tokens, vocab_size) = (tokenizer.vocabulary().len(), config.vocab_size);
            if tokens > vocab_size {
                let directory = directory.display().to_string();
                return Err(RunError::Vocabulary { directory, tokens, vocab_size });
            }
            let (bert, report, unfinished) =
                newest_weights(directory, config, Head::Pretraining, seed)?;
            if let Some(unfinished) = unfinished {
                observer.observe(Event::Warning(&unfinished.to_string()));
            }
            observer.observe(Event::Note(&format!("weights from `{}`", directory.display())));
            if !report.initialized.is_empty() {
                let names = report.initialized.join(", ");
                observer
                    .observe(Event::Note(&format!("not there, so drawn from the seed: {names}")));
            }
            if !report.ignored.is_empty() {
                observer.observe(Event::Note(&format!(
                    "not of pretraining, so left out: {}",
                    report.ignored.join(", ")
                )));
            }
            Ok((bert, tokenizer))
        }
        ModelSource::New(new) => {
            let NewModel { model, vocabulary, cased, initialization, .. } = new;
            // The settings are checked before the text is read: the size of the vocabulary comes last.
            let config = adjust(Config::named_or_file(model, 1 << 20)?);
            config.validate("the settings")?;
            initialization.check(&config, &format!("`{model}`"))?;
            options.recipe.validate(&config)?;
            let tokenizer_options =
                TokenizerOptions { do_lower_case: !cased, ..TokenizerOptions::default() };
            let tokenizer = match (vocabulary, corpus) {
                (VocabularySource::File(path), _) => {
                    Tokenizer::new(Vocabulary::from_file(path)?, tokenizer_options)
                }
                (VocabularySource::Learn { .. }, None) => {
                    return Err(RunError::InstancesNeedVocabulary);
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
            Ok((Bert::with_initialization(config, *initialization, seed)?, tokenizer))
        }
    }
}

/// Sets the first word embeddings of `bert` where they are counted in the text that `sampler` draws from.
pub(super) fn set_word_embeddings(
    options: &PretrainingOptions,
    sampler: &Sampler,
    bert: &mut Bert,
    observer: &mut dyn Observer,
) -> Result<(), RunError> {
    let ModelSource::New(new) = &options.model else { return Ok(()) };
    let initialization = new.initialization;
    match new.word_embeddings {
        WordEmbeddings::Random => {}
        WordEmbeddings::PpmiSvd => {
            let (store, documents) = sampler.text();
            let (seed, vocab_size) = (options.recipe.training.seed, bert.config.vocab_size);
            let sample = WordSample::new(store, documents, vocab_size, LEAST_COUNT, seed);
            let words = sample.words().len();
            let elements =
                word_embeddings::elements(words, initialization.word_columns(&bert.config).len());
            memory::check(elements)?;
            observer.observe(Event::Note(&format!(
                "counting the neighbours of {words} of {vocab_size} word pieces in {} tokens, for the first word \
                 embeddings; {:.0} MB of memory until that is done",
                sample.tokens(),
                4.0 * elements as f64 / 1e6
            )));
            bert.begin_with_word_vectors(initialization, &sample, seed);
        }
    }
    Ok(())
}

fn learn_vocabulary(
    corpus: &Corpus,
    tokenizer_options: TokenizerOptions,
    options: &TrainerOptions,
    observer: &mut dyn Observer,
) -> Result<Tokenizer, RunError> {
    let total = corpus.bytes();
    let progress = &mut |done| {
        observer.observe(Event::Progress { work: "counting words", done, total });
    };
    let words = count_words(corpus, tokenizer_options.normalizer(), progress)?.counts;
    let vocabulary = learn(&words, options)?;
    observer.observe(Event::Note(&format!(
        "learned a vocabulary of {} word pieces from {} words ({} different)",
        vocabulary.len(),
        words.total(),
        words.distinct()
    )));
    let tokenizer = Tokenizer::new(vocabulary, tokenizer_options);
    let unknown_id = tokenizer.vocabulary().unk_id();
    let is_unknown = |word: &str| tokenizer.encode_text(word).contains(&unknown_id);
    let limit = tokenizer.max_characters_per_word();
    let is_too_long = |word: &str| word.chars().nth(limit).is_some();
    let share = |is: &dyn Fn(&str) -> bool| words.total_of(is) as f64 / words.total() as f64;
    let outside = share(&|word| !is_too_long(word) && is_unknown(word));
    if outside > 0.01 {
        observer.observe(Event::Warning(&format!(
            "{:.0} % of the words hold a character outside the alphabet of {} and become [UNK]; a larger \
             'limit_alphabet', with a 'vocab_size' that has room for it, keeps them",
            100.0 * outside,
            options.limit_alphabet
        )));
    }
    let too_long = share(&is_too_long);
    if too_long > 0.01 {
        observer.observe(Event::Warning(&format!(
            "{:.0} % of the words have more than {limit} characters and become [UNK]; text of a language \
             without spaces between words needs spaces there first",
            100.0 * too_long
        )));
    }
    Ok(tokenizer)
}
