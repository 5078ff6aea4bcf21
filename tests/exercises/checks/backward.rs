//! Chapters 9 and 10.

use super::operations::run_on;
use super::{
    Checked, Hint, TOLERANCE, finite_difference, near, near_rows, numbers, require, shown,
    shown_rows,
};
use cloze::autodiff::ops::{self, LayerNormParameters};

/// `f64` against a finite difference with a step of 1e-5: the step squared, and rounding divided by the step.
const DIFFERENCE: f64 = 1e-8;

/// The derivative of the loss with respect to the logits `y`, row by row.
fn d_logits(y: &[f64], labels: &[usize]) -> Vec<Vec<f64>> {
    let rows = y.chunks(y.len() / labels.len()).zip(labels);
    rows.map(|(z, &label)| {
        let sum: f64 = z.iter().map(|z| z.exp()).sum();
        z.iter().enumerate().map(|(v, z)| z.exp() / sum - f64::from(u8::from(v == label))).collect()
    })
    .collect()
}

/// Against the operation `cross_entropy`; the gradient also against finite differences.
pub fn cross_entropy(cross_entropy: fn(&[f64], usize) -> (f64, Vec<f64>)) -> Checked {
    let z = [1.5, 0.5, -0.5];
    let (loss, dz) = cross_entropy(&z, 0);
    require!(
        (loss + 0.4076).abs() > 1e-3,
        "The loss of [1.5, 0.5, -0.5] is negative: it is −ln p, and p is at most 1."
    );
    require!(
        (loss - 0.6652).abs() > 1e-3,
        "The loss of [1.5, 0.5, -0.5] is 0.6652. This is p, the probability of the label. Take −ln p."
    );
    require!(
        (loss - 0.4076).abs() < 1e-3,
        "The loss of the logits [1.5, 0.5, -0.5] with label 0 is {loss}, not 0.4076 (chapter 10 computes it)."
    );
    require!(dz.len() == 3, "The gradient has {} numbers: one for each logit, here 3.", dz.len());
    let tried = finite_difference(&z, |z| cross_entropy(z, 0).0);
    let (p, negative): (Vec<f64>, Vec<f64>) =
        (vec![tried[0] + 1.0, tried[1], tried[2]], tried.iter().map(|dz| -dz).collect());
    require!(
        !near(&dz, &p, 1e-7),
        "The loss is right. The gradient is {}: this is p. Subtract 1 at the label.",
        shown(&dz)
    );
    require!(
        !near(&dz, &negative, 1e-7),
        "The loss is right. The gradient has the opposite sign: it is p − onehot, not onehot − p."
    );
    require!(
        near(&dz, &tried, DIFFERENCE),
        "The loss is right. The gradient is {}, but small changes of the logits give {}.",
        shown(&dz),
        shown(&tried)
    );
    for (z, label) in [
        (vec![0.0, 1000.0], 0),
        (vec![-1000.0, -1001.0, -1000.0], 2),
        (numbers(1, 7, 1).concat(), 6),
    ] {
        let (loss, dz) = cross_entropy(&z, label);
        require!(
            loss.is_finite() && dz.iter().all(|dz| dz.is_finite()),
            "The loss of {} with label {label} is {loss}, the gradient {}. Subtract the largest logit before exp, and do \
             not take the logarithm of a p that is 0: use the last equation.",
            shown(&z),
            shown(&dz)
        );
        let of_cloze = run_on(std::slice::from_ref(&z), &[], &[label], |_, x, _| (x, vec![]));
        let expected = (of_cloze.loss, &of_cloze.gradients[0]);
        require!(
            near(&[loss], &[expected.0], TOLERANCE) && near(&dz, expected.1, TOLERANCE),
            "The loss of {} with label {label} is {loss}, the gradient {}. The operation of cloze has {} and {}.",
            shown(&z),
            shown(&dz),
            expected.0,
            shown(expected.1)
        );
    }
    Ok(())
}

type LinearBackward =
    fn(&[Vec<f64>], &[Vec<f64>], &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>, Vec<f64>);

/// Against the operation `linear`, with a cross-entropy above it.
pub fn linear_backward(linear_backward: LinearBackward) -> Checked {
    const ROWS: usize = 4;
    const INPUTS: usize = 3;
    const OUTPUTS: usize = 2;
    let (x, w, b) =
        (numbers(ROWS, INPUTS, 1), numbers(OUTPUTS, INPUTS, 2), numbers(1, OUTPUTS, 3).concat());
    let labels = [0, 1, 1, 0];
    let others = [("w", &[OUTPUTS, INPUTS][..], w.concat()), ("b", &[OUTPUTS], b)];
    let of_cloze = run_on(&x, &others, &labels, |g, x, parameters| {
        (ops::linear(g, x, &parameters[0], &parameters[1]).unwrap(), vec![])
    });
    let dy = d_logits(&of_cloze.y, &labels);
    let (dx, dw, db) = linear_backward(&x, &w, &dy);
    let shape = |name: &str, found: &[Vec<f64>], rows: usize, columns: usize| {
        require!(
            found.len() == rows && found.iter().all(|row| row.len() == columns),
            "{name} is {}. It needs {rows} rows of {columns} numbers, as {} has.",
            shown_rows(found),
            &name[1..]
        );
        Ok(())
    };
    shape("dx", &dx, ROWS, INPUTS)?;
    shape("dw", &dw, OUTPUTS, INPUTS)?;
    require!(db.len() == OUTPUTS, "db has {} numbers. It needs {OUTPUTS}, as b has.", db.len());
    // Three answers: each has a hint of its own.
    let expected_dx: Vec<Vec<f64>> =
        of_cloze.gradients[0].chunks(INPUTS).map(<[f64]>::to_vec).collect();
    require!(
        near_rows(&dx, &expected_dx, TOLERANCE),
        "dx is {}, not {}. Each x[r][i] changes all outputs of its row, so the effects are added over o.",
        shown_rows(&dx),
        shown_rows(&expected_dx)
    );
    let expected_dw = &of_cloze.gradients[3];
    let last = |o: usize, i: usize| dy[ROWS - 1][o] * x[ROWS - 1][i];
    let of_last_row: Vec<f64> =
        (0..OUTPUTS).flat_map(|o| (0..INPUTS).map(move |i| last(o, i))).collect();
    require!(
        !near(&dw.concat(), &of_last_row, 1e-9),
        "dx is right. dw is that of the last row alone: add the rows (`+=`, not `=`)."
    );
    let mean: Vec<f64> = expected_dw.iter().map(|dw| dw / ROWS as f64).collect();
    require!(
        !near(&dw.concat(), &mean, TOLERANCE),
        "dx is right. dw is the mean over the rows: it has to be the sum. (A mean belongs to the loss, and dy has it already.)"
    );
    require!(
        near(&dw.concat(), expected_dw, TOLERANCE),
        "dx is right. dw is {}, not {}. A weight is used in every row, so the effects are added over r.",
        shown(&dw.concat()),
        shown(expected_dw)
    );
    require!(
        near(&db, &of_cloze.gradients[4], TOLERANCE),
        "dx and dw are right. db is {}, not {}. A bias is added in every row, so dy is added over r.",
        shown(&db),
        shown(&of_cloze.gradients[4])
    );
    Ok(())
}

type LayerNormBackward = fn(&[f64], &[f64], f64, &[f64]) -> (Vec<f64>, Vec<f64>, Vec<f64>);

/// Against the operation `layer_norm`, with a cross-entropy above it; ds also against finite differences.
pub fn layer_norm_backward(layer_norm_backward: LayerNormBackward) -> Checked {
    const N: usize = 4;
    const EPSILON: f64 = 1e-3;
    let (s, gamma, dy) = ([1.0, 2.0, 3.0, 6.0], [0.5, -1.0, 2.0, 1.5], [0.3, 0.1, -0.2, 0.4]);
    let (ds, d_gamma, d_beta) = layer_norm_backward(&s, &gamma, EPSILON, &dy);
    for (name, found) in [("ds", &ds), ("dγ", &d_gamma), ("dβ", &d_beta)] {
        require!(found.len() == N, "{name} has {} numbers. It needs {N}, as s has.", found.len());
    }
    let deviation = (3.5 + EPSILON).sqrt(); // of s: mean 3, variance 3.5
    let x_hat: Vec<f64> = s.iter().map(|s| (s - 3.0) / deviation).collect();
    let g: Vec<f64> = (0..N).map(|c| dy[c] * gamma[c]).collect();
    let mean = |of: &dyn Fn(usize) -> f64| (0..N).map(of).sum::<f64>() / N as f64;
    let (mean_g, mean_gx) = (mean(&|c| g[c]), mean(&|c| g[c] * x_hat[c]));
    let of = |numbers: &dyn Fn(usize) -> f64| (0..N).map(numbers).collect::<Vec<f64>>();
    for (wrong, hint) in [
        (
            of(&|c| g[c] / deviation),
            "μ and σ are taken as fixed numbers. They change with s, too: two terms are missing.",
        ),
        (
            of(&|c| (g[c] - mean_g) / deviation),
            "The part of the mean is there. The part of σ, x̂·mean(g·x̂), is missing.",
        ),
        (
            of(&|c| (g[c] - x_hat[c] * mean_gx) / deviation),
            "The part of σ is there. The part of the mean, mean(g), is missing.",
        ),
        (of(&|c| g[c] - mean_g - x_hat[c] * mean_gx), "The division by √(σ² + ε) is missing."),
        (
            of(&|c| {
                (dy[c] - mean(&|c| dy[c]) - x_hat[c] * mean(&|c| dy[c] * x_hat[c])) / deviation
            }),
            "γ is missing: begin with g = dy·γ.",
        ),
    ] {
        require!(!near(&ds, &wrong, 1e-9), "ds is {}. {hint}", shown(&ds));
    }
    let tried = finite_difference(&s, |s| {
        let mean = s.iter().sum::<f64>() / N as f64;
        let deviation =
            (s.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / N as f64 + EPSILON).sqrt();
        (0..N).map(|c| dy[c] * gamma[c] * (s[c] - mean) / deviation).sum()
    });
    require!(
        near(&ds, &tried, DIFFERENCE),
        "ds is {}, but small changes of s give {}. (s = {}, γ = {}, ε = {EPSILON}, dy = {})",
        shown(&ds),
        shown(&tried),
        shown(&s),
        shown(&gamma),
        shown(&dy)
    );
    require!(
        !near(&d_gamma, &of(&|c| dy[c] * s[c]), 1e-9),
        "ds is right. dγ is dy·s: γ is multiplied by x̂, not by s."
    );

    let (x, gamma, beta) = (numbers(1, 5, 1), numbers(1, 5, 2).concat(), numbers(1, 5, 3).concat());
    let others = [("gamma", &[5][..], gamma.clone()), ("beta", &[5], beta)];
    let of_cloze = run_on(&x, &others, &[2], |g, x, parameters| {
        let parameters = LayerNormParameters { gamma: &parameters[0], beta: &parameters[1] };
        (ops::layer_norm(g, x, parameters, EPSILON as f32).unwrap(), vec![])
    });
    let dy = d_logits(&of_cloze.y, &[2]).concat();
    let (ds, d_gamma, d_beta) = layer_norm_backward(&x[0], &gamma, EPSILON, &dy);
    let expected = [&of_cloze.gradients[0], &of_cloze.gradients[3], &of_cloze.gradients[4]];
    for ((name, found), expected) in
        [("ds", ds), ("dγ", d_gamma), ("dβ", d_beta)].into_iter().zip(expected)
    {
        require!(
            near(&found, expected, TOLERANCE),
            "{name} is {}. The operation of cloze has {}.",
            shown(&found),
            shown(expected)
        );
    }
    Ok(())
}
