//! How fast the tokenizer is on this machine: text to ids, and text to vocabulary.

use crate::run::RunError;
use crate::system::threads;
use crate::tokenizer::{Tokenizer, TokenizerOptions, TrainerOptions, WordCounts, learn};
use serde::Serialize;
use std::time::Instant;

/// How often each part is timed.
const ROUNDS: usize = 5;

/// Lines that a thread takes at once.
const GROUP: usize = 64;

/// What was measured. Rates are of the median of five, in 10⁶ bytes of text a second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenizerMeasured {
    /// Threads of the pool.
    pub threads: usize,
    /// Bytes of the text.
    pub bytes: usize,
    /// Its lines, each encoded by itself.
    pub lines: usize,
    /// Tokens they become.
    pub tokens: usize,
    /// Entries of the vocabulary they are encoded with.
    pub vocab_size: usize,
    /// Text to ids.
    pub encode_megabytes_per_second: f64,
    /// The same in tokens.
    pub tokens_per_second: f64,
    /// Text to a learned vocabulary of the size that was asked for.
    pub learn_megabytes_per_second: f64,
    /// Entries of the learned vocabulary.
    pub learned_vocab_size: usize,
}

/// Measures encoding the lines of `text` with `tokenizer`, and learning a vocabulary of `vocab_size`
/// from them, on the threads of the current pool. Without a tokenizer, the learned one is used.
///
/// # Errors
/// [`RunError::Tokenizer`] when no vocabulary of that size can be learned.
pub fn benchmark_tokenizer(
    text: &str,
    tokenizer: Option<Tokenizer>,
    vocab_size: usize,
) -> Result<TokenizerMeasured, RunError> {
    let lines: Vec<&str> = text.lines().collect();
    let groups: Vec<&[&str]> = lines.chunks(GROUP).collect();
    let options = TrainerOptions { vocab_size, ..TrainerOptions::default() };
    let learn_once = || {
        let normalizer = TokenizerOptions::default().normalizer();
        // Few counts, so that little is left to merge.
        let size = groups.len().div_ceil(4 * threads::count()).max(1);
        let shares: Vec<&[&[&str]]> = groups.chunks(size).collect();
        let counts = threads::map(&shares, |groups| {
            let mut counts = WordCounts::new();
            groups.iter().copied().flatten().for_each(|line| counts.add_text(&normalizer, line));
            counts
        });
        let mut words = WordCounts::new();
        counts.into_iter().for_each(|part| words.merge(part));
        learn(&words, &options)
    };
    let (learn_seconds, learned) = timed(learn_once);
    let learned = learned?;
    let learned_vocab_size = learned.len();
    let tokenizer =
        tokenizer.unwrap_or_else(|| Tokenizer::new(learned, TokenizerOptions::default()));
    let encode_once = || {
        let counts = threads::map(&groups, |lines| {
            let mut ids = Vec::new();
            lines.iter().for_each(|line| tokenizer.encode_into(line, &mut ids));
            ids.len()
        });
        counts.into_iter().sum::<usize>()
    };
    let (encode_seconds, tokens) = timed(encode_once);
    let megabytes = text.len() as f64 / 1e6;
    Ok(TokenizerMeasured {
        threads: threads::count(),
        bytes: text.len(),
        lines: lines.len(),
        tokens,
        vocab_size: tokenizer.vocabulary().len(),
        encode_megabytes_per_second: megabytes / encode_seconds,
        tokens_per_second: tokens as f64 / encode_seconds,
        learn_megabytes_per_second: megabytes / learn_seconds,
        learned_vocab_size,
    })
}

/// The median time in seconds, and the last result.
fn timed<T>(work: impl Fn() -> T) -> (f64, T) {
    let mut times = [0.0; ROUNDS];
    let mut last = None;
    for time in &mut times {
        let start = Instant::now();
        last = Some(work());
        *time = start.elapsed().as_secs_f64();
    }
    times.sort_by(f64::total_cmp);
    (times[ROUNDS / 2], last.expect("more than no round"))
}
