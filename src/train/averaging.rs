//! An exponential moving average of the weights (Polyak & Juditsky, 1992). It is closer to the minimum than the
//! weights of any one step, which jump around it.
//!
//! ```text
//! d = min(ema_decay, (1 + t) / (10 + t))        average += (1 − d)·(θ − average)
//! ```
//!
//! t is the number of steps taken, this one included. The bound on d keeps the first weights out of the average
//! of a short run (`ExponentialMovingAverage` of TensorFlow, with `num_updates`).

use crate::system::threads::{SplitOutput, for_each_range};
use crate::tensor::kernels::vectorized;

/// Elements of one chunk of the flat buffers: the unit of work.
const CHUNK: usize = 1 << 14;

/// Moves `average` towards `parameters` after step number `step`, counted from 1. Both are `[parameters]`.
pub fn update(ema_decay: f32, step: u64, parameters: &[f32], average: &mut [f32]) {
    let t = step as f64;
    let decay = f64::from(ema_decay).min((1.0 + t) / (10.0 + t));
    let rest = (1.0 - decay) as f32;
    let chunks = average.len().div_ceil(CHUNK);
    let outputs = [SplitOutput::new(average, CHUNK)];
    for_each_range(chunks, outputs, &mut [], 0, |range, [average], _| {
        approach(&parameters[range.start * CHUNK..][..average.len()], rest, average);
    });
}

vectorized! {
    /// average += rest·(θ − average).
    fn approach(parameters: &[f32], rest: f32, average: &mut [f32]) {
        for (average, parameter) in average.iter_mut().zip(parameters) {
            *average = rest.mul_add(*parameter - *average, *average);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::threads::Pool;

    #[test]
    fn the_average_is_that_of_its_definition_on_any_threads() {
        let length = 2 * CHUNK + 7;
        let of_step = |step: u64, i: usize| (step * 31 + i as u64 % 17) as f32 / 64.0;
        let run = |ema_decay: f32, threads| {
            let mut average: Vec<f32> = (0..length).map(|i| of_step(0, i)).collect();
            Pool::new(threads).unwrap().run(|| {
                for step in 1..=40 {
                    let parameters: Vec<f32> = (0..length).map(|i| of_step(step, i)).collect();
                    update(ema_decay, step, &parameters, &mut average);
                }
            });
            average
        };
        // The second is below the bound from step 10 on: 11 / 20 = 0.55.
        for ema_decay in [0.999, 0.55] {
            let one = run(ema_decay, 1);
            assert!(run(ema_decay, 3) == one);
            for i in [0, 16, CHUNK, length - 1] {
                let mut expected = f64::from(of_step(0, i));
                for step in 1..=40u32 {
                    let t = f64::from(step);
                    let d = f64::from(ema_decay).min((1.0 + t) / (10.0 + t));
                    expected = d * expected + (1.0 - d) * f64::from(of_step(step.into(), i));
                }
                // Values below 20 after 80 roundings, most of which have faded.
                assert!((f64::from(one[i]) - expected).abs() < 1e-5, "{} {expected}", one[i]);
            }
        }
    }
}
