//! One optimizer step against its definition: the gradient is a tree over the gradients of the micro-batches,
//! each computed from zero; losses are means over the whole step.

use cloze::autodiff::Mode;
use cloze::data::{Batch, Instance, SentenceObjective};
use cloze::model::{Bert, Config, PretrainingPlan};
use cloze::run::pretraining::PretrainingRecipe;
use cloze::tensor::dropout::DropoutKey;
use cloze::tensor::random::{Generator, Purpose};
use cloze::train::Trainer;
use cloze::train::gradient_tree::{clip_factor, global_norm};
use cloze::train::optimizer::{Moments, groups};
use cloze::train::pretraining::{MASKED_LM, NEXT_SENTENCE, Pretraining};

const SEQ: usize = 512;
const MASKS: usize = 3;
const VOCABULARY: usize = 50;
const SEED: u64 = 7;

/// Eleven sequences of 512 tokens in micro-batches of 4, 4 and 3.
fn recipe() -> PretrainingRecipe {
    let mut recipe = PretrainingRecipe::default();
    recipe.max_predictions_per_seq = MASKS;
    let training = &mut recipe.training;
    (training.max_seq_length, training.train_batch_size) = (SEQ, 11);
    training.seed = SEED;
    // The first step has a rate above zero.
    training.schedule.num_warmup_steps = 0;
    training.schedule.learning_rate = 1e-2;
    assert_eq!(training.micro_batches().collect::<Vec<_>>(), [4, 4, 3]);
    recipe
}

/// With dropout, heads that are not at their first values, and parameters of several chunks.
fn bert() -> Bert {
    let mut config = Config::new(1, 36, VOCABULARY);
    config.num_attention_heads = 2;
    (config.hidden_dropout_prob, config.attention_probs_dropout_prob) = (0.1, 0.1);
    config.initializer_range = 0.2;
    Bert::new(config, 3)
}

/// Micro-batches whose sequences differ in length, number of masks and label.
fn micro_batches(recipe: &PretrainingRecipe) -> Vec<Batch> {
    let mut generator = Generator::new(5, Purpose::Testing, 0, 0);
    let shape = recipe.batch_shape();
    let mut number = 0;
    let batch = |instances: usize| {
        let mut batch = Batch::new(shape.batch_size, SEQ, MASKS);
        for _ in 0..instances {
            let length = generator.between(20, 90);
            let masks = 1 + number % MASKS;
            batch.push(&Instance {
                input_ids: (0..length).map(|_| generator.below(VOCABULARY) as u32).collect(),
                token_type_ids: (0..length).map(|i| u32::from(2 * i > length)).collect(),
                is_random_next: Some(number % 3 == 0),
                masked_lm_positions: (0..masks as u32).map(|i| 2 + 5 * i).collect(),
                masked_lm_labels: (0..masks).map(|_| generator.below(VOCABULARY) as u32).collect(),
            });
            number += 1;
        }
        batch
    };
    recipe.training.micro_batches().map(batch).collect()
}

/// The parameters after one step, and the losses, computed as the contract of the gradient defines them.
fn by_definition(recipe: &PretrainingRecipe, batches: &[Batch]) -> (Vec<f32>, [f64; 4]) {
    let mut bert = bert();
    let shape = recipe.batch_shape();
    let mut plan = PretrainingPlan::new(&bert, shape, Mode::Training, true, false).unwrap();
    let masked: f32 = batches.iter().flat_map(|batch| &batch.masked_lm_weights).sum();
    let pairs: f32 = batches.iter().flat_map(|batch| &batch.next_sentence_weights).sum();
    assert_eq!(pairs, 11.0);
    let mut losses = [0.0; 4];
    let mut gradients = Vec::new();
    let mut before = 0;
    for batch in batches {
        let dropout_key = DropoutKey { seed: SEED, step: 0, first_sequence: before };
        plan.load(batch, 1.0 / masked, 1.0 / pairs);
        let sums = plan.forward(&bert.parameters, dropout_key);
        let sums = [
            sums.masked_lm_loss,
            sums.masked_lm_accuracy,
            sums.next_sentence_loss,
            sums.next_sentence_accuracy,
        ];
        losses.iter_mut().zip(sums).for_each(|(loss, sum)| *loss += f64::from(sum));
        let mut gradient = vec![0.0; bert.layout.len()];
        plan.backward(&bert.parameters, &mut gradient, dropout_key);
        gradients.push(gradient);
        before += batch.instances;
    }
    let [a, b, c] = gradients.try_into().unwrap();
    let sum: Vec<f32> = a.iter().zip(b).zip(c).map(|((a, b), c)| (a + b) + c).collect();
    let factor = clip_factor(global_norm(&sum), recipe.training.max_grad_norm);
    let mut moments = Moments::new(sum.len());
    let groups = groups(&bert.layout, |_| true);
    let parameters = &mut bert.parameters;
    recipe.training.optimizer.step(&groups, &sum, factor, 1e-2, &mut moments, parameters);
    (bert.parameters, losses)
}

#[test]
fn a_step_in_unequal_micro_batches_is_the_tree_over_their_gradients() {
    let recipe = recipe();
    let batches = micro_batches(&recipe);
    let (parameters, losses) = by_definition(&recipe, &batches);
    let bert = bert();
    let objective = Pretraining::new(
        &bert,
        recipe.batch_shape(),
        Mode::Training,
        SentenceObjective::NextSentence,
    )
    .unwrap();
    let before = bert.parameters.clone();
    let mut trainer = Trainer::new(bert, objective, recipe.training.clone());
    let report = trainer.step(&batches).unwrap();
    assert!(trainer.bert.parameters != before);
    assert!(trainer.bert.parameters == parameters, "the same bits");
    // Losses are added in f32 by the trainer: two roundings of a number below 10.
    let close = |a: f64, b: f64| assert!((a - b).abs() < 2e-6, "{a} {b}");
    for (term, expected) in report.terms.iter().zip(losses.chunks(2)) {
        close(term.loss, expected[0]);
        close(term.accuracy, expected[1]);
    }
    assert_eq!(
        report.terms.iter().map(|t| &*t.name).collect::<Vec<_>>(),
        [MASKED_LM, NEXT_SENTENCE]
    );
    // Tokens without padding.
    let tokens: u32 = batches.iter().flat_map(|batch| &batch.attention_mask).sum();
    assert_eq!(report.tokens, u64::from(tokens));
    assert!(report.tokens < (11 * SEQ / 4) as u64);
}
