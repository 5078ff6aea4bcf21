//! Chapters 11 and 15.

use super::{Checked, Hint, near, numbers, require};
use cloze::train::gradient_tree::GradientTree;
use cloze::train::optimizer::{AdamW, Group, Moments};
use cloze::train::schedule::Schedule;

/// Against `Schedule`.
pub fn learning_rate(learning_rate: fn(u64, f64, u64, u64) -> f64) -> Checked {
    let found = [0, 2, 4, 5, 10].map(|step| learning_rate(step, 1.0, 4, 10));
    let told = "rate 1, 4 steps of warm-up, 10 steps";
    require!(found != [0.0; 5], "The rate is 0 at every step ({told}).");
    require!(
        found[0] == 0.0,
        "At step 0 the rate is {}: the warm-up begins at 0 ({told}).",
        found[0]
    );
    require!(
        found[1] == 0.5,
        "At step 2 the rate is {}: half of the warm-up is half of the rate ({told}).",
        found[1]
    );
    require!(
        found[2] != 1.0 || found[3] == 0.5,
        "At step 4 the rate is 1: the decay is counted from step 0, not from the end of the warm-up. So it is 1 − 4/10 \
         ({told})."
    );
    require!(found[4] == 0.0, "At step 10 the rate is {}: at the end it is 0 ({told}).", found[4]);
    for num_warmup_steps in [0, 1, 4, 10] {
        let schedule = Schedule { learning_rate: 2e-3, num_train_steps: 10, num_warmup_steps };
        for step in 0..=10 {
            let found = learning_rate(step, 2e-3, num_warmup_steps, 10);
            let expected = f64::from(schedule.learning_rate(step));
            require!(
                (found - expected).abs() < 1e-9,
                "At step {step} of 10, with {num_warmup_steps} steps of warm-up and the rate 0.002, it is {found}. The \
                 schedule of cloze has {expected}."
            );
        }
    }
    Ok(())
}

type AdamWStep = fn(f64, f64, f64, f64, f64, f64) -> (f64, f64, f64);

/// Against `AdamW`, over ten steps.
pub fn adamw(adamw: AdamWStep) -> Checked {
    let (theta, m, v) = adamw(1.0, 0.2, 0.04, 0.5, 1e-3, 0.0);
    let told = "θ = 1, m = 0.2, v = 0.04, g = 0.5, lr = 0.001, no decay";
    let is = |found: f64, expected: f64| (found - expected).abs() < 1e-12;
    require!(!is(m, 0.2), "m stays 0.2 ({told}). It moves a tenth of the way to g.");
    require!(is(m, 0.23), "m is {m}, not 0.9·0.2 + 0.1·0.5 = 0.23 ({told}).");
    require!(
        !is(v, 0.999 * 0.04 + 0.001 * 0.5),
        "v is {v}: it is a mean of g², not of g ({told})."
    );
    require!(is(v, 0.04021), "v is {v}, not 0.999·0.04 + 0.001·0.25 = 0.04021 ({told}).");
    let after = |m: f64, v: f64| 1.0 - 1e-3 * m / (v.sqrt() + 1e-6);
    require!(
        !is(theta, after(0.2, 0.04)),
        "m and v are right, but θ moves by the old m and v. Use the new ones."
    );
    require!(
        !is(theta, after(0.23, 0.04)),
        "m and v are right, but θ moves by the old v. Use the new one."
    );
    require!(
        !is(theta, 2.0 - after(0.23, 0.04021)),
        "m and v are right, but θ moves with the gradient. It has to move against it, so that the loss falls."
    );
    require!(
        !is(theta, 1.0 - 1e-3 * 0.23 / (0.04021 + 1e-6)),
        "m and v are right. θ moves by m/v: take the root of v."
    );
    require!(
        !is(theta, 1.0 - 1e-3 * (0.23 / 0.1) / ((0.04021f64 / 0.001).sqrt() + 1e-6)),
        "m and v are right. θ moves by corrected moments. BERT's AdamW has no bias correction."
    );
    let tiny = adamw(0.0, 0.0, 0.0, 1e-5, 1.0, 0.0).0;
    require!(
        !is(tiny, -1e-6 / (1e-13f64 + 1e-6).sqrt()),
        "1e-6 is added to v under the root. Add it to √v: it matters when the gradient is small, here 1e-5."
    );
    let decayed = adamw(1.0, 0.2, 0.04, 0.5, 1e-3, 0.1);
    require!(
        is(decayed.1, 0.23) && is(decayed.2, 0.04021),
        "With a decay of 0.1, m and v change. The decay is not part of the gradient: it acts on θ alone. (This is the W in AdamW.)"
    );
    require!(
        !is(decayed.0, theta),
        "With a decay of 0.1, θ moves as without it. Add decay·θ to m/(√v + 1e-6), and multiply the sum by lr."
    );
    require!(
        !is(decayed.0, after(0.23, 0.04021) - 0.1),
        "The decay is not multiplied by lr. It is inside the brackets: lr·( m/(√v + 1e-6) + decay·θ )."
    );

    let settings = AdamW { weight_decay: 0.01, ..AdamW::default() };
    let (mut moments, mut weight) = (Moments::new(1), [0.5f32]);
    let mut state = (0.5, 0.0, 0.0);
    for (step, &gradient) in numbers(1, 10, 1)[0].iter().enumerate() {
        let group = Group { range: 0..1, decays: true };
        settings.step(&[group], &[gradient as f32], 1.0, 0.01, &mut moments, &mut weight);
        state = adamw(state.0, state.1, state.2, gradient, 0.01, 0.01);
        let found = [state.0, state.1, state.2];
        let expected = [weight[0], moments.first[0], moments.second[0]].map(f64::from);
        // Ten steps in `f32`.
        require!(
            near(&found, &expected, 1e-5),
            "After step {} (θ, m, v) is {found:?}. AdamW of cloze has {expected:?}.",
            step + 1
        );
    }
    Ok(())
}

/// The bits of `GradientTree`.
pub fn tree_sum(tree_sum: fn(&[Vec<f32>]) -> Vec<f32>) -> Checked {
    const WIDTH: usize = 40;
    let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    for n in 1..=9 {
        let gradients: Vec<Vec<f32>> = numbers(n, WIDTH, n as u64)
            .iter()
            .map(|row| row.iter().map(|&x| x as f32).collect())
            .collect();
        let found = tree_sum(&gradients);
        require!(
            found.len() == WIDTH,
            "The sum of {n} gradients of {WIDTH} numbers has {} numbers.",
            found.len()
        );
        let mut tree = GradientTree::new(WIDTH, n);
        gradients.iter().for_each(|gradient| tree.next_gradient().copy_from_slice(gradient));
        let expected = tree.finish().0;
        let folded = |order: &mut dyn Iterator<Item = &Vec<f32>>| {
            let add =
                |sum: Vec<f32>, g: &Vec<f32>| sum.iter().zip(g).map(|(sum, g)| sum + g).collect();
            order.fold(vec![0.0; WIDTH], add)
        };
        let right = bits(&found) == bits(expected);
        require!(
            right || bits(&found) != bits(&folded(&mut gradients.iter())),
            "The sum of {n} gradients is right up to rounding, but it is added from left to right. The tree adds neighbours \
             first: (g0 + g1) + (g2 + g3)."
        );
        require!(
            right || bits(&found) != bits(&folded(&mut gradients.iter().rev())),
            "The sum of {n} gradients is right up to rounding, but it is added from right to left."
        );
        let close = found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-5);
        require!(
            right || !close,
            "The sum of {n} gradients is right up to rounding, but its bits differ from those of `GradientTree`: the order of \
             the additions is another one. Look at the table for {n} gradients. One that is left over moves up unchanged."
        );
        require!(right, "The sum of {n} gradients is wrong, not only in its last bits.");
    }
    Ok(())
}
