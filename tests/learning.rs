//! Learning, tested on data with a known best loss.
//!
//! The text comes from a Markov chain: the word at position t depends only on the word at t − 1. A masked
//! word x between a and b then has exactly p(x | a, b) ∝ P[a][x]·P[x][b]. The smallest possible loss is the
//! conditional entropy of x given a and b, which has a closed form in P.

use cloze::autodiff::Mode;
use cloze::data::{Batch, Instance, SentenceObjective};
use cloze::model::{Bert, Config};
use cloze::run::pretraining::PretrainingRecipe;
use cloze::tensor::random::{Generator, Purpose};
use cloze::train::Trainer;
use cloze::train::pretraining::{MASKED_LM, Pretraining};

const STATES: usize = 8;
/// Ids 0 to 2 stand for `[CLS]`, `[SEP]` and `[MASK]`.
const FIRST: u32 = 3;
const SEQ: usize = 12;

/// The transition matrix: each state has four successors with unequal probabilities.
fn chain() -> [[f64; STATES]; STATES] {
    let mut chain = [[0.0; STATES]; STATES];
    for (state, row) in chain.iter_mut().enumerate() {
        for (k, p) in [0.6, 0.25, 0.1, 0.05].into_iter().enumerate() {
            row[(3 * state + k + 1) % STATES] += p;
        }
    }
    chain
}

/// The stationary distribution of the chain.
fn stationary(chain: &[[f64; STATES]; STATES]) -> [f64; STATES] {
    let mut p = [1.0 / STATES as f64; STATES];
    for _ in 0..10_000 {
        let mut next = [0.0; STATES];
        for i in 0..STATES {
            for j in 0..STATES {
                next[j] += p[i] * chain[i][j];
            }
        }
        p = next;
    }
    p
}

/// H(x | a, b) in nats: the Bayes-optimal masked-LM loss inside a sequence.
fn optimal_loss(chain: &[[f64; STATES]; STATES]) -> f64 {
    let p = stationary(chain);
    let mut entropy = 0.0;
    for a in 0..STATES {
        for b in 0..STATES {
            let joint: Vec<f64> = (0..STATES).map(|x| p[a] * chain[a][x] * chain[x][b]).collect();
            let total: f64 = joint.iter().sum();
            for joint in joint.into_iter().filter(|&joint| joint > 0.0) {
                entropy -= joint * (joint / total).ln();
            }
        }
    }
    entropy
}

fn draw(generator: &mut Generator, probabilities: &[f64]) -> usize {
    let mut u = generator.uniform();
    for (i, p) in probabilities.iter().enumerate() {
        u -= p;
        if u < 0.0 {
            return i;
        }
    }
    probabilities.len() - 1
}

/// `[CLS] x₁ … x₁₀ [SEP]` with three masked words; the neighbours of each are not masked.
fn instance(chain: &[[f64; STATES]; STATES], p: &[f64], generator: &mut Generator) -> Instance {
    let mut state = draw(generator, p);
    let mut input_ids = vec![0];
    for _ in 0..SEQ - 2 {
        input_ids.push(FIRST + state as u32);
        state = draw(generator, &chain[state]);
    }
    input_ids.push(1);
    let first = generator.between(2, 3);
    let masked_lm_positions = vec![first as u32, first as u32 + 3, first as u32 + 6];
    let mask = |&position: &u32| std::mem::replace(&mut input_ids[position as usize], 2);
    let masked_lm_labels = masked_lm_positions.iter().map(mask).collect();
    Instance {
        input_ids,
        token_type_ids: vec![0; SEQ],
        is_random_next: None,
        masked_lm_positions,
        masked_lm_labels,
    }
}

#[test]
fn a_tiny_bert_comes_close_to_the_best_possible_loss() {
    const STEPS: u64 = 900;
    let chain = chain();
    let p = stationary(&chain);
    let mut config = Config::new(2, 32, FIRST as usize + STATES);
    (config.num_attention_heads, config.max_position_embeddings) = (2, SEQ);
    (config.hidden_dropout_prob, config.attention_probs_dropout_prob) = (0.0, 0.0);
    // Larger than BERT's 0.02: at width 32, 0.02 keeps attention uniform for thousands of steps.
    config.initializer_range = 0.15;
    let mut recipe = PretrainingRecipe::default();
    recipe.max_predictions_per_seq = 3;
    let training = &mut recipe.training;
    (training.max_seq_length, training.train_batch_size) = (SEQ, 64);
    training.schedule.learning_rate = 3e-3;
    training.schedule.num_train_steps = STEPS;
    training.schedule.num_warmup_steps = 100;
    let shape = recipe.batch_shape();
    let bert = Bert::new(config, 1);
    let objective =
        Pretraining::new(&bert, shape, Mode::Training, SentenceObjective::None).unwrap();
    let mut trainer = Trainer::new(bert, objective, recipe.training);
    let batch = |generator: &mut Generator| {
        let mut batch = Batch::new(shape.batch_size, SEQ, 3);
        while !batch.is_full() {
            batch.push(&instance(&chain, &p, generator));
        }
        batch
    };
    let mut generator = Generator::new(1, Purpose::Testing, 0, 0);
    for _ in 0..STEPS {
        trainer.step(&[batch(&mut generator)]).unwrap();
    }

    let mut held_out = Generator::new(1, Purpose::Testing, 1, 0);
    let batches = (0..100).map(|_| Ok::<_, std::convert::Infallible>(batch(&mut held_out)));
    let mut evaluator =
        Pretraining::evaluator(&trainer.bert, shape, SentenceObjective::None).unwrap();
    let evaluation = evaluator.evaluate(&trainer.bert.parameters, batches).unwrap();
    let (loss, best) = (evaluation.term(MASKED_LM).unwrap().loss, optimal_loss(&chain));
    println!("loss {loss:.4}, best possible {best:.4}, uniform {:.4}", (STATES as f64).ln());
    // With 19,200 held-out words the standard error of the mean is about 0.005, 1.5 % of the optimum.
    assert!(loss < 1.05 * best, "loss {loss} is more than 5 % above the best possible {best}");
    assert!(loss > 0.95 * best, "loss {loss} is below the best possible {best}: the test leaks");
}
