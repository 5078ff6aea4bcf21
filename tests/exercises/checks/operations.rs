//! The operations of `cloze`, run on small tables: what the learner's functions are compared with.

use cloze::autodiff::ops::{EmbeddingIds, EmbeddingTables, cross_entropy, embedding_sum};
use cloze::autodiff::{Graph, Integers, Layout, Mode, Parameter, Plan, Tensor};
use cloze::tensor::dropout::DropoutKey;

/// A parameter: its name, its shape, its numbers.
pub type Named<'a> = (&'a str, &'a [usize], Vec<f64>);

/// What a graph computes.
pub struct Output {
    /// The values of the last operation.
    pub y: Vec<f64>,
    /// The loss; 0 without labels.
    pub loss: f64,
    /// For each parameter its gradient, in order: word, position, segment, then the others; zero without labels.
    pub gradients: Vec<Vec<f64>>,
}

/// The three tables of embeddings.
pub struct Tables<'a> {
    pub word: &'a [Vec<f64>],
    pub position: &'a [Vec<f64>],
    pub segment: &'a [Vec<f64>],
}

/// Runs the graph embeddings → `operation` → cross-entropy of `labels`, which are the right classes of the rows. The
/// operation gets the other parameters, and returns integers to be set before the run.
pub fn run(
    ids: [&[usize]; 2],
    tables: Tables<'_>,
    others: &[Named<'_>],
    labels: &[usize],
    operation: impl FnOnce(&mut Graph<'_>, Tensor, &[Parameter]) -> (Tensor, Vec<(Integers, Vec<u32>)>),
) -> Output {
    let tables =
        [("word", tables.word), ("position", tables.position), ("segment", tables.segment)];
    let shapes = tables.map(|(_, rows)| [rows.len(), rows[0].len()]);
    let mut all: Vec<Named> = Vec::new();
    for ((name, rows), shape) in tables.iter().zip(&shapes) {
        all.push((name, shape, rows.concat()));
    }
    all.extend(others.iter().cloned());
    let mut layout = Layout::default();
    all.iter().for_each(|(name, shape, _)| layout.add(*name, shape));
    let parameters: Vec<f32> = all.iter().flat_map(|named| &named.2).map(|&x| x as f32).collect();

    let seq = ids[0].len();
    let mut g = Graph::new(&layout);
    let [input_ids, token_type_ids, row_ids] = [seq; 3].map(|length| g.integers(length));
    let rows = g.row_count();
    let of_graph: Vec<Parameter> = all.iter().map(|named| g.parameter(named.0).unwrap()).collect();
    let x = embedding_sum(
        &mut g,
        [1, seq],
        EmbeddingIds { input_ids, token_type_ids, row_ids },
        rows,
        EmbeddingTables { word: &of_graph[0], position: &of_graph[1], token_type: &of_graph[2] },
    );
    let (y, integers) = operation(&mut g, x.unwrap(), &of_graph[3..]);
    g.keep(y);
    let (of_labels, weights) = (g.integers(labels.len()), g.floats(labels.len()));
    let loss = (!labels.is_empty()).then(|| cross_entropy(&mut g, y, of_labels, weights).unwrap());
    loss.into_iter().for_each(|loss| g.add_loss(loss));

    let mode = if loss.is_some() { Mode::Training } else { Mode::Evaluation };
    let mut plan = Plan::new(g, mode).unwrap();
    let mut set = |integers: Integers, values: Vec<usize>| {
        let values = values.into_iter().map(|value| value as u32);
        plan.integers_mut(integers).iter_mut().zip(values).for_each(|(to, from)| *to = from);
    };
    set(input_ids, ids[0].to_vec());
    set(token_type_ids, ids[1].to_vec());
    set(row_ids, (0..seq).collect());
    set(of_labels, labels.to_vec());
    integers.into_iter().for_each(|(integers, values)| {
        plan.integers_mut(integers).copy_from_slice(&values);
    });
    plan.floats_mut(weights).fill(1.0);
    let key = DropoutKey { seed: 0, step: 0, first_sequence: 0 }; // no dropout here
    let mut gradient = vec![0.0; layout.len()];
    plan.forward(&parameters, key);
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
    let y = wide(plan.value(y));
    let loss = loss.map(|loss| plan.value(loss)[0]);
    if loss.is_some() {
        plan.backward(&parameters, &mut gradient, key);
    }
    let gradients =
        of_graph.iter().map(|parameter| wide(&gradient[parameter.range.clone()])).collect();
    Output { y, loss: loss.map_or(0.0, f64::from), gradients }
}

/// [`run`] on the rows `x`: the first gradient is that of x.
pub fn run_on(
    x: &[Vec<f64>],
    others: &[Named<'_>],
    labels: &[usize],
    operation: impl FnOnce(&mut Graph<'_>, Tensor, &[Parameter]) -> (Tensor, Vec<(Integers, Vec<u32>)>),
) -> Output {
    let input_ids: Vec<usize> = (0..x.len()).collect();
    let zero = vec![vec![0.0; x[0].len()]; x.len()];
    let tables = Tables { word: x, position: &zero, segment: &zero[..1] };
    run([&input_ids, &vec![0; x.len()]], tables, others, labels, operation)
}
