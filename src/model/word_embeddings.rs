//! The first word embeddings by name, [`WordEmbeddings`], and word vectors from counting, [`word_vectors`].
//!
//! `random` is BERT's: random numbers. The model then has to learn from masked words alone which words are alike.
//!
//! `ppmi-svd` begins with what counting tells: words are alike that stand beside the same words. The training text
//! is counted once, before the first step, by a classical method (Levy & Goldberg, "Neural Word Embedding as Implicit
//! Matrix Factorization", 2014; Bullinaria & Levy, "Extracting Semantic Representations from Word Co-occurrence
//! Statistics", 2007). The masked-LM decoder is tied to the word embeddings, so it begins there too. A small model is
//! then, in its first minute, where it otherwise is after many.
//!
//! **Counts.** A word is a word piece that occurs at least [`LEAST_COUNT`] times. Contexts are the most frequent words.
//! For each word w and context c, n(w, c) is how often c stands beside w in a sentence
//! ([`WordSample`]). There are two tables, because near words tell the part of speech and
//! distant words the topic (Turney & Pantel, 2010, section 2.3):
//!
//! ```text
//! near   [words, 4·512]   contexts at the offsets −2, −1, 1, 2, each offset for itself
//! wide   [words, 1024]    contexts at all offsets from −12 to 12 together
//! ```
//!
//! **PPMI**, the positive pointwise mutual information, compares a count with what chance gives. It is computed for
//! each offset of `near` and for all of `wide`:
//!
//! ```text
//! PPMI(w, c) = max(0, ln(n(w, c) / (n(w)·q(c))))        n(w) = Σ_c n(w, c),  q(c) = n(c)^¾ / Σ_c n(c)^¾
//! ```
//!
//! The power ¾ keeps rare contexts from large values (Levy, Goldberg & Dagan, 2015, section 3.2).
//!
//! **Word vectors.** U·√Σ of each table, where U are the left singular vectors of the largest singular values Σ
//! ([`truncated_svd`]): as many columns as the model has for words, half of them of `near` and half of `wide`. The
//! mean of all words is taken out of each column. The two parts of a word are scaled to the same length for a column.
//! A random rotation of all columns makes them alike, so that no column and no head gets more than another.
//!
//! **In the model**, a column has the standard deviation [`SCALE`]·`initializer_range`. Words that are too rare, special
//! tokens, and words without a neighbour keep their random numbers. With `mimetic`, vectors leave out the columns of
//! positions; [`initialization`](mod@super::initialization) says how the rest fits longer words.
//!
//! **Cost.** Each table has at most [`LARGEST_TABLE`] numbers (256 MiB), and only one is there at a time: a large
//! vocabulary has fewer contexts. At most [`MOST_TOKENS`](crate::data::word_sample::MOST_TOKENS) tokens are counted; of a
//! larger text, documents drawn from the seed. The result is a function of the text and the seed.

use super::parameters::truncated_normal;
use crate::data::WordSample;
use crate::system::threads;
use crate::tensor::math;
use crate::tensor::random::{Generator, Purpose};
use crate::tensor::svd::{orthonormal_columns, product, truncated_svd};
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use serde::{Deserialize, Serialize};

/// How often a word occurs at least.
pub const LEAST_COUNT: u64 = 3;
/// The largest offset of `near`.
pub const NEAR: isize = 2;
/// Contexts of each offset of `near`, at most.
pub const NEAR_CONTEXTS: usize = 512;
/// The largest offset of `wide`.
pub const WIDE: isize = 12;
/// Contexts of `wide`, at most.
pub const WIDE_CONTEXTS: usize = 1024;
/// Numbers of one table, at most, unless there are more words than that.
pub const LARGEST_TABLE: usize = 1 << 26;
/// Random vectors of a decomposition beyond the singular values that are wanted.
pub const OVERSAMPLING: usize = 16;
/// The standard deviation of a column, in units of `initializer_range`. With half of it, a tiny learns more slowly; with twice
/// as much, positions are lost beside the words.
pub const SCALE: f64 = 4.0;

/// The first word embeddings of a model that begins from nothing. See the [module](self).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WordEmbeddings {
    /// Random numbers.
    #[default]
    Random,
    /// Word vectors from counting the training text: singular vectors of PPMI.
    PpmiSvd,
}

/// One of the two tables.
struct Table {
    /// Offsets that are counted together.
    groups: Vec<Vec<isize>>,
    /// Contexts of each group, at most.
    contexts: usize,
}

impl Table {
    fn both() -> [Self; 2] {
        let around = |most: isize| (-most..=most).filter(|&offset| offset != 0);
        [
            Self { groups: around(NEAR).map(|by| vec![by]).collect(), contexts: NEAR_CONTEXTS },
            Self { groups: vec![around(WIDE).collect()], contexts: WIDE_CONTEXTS },
        ]
    }

    /// Contexts of each group with `words` words.
    fn contexts(&self, words: usize) -> usize {
        let most = LARGEST_TABLE / (words * self.groups.len()).max(1);
        self.contexts.min(most.max(1)).min(words)
    }
}

/// Numbers of `f32` that [`word_vectors`] needs at a time, for `words` words and vectors of `columns`.
pub fn elements(words: usize, columns: usize) -> usize {
    let of_table = |table: &Table| words * table.contexts(words) * table.groups.len();
    let largest = Table::both().iter().map(of_table).max().unwrap_or(0);
    // The basis of half of the columns, once in `f32` and once in `f64`; and the vectors, twice.
    largest + words * (3 * (columns / 2 + 1 + OVERSAMPLING) + 2 * columns)
}

/// Word vectors of `columns` numbers, whose mean square is 1, for each of [`WordSample::words`]; 0 for words that have
/// no neighbour. `[words, columns]`
pub fn word_vectors(sample: &WordSample<'_>, columns: usize, seed: u64) -> Array2<f32> {
    let [near, wide] = Table::both();
    // Stream 0 draws the sample.
    let near = part(sample, &near, columns.div_ceil(2), (seed, 1));
    let wide = part(sample, &wide, columns / 2, (seed, 2));
    let parts = concatenate(Axis(1), &[near.view(), wide.view()]).expect("as many words in both");
    let rotation = orthonormal_columns(normal(columns, columns, (seed, 3)));
    product(parts.view(), rotation.view())
}

/// The part of the word vectors that comes from `table`. `[words, columns]`
fn part(sample: &WordSample<'_>, table: &Table, columns: usize, stream: (u64, u64)) -> Array2<f32> {
    let words = sample.words().len();
    let contexts = table.contexts(words);
    let width = table.groups.len() * contexts;
    if words == 0 || columns == 0 {
        return Array2::zeros((words, columns));
    }
    let mut values = sample.neighbours(&table.groups, contexts);
    ppmi(&mut values, width, contexts);
    let values = ArrayView2::from_shape((words, width), &values).expect("words × width");
    let random = normal(width, (columns + OVERSAMPLING).min(width).min(words), stream);
    let decomposition = truncated_svd(values, random.view(), columns);
    let mut vectors = decomposition.vectors;
    let roots: Vec<f64> = decomposition.values.iter().map(|value| value.sqrt()).collect();
    for (mut column, root) in vectors.columns_mut().into_iter().zip(roots) {
        column.iter_mut().for_each(|x| *x = (root * f64::from(*x)) as f32);
        let mean = column.iter().map(|&x| f64::from(x)).sum::<f64>() / words as f64;
        column.iter_mut().for_each(|x| *x = (f64::from(*x) - mean) as f32);
    }
    for mut vector in vectors.outer_iter_mut() {
        let square = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
        if square > 0.0 {
            let factor = (columns as f64 / square).sqrt();
            vector.iter_mut().for_each(|x| *x = (factor * f64::from(*x)) as f32);
        }
    }
    vectors
}

/// Turns counts `[words, groups, contexts]`, with rows of `width` numbers, into PPMI, each group for itself.
fn ppmi(counts: &mut [f32], width: usize, contexts: usize) {
    // Sums of counts are integers, exact in any order.
    let mut of_contexts = vec![0.0f64; width];
    for row in counts.chunks_exact(width) {
        of_contexts.iter_mut().zip(row).for_each(|(sum, &count)| *sum += f64::from(count));
    }
    for group in of_contexts.chunks_exact_mut(contexts) {
        // n^¾ = √n·√√n
        group.iter_mut().for_each(|n| *n = n.sqrt() * n.sqrt().sqrt());
        let sum: f64 = group.iter().sum();
        group.iter_mut().for_each(|n| *n /= sum);
    }
    threads::for_each(counts.chunks_exact_mut(width).collect(), |row: &mut [f32]| {
        for (row, shares) in row.chunks_exact_mut(contexts).zip(of_contexts.chunks_exact(contexts))
        {
            let n: f64 = row.iter().map(|&count| f64::from(count)).sum();
            for (value, share) in row.iter_mut().zip(shares).filter(|(count, _)| **count > 0.0) {
                *value = math::ln((f64::from(*value) / (n * share)) as f32).max(0.0);
            }
        }
    });
}

/// Normal numbers `[rows, columns]` of a stream of (seed, index).
fn normal(rows: usize, columns: usize, (seed, index): (u64, u64)) -> Array2<f32> {
    let mut numbers = Array2::zeros((rows, columns));
    let mut generator = Generator::new(seed, Purpose::WordEmbeddings, 0, index);
    truncated_normal(&mut generator, 1.0, numbers.as_slice_mut().expect("row-major"));
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ppmi_is_that_of_the_formula() {
        // Two words, two groups of two contexts.
        let mut values = [4.0, 0.0, 3.0, 3.0, 4.0, 8.0, 0.0, 0.0];
        ppmi(&mut values, 4, 2);
        // First group: n(c) = 8, 8, so q = ½, ½. Second group: n(c) = 3, 3, again ½, ½; the second word has none.
        let expected = [2f32.ln(), 0.0, 0.0, 0.0, 0.0, (8f32 / 12.0 * 2.0).ln(), 0.0, 0.0];
        for (value, expected) in values.iter().zip(expected) {
            // Two roundings of an f32.
            assert!((value - expected).abs() < 2e-7, "{values:?}");
        }
        // n(c) = 1, 16: q = 1/9, 8/9.
        let mut values = [1.0, 16.0];
        ppmi(&mut values, 2, 2);
        assert!((values[0] - (9f32 / 17.0).ln().max(0.0)).abs() < 2e-7);
        assert!((values[1] - (16f32 / 17.0 * 9.0 / 8.0).ln()).abs() < 2e-7, "{values:?}");
    }

    #[test]
    fn a_table_of_a_large_vocabulary_has_fewer_contexts() {
        let [near, wide] = Table::both();
        assert_eq!((near.groups.len(), wide.groups.len(), wide.groups[0].len()), (4, 1, 24));
        assert_eq!((near.contexts(8192), wide.contexts(8192)), (512, 1024));
        assert_eq!((near.contexts(30_522), wide.contexts(30_522)), (512, 1024));
        assert_eq!((near.contexts(7), wide.contexts(0)), (7, 0));
        for words in [100_000, 1 << 20] {
            assert!(words * 4 * near.contexts(words) <= LARGEST_TABLE && near.contexts(words) > 0);
        }
        // Below 300 MB for a tiny with BERT's vocabulary.
        assert!(4 * elements(30_522, 96) < 300_000_000, "{}", 4 * elements(30_522, 96));
    }
}
