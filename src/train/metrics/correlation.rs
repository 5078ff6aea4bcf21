//! Correlations (scipy).

/// Pearson's correlation (`scipy.stats.pearsonr`). Not a number when all values of `x` or of `y` are the same.
pub fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let centered = |values: &[f64]| -> Vec<f64> {
        let mean = mean(values);
        values.iter().map(|value| value - mean).collect()
    };
    let (x, y) = (centered(x), centered(y));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(&x, &y) / (dot(&x, &x).sqrt() * dot(&y, &y).sqrt())
}

/// Spearman's rank correlation (`scipy.stats.spearmanr`); equal values have the mean of their ranks.
pub fn spearman(x: &[f64], y: &[f64]) -> f64 {
    pearson(&ranks(x), &ranks(y))
}

/// The rank of every value, from 1; equal values have the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let count = order[start..].iter().take_while(|&&i| values[i] == value).count().max(1);
        let mean = start as f64 + (count as f64 + 1.0) / 2.0;
        order[start..start + count].iter().for_each(|&i| ranks[i] = mean);
        start += count;
    }
    ranks
}
