//! Softmax of one row: of the whole row, and of a row that is computed in chunks of columns.

use super::reductions::{LANES, max_lanes, reduce, sum_lanes};
use super::vectorized::vectorized;
use crate::tensor::math;

vectorized! {
    /// One row of scores s becomes p = softmax(scale·s + mask). `row` and `mask` are `[keys]`; a mask
    /// is 0 or −∞. p is 0 everywhere when all keys are masked, NaN everywhere when a score is NaN.
    pub(crate) fn softmax_row(row: &mut [f32], mask: &[f32], scale: f32) {
        for (s, mask) in row.iter_mut().zip(mask) {
            *s = s.mul_add(scale, *mask);
        }
        let max = max_lanes(row);
        if max == f32::NEG_INFINITY {
            // max_lanes ignores NaN; divergence must stay visible.
            let masked = row.iter().all(|&s| s == f32::NEG_INFINITY);
            row.fill(if masked { 0.0 } else { f32::NAN });
            return;
        }
        for s in row.iter_mut() {
            *s = math::exp_of_nonpositive(*s - max);
        }
        let inverse = 1.0 / sum_lanes(row);
        for s in row {
            *s *= inverse;
        }
    }

    /// The gradient of [`softmax_row`] with respect to s: `dp` becomes ds = scale·p·(dp − Σ dp·p).
    /// `p` and `dp` are `[keys]`.
    pub(crate) fn softmax_backward_row(p: &[f32], scale: f32, dp: &mut [f32]) {
        let dot = reduce([&*dp, p], 0.0, |sum, [dp, p]| dp.mul_add(p, sum), |a, b| a + b);
        for (dp, p) in dp.iter_mut().zip(p) {
            *dp = scale * p * (*dp - dot);
        }
    }
}

/// What [`softmax_chunk`] stores about one row of one chunk: the index of each number.
pub(crate) mod chunk_state {
    /// The largest logit of the chunk, m′.
    pub(crate) const MAX: usize = 0;
    /// s′ = Σ_chunk exp(z − m′).
    pub(crate) const SUM: usize = 1;
    /// The first column with the largest logit. Columns are below 2²⁴, exact as floats.
    pub(crate) const PREDICTION: usize = 2;
    /// The logit of the label; −∞ when the label is in another chunk.
    pub(crate) const LABEL_LOGIT: usize = 3;
    /// The number of these numbers.
    pub(crate) const LENGTH: usize = 4;
}

/// What [`combine_chunks`] stores about one row: the index of each number.
pub(crate) mod row_summary {
    /// The largest logit of the row, m.
    pub(crate) const MAX: usize = 0;
    /// s = Σ exp(z − m).
    pub(crate) const SUM: usize = 1;
    /// −ln p\[label\].
    pub(crate) const LOSS: usize = 2;
    /// 1 when the label has the largest logit (the first of equals), else 0.
    pub(crate) const CORRECT: usize = 3;
    /// The number of these numbers.
    pub(crate) const LENGTH: usize = 4;
}

vectorized! {
    /// One row of one chunk: logits without bias z become e = exp(z + bias − m′), and `state` is filled.
    /// `z` and `bias` are `[columns]`, `state` is [`chunk_state`]. `label` and `first_column` count
    /// over all columns.
    pub(crate) fn softmax_chunk(
        z: &mut [f32],
        bias: &[f32],
        first_column: usize,
        label: usize,
        state: &mut [f32],
    ) {
        for (z, bias) in z.iter_mut().zip(bias) {
            *z += bias;
        }
        let max = max_lanes(z);
        // Whole vectors are compared until one holds the largest logit; then its lanes.
        let vector = z.chunks(LANES).position(|z| z.iter().fold(false, |any, &z| any | (z == max)));
        let first = vector.unwrap_or(0) * LANES;
        let at = first + z[first..].iter().position(|&z| z == max).unwrap_or(0);
        let label = label.checked_sub(first_column).and_then(|at| z.get(at));
        state[chunk_state::MAX] = max;
        state[chunk_state::PREDICTION] = (first_column + at) as f32;
        state[chunk_state::LABEL_LOGIT] = label.copied().unwrap_or(f32::NEG_INFINITY);
        for z in z.iter_mut() {
            *z = math::exp_of_nonpositive(*z - max);
        }
        state[chunk_state::SUM] = sum_lanes(z);
    }

    /// One row: its states in all chunks become its summary. `states` starts at the state in the first
    /// chunk; the state in the next chunk is `stride` elements later. `summary` is [`row_summary`].
    pub(crate) fn combine_chunks(states: &[f32], stride: usize, label: usize, summary: &mut [f32]) {
        use chunk_state::{LABEL_LOGIT, MAX, PREDICTION, SUM};
        let states = || states.chunks(stride);
        let (mut max, mut prediction, mut label_logit) = (f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY);
        for state in states() {
            if state[MAX] > max {
                (max, prediction) = (state[MAX], state[PREDICTION]);
            }
            // Not f32::max, which ignores NaN.
            label_logit =
                if state[LABEL_LOGIT] == f32::NEG_INFINITY { label_logit } else { state[LABEL_LOGIT] };
        }
        let mut sum = 0.0;
        for state in states() {
            sum = state[SUM].mul_add(math::exp_of_nonpositive(state[MAX] - max), sum);
        }
        summary[row_summary::MAX] = max;
        summary[row_summary::SUM] = sum;
        summary[row_summary::LOSS] = math::ln(sum) + (max - label_logit);
        summary[row_summary::CORRECT] = f32::from(u8::from(prediction == label as f32));
    }

    /// One row of one chunk: y = weight·p, from the e of [`softmax_chunk`], its m′ and the summary of
    /// the row. `e` and `y` are `[columns]`.
    pub(crate) fn weighted_probabilities(
        e: &[f32],
        chunk_max: f32,
        summary: &[f32],
        weight: f32,
        y: &mut [f32],
    ) {
        let scale = math::exp_of_nonpositive(chunk_max - summary[row_summary::MAX]);
        let factor = weight * scale / summary[row_summary::SUM];
        for (y, e) in y.iter_mut().zip(e) {
            *y = factor * e;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_that_are_not_numbers_stay_visible_and_masked_rows_are_zero() {
        let mut row = [f32::NAN; 3];
        softmax_row(&mut row, &[0.0; 3], 1.0);
        assert!(row.iter().all(|p| p.is_nan()), "{row:?}");
        let mut row = [1.0, 2.0, 3.0];
        softmax_row(&mut row, &[f32::NEG_INFINITY; 3], 1.0);
        assert_eq!(row, [0.0; 3]);
    }
}
