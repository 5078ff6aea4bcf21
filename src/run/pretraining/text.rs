//! From text to token stores and samplers, with some documents held out.

use super::options::PretrainingOptions;
use super::recipe::PretrainingRecipe;
use crate::data::{Corpus, DataError, RandomNext, Sampler, SentenceEncoder, Storage, TokenStore};
use crate::run::error::RunError;
use crate::run::observer::{Event, Observer};
use crate::system::digest::Sha256;
use crate::tokenizer::Tokenizer;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the tokens of a large text go: a file of the run directory called `name`.
fn store_path(options: &PretrainingOptions, name: &str) -> Option<PathBuf> {
    Some(options.output_dir.as_ref()?.join("tokens").join(format!("{name}.tokens")))
}

/// Removes the tokens called `name` that another run left in the run directory, and their directory when it is
/// empty. The caller holds the lock of the run directory.
pub(super) fn remove_tokens(options: &PretrainingOptions, name: &str) {
    let Some(path) = store_path(options, name) else { return };
    // A file that cannot be removed costs room, not the run.
    let _ = std::fs::remove_file(&path);
    if let Some(directory) = path.parent() {
        let _ = std::fs::remove_dir(directory);
    }
}

/// The tokens of `corpus`: in memory when the text is small, else in a file of the run directory called `name`, which
/// another run on the same text uses again. Without a run directory, a temporary file takes its place.
pub(super) fn tokenize(
    corpus: &Corpus,
    tokenizer: &Tokenizer,
    (options, name): (&PretrainingOptions, &str),
    observer: &mut dyn Observer,
) -> Result<Arc<TokenStore>, RunError> {
    let total = corpus.bytes();
    let progress = &mut |work: &'static str, done| {
        observer.observe(Event::Progress { work, done, total });
    };
    let storage = match store_path(options, name) {
        Some(path) => Storage::File(path),
        None => Storage::TemporaryFile(std::env::temp_dir()),
    };
    let storage = storage.unless_small(corpus);
    if storage == Storage::Memory {
        // A killed run on a larger text may have left its tokens here.
        remove_tokens(options, name);
    }
    let store = TokenStore::build(corpus, &SentenceEncoder::of(tokenizer), storage, progress)?;
    if let Some(error) = store.replaced() {
        observer.observe(Event::Warning(&format!("{error}; it was made anew from the text")));
    }
    observer.observe(Event::Note(&format!(
        "{}, {} tokens",
        store.read_report(corpus),
        store.tokens()
    )));
    Ok(Arc::new(store))
}

/// A sampler over `documents` of `store`. `origin` is named in errors.
pub(super) fn sampler(
    recipe: &PretrainingRecipe,
    store: Arc<TokenStore>,
    documents: Vec<u32>,
    tokenizer: &Tokenizer,
    origin: &str,
) -> Result<Sampler, DataError> {
    let (pairs, masks) = (recipe.pairs(), recipe.masks());
    let vocabulary = tokenizer.vocabulary();
    Sampler::new(store, documents, pairs, masks, vocabulary, recipe.training.seed, origin)
}

/// Adds all tokens of `store`, and the bounds of its sentences and documents, to a digest; also the bounds of
/// its files where they decide where a random sentence of `recipe` comes from.
pub(super) fn add_store(store: &TokenStore, recipe: &PretrainingRecipe, data: &mut Sha256) {
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
        // No id is this large, so that documents cannot run into each other.
        data.update(&u32::MAX.to_le_bytes());
    }
    if recipe.random_next != RandomNext::Any {
        for file in 0..store.files() {
            data.update(&(store.file(file).len() as u64).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::digest::Digest;

    #[test]
    fn the_digest_of_tokens_is_that_of_lengths_ids_and_document_ends() {
        let encode = |sentence: &str| sentence.split(' ').map(|id| id.parse().unwrap()).collect();
        let encoder = SentenceEncoder::from_fn("numbers", 100, encode);
        let corpus = Corpus::from_text("test", "10 11 12\n13 14\n\n15\n");
        let store = TokenStore::build(&corpus, &encoder, Storage::Memory, &mut |_, _| {}).unwrap();
        let mut data = Sha256::new();
        add_store(&store, &PretrainingRecipe::default(), &mut data);
        let end = u32::MAX;
        let numbers = [3, 10, 11, 12, 2, 13, 14, end, 1, 15, end];
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u32::to_le_bytes).collect();
        assert_eq!(data.finish(), Digest::of(&bytes));
    }
}
