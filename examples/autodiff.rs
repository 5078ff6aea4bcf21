//! A gradient by hand and by the graph: `cargo run --release --example autodiff`.
//!
//! The last steps of a BERT at one masked position, with three words and vectors of two numbers:
//!
//! ```text
//! h = word + position + segment        z = W·h + b        p = softmax(z)        loss = −ln p[right word]
//! ```
//!
//! The chain rule gives the gradient from the loss back to every number:
//!
//! ```text
//! dz = p − onehot        dW[v][c] = dz[v]·h[c]        db = dz        dh[c] = Σ_v dz[v]·W[v][c]
//! ```
//!
//! Chapter 10 of the book (docs/10-backward-pass.md) explains it.

use cloze::autodiff::ops::{EmbeddingIds, EmbeddingTables, cross_entropy, embedding_sum, linear};
use cloze::autodiff::{Graph, Layout, Mode, Plan};
use cloze::tensor::dropout::DropoutKey;

const WORDS: [&str; 3] = ["jumps", "jumped", "sleeps"];
const RIGHT: usize = 0; // jumps
const KEY: DropoutKey = DropoutKey { seed: 0, step: 0, first_sequence: 0 }; // no dropout here

/// W, [3, 2]: one row for each word.
const W: [[f64; 2]; 3] = [[0.5, 0.5], [-0.5, 0.5], [0.5, -0.5]];
/// h, [2]: the hidden state.
const H: [f64; 2] = [1.0, 2.0];

/// The loss, and its gradient dz [3], dW [3, 2], dh [2], from the equations alone.
fn by_hand(w: [[f64; 2]; 3]) -> (f64, [f64; 3], [[f64; 2]; 3], [f64; 2]) {
    // Forward.
    let z = w.map(|row| row[0] * H[0] + row[1] * H[1]); // [3]
    let sum: f64 = z.iter().map(|z| z.exp()).sum();
    let p = z.map(|z| z.exp() / sum); // [3]
    let loss = -p[RIGHT].ln();
    // Backward, in the opposite order.
    let mut dz = p; // [3]
    dz[RIGHT] -= 1.0;
    let dw = dz.map(|dz| H.map(|h| dz * h)); // [3, 2]
    let dh = [0, 1].map(|c| (0..3).map(|v| dz[v] * w[v][c]).sum()); // [2]
    (loss, dz, dw, dh)
}

/// The same from the graph: the loss and the flat gradient.
fn by_graph() -> Result<(f32, Layout, Vec<f32>), Box<dyn std::error::Error>> {
    // 1. The parameters: names, shapes, and one flat buffer in this order.
    let mut layout = Layout::default();
    for (name, shape) in [
        ("word", &[1, 2][..]),
        ("position", &[1, 2]),
        ("segment", &[1, 2]),
        ("decoder.weight", &[3, 2]),
        ("decoder.bias", &[3]),
    ] {
        layout.add(name, shape);
    }
    let mut parameters = vec![0.0f32; layout.len()]; // [15]
    parameters[..2].copy_from_slice(&H.map(|h| h as f32)); // word; position and segment stay 0
    parameters[6..12].copy_from_slice(&W.concat().iter().map(|&w| w as f32).collect::<Vec<_>>());

    // 2. The graph: which operation reads what. Shapes are checked here.
    let mut g = Graph::new(&layout);
    let ids = EmbeddingIds {
        input_ids: g.integers(1),
        token_type_ids: g.integers(1),
        row_ids: g.integers(1),
    };
    let rows = g.row_count();
    let [word, position, segment] = ["word", "position", "segment"].map(|name| g.parameter(name));
    let (word, position, segment) = (word?, position?, segment?);
    let tables = EmbeddingTables { word: &word, position: &position, token_type: &segment };
    let h = embedding_sum(&mut g, [1, 1], ids, rows, tables)?; // [1, 1, 2]
    let (w, b) = (g.parameter("decoder.weight")?, g.parameter("decoder.bias")?);
    let z = linear(&mut g, h, &w, &b)?; // [1, 1, 3]
    let (labels, weights) = (g.integers(1), g.floats(1));
    let loss = cross_entropy(&mut g, z, labels, weights)?; // [2]: loss, accuracy
    g.add_loss(loss);

    // 3. The plan: a buffer for each value. Then both passes.
    let mut plan = Plan::new(g, Mode::Training)?;
    println!("{plan}");
    plan.integers_mut(labels)[0] = RIGHT as u32;
    plan.floats_mut(weights)[0] = 1.0;
    let mut gradients = vec![0.0f32; layout.len()]; // [15], as the parameters
    plan.forward(&parameters, KEY);
    let loss = plan.value(loss)[0];
    plan.backward(&parameters, &mut gradients, KEY);
    Ok((loss, layout, gradients))
}

pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (loss, dz, dw, dh) = by_hand(W);

    // The definition of a derivative: change one number a little, and see how the loss changes.
    let step = 1e-4;
    let shifted = |by: f64| {
        let mut w = W;
        w[RIGHT][0] += by;
        by_hand(w).0
    };
    let difference = (shifted(step) - shifted(-step)) / (2.0 * step);

    let (graph_loss, layout, gradients) = by_graph()?;
    let of = |name: &str| &gradients[layout.get(name).expect("laid out above").range.clone()];
    println!("                         by hand  by graph");
    let line = |what: String, hand: f64, graph: f32| {
        println!("{what:<24}{hand:>8.4}{graph:>10.4}");
        assert!((hand - f64::from(graph)).abs() < 1e-6, "{what}: {hand} is not {graph}");
    };
    line("loss".into(), loss, graph_loss);
    for v in 0..3 {
        line(format!("db  {}", WORDS[v]), dz[v], of("decoder.bias")[v]);
    }
    for (v, c) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)] {
        line(format!("dW  {} {c}", WORDS[v]), dw[v][c], of("decoder.weight")[2 * v + c]);
    }
    for c in 0..2 {
        line(format!("dh  {c}"), dh[c], of("word")[c]);
    }
    println!("dW  jumps 0 by a small change of it: {difference:.4}");
    Ok(())
}
