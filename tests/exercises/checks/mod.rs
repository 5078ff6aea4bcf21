//! One check for each exercise. It compares a function with that of `cloze` itself or with a finite difference, and
//! returns a hint when the function is not right. The learner's functions (`cargo test --test exercises`) and the
//! solutions (`tests/book`) go through the same checks.

mod backward;
mod forward;
mod operations;
mod sampling;
mod text;
mod training;

use cloze::tokenizer::{SPECIAL_TOKENS, Vocabulary};

pub use backward::{cross_entropy, layer_norm_backward, linear_backward};
pub use forward::{attention, embedding_sum, layer_norm, softmax};
pub use sampling::{number_of_masks, replacement, truncate_pair};
pub use text::{best_pair, pieces};
pub use training::{adamw, learning_rate, tree_sum};

/// Calls a macro with the names of all exercises, in the order of the book.
macro_rules! for_each_exercise {
    ($each:ident) => {
        $each! {
            pieces, best_pair, truncate_pair, number_of_masks, replacement, embedding_sum, softmax, attention,
            layer_norm, cross_entropy, linear_backward, layer_norm_backward, learning_rate, adamw, tree_sum
        }
    };
}
pub(crate) use for_each_exercise;

/// What is wrong, and what to look at.
pub struct Hint(pub String);

/// As it is: a failing test prints its error by `Debug`.
impl std::fmt::Debug for Hint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not right yet\n\n  {}\n", self.0.replace('\n', "\n  "))
    }
}

/// The result of a check.
pub type Checked = Result<(), Hint>;

/// Returns from a check with a [`Hint`] unless `$right`.
macro_rules! require {
    ($right:expr, $($hint:tt)*) => {
        // A comparison with NaN is false, so NaN is never right.
        let right: bool = $right;
        if !right {
            return Err(Hint(format!($($hint)*)));
        }
    };
}
use require;

/// `f64` of an exercise against the `f32` of the operations.
const TOLERANCE: f64 = 1e-5;

/// The special tokens and `own`.
fn vocabulary(own: &[&str]) -> Vocabulary {
    let entries = SPECIAL_TOKENS.iter().chain(own).map(|entry| entry.to_string()).collect();
    Vocabulary::from_tokens(entries).unwrap()
}

/// Whether all numbers are equal up to `tolerance`, relative to a number above 1. The lengths have to be equal, too.
fn near(found: &[f64], expected: &[f64], tolerance: f64) -> bool {
    let pairs = || found.iter().zip(expected);
    found.len() == expected.len()
        && pairs().all(|(f, e)| f == e || (f - e).abs() <= tolerance * e.abs().max(1.0))
}

/// The same for the rows of two matrices.
fn near_rows(found: &[Vec<f64>], expected: &[Vec<f64>], tolerance: f64) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| near(f, e, tolerance))
}

/// Numbers for people: at most five digits after the point.
fn shown(numbers: &[f64]) -> String {
    let short = |x: &f64| {
        if x.is_finite() { format!("{}", (x * 1e5).round() / 1e5) } else { format!("{x}") }
    };
    format!("[{}]", numbers.iter().map(short).collect::<Vec<_>>().join(", "))
}

/// A matrix for people.
fn shown_rows(rows: &[Vec<f64>]) -> String {
    format!("[{}]", rows.iter().map(|row| shown(row)).collect::<Vec<_>>().join(", "))
}

/// A matrix of numbers between −1 and 1 that look random.
fn numbers(rows: usize, columns: usize, seed: u64) -> Vec<Vec<f64>> {
    use cloze::tensor::random::{Generator, Purpose};
    let mut generator = Generator::new(seed, Purpose::Testing, 0, 0);
    // As `f32`, so that the functions of `cloze` get exactly the same numbers.
    let mut number = || f64::from((2.0 * generator.uniform() - 1.0) as f32);
    (0..rows).map(|_| (0..columns).map(|_| number()).collect()).collect()
}

/// The derivative of `f` with respect to each element of `x`, by a small change of it, forth and back.
fn finite_difference(x: &[f64], mut f: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let mut moved = |at: usize, by: f64| {
        let mut x = x.to_vec();
        x[at] += by;
        f(&x)
    };
    (0..x.len()).map(|at| (moved(at, STEP) - moved(at, -STEP)) / (2.0 * STEP)).collect()
}
