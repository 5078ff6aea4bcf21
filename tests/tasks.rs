//! Tasks answer with the numbers of the model: at the right position, the sentences in the right order, and with
//! every setting of an evaluation in use.

use cloze::autodiff::Mode;
use cloze::data::{
    Batch, Corpus, Instance, MaskUnit, Sampler, SentenceEncoder, SentenceObjective, Storage,
    TokenStore,
};
use cloze::model::{BatchShape, Bert, Config, PretrainingPlan};
use cloze::tasks::{EvalSettings, Model};
use cloze::tensor::dropout::DropoutKey;
use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
use std::path::Path;
use std::sync::Arc;

#[test]
fn next_sentence_answers_with_the_logits_of_transformers() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/hugging_face/gamma_beta");
    let expected = std::fs::read(directory.join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
    let model = Model::open(&directory).unwrap();
    let pair = ("the cat [MASK] on the mat.", "a quick fox ran.");
    let answer = model.next_sentence(&[pair]).unwrap().remove(0);
    let logits = [0, 1].map(|i| expected["seq_relationship_logits"][i].as_f64().unwrap());
    for (got, expected) in answer.logits.iter().zip(logits) {
        assert!(
            (f64::from(*got) - expected).abs() <= 1e-5 * (1.0 + expected.abs()),
            "{got} {expected}"
        );
    }
    let is_next = 1.0 / (1.0 + (logits[1] - logits[0]).exp());
    assert!((f64::from(answer.is_next_probability) - is_next).abs() < 1e-5);
    assert_eq!((&*answer.sentence_a, &*answer.sentence_b), pair);
}

#[test]
fn fill_mask_answers_with_the_logits_of_transformers_at_each_mask() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/hugging_face/gamma_beta");
    let model = Model::open(&directory).unwrap();
    let vocab_size = model.bert().config.vocab_size;
    let text = "the [MASK] sat on [MASK] mat.";
    let sequence = model.sequence(text, None).unwrap();
    let mask_id = model.tokenizer().vocabulary().mask_id();
    let masks: Vec<u32> =
        (0..).zip(&sequence.input_ids).filter(|(_, id)| **id == mask_id).map(|(i, _)| i).collect();
    let tokens = sequence.input_ids.len();
    // These logits are compared with those of transformers in tests/hugging_face.rs.
    let all = vec![(0..tokens as u32).collect()];
    let logits = model.masked_lm_logits(&[sequence], &all).unwrap().remove(0);
    let answer = model.fill_mask(&[text], vocab_size).unwrap().remove(0);
    assert_eq!(answer.masks.len(), 2);
    for (filled, &position) in answer.masks.iter().zip(&masks) {
        assert_eq!(filled.position, position as usize);
        let row = logits.row(position as usize);
        let sum: f64 = row.iter().map(|&z| f64::from(z).exp()).sum();
        assert_eq!(filled.predictions.len(), vocab_size);
        for prediction in &filled.predictions {
            let expected = f64::from(row[prediction.token_id as usize]).exp() / sum;
            assert!((f64::from(prediction.probability) - expected).abs() < 1e-5);
            let token = model.tokenizer().vocabulary().token(prediction.token_id);
            assert_eq!(Some(&*prediction.token), token);
        }
        let falls = filled.predictions.windows(2).all(|p| p[0].probability >= p[1].probability);
        assert!(falls, "the likeliest first");
    }
}

const WORDS: [&str; 10] = ["the", "cat", "##s", "dog", "##gy", "mat", "sat", "ran", "on", "a"];

fn model() -> Model<'static> {
    let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].iter().chain(&WORDS);
    let vocabulary = Vocabulary::from_tokens(tokens.map(ToString::to_string).collect()).unwrap();
    let mut config = Config::new(1, 32, vocabulary.len());
    (config.num_attention_heads, config.initializer_range) = (2, 0.3);
    Model::new(Bert::new(config, 1), Tokenizer::new(vocabulary, TokenizerOptions::default()))
}

/// Eight documents of six sentences of three to seven words.
fn text() -> String {
    let word =
        |i: usize| ["the", "cats", "doggy", "mat", "sat", "ran", "on", "a", "cat"][i * i % 9];
    let sentence = |i: usize| (0..3 + i % 5).map(|j| word(i + 3 * j)).collect::<Vec<_>>().join(" ");
    let document = |d: usize| (0..6).map(|s| sentence(7 * d + s)).collect::<Vec<_>>().join("\n");
    (0..8).map(document).collect::<Vec<_>>().join("\n\n")
}

/// Instances, masked tokens, and the means that `settings` ask for, one instance at a time.
fn by_definition(model: &Model<'_>, settings: &EvalSettings) -> (u64, u64, [f64; 4]) {
    let corpus = Corpus::from_text("test", text());
    let encoder = SentenceEncoder::of(model.tokenizer());
    let store = TokenStore::build(&corpus, &encoder, Storage::Memory, &mut |_, _| {}).unwrap();
    let documents = (0..store.documents() as u32).collect();
    let (EvalSettings { pairs, masks, seed, .. }, vocabulary) =
        (*settings, model.tokenizer().vocabulary());
    let mut sampler =
        Sampler::new(Arc::new(store), documents, pairs, masks, vocabulary, seed, "test").unwrap();
    let instances: Vec<Instance> = sampler.first_pass().collect();
    let (max_seq_length, max_predictions_per_seq) =
        (pairs.max_seq_length, masks.max_predictions_per_seq);
    let shape = BatchShape { batch_size: 1, max_seq_length, max_predictions_per_seq };
    let bert = model.bert();
    let mut plan = PretrainingPlan::new(bert, shape, Mode::Evaluation, true, false).unwrap();
    let (mut masked, mut paired, mut sums) = (0, 0, [0.0; 4]);
    for instance in &instances {
        let mut batch = Batch::new(1, max_seq_length, max_predictions_per_seq);
        batch.push(instance);
        plan.load(&batch, 1.0, 1.0);
        let dropout_key = DropoutKey { seed: 0, step: 0, first_sequence: 0 };
        let losses = plan.forward(&bert.parameters, dropout_key);
        let values = [
            losses.masked_lm_loss,
            losses.masked_lm_accuracy,
            losses.next_sentence_loss,
            losses.next_sentence_accuracy,
        ];
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
        masked += instance.masked_lm_positions.len() as u64;
        paired += u64::from(instance.is_random_next.is_some());
    }
    let counts = [masked, masked, paired, paired].map(|count| count as f64);
    let means = [0, 1, 2, 3].map(|i| sums[i] / counts[i]);
    (instances.len() as u64, masked, means)
}

#[test]
fn an_evaluation_uses_each_of_its_settings_and_counts_exactly() {
    let model = model();
    let base = EvalSettings::default().eval_batch_size(7);
    let base = base.pairs(base.pairs.with_max_seq_length(24));
    let base = base.masks(base.masks.with_max_predictions_per_seq(6));
    let (pairs, masks) = (base.pairs, base.masks);
    let all = [
        ("base", base),
        ("max_seq_length", base.pairs(pairs.with_max_seq_length(16))),
        ("short_seq_prob", base.pairs(pairs.with_short_seq_prob(1.0))),
        ("no_nsp", base.pairs(pairs.with_no_nsp(true))),
        ("masked_lm_prob", base.masks(masks.with_masked_lm_prob(0.4))),
        ("max_predictions_per_seq", base.masks(masks.with_max_predictions_per_seq(2))),
        ("whole_word_mask", base.masks(masks.with_whole_word_mask(true))),
        ("masking", base.masks(masks.with_masking(MaskUnit::Span))),
        (
            "sentence_objective",
            base.pairs(pairs.with_sentence_objective(SentenceObjective::SentenceOrder)),
        ),
        ("seed", base.seed(1)),
    ];
    let mut losses = Vec::new();
    for (name, settings) in all {
        let corpus = Corpus::from_text("test", text());
        let evaluation = cloze::tasks::evaluate(&model, &corpus, &settings, &mut |_, _| {});
        let evaluation = evaluation.unwrap().evaluation;
        let (instances, masked, means) = by_definition(&model, &settings);
        assert_eq!(evaluation.instances, instances, "{name}");
        assert_eq!(evaluation.count("masked_tokens"), masked, "{name}");
        // Without pairs there is no next-sentence term.
        let terms = if settings.pairs.sentence_objective.has_pairs() { 2 } else { 1 };
        assert_eq!(evaluation.terms.len(), terms, "{name}");
        for (term, expected) in evaluation.terms.iter().zip(means.chunks(2)) {
            // Sums of f32 in batches of seven and of one.
            assert!(
                (term.loss - expected[0]).abs() < 1e-5,
                "{name}: {} {}",
                term.loss,
                expected[0]
            );
            assert!((term.accuracy - expected[1]).abs() < 1e-9, "{name}");
        }
        assert!(!losses.contains(&evaluation.loss()), "{name} changes nothing");
        losses.push(evaluation.loss());
    }
}

/// LayerNorm divides by √(variance + ε). With γ = 1 and β = 0, the variance of its result is v / (v + ε), so with
/// a large ε every LayerNorm of the model leaves its trace.
#[test]
fn every_layer_norm_uses_the_epsilon_of_the_configuration() {
    const WIDTH: usize = 32;
    const EPSILON: f32 = 0.5;
    let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from).to_vec();
    let more = (tokens.len()..WIDTH).map(|i| format!("w{i}"));
    let vocabulary = Vocabulary::from_tokens(tokens.into_iter().chain(more).collect()).unwrap();
    let mut config = Config::new(1, WIDTH, WIDTH);
    (config.num_attention_heads, config.layer_norm_eps) = (2, EPSILON);
    config.max_position_embeddings = 16;
    let mut bert = Bert::new(config, 1);
    let bias: Vec<f32> = (0..WIDTH).map(|i| 0.2 * i as f32 - 3.0).collect();
    for entry in bert.layout.entries() {
        let values = &mut bert.parameters[entry.range.clone()];
        // Only embeddings and the bias before the last LayerNorm are left; residuals do the rest.
        if entry.name.ends_with("word_embeddings.weight") {
            // Token i is 4·eᵢ, so the decoder's logits are four times its input.
            values.fill(0.0);
            (0..WIDTH).for_each(|i| values[i * WIDTH + i] = 4.0);
        } else if entry.name == "cls.predictions.transform.dense.bias" {
            values.copy_from_slice(&bias);
        } else if !entry.name.contains("LayerNorm") {
            values.fill(0.0);
        }
    }
    let model = Model::new(bert, Tokenizer::new(vocabulary, TokenizerOptions::default()));
    let variance = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64
    };
    let after = |v: f64| v / (v + f64::from(EPSILON));

    // The embeddings, attention's output, the feed-forward part's output.
    let encoding = model.encode(&["w7 w8"]).unwrap().remove(0);
    let one_hot: Vec<f64> = (0..WIDTH).map(|i| if i == 0 { 4.0 } else { 0.0 }).collect();
    let expected = after(after(after(variance(&one_hot))));
    for row in encoding.last_hidden_state.rows() {
        let row: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
        assert!((variance(&row) - expected).abs() < 1e-5, "{} {expected}", variance(&row));
    }

    // The transform of the masked-LM head: LayerNorm(GELU(bias)).
    let sequence = model.sequence("w7 w8", None).unwrap();
    let logits = model.masked_lm_logits(&[sequence], &[vec![1]]).unwrap().remove(0);
    let logits: Vec<f64> = logits.iter().map(|&z| f64::from(z) / 4.0).collect();
    let gelu: Vec<f64> = bias.iter().map(|&x| f64::from(cloze::tensor::math::gelu(x))).collect();
    let expected = after(variance(&gelu));
    assert!((variance(&logits) - expected).abs() < 1e-5, "{} {expected}", variance(&logits));
}
