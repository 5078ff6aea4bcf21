//! The gradient of the whole model against finite differences; and every parameter has a gradient.

use cloze::autodiff::ops::{EmbeddingIds, EmbeddingTables, embedding_sum, linear};
use cloze::autodiff::{Graph, GraphError, Layout, Mode, Plan, Tensor};
use cloze::data::{Batch, Instance};
use cloze::model::{BatchShape, Bert, Config, PretrainingPlan};
use cloze::tensor::dropout::DropoutKey;
use cloze::tensor::random::{Generator, Purpose};
use std::collections::BTreeSet;

const SHAPE: BatchShape =
    BatchShape { batch_size: 3, max_seq_length: 7, max_predictions_per_seq: 2 };
const KEY: DropoutKey = DropoutKey { seed: 3, step: 5, first_sequence: 0 };

/// Two layers, three heads of 4, dropout on, random parameters. The dropout mask is a function of the key, so
/// the loss is a function of the parameters alone.
fn bert() -> Bert {
    let mut config = Config::new(2, 12, 19);
    (config.num_attention_heads, config.intermediate_size) = (3, 20);
    config.max_position_embeddings = 7;
    (config.hidden_dropout_prob, config.attention_probs_dropout_prob) = (0.2, 0.2);
    let mut bert = Bert::new(config, 1);
    let mut generator = Generator::new(2, Purpose::Testing, 0, 0);
    for value in &mut bert.parameters {
        *value += 0.4 * (generator.uniform() as f32 - 0.5);
    }
    bert
}

/// Three sequences of different lengths with one or two masks, both segments, both labels. All
/// positions and words up to 18 occur.
fn batch() -> Batch {
    let BatchShape { batch_size, max_seq_length, max_predictions_per_seq } = SHAPE;
    let mut batch = Batch::new(batch_size, max_seq_length, max_predictions_per_seq);
    for (i, length) in [7usize, 4, 6].into_iter().enumerate() {
        batch.push(&Instance {
            input_ids: (0..length as u32).map(|t| (t * 5 + 7 * i as u32) % 19).collect(),
            token_type_ids: (0..length).map(|t| u32::from(t >= 3)).collect(),
            is_random_next: Some(i % 2 == 0),
            masked_lm_positions: if i == 1 { vec![2] } else { vec![1, 4] },
            masked_lm_labels: if i == 1 { vec![9] } else { vec![3 + i as u32, 17] },
        });
    }
    batch
}

fn loss(plan: &mut PretrainingPlan, parameters: &[f32]) -> f64 {
    let losses = plan.forward(parameters, KEY);
    f64::from(losses.masked_lm_loss) + f64::from(losses.next_sentence_loss)
}

#[test]
fn the_whole_gradient_is_that_of_finite_differences() {
    let bert = bert();
    let mut plan = PretrainingPlan::new(&bert, SHAPE, Mode::Training, true, false).unwrap();
    plan.load(&batch(), 1.0 / 5.0, 1.0 / 3.0);
    let mut gradients = vec![0.0; bert.layout.len()];
    loss(&mut plan, &bert.parameters);
    plan.backward(&bert.parameters, &mut gradients, KEY);

    for entry in bert.layout.entries() {
        let gradient = &gradients[entry.range.clone()];
        let norm = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        if entry.name.ends_with("key.bias") {
            // Exactly zero: softmax ignores a constant added to all scores of a query.
            assert!(norm < 1e-6, "{}: {norm:e}", entry.name);
            continue;
        }
        assert!(norm > 1e-4, "{} receives no gradient: {norm:e}", entry.name);
        // The direction is the gradient itself: there the difference is largest compared with the rounding
        // of an f32 loss (about 3e-7 here, at most 1e-3 of any difference). In a central difference the
        // second-order term cancels.
        let step = (1e-3 / norm).clamp(2e-3, 2e-2);
        let shifted = |sign: f64| {
            let mut parameters = bert.parameters.clone();
            for (parameter, g) in parameters[entry.range.clone()].iter_mut().zip(gradient) {
                *parameter += (sign * step * f64::from(*g) / norm) as f32;
            }
            parameters
        };
        let (up, down) = (shifted(1.0), shifted(-1.0));
        let difference = (loss(&mut plan, &up) - loss(&mut plan, &down)) / (2.0 * step);
        assert!(
            (difference / norm - 1.0).abs() < 2e-2,
            "{}: {difference} against {norm}",
            entry.name
        );
    }
}

#[test]
fn the_last_layer_only_where_it_is_read_changes_no_loss_and_no_gradient() {
    let bert = bert();
    let [(dense, dense_gradient), (read, read_gradient)] = [true, false].map(|keep| {
        let mut plan = PretrainingPlan::new(&bert, SHAPE, Mode::Training, true, keep).unwrap();
        plan.load(&batch(), 1.0 / 5.0, 1.0 / 3.0);
        let mut gradients = vec![0.0; bert.layout.len()];
        let losses = plan.forward(&bert.parameters, KEY);
        plan.backward(&bert.parameters, &mut gradients, KEY);
        assert_eq!(plan.plan().to_string().contains("[3, 3, 12]"), !keep, "{}", plan.plan());
        (losses, gradients)
    });
    // With dropout, too: a token's mask does not depend on the rows that are computed.
    assert_eq!(dense, read, "the losses have the same bits");
    for entry in bert.layout.entries() {
        let [dense, read] = [&dense_gradient, &read_gradient].map(|g| &g[entry.range.clone()]);
        let norm = dense.iter().map(|g| g * g).sum::<f32>().sqrt();
        for (dense, read) in dense.iter().zip(read) {
            // Sums over rows have other chunks: an ulp or two of the largest terms.
            let close = (dense - read).abs() <= 1e-6 * norm.max(1e-3);
            assert!(close, "{}: {dense} against {read}", entry.name);
        }
    }
}

#[test]
fn a_backward_pass_writes_gradients_from_zero_and_leaves_unused_parameters_alone() {
    let bert = bert();
    for next_sentence in [true, false] {
        let mut plan =
            PretrainingPlan::new(&bert, SHAPE, Mode::Training, next_sentence, false).unwrap();
        plan.load(&batch(), 1.0 / 5.0, 1.0 / 3.0);
        let [from_zero, from_rubbish] = [0.0, 7.0].map(|before| {
            let mut gradients = vec![before; bert.layout.len()];
            plan.forward(&bert.parameters, KEY);
            plan.backward(&bert.parameters, &mut gradients, KEY);
            gradients
        });
        for entry in bert.layout.entries() {
            let next_sentence_only =
                entry.name.contains("pooler") || entry.name.contains("seq_relationship");
            if next_sentence_only && !next_sentence {
                let untouched = from_rubbish[entry.range.clone()].iter().all(|&g| g == 7.0);
                assert!(untouched, "{} is written", entry.name);
            } else {
                let range = entry.range.clone();
                assert_eq!(from_zero[range.clone()], from_rubbish[range], "{}", entry.name);
            }
        }
    }
}

/// The embedding tables of one word, one position and one segment, `[1, 3]` each.
fn add_tables(layout: &mut Layout) {
    for table in ["word", "position", "token_type"] {
        layout.add(table, &[1, 3]);
    }
}

/// Pushes the embedding of one token, `[1, 1, 3]`, from the tables of [`add_tables`].
fn one_token(g: &mut Graph<'_>) -> Tensor {
    let ids = EmbeddingIds {
        input_ids: g.integers(1),
        token_type_ids: g.integers(1),
        row_ids: g.integers(1),
    };
    let rows = g.row_count();
    let [word, position, token_type] =
        ["word", "position", "token_type"].map(|name| g.parameter(name).unwrap());
    let tables = EmbeddingTables { word: &word, position: &position, token_type: &token_type };
    embedding_sum(g, [1, 1], ids, rows, tables).unwrap()
}

#[test]
fn a_loss_is_the_first_element_of_its_tensor() {
    let mut layout = Layout::default();
    add_tables(&mut layout);
    let mut g = Graph::new(&layout);
    let x = one_token(&mut g); // [1, 1, 3]
    g.add_loss(x);
    let mut plan = Plan::new(g, Mode::Training).unwrap();
    let mut gradients = [7.0; 9];
    plan.forward(&[1.0; 9], KEY);
    plan.backward(&[1.0; 9], &mut gradients, KEY);
    assert_eq!(gradients, [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn parameters_that_overlap_in_part_are_refused() {
    let mut layout = Layout::default();
    add_tables(&mut layout);
    for weight in ["query", "key"] {
        layout.add(weight, &[2, 3]);
    }
    layout.add("stacked_bias", &[4]);
    layout.add("query_bias", &[2]);
    let mut g = Graph::new(&layout);
    let x = one_token(&mut g); // [1, 1, 3]
    let stacked = g.stacked(&["query", "key"].map(String::from)).unwrap(); // [4, 3]
    let query = g.parameter("query").unwrap(); // [2, 3]
    for (weight, bias) in [(&stacked, "stacked_bias"), (&query, "query_bias")] {
        let bias = g.parameter(bias).unwrap();
        let y = linear(&mut g, x, weight, &bias).unwrap();
        g.add_loss(y);
    }
    let error = Plan::new(g, Mode::Training).err();
    assert_eq!(error, Some(GraphError::OverlappingParameters(9..21, 9..15)));
}

#[test]
fn a_plan_is_printed_as_a_table_and_its_time_has_a_row_for_each_operation_and_pass() {
    let bert = bert();
    let mut plan = PretrainingPlan::new(&bert, SHAPE, Mode::Training, true, false).unwrap();
    plan.load(&batch(), 1.0 / 5.0, 1.0 / 3.0);
    let mut gradients = vec![0.0; bert.layout.len()];
    plan.forward(&bert.parameters, KEY);
    plan.backward(&bert.parameters, &mut gradients, KEY);
    let printed = plan.plan().to_string();
    let lines: Vec<Vec<&str>> =
        printed.lines().map(|line| line.split_whitespace().collect()).collect();
    let (first, rest) = lines.split_first().unwrap();
    let (last, operations) = rest.split_last().unwrap();
    assert_eq!(first[..], ["operation", "shape", "output", "saved", "scope"]);
    assert_eq!(last[1..3], ["bytes", "in"]);
    assert!(operations.iter().enumerate().all(|(i, words)| words[0] == i.to_string()), "{printed}");
    let names: BTreeSet<&str> = operations.iter().map(|words| words[1]).collect();
    for (name, count) in [("embedding_sum", 1), ("attention", 2), ("masked_lm_loss", 1)] {
        assert_eq!(operations.iter().filter(|words| words[1] == name).count(), count, "{name}");
    }
    let rows = plan.plan_mut().profile().rows(1);
    let measured: BTreeSet<_> = rows.iter().map(|row| (row.operation, row.pass)).collect();
    assert_eq!(measured.len(), rows.len(), "a row for each operation and pass: {measured:?}");
    // A clock may be too coarse for the quickest ones, not for products of matrices.
    assert!(rows.iter().all(|row| names.contains(row.operation)));
    for name in ["linear", "linear_gelu", "attention"] {
        for pass in ["forward", "backward"] {
            assert!(measured.contains(&(name, pass)), "{name}, {pass}: {measured:?}");
        }
    }
}

#[test]
fn evaluation_keeps_nothing_for_a_backward_pass_and_no_dropout() {
    let bert = bert();
    let mut training = PretrainingPlan::new(&bert, SHAPE, Mode::Training, true, false).unwrap();
    let mut evaluation = PretrainingPlan::new(&bert, SHAPE, Mode::Evaluation, true, false).unwrap();
    assert!(2 * evaluation.plan().bytes() < training.plan().bytes());
    for plan in [&mut training, &mut evaluation] {
        plan.load(&batch(), 1.0 / 5.0, 1.0 / 3.0);
    }
    let other = DropoutKey { step: 6, ..KEY };
    assert_eq!(loss(&mut evaluation, &bert.parameters), {
        let losses = evaluation.forward(&bert.parameters, other);
        f64::from(losses.masked_lm_loss) + f64::from(losses.next_sentence_loss)
    });
    let a = training.forward(&bert.parameters, KEY);
    assert_ne!(a, training.forward(&bert.parameters, other), "dropout depends on the step");
    assert_eq!(a, training.forward(&bert.parameters, KEY));
}

#[test]
fn padding_changes_nothing() {
    let bert = bert();
    let mut losses = Vec::new();
    for pad_id in [0, 5] {
        let mut plan = PretrainingPlan::new(&bert, SHAPE, Mode::Evaluation, true, true).unwrap();
        let mut batch = batch();
        for (id, mask) in batch.input_ids.iter_mut().zip(&batch.attention_mask) {
            if *mask == 0 {
                *id = pad_id;
            }
        }
        plan.load(&batch, 0.2, 1.0 / 3.0);
        losses.push(loss(&mut plan, &bert.parameters).to_bits());
    }
    assert_eq!(losses[0], losses[1]);
}

#[test]
fn rows_that_are_padding_change_no_loss_and_no_gradient() {
    let bert = bert();
    // A plan that keeps hidden states computes every row.
    let [left_out, computed] = [false, true].map(|keep| {
        let mut plan = PretrainingPlan::new(&bert, SHAPE, Mode::Training, true, keep).unwrap();
        plan.load(&batch(), 1.0 / 5.0, 1.0 / 3.0);
        let losses = plan.forward(&bert.parameters, KEY);
        let mut gradients = vec![0.0; bert.layout.len()];
        plan.backward(&bert.parameters, &mut gradients, KEY);
        (losses, gradients)
    });
    assert_eq!(left_out.0, computed.0);
    let largest = computed.1.iter().fold(0.0f32, |a, b| a.max(b.abs()));
    // Sums over rows use different chunks, so they differ by a few roundings of the largest value.
    for (a, b) in left_out.1.iter().zip(&computed.1) {
        assert!((a - b).abs() < 4e-7 * largest, "{a} {b}");
    }
}
