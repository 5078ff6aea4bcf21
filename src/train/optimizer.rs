//! AdamW as BERT's (`AdamWeightDecayOptimizer` of Google's `optimization.py`; Loshchilov & Hutter,
//! 2019). Loops over flat slices.
//!
//! ```text
//! m = β₁·m + (1 − β₁)·g        v = β₂·v + (1 − β₂)·g²
//! θ −= lr · (m / (√v + ε) + decay·θ)
//! ```
//!
//! BERT's AdamW has no bias correction. With bias correction, m is divided by 1 − β₁ᵗ and v by 1 − β₂ᵗ
//! first. Decay does not apply to biases and LayerNorm.

use crate::autodiff::Layout;
use crate::model::decays;
use crate::system::threads::{SplitOutput, for_each_range};
use crate::tensor::kernels::vectorized;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Elements of one chunk of the flat buffers: the unit of work.
const CHUNK: usize = 1 << 14;

/// The optimizer of the matrices of the encoder's layers. Everything else is AdamW's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MatrixOptimizer {
    /// AdamW, as for all other parameters.
    #[default]
    AdamW,
    /// [Muon](super::muon).
    Muon,
}

/// Settings of AdamW.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// β₁.
    pub beta_1: f32,
    /// β₂.
    pub beta_2: f32,
    /// ε, added to √v.
    pub epsilon: f32,
    /// The decay of weights.
    pub weight_decay: f32,
    /// Whether the moments are corrected for their start at zero. BERT does not correct them.
    pub bias_correction: bool,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-6,
            weight_decay: 0.01,
            bias_correction: false,
        }
    }
}

/// Adam's moments, in the layout of the parameters, and the number of steps taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// m, the moving mean of gradients, `[parameters]`.
    pub first: Vec<f32>,
    /// v, the moving mean of squared gradients, `[parameters]`.
    pub second: Vec<f32>,
    /// The number of steps applied so far.
    pub steps: u64,
}

impl Moments {
    /// Moments of zero for `length` parameters.
    pub fn new(length: usize) -> Self {
        Self { first: vec![0.0; length], second: vec![0.0; length], steps: 0 }
    }

    /// Sets them back to what [`Moments::new`] gives, in the same memory.
    pub fn clear(&mut self) {
        self.first.fill(0.0);
        self.second.fill(0.0);
        self.steps = 0;
    }
}

vectorized! {
    /// One step for some adjacent elements; all slices are equally long.
    fn update(
        gradient: &[f32],
        factor: f32,
        numbers: &StepNumbers,
        decay: f32,
        first: &mut [f32],
        second: &mut [f32],
        parameters: &mut [f32],
    ) {
        let state = first.iter_mut().zip(second).zip(parameters);
        for (g, ((m, v), parameter)) in gradient.iter().zip(state) {
            let g = g * factor;
            *m = numbers.beta_1.mul_add(*m, numbers.one_minus_beta_1 * g);
            *v = numbers.beta_2.mul_add(*v, numbers.one_minus_beta_2 * (g * g));
            let root = (*v * numbers.second_correction).sqrt() + numbers.epsilon;
            let step = *m * numbers.first_correction / root;
            *parameter -= numbers.learning_rate * decay.mul_add(*parameter, step);
        }
    }
}

/// The numbers of one step that all elements share.
struct StepNumbers {
    learning_rate: f32,
    beta_1: f32,
    one_minus_beta_1: f32,
    beta_2: f32,
    one_minus_beta_2: f32,
    epsilon: f32,
    first_correction: f32,
    second_correction: f32,
}

impl AdamW {
    /// Applies one step to the parameters of `groups`; other parameters and their moments do not change.
    /// Every gradient is multiplied by `factor` (of clipping) first. All slices are `[parameters]`, or the same part of
    /// them with the groups of that part.
    pub fn step(
        &self,
        groups: &[Group],
        gradients: &[f32],
        factor: f32,
        learning_rate: f32,
        moments: &mut Moments,
        parameters: &mut [f32],
    ) {
        moments.steps += 1;
        let correction = |beta: f32| {
            if !self.bias_correction {
                return 1.0;
            }
            // Repeated squaring in f64, because the rounding of powi may differ between platforms.
            let (mut power, mut base, mut n) = (1.0f64, f64::from(beta), moments.steps);
            while n > 0 {
                if n & 1 == 1 {
                    power *= base;
                }
                base *= base;
                n >>= 1;
            }
            (1.0 / (1.0 - power)) as f32
        };
        let numbers = StepNumbers {
            learning_rate,
            beta_1: self.beta_1,
            one_minus_beta_1: (1.0 - f64::from(self.beta_1)) as f32,
            beta_2: self.beta_2,
            one_minus_beta_2: (1.0 - f64::from(self.beta_2)) as f32,
            epsilon: self.epsilon,
            first_correction: correction(self.beta_1),
            second_correction: correction(self.beta_2),
        };
        for group in groups {
            let range = group.range.clone();
            let gradients = &gradients[range.clone()];
            let decay = if group.decays { self.weight_decay } else { 0.0 };
            let outputs = [
                SplitOutput::new(&mut moments.first[range.clone()], CHUNK),
                SplitOutput::new(&mut moments.second[range.clone()], CHUNK),
                SplitOutput::new(&mut parameters[range], CHUNK),
            ];
            let chunks = gradients.len().div_ceil(CHUNK);
            for_each_range(chunks, outputs, &mut [], 0, |range, outputs, _| {
                let [first, second, parameters] = outputs;
                let gradient = &gradients[range.start * CHUNK..][..parameters.len()];
                update(gradient, factor, &numbers, decay, first, second, parameters);
            });
        }
    }
}

/// Adjacent parameters with the same decay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Elements of the flat buffers.
    pub range: Range<usize>,
    /// Whether weight decay applies.
    pub decays: bool,
}

/// The parameters of `layout` for which `trained(name)` is true, in as few groups as possible.
pub fn groups(layout: &Layout, trained: impl Fn(&str) -> bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for entry in layout.entries().iter().filter(|entry| trained(&entry.name)) {
        let decays = decays(&entry.name);
        match groups.last_mut() {
            Some(last) if last.range.end == entry.range.start && last.decays == decays => {
                last.range.end = entry.range.end;
            }
            _ => groups.push(Group { range: entry.range.clone(), decays }),
        }
    }
    groups
}

/// The elements of `groups` in the part `part` of the flat buffers, as ranges of that part.
pub fn groups_of_part(groups: &[Group], part: Range<usize>) -> Vec<Group> {
    let clip = |at: usize| at.clamp(part.start, part.end) - part.start;
    let clipped = groups.iter().map(|Group { range, decays }| Group {
        range: clip(range.start)..clip(range.end),
        decays: *decays,
    });
    clipped.filter(|group| !group.range.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_follow_names() {
        let mut layout = Layout::default();
        for name in ["a.weight", "b.weight", "b.bias", "LayerNorm.weight", "c.weight"] {
            layout.add(name, &[2]);
        }
        let all = groups(&layout, |_| true);
        let expected = [(0..4, true), (4..8, false), (8..10, true)];
        assert_eq!(all, expected.map(|(range, decays)| Group { range, decays }));
        assert_eq!(groups(&layout, |name| name != "b.weight").len(), 3);
        let expected = [(0..1, true), (1..5, false), (5..6, true)];
        let expected = expected.map(|(range, decays)| Group { range, decays });
        assert_eq!(groups_of_part(&all, 3..9), expected);
        assert_eq!(groups_of_part(&all, 5..7).len(), 1);
        assert!(groups_of_part(&all, 4..4).is_empty());
    }

    /// The equations at the head of this file in `f64`, element by element.
    fn by_definition(
        settings: &AdamW,
        [g, m, v, parameter]: [f64; 4],
        (learning_rate, decay, t): (f64, f64, i32),
    ) -> [f64; 3] {
        let (beta_1, beta_2) = (f64::from(settings.beta_1), f64::from(settings.beta_2));
        let m = beta_1 * m + (1.0 - beta_1) * g;
        let v = beta_2 * v + (1.0 - beta_2) * g * g;
        let (mut m_hat, mut v_hat) = (m, v);
        if settings.bias_correction {
            (m_hat, v_hat) = (m / (1.0 - beta_1.powi(t)), v / (1.0 - beta_2.powi(t)));
        }
        let step = m_hat / (v_hat.sqrt() + f64::from(settings.epsilon));
        [m, v, parameter - learning_rate * (step + decay * parameter)]
    }

    #[test]
    fn every_element_of_several_chunks_is_updated_with_its_own_gradient_on_any_threads() {
        use crate::system::threads::Pool;
        use crate::tensor::random::{Generator, Purpose};
        // Three groups: two and a half chunks, none trained, one chunk and one element.
        let length = 5 * CHUNK;
        let groups = [
            Group { range: 3..3 + 5 * CHUNK / 2, decays: true },
            Group { range: 4 * CHUNK - 1..length, decays: false },
        ];
        let mut generator = Generator::new(1, Purpose::Testing, 0, 0);
        let mut draw = || (0..length).map(|_| generator.uniform() as f32 - 0.5).collect();
        let (gradients, first, parameters): (Vec<f32>, Vec<f32>, Vec<f32>) =
            (draw(), draw(), draw());
        let second: Vec<f32> = first.iter().map(|m| m * m + 0.01).collect();
        for bias_correction in [false, true] {
            let settings = AdamW { bias_correction, weight_decay: 0.1, ..AdamW::default() };
            let run = |threads: usize| {
                let mut moments =
                    Moments { first: first.clone(), second: second.clone(), steps: 6 };
                let mut updated = parameters.clone();
                Pool::new(threads).unwrap().run(|| {
                    settings.step(&groups, &gradients, 0.5, 0.1, &mut moments, &mut updated);
                });
                (moments, updated)
            };
            let one = run(1);
            for threads in [2, 3, 7] {
                assert!(run(threads) == one, "{threads} threads");
            }
            let (moments, updated) = one;
            assert_eq!(moments.steps, 7);
            let decay_of = |i| groups.iter().find(|group| group.range.contains(&i));
            for i in 0..length {
                let before = [gradients[i] * 0.5, first[i], second[i], parameters[i]];
                let expected = match decay_of(i) {
                    None => [first[i], second[i], parameters[i]].map(f64::from),
                    Some(group) => {
                        let decay = if group.decays { 0.1 } else { 0.0 };
                        by_definition(&settings, before.map(f64::from), (0.1, decay, 7))
                    }
                };
                let got = [moments.first[i], moments.second[i], updated[i]].map(f64::from);
                for (got, expected) in got.into_iter().zip(expected) {
                    // Values below 2 after at most ten roundings.
                    assert!((got - expected).abs() < 1e-6, "element {i}: {got} {expected}");
                }
            }
        }
    }
}
