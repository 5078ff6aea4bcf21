//! The answers of the exercises in `examples/exercises/`, which hold the equations. Write your own first.

/// Chapter 2.
pub fn pieces(word: &str, vocabulary: &[&str]) -> Vec<String> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    while start < word.len() {
        let prefix = if start == 0 { "" } else { "##" };
        let longest = (start + 1..=word.len()).rev().find_map(|end| {
            let piece = format!("{prefix}{}", &word[start..end]);
            vocabulary.contains(&piece.as_str()).then_some((piece, end))
        });
        let Some((piece, end)) = longest else { return vec!["[UNK]".into()] };
        pieces.push(piece);
        start = end;
    }
    pieces
}

/// Chapter 3.
pub fn best_pair(words: &[(Vec<u32>, u64)]) -> Option<((u32, u32), u64)> {
    let mut counts = std::collections::BTreeMap::new();
    for (pieces, count) in words {
        for pair in pieces.windows(2) {
            *counts.entry((pair[0], pair[1])).or_insert(0) += count;
        }
    }
    // A BTreeMap is in the order of its keys, so the first of equal counts has the smaller ids.
    counts.into_iter().reduce(|best, other| if other.1 > best.1 { other } else { best })
}

/// Chapter 4.
pub fn truncate_pair(
    a: &mut Vec<u32>,
    b: &mut Vec<u32>,
    max: usize,
    coin: &mut dyn FnMut() -> bool,
) {
    while a.len() + b.len() > max {
        let longer = if a.len() > b.len() { &mut *a } else { &mut *b };
        let at = if coin() { 0 } else { longer.len() - 1 };
        longer.remove(at);
    }
}

/// Chapter 5.
pub fn number_of_masks(
    length: usize,
    masked_lm_prob: f64,
    max_predictions_per_seq: usize,
) -> usize {
    let rounded = (length as f64 * masked_lm_prob).round_ties_even() as usize;
    rounded.max(1).min(max_predictions_per_seq)
}

/// Chapter 5.
pub fn replacement(id: u32, mask_id: u32, random_id: u32, u: f64) -> u32 {
    if u < 0.8 {
        mask_id
    } else if u < 0.9 {
        id
    } else {
        random_id
    }
}

/// Chapter 6.
pub fn embedding_sum(
    input_ids: &[usize],
    token_type_ids: &[usize],
    word: &[Vec<f64>],
    position: &[Vec<f64>],
    segment: &[Vec<f64>],
) -> Vec<Vec<f64>> {
    let width = word[0].len();
    let row = |t: usize| {
        let (word, segment) = (&word[input_ids[t]], &segment[token_type_ids[t]]);
        (0..width).map(|c| word[c] + position[t][c] + segment[c]).collect()
    };
    (0..input_ids.len()).map(row).collect()
}

/// Chapter 7.
pub fn softmax(scores: &[f64]) -> Vec<f64> {
    let most = scores.iter().fold(f64::NEG_INFINITY, |most, &s| most.max(s));
    let e: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.iter().map(|e| e / sum).collect()
}

/// Chapter 7.
pub fn attention(
    q: &[Vec<f64>],
    k: &[Vec<f64>],
    v: &[Vec<f64>],
    attention_mask: &[u32],
) -> Vec<Vec<f64>> {
    let (tokens, d) = (q.len(), q[0].len());
    let mut context = vec![vec![0.0; d]; tokens];
    for i in 0..tokens {
        let mut scores = vec![f64::NEG_INFINITY; tokens];
        for j in (0..tokens).filter(|&j| attention_mask[j] == 1) {
            scores[j] = (0..d).map(|c| q[i][c] * k[j][c]).sum::<f64>() / (d as f64).sqrt();
        }
        let p = softmax(&scores);
        for j in 0..tokens {
            for c in 0..d {
                context[i][c] += p[j] * v[j][c];
            }
        }
    }
    context
}

/// x̂ and √(σ² + ε).
fn normalized(s: &[f64], epsilon: f64) -> (Vec<f64>, f64) {
    let n = s.len() as f64;
    let mean = s.iter().sum::<f64>() / n;
    let variance = s.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n;
    let deviation = (variance + epsilon).sqrt();
    (s.iter().map(|s| (s - mean) / deviation).collect(), deviation)
}

/// Chapter 8.
pub fn layer_norm(s: &[f64], gamma: &[f64], beta: &[f64], epsilon: f64) -> Vec<f64> {
    let (x_hat, _) = normalized(s, epsilon);
    (0..s.len()).map(|c| gamma[c] * x_hat[c] + beta[c]).collect()
}

/// Chapters 9 and 10.
pub fn cross_entropy(logits: &[f64], label: usize) -> (f64, Vec<f64>) {
    let most = logits.iter().fold(f64::NEG_INFINITY, |most, &z| most.max(z));
    let sum: f64 = logits.iter().map(|z| (z - most).exp()).sum();
    let mut dz = softmax(logits);
    dz[label] -= 1.0;
    (most + sum.ln() - logits[label], dz)
}

/// Chapter 10.
pub fn linear_backward(
    x: &[Vec<f64>],
    w: &[Vec<f64>],
    dy: &[Vec<f64>],
) -> (Vec<Vec<f64>>, Vec<Vec<f64>>, Vec<f64>) {
    let (inputs, outputs) = (w[0].len(), w.len());
    let mut dx = vec![vec![0.0; inputs]; x.len()];
    let mut dw = vec![vec![0.0; inputs]; outputs];
    let mut db = vec![0.0; outputs];
    for r in 0..x.len() {
        for o in 0..outputs {
            db[o] += dy[r][o];
            for i in 0..inputs {
                dx[r][i] += dy[r][o] * w[o][i];
                dw[o][i] += dy[r][o] * x[r][i];
            }
        }
    }
    (dx, dw, db)
}

/// Chapter 10.
pub fn layer_norm_backward(
    s: &[f64],
    gamma: &[f64],
    epsilon: f64,
    dy: &[f64],
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let n = s.len();
    let (x_hat, deviation) = normalized(s, epsilon);
    let g: Vec<f64> = (0..n).map(|c| dy[c] * gamma[c]).collect();
    let mean_g = g.iter().sum::<f64>() / n as f64;
    let mean_gx = (0..n).map(|c| g[c] * x_hat[c]).sum::<f64>() / n as f64;
    let ds = (0..n).map(|c| (g[c] - mean_g - x_hat[c] * mean_gx) / deviation).collect();
    let d_gamma = (0..n).map(|c| dy[c] * x_hat[c]).collect();
    (ds, d_gamma, dy.to_vec())
}

/// Chapter 11.
pub fn learning_rate(step: u64, rate: f64, num_warmup_steps: u64, num_train_steps: u64) -> f64 {
    if step < num_warmup_steps {
        rate * step as f64 / num_warmup_steps as f64
    } else {
        rate * (1.0 - step as f64 / num_train_steps as f64)
    }
}

/// Chapter 11.
pub fn adamw(theta: f64, m: f64, v: f64, g: f64, lr: f64, decay: f64) -> (f64, f64, f64) {
    let m = 0.9 * m + 0.1 * g;
    let v = 0.999 * v + 0.001 * g * g;
    (theta - lr * (m / (v.sqrt() + 1e-6) + decay * theta), m, v)
}

/// Chapter 15.
pub fn tree_sum(gradients: &[Vec<f32>]) -> Vec<f32> {
    let mut level = gradients.to_vec();
    while level.len() > 1 {
        let add = |pair: &[Vec<f32>]| match pair {
            [left, right] => left.iter().zip(right).map(|(left, right)| left + right).collect(),
            _ => pair[0].clone(),
        };
        level = level.chunks(2).map(add).collect();
    }
    level.remove(0)
}
