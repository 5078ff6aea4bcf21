//! Metrics of classes (scikit-learn).

/// The share of examples with the right class.
pub fn accuracy(predicted: &[usize], gold: &[usize]) -> f64 {
    let right = predicted.iter().zip(gold).filter(|(p, g)| p == g).count();
    right as f64 / gold.len() as f64
}

/// How often each class was predicted where each class is right: `[gold][predicted]`.
pub fn confusion(predicted: &[usize], gold: &[usize], classes: usize) -> Vec<Vec<u64>> {
    let mut counts = vec![vec![0; classes]; classes];
    predicted.iter().zip(gold).for_each(|(&p, &g)| counts[g][p] += 1);
    counts
}

/// [`confusion`] to calculate with.
fn counts(predicted: &[usize], gold: &[usize], classes: usize) -> Vec<Vec<f64>> {
    let rows = confusion(predicted, gold, classes).into_iter();
    rows.map(|row| row.into_iter().map(|count| count as f64).collect()).collect()
}

/// Of two classes: F1 of class 1 (`f1_score(average="binary")`). Of more: the mean over the classes that occur, in the
/// predictions or in the right answers (`average="macro"`). F1 of a class without a right prediction is 0.
pub fn f1(predicted: &[usize], gold: &[usize], classes: usize) -> f64 {
    let counts = counts(predicted, gold, classes);
    let of_class = |class: usize| {
        let in_gold: f64 = counts[class].iter().sum();
        let in_predicted: f64 = counts.iter().map(|row| row[class]).sum();
        let occurs = in_gold + in_predicted;
        (occurs > 0.0).then(|| 2.0 * counts[class][class] / occurs)
    };
    if classes == 2 {
        return of_class(1).unwrap_or(0.0);
    }
    let of_classes: Vec<f64> = (0..classes).filter_map(of_class).collect();
    of_classes.iter().sum::<f64>() / of_classes.len() as f64
}

/// Matthews correlation, of any number of classes (`matthews_corrcoef`); 0 when all predictions or all right answers are
/// the same.
pub fn matthews_correlation(predicted: &[usize], gold: &[usize], classes: usize) -> f64 {
    let counts = counts(predicted, gold, classes);
    let in_gold: Vec<f64> = counts.iter().map(|row| row.iter().sum()).collect();
    let in_predicted: Vec<f64> =
        (0..classes).map(|class| counts.iter().map(|row| row[class]).sum()).collect();
    let right: f64 = (0..classes).map(|class| counts[class][class]).sum();
    let n = gold.len() as f64;
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let covariance = right * n - dot(&in_gold, &in_predicted);
    let (of_gold, of_predicted) =
        (n * n - dot(&in_gold, &in_gold), n * n - dot(&in_predicted, &in_predicted));
    if of_gold * of_predicted == 0.0 {
        return 0.0;
    }
    covariance / (of_gold * of_predicted).sqrt()
}
