//! Dropout in the whole model: on the embeddings, and with its own mask at every site.

use cloze::autodiff::ops::{EmbeddingIds, EmbeddingTables, RowIds, dropout, embedding_sum};
use cloze::autodiff::{Graph, Layout, Mode, Plan};
use cloze::data::{Batch, Instance};
use cloze::model::{BatchShape, Bert, Config, PretrainingPlan};
use cloze::tensor::dropout::DropoutKey;

const KEY: DropoutKey = DropoutKey { seed: 3, step: 4, first_sequence: 0 };

/// Asserts that `count` of `total` is half of them, within five standard deviations.
fn half(what: &str, count: usize, total: usize) {
    let off = (count as f64 - total as f64 / 2.0) / (total as f64 / 4.0).sqrt();
    assert!(off.abs() < 5.0, "{what}: {count} of {total}");
}

#[test]
fn two_dropouts_of_a_graph_have_masks_of_their_own() {
    const WIDTH: usize = 64;
    let (batch, seq) = (2, 16);
    let mut layout = Layout::default();
    for (name, rows) in [("word", 1), ("position", seq), ("token_type", 1)] {
        layout.add(name, &[rows, WIDTH]);
    }
    let mut graph = Graph::new(&layout);
    let g = &mut graph;
    let [input_ids, token_type_ids, row_ids] = [(); 3].map(|()| g.integers(batch * seq));
    let rows = g.row_count();
    let [word, position, token_type] =
        ["word", "position", "token_type"].map(|name| g.parameter(name).unwrap());
    let ids = EmbeddingIds { input_ids, token_type_ids, row_ids };
    let tables = EmbeddingTables { word: &word, position: &position, token_type: &token_type };
    let x = embedding_sum(g, [batch, seq], ids, rows, tables).unwrap();
    let outputs = [(); 3].map(|()| dropout(g, x, RowIds { ids: row_ids, seq }, 0.5).unwrap());
    // Losses, so that there is a backward pass: without one, nothing is dropped.
    outputs.into_iter().for_each(|output| g.add_loss(output));
    let mut plan = Plan::new(graph, Mode::Training).unwrap();
    plan.integers_mut(row_ids).copy_from_slice(&Vec::from_iter(0..(batch * seq) as u32));
    plan.forward(&vec![1.0; layout.len()], KEY);
    let kept = outputs.map(|output| plan.value(output).iter().map(|&y| y != 0.0).collect());
    let kept: [Vec<bool>; 3] = kept;
    let total = batch * seq * WIDTH;
    for (i, j) in [(0, 1), (0, 2), (1, 2)] {
        half("kept", kept[i].iter().filter(|&&kept| kept).count(), total);
        half("alike", kept[i].iter().zip(&kept[j]).filter(|(a, b)| a == b).count(), total);
    }
}

#[test]
fn embeddings_are_dropped_in_training_alone() {
    let mut config = Config::new(1, 64, 20);
    config.num_attention_heads = 2;
    let shape = BatchShape { batch_size: 2, max_seq_length: 16, max_predictions_per_seq: 1 };
    let instance = Instance {
        input_ids: (4..20).collect(),
        token_type_ids: vec![0; 16],
        is_random_next: Some(true),
        masked_lm_positions: vec![3],
        masked_lm_labels: vec![5],
    };
    let mut batch = Batch::new(2, 16, 1);
    (0..2).for_each(|_| batch.push(&instance));
    let mut zeros = |rate: f32, mode: Mode| {
        config.hidden_dropout_prob = rate;
        let bert = Bert::new(config.clone(), 1);
        let mut plan = PretrainingPlan::new(&bert, shape, mode, true, true).unwrap();
        plan.load(&batch, 1.0, 1.0);
        plan.forward(&bert.parameters, KEY);
        let embeddings = plan.plan().value(plan.hidden_states[0]);
        assert_eq!(embeddings.len(), 2 * 16 * 64);
        embeddings.iter().filter(|&&x| x == 0.0).count()
    };
    half("dropped", zeros(0.5, Mode::Training), 2 * 16 * 64);
    assert_eq!([zeros(0.0, Mode::Training), zeros(0.5, Mode::Evaluation)], [0, 0]);
}
