//! Chapters 6 to 8.

use super::operations::{Tables, run, run_on};
use super::{Checked, Hint, TOLERANCE, near, near_rows, numbers, require, shown, shown_rows};
use cloze::autodiff::ops::{self, AttentionRows, LayerNormParameters};

type EmbeddingSum = fn(&[usize], &[usize], &[Vec<f64>], &[Vec<f64>], &[Vec<f64>]) -> Vec<Vec<f64>>;

/// Against the operation `embedding_sum`.
pub fn embedding_sum(embedding_sum: EmbeddingSum) -> Checked {
    let (word, position, segment) = (numbers(5, 3, 1), numbers(6, 3, 2), numbers(2, 3, 3));
    let (input_ids, token_type_ids) = ([4, 1, 1, 0], [0, 0, 1, 1]);
    let found = embedding_sum(&input_ids, &token_type_ids, &word, &position, &segment);
    require!(
        found.len() == 4 && found.iter().all(|row| row.len() == 3),
        "Four tokens and vectors of 3 numbers: the sum is {}. It needs 4 rows of 3 numbers.",
        shown_rows(&found)
    );
    let sum = |parts: &dyn Fn(usize, usize) -> f64| -> Vec<Vec<f64>> {
        (0..4).map(|t| (0..3).map(|c| parts(t, c)).collect()).collect()
    };
    let (w, p, s) = (
        |t: usize, c: usize| word[input_ids[t]][c],
        |t: usize, c: usize| position[t][c],
        |t: usize, c: usize| segment[token_type_ids[t]][c],
    );
    for (wrong, hint) in [
        (sum(&w), "These are the vectors of the words alone: position and segment are missing."),
        (sum(&|t, c| w(t, c) + p(t, c)), "The segment is missing: add segment[token_type_ids[t]]."),
        (sum(&|t, c| w(t, c) + s(t, c)), "The position is missing: add position[t]."),
        (
            sum(&|t, c| w(t, c) + position[input_ids[t]][c] + s(t, c)),
            "The row of the position table is t, the place of the token, not its id.",
        ),
        (
            sum(&|t, c| word[t][c] + p(t, c) + s(t, c)),
            "The row of the word table is input_ids[t], not t.",
        ),
    ] {
        require!(!near_rows(&found, &wrong, 1e-12), "{hint}");
    }
    let tables = Tables { word: &word, position: &position, segment: &segment };
    let expected = run([&input_ids, &token_type_ids], tables, &[], &[], |_, x, _| (x, vec![])).y;
    require!(
        near(&found.concat(), &expected, TOLERANCE),
        "The sum is {}. The operation of cloze has {}.",
        shown(&found.concat()),
        shown(&expected)
    );
    Ok(())
}

/// Against the softmax of `cloze`.
pub fn softmax(softmax: fn(&[f64]) -> Vec<f64>) -> Checked {
    let found = softmax(&[2.0, 1.0]);
    require!(
        found.len() == 2,
        "softmax([2, 1]) has {} numbers: one probability for each score, here 2.",
        found.len()
    );
    let e = 1f64.exp();
    require!(
        !near(&found, &[e * e, e], 1e-9),
        "softmax([2, 1]) is {}: these are exp(2) and exp(1). Divide by their sum.",
        shown(&found)
    );
    require!(
        !near(&found, &[1.0, 1.0 / e], 1e-9),
        "softmax([2, 1]) is {}: the largest is subtracted, but the numbers are not divided by their sum.",
        shown(&found)
    );
    require!(
        !near(&found, &[2.0 / 3.0, 1.0 / 3.0], 1e-9),
        "softmax([2, 1]) is [2/3, 1/3]: the scores are divided by their sum. Take exp of each score first."
    );
    let sum: f64 = found.iter().sum();
    require!(
        (sum - 1.0).abs() < 1e-9,
        "softmax([2, 1]) is {}: its sum is {sum}, not 1.",
        shown(&found)
    );
    let found = softmax(&[1000.0, 1000.0]);
    require!(
        found.iter().all(|p| !p.is_nan()),
        "The sum of softmax([2, 1]) is 1, but softmax([1000, 1000]) is {}: exp(1000) is infinite, and ∞/∞ is no number. \
         Subtract the largest score from all scores first.",
        shown(&found)
    );
    for scores in [
        &[1000.0, 1000.0][..],
        &[-1000.0, -999.0],
        &[0.5],
        &[f64::NEG_INFINITY, 1.0, 2.0],
        &[3.0, -1.0, 0.25, 3.0, -7.5],
    ] {
        let narrow: Vec<f32> = scores.iter().map(|&score| score as f32).collect();
        let of_cloze = cloze::tensor::softmax::softmax(&narrow);
        let expected: Vec<f64> = of_cloze.iter().map(|&p| f64::from(p)).collect();
        let found = softmax(scores);
        let small = scores.iter().all(|&score| score < -900.0);
        let hint = if small {
            "\nAll scores are far below 0. Subtract the largest score, not a fixed number."
        } else {
            ""
        };
        require!(
            near(&found, &expected, TOLERANCE),
            "softmax({}) is {}. That of cloze is {}.{hint}",
            shown(scores),
            shown(&found),
            shown(&expected)
        );
    }
    Ok(())
}

type Attention = fn(&[Vec<f64>], &[Vec<f64>], &[Vec<f64>], &[u32]) -> Vec<Vec<f64>>;

/// softmax(factor·Q·Kᵀ)·V over the tokens `j` of `seen(i, j)`, for hints.
fn attended(
    [q, k, v]: [&[Vec<f64>]; 3],
    factor: f64,
    seen: impl Fn(usize, usize) -> bool,
) -> Vec<Vec<f64>> {
    let dot = |i: usize, j: usize| q[i].iter().zip(&k[j]).map(|(q, k)| q * k).sum::<f64>();
    let mut context = Vec::new();
    for i in 0..q.len() {
        let e: Vec<f64> = (0..k.len())
            .map(|j| if seen(i, j) { (factor * dot(i, j)).exp() } else { 0.0 })
            .collect();
        let sum: f64 = e.iter().sum();
        let column = |c: usize| e.iter().zip(v).map(|(e, v)| e * v[c]).sum::<f64>() / sum;
        context.push((0..v[0].len()).map(column).collect());
    }
    context
}

/// Against the operation `attention`, with and without padding.
pub fn attention(attention: Attention) -> Checked {
    const TOKENS: usize = 4;
    const D: usize = 4;
    let scaled = |seed| -> Vec<Vec<f64>> {
        let rows = numbers(TOKENS, D, seed).into_iter();
        rows.map(|row| row.iter().map(|x| 2.0 * x).collect()).collect()
    };
    let (q, k, v) = (scaled(1), scaled(2), scaled(3));
    let all = [&q[..], &k, &v];
    let root = 1.0 / (D as f64).sqrt();
    for mask in [[1, 1, 1, 1], [1, 1, 1, 0]] {
        let found = attention(&q, &k, &v, &mask);
        require!(
            found.len() == TOKENS && found.iter().all(|row| row.len() == D),
            "Four tokens and values of 4 numbers: C is {}. It needs 4 rows of 4 numbers.",
            shown_rows(&found)
        );
        require!(
            found.concat().iter().all(|c| c.is_finite()),
            "C is {}: exp(−∞) is 0, but −∞ − (−∞) is no number. Is the largest score that of a token?",
            shown_rows(&found)
        );
        let seen = |_: usize, j: usize| mask[j] == 1;
        let hints = [
            (attended(all, 1.0, seen), "The scores are not divided by √d."),
            (attended(all, 1.0 / D as f64, seen), "The scores are divided by d. Divide by √d."),
            (
                attended(all, root, |i, j| mask[j] == 1 && j <= i),
                "Each token sees only itself and the tokens before it. This is GPT's attention. BERT looks in both directions.",
            ),
            (
                attended([&k, &q, &v], root, seen),
                "Queries and keys are exchanged: S[i][j] is q[i] with k[j].",
            ),
            (
                attended([&q, &k, &k], root, seen),
                "The weighted mean is taken over the keys. Take it over the values.",
            ),
        ];
        for (wrong, hint) in hints {
            require!(!near_rows(&found, &wrong, 1e-9), "{hint}");
        }
        if mask[TOKENS - 1] == 0 {
            require!(
                !near_rows(&found, &attended(all, root, |_, _| true), 1e-9),
                "It is right without padding. With attention_mask = [1, 1, 1, 0] the last token still gets attention: its \
                 score has to be −∞ in every row."
            );
            let mut zeroed = attended(all, root, |_, _| true);
            for (i, row) in zeroed.iter_mut().enumerate() {
                // The weight is set to 0 after softmax: what the last token would have got is lost.
                let dot = |j: usize| q[i].iter().zip(&k[j]).map(|(q, k)| q * k).sum::<f64>() * root;
                let sum: f64 = (0..TOKENS).map(|j| dot(j).exp()).sum();
                (0..D).for_each(|c| row[c] -= dot(TOKENS - 1).exp() / sum * v[TOKENS - 1][c]);
            }
            require!(
                !near_rows(&found, &zeroed, 1e-9),
                "The weight of padding is set to 0 after softmax, so the other weights do not sum to 1. Set the score to −∞ \
                 before softmax."
            );
        }
        let rows: Vec<Vec<f64>> = (0..TOKENS).map(|t| [&q[t][..], &k[t], &v[t]].concat()).collect();
        let expected = run_on(&rows, &[], &[], |g, x, _| {
            let rows = AttentionRows { attention_mask: g.integers(TOKENS), starts: g.integers(2) };
            let c = ops::attention(g, x, rows, 1, 0.0).unwrap();
            (c, vec![(rows.attention_mask, mask.to_vec()), (rows.starts, vec![0, TOKENS as u32])])
        });
        require!(
            near(&found.concat(), &expected.y, TOLERANCE),
            "With attention_mask = {mask:?} C is {}. The operation of cloze has {}.",
            shown(&found.concat()),
            shown(&expected.y)
        );
    }
    Ok(())
}

type LayerNorm = fn(&[f64], &[f64], &[f64], f64) -> Vec<f64>;

/// Against the operation `layer_norm`.
pub fn layer_norm(layer_norm: LayerNorm) -> Checked {
    let (one, zero) = ([1.0; 4], [0.0; 4]);
    let s = [1.0, 2.0, 3.0, 6.0]; // mean 3, variance 3.5
    let found = layer_norm(&s, &one, &zero, 1e-12);
    require!(found.len() == 4, "LayerNorm of 4 numbers has {} numbers.", found.len());
    let divided = |by: f64| s.map(|s| (s - 3.0) / by);
    for (wrong, hint) in [
        (s.map(|s| s / 3.5f64.sqrt()), "The mean is not subtracted."),
        (divided(1.0), "The mean is subtracted, but the result is not divided by √(σ² + ε)."),
        (divided(3.5), "It is divided by σ². Divide by √(σ² + ε)."),
        (divided((14.0f64 / 3.0).sqrt()), "The variance is divided by n − 1. Divide by n."),
        (divided(14f64.sqrt()), "The squares are added, but not divided by n."),
    ] {
        require!(
            !near(&found, &wrong, 1e-9),
            "LayerNorm([1, 2, 3, 6]) is {}. {hint}",
            shown(&found)
        );
    }
    let rows = numbers(1, 4, 1);
    let (gamma, beta) = (vec![0.5, -1.0, 2.0, 1.5], vec![0.1, 0.2, -0.3, 0.4]);
    for (s, epsilon) in [(&s[..], 1e-12), (&rows[0], 1e-12), (&rows[0], 0.1), (&[2.0; 4], 1e-12)] {
        let plain = layer_norm(s, &one, &zero, epsilon);
        let found = layer_norm(s, &gamma, &beta, epsilon);
        require!(
            found.iter().all(|y| y.is_finite()),
            "LayerNorm({}) is {}: all numbers are alike, so σ² is 0. Add ε to σ² before the root.",
            shown(s),
            shown(&found)
        );
        let others = [("gamma", &[4][..], gamma.clone()), ("beta", &[4], beta.clone())];
        let expected = run_on(&[s.to_vec()], &others, &[], |g, x, parameters| {
            let parameters = LayerNormParameters { gamma: &parameters[0], beta: &parameters[1] };
            (ops::layer_norm(g, x, parameters, epsilon as f32).unwrap(), vec![])
        });
        let hint = if near(&found, &plain, 1e-9) {
            "γ and β are not used."
        } else if epsilon == 0.1 {
            "Here ε is 0.1. Add it to σ² before the root."
        } else {
            "First multiply by γ, then add β."
        };
        require!(
            near(&found, &expected.y, TOLERANCE),
            "LayerNorm({}) with γ = {}, β = {}, ε = {epsilon} is {}. The operation of cloze has {}. {hint}",
            shown(s),
            shown(&gamma),
            shown(&beta),
            shown(&found),
            shown(&expected.y)
        );
    }
    Ok(())
}
