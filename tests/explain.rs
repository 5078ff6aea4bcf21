//! `explain`: every number is the one that training and the tasks compute, and equal to PyTorch's.

use cloze::autodiff::Mode;
use cloze::data::{Batch, Instance, MaskSettings, SentenceObjective};
use cloze::model::{BatchShape, Bert, Config, Head};
use cloze::report::display_width;
use cloze::report::explain::{Step, View, render};
use cloze::tasks::explain::Became;
use cloze::tasks::{ExplainOptions, Explanation, Model, Sequence, TaskError};
use cloze::tensor::dropout::DropoutKey;
use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
use cloze::train::objective::Objective;
use cloze::train::pretraining::Pretraining;
use cloze::train::{Recipe, Trainer};
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const TEXT: &str = "The quick brown foxes jump over the lazy dog, and the dog sleeps on.";
const NEXT: &str = "It is a warm day; the dogs dream of foxes.";

fn tokenizer() -> Tokenizer {
    let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the quick brown fox ##es jump over lazy dog , and sleep ##s on . it \
                  is a warm day ; dream of cafe 中";
    let vocabulary =
        Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect()).unwrap();
    Tokenizer::new(vocabulary, TokenizerOptions::default())
}

fn bert(head: Head) -> Bert {
    let mut config = Config::new(2, 32, tokenizer().vocabulary().len());
    (config.num_attention_heads, config.initializer_range) = (4, 0.3);
    config.max_position_embeddings = 40;
    // Dropout must not reach any number of an explanation.
    assert_eq!(config.hidden_dropout_prob, 0.1);
    Bert::with_head(config, head, 1)
}

fn model() -> Model<'static> {
    Model::new(bert(Head::Pretraining), tokenizer())
}

fn explain(text: &str, next: Option<&str>) -> Explanation {
    model().explain(text, next, &ExplainOptions::default()).unwrap()
}

fn masked(explained: &Explanation) -> Sequence {
    Sequence {
        input_ids: explained.masking.input_ids.clone(),
        token_type_ids: explained.tokens.iter().map(|token| token.segment).collect(),
    }
}

#[test]
fn blanks_are_filled_as_by_fill_mask_and_pairs_are_judged_as_by_next_sentence() {
    let model = model();
    let options = ExplainOptions { top: 7, ..ExplainOptions::default() };
    let text = "The [MASK] brown fox jumps over the [MASK] dog.";
    let explained = model.explain(text, None, &options).unwrap();
    let filled = model.fill_mask(&[text], 7).unwrap().remove(0);
    assert_eq!(explained.predictions.len(), 2);
    for (predicted, filled) in explained.predictions.iter().zip(&filled.masks) {
        assert_eq!(predicted.position, filled.position);
        assert_eq!(predicted.predictions, filled.predictions);
        assert_eq!(predicted.right, None);
    }
    assert!(explained.masking.has_blanks && explained.masking.draws.is_none());
    assert_eq!((explained.backward, explained.next_sentence), (None, None));

    for next in [NEXT, "The [MASK] sleeps."] {
        let explained = model.explain(TEXT, Some(next), &options).unwrap();
        let judged = model.next_sentence(&[(TEXT, next)]).unwrap().remove(0);
        let step = explained.next_sentence.as_ref().unwrap();
        assert_eq!(step.is_next_probability, judged.is_next_probability);
        assert_eq!(step.logits, judged.logits);
        // Pretraining judges what is left when tokens are hidden.
        let logits = model.next_sentence_logits(&[masked(&explained)]).unwrap()[0];
        let is_next = 1.0 / (1.0 + f64::from(logits[1] - logits[0]).exp());
        assert!((f64::from(step.masked_is_next_probability) - is_next).abs() < 1e-6);
        assert!((f64::from(step.loss) + is_next.ln()).abs() < 1e-5);
        assert_eq!(step.logits == logits, explained.masking.has_blanks);
    }
}

#[test]
fn the_right_words_have_their_probability_rank_and_loss() {
    let model = model();
    let explained = explain(TEXT, Some(NEXT));
    let positions = explained.masking.hidden.iter().map(|token| token.position as u32).collect();
    let logits = model.masked_lm_logits(&[masked(&explained)], &[positions]).unwrap().remove(0);
    assert_eq!(explained.predictions.len(), 5); // 15 % of 31
    for (predicted, row) in explained.predictions.iter().zip(logits.outer_iter()) {
        let right = predicted.right.as_ref().unwrap();
        assert_eq!(right.token, explained.tokens[predicted.position].token);
        assert_eq!(right.token_id, explained.tokens[predicted.position].token_id);
        let exps: Vec<f64> = row.iter().map(|&z| f64::from(z).exp()).collect();
        let sum: f64 = exps.iter().sum();
        let p = exps[right.token_id as usize] / sum;
        assert!((f64::from(right.probability) - p).abs() < 1e-6);
        assert!((f64::from(right.loss) + p.ln()).abs() < 1e-5);
        let likelier = exps.iter().filter(|&&e| e > exps[right.token_id as usize]).count();
        assert_eq!(right.rank, likelier + 1);
        let entropy: f64 = exps.iter().map(|e| -e / sum * (e / sum).ln()).sum();
        assert!((f64::from(predicted.entropy) - entropy).abs() < 1e-5);
        assert_eq!(predicted.predictions.len(), 5);
        if right.rank <= 5 {
            assert_eq!(predicted.predictions[right.rank - 1].token_id, right.token_id);
        }
    }
}

/// The same example, trained by the trainer.
#[test]
fn the_backward_pass_and_the_step_are_those_of_training() {
    for (next, is_random_next) in [(None, false), (Some(NEXT), false), (Some(NEXT), true)] {
        let options =
            ExplainOptions { is_random_next, learning_rate: 1e-3, ..ExplainOptions::default() };
        let explained = model().explain(TEXT, next, &options).unwrap();
        let backward = explained.backward.as_ref().unwrap();

        let mut bert = bert(Head::Pretraining);
        let config = &mut bert.config;
        (config.hidden_dropout_prob, config.attention_probs_dropout_prob) = (0.0, 0.0);
        let hidden = &explained.masking.hidden;
        let (seq, masks) = (explained.tokens.len(), hidden.len());
        let shape =
            BatchShape { batch_size: 1, max_seq_length: seq, max_predictions_per_seq: masks };
        let objective = next.map_or(SentenceObjective::None, |_| SentenceObjective::NextSentence);
        let compile = |bert| Pretraining::new(bert, shape, Mode::Training, objective).unwrap();
        let mut batch = Batch::new(1, seq, masks);
        batch.push(&Instance {
            input_ids: explained.masking.input_ids.clone(),
            token_type_ids: masked(&explained).token_type_ids,
            is_random_next: next.map(|_| is_random_next),
            masked_lm_positions: hidden.iter().map(|token| token.position as u32).collect(),
            masked_lm_labels: hidden.iter().map(|token| token.token_id.unwrap()).collect(),
        });
        let mut recipe = Recipe::default();
        (recipe.max_seq_length, recipe.train_batch_size) = (seq, 1);
        recipe.schedule.learning_rate = 1e-3;
        recipe.schedule.num_warmup_steps = 0;
        let mut trainer = Trainer::new(bert.clone(), compile(&bert), recipe);
        let report = trainer.step(std::slice::from_ref(&batch)).unwrap();

        assert_eq!(f64::from(backward.loss.masked_lm), report.terms[0].loss);
        assert_eq!(
            backward.loss.next_sentence.map(f64::from),
            report.terms.get(1).map(|term| term.loss)
        );
        assert_eq!(backward.gradient_norm, report.grad_norm);
        let mut after = compile(&bert);
        after.load(&batch, &[1.0 / masks as f32, 1.0]);
        let key = DropoutKey { seed: 0, step: 0, first_sequence: 0 };
        let terms = after.forward(&trainer.bert.parameters, key);
        let step = &backward.step;
        assert_eq!(step.loss_after.masked_lm, terms[0].loss);
        assert_eq!(step.loss_after.next_sentence, terms.get(1).map(|term| term.loss));
        let largest = trainer.bert.parameters.iter().zip(&bert.parameters);
        let largest = largest.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert_eq!(step.largest_change, largest);

        // The losses are the means of what is shown word by word.
        let losses = explained.predictions.iter().map(|p| p.right.as_ref().unwrap().loss);
        let mean = losses.sum::<f32>() / masks as f32;
        assert!((mean - backward.loss.masked_lm).abs() < 1e-5, "{mean}");
        let after: f32 = step.words.iter().map(|word| -word.probability.after.ln()).sum();
        assert!((after / masks as f32 - step.loss_after.masked_lm).abs() < 1e-5);
        for (word, predicted) in step.words.iter().zip(&explained.predictions) {
            let right = predicted.right.as_ref().unwrap();
            assert_eq!((word.position, &word.token), (predicted.position, &right.token));
            assert_eq!(word.probability.before, right.probability);
        }
        if let (Some(judged), Some(change)) = (&explained.next_sentence, step.next_sentence) {
            assert!((judged.loss - backward.loss.next_sentence.unwrap()).abs() < 1e-5);
            assert!((-change.before.ln() - judged.loss).abs() < 1e-5);
            assert!((-change.after.ln() - step.loss_after.next_sentence.unwrap()).abs() < 1e-5);
        }

        // The parts are all that is trained, each parameter once.
        let squares: f32 = backward.parts.iter().map(|part| part.norm * part.norm).sum();
        assert!((squares.sqrt() / backward.gradient_norm - 1.0).abs() < 1e-5);
        let parameters: usize = backward.parts.iter().map(|part| part.parameters).sum();
        let untrained = if next.is_some() { 0 } else { 32 * 32 + 32 + 2 * 32 + 2 };
        assert_eq!(parameters, bert.layout.len() - untrained);
        assert!(backward.parts.iter().all(|part| part.norm > 0.0));
        let names: Vec<&str> = backward.parts.iter().map(|part| &*part.part).collect();
        let mut expected = vec![
            "word embeddings",
            "position embeddings",
            "segment embeddings",
            "embeddings LayerNorm",
            "layer 1 attention",
            "layer 1 LayerNorm",
            "layer 1 feed-forward",
            "layer 2 attention",
            "layer 2 LayerNorm",
            "layer 2 feed-forward",
            "next-sentence head",
            "masked-LM head",
        ];
        expected.retain(|&name| next.is_some() || name != "next-sentence head");
        assert_eq!(names, expected);
    }
}

#[test]
fn a_step_makes_right_words_likelier_and_a_step_of_rate_zero_changes_nothing() {
    let explained = explain(TEXT, Some(NEXT));
    let step = &explained.backward.as_ref().unwrap().step;
    assert!(step.loss_after.total < explained.backward.as_ref().unwrap().loss.total);
    // The first step of AdamW without bias correction: 0.1 / √0.001 times the rate, and the decay.
    let most = 1e-4 * (0.1 / 0.001f32.sqrt() + 0.01 * 3.0);
    assert!((0.9 * most..most).contains(&step.largest_change), "{}", step.largest_change);
    let options = ExplainOptions { learning_rate: 0.0, ..ExplainOptions::default() };
    let explained = model().explain(TEXT, Some(NEXT), &options).unwrap();
    let backward = explained.backward.as_ref().unwrap();
    assert_eq!(backward.step.loss_after, backward.loss);
    assert_eq!(backward.step.largest_change, 0.0);
    for word in &backward.step.words {
        assert_eq!(word.probability.before, word.probability.after);
    }
}

#[test]
fn masks_are_those_of_the_recipe() {
    let explained = explain(TEXT, None);
    let draws = explained.masking.draws.as_ref().unwrap();
    let tokens = explained.tokens.len();
    assert_eq!((tokens, draws.draws), (20, 1000));
    assert_eq!(draws.all.chosen, 3 * 1000, "15 % of 20");
    for (token, counts) in explained.tokens.iter().zip(&draws.tokens) {
        assert_eq!(counts.chosen, counts.mask + counts.kept + counts.random);
        match &*token.token {
            "[CLS]" | "[SEP]" => assert_eq!(counts.chosen, 0),
            // 3 of 18 in 1,000 draws: 167, standard deviation 12.
            _ => assert!(counts.chosen.abs_diff(167) < 60, "{counts:?}"),
        }
    }
    let share = |count: u64| count as f64 / 3000.0;
    // Standard deviations 0.0073 and 0.0055; five of them.
    assert!((share(draws.all.mask) - 0.8).abs() < 0.037, "{:?}", draws.all);
    assert!((share(draws.all.kept) - 0.1).abs() < 0.028, "{:?}", draws.all);
    assert!((share(draws.all.random) - 0.1).abs() < 0.028, "{:?}", draws.all);

    let (mut kinds, mut seen) = (Vec::new(), Vec::new());
    for seed in 0..20 {
        let options = ExplainOptions { seed, ..ExplainOptions::default() };
        let explained = model().explain(TEXT, None, &options).unwrap();
        for hidden in &explained.masking.hidden {
            let token = &explained.tokens[hidden.position];
            assert_eq!(hidden.token.as_deref(), Some(&*token.token));
            assert_eq!(explained.masking.input_ids[hidden.position], hidden.input_id);
            assert_eq!(explained.masking.input_tokens[hidden.position], hidden.input_token);
            match hidden.became {
                Became::Mask => assert_eq!(hidden.input_token, "[MASK]"),
                Became::Kept => assert_eq!(hidden.input_token, token.token),
                Became::Random => assert_ne!(hidden.input_token, token.token),
            }
            kinds.push(hidden.became);
        }
        let hidden: Vec<usize> = explained.masking.hidden.iter().map(|h| h.position).collect();
        for (position, token) in explained.tokens.iter().enumerate() {
            let stays = explained.masking.input_ids[position] == token.token_id;
            assert!(stays || hidden.contains(&position), "what is not hidden stays");
        }
        seen.push(explained.masking.input_ids);
    }
    assert!([Became::Mask, Became::Kept, Became::Random].iter().all(|kind| kinds.contains(kind)));
    seen.sort();
    seen.dedup();
    assert!(seen.len() > 10, "the seed chooses");
    let masks = MaskSettings::default().with_masked_lm_prob(0.5).with_max_predictions_per_seq(4);
    let options = ExplainOptions { masks, ..ExplainOptions::default() };
    assert_eq!(model().explain(TEXT, None, &options).unwrap().predictions.len(), 4);
}

#[test]
fn a_text_is_taken_apart() {
    let text = "Ca\u{301}fés\u{7} foxes\tX中[MASK].";
    let explained = model().explain(text, None, &ExplainOptions::default()).unwrap();
    let steps = &explained.texts[0];
    let normalized: Vec<&str> = steps.characters.iter().map(|c| &*c.normalized).collect();
    let expected =
        ["c", "a", "", "f", "e", "s", "", " ", "f", "o", "x", "e", "s", " ", "x", " 中 "];
    assert_eq!(normalized[..16], expected);
    assert_eq!(normalized[16..].concat(), "[MASK].");
    assert_eq!(steps.normalized, "cafes foxes x 中 [MASK].");
    assert_eq!(steps.characters[2].code_point, 0x301);
    let words: Vec<_> = steps.words.iter().map(|w| (&*w.word, w.start, w.end)).collect();
    let expected = [
        ("cafes", 0, 6),
        ("foxes", 8, 13),
        ("x", 14, 15),
        ("中", 15, 16),
        ("[MASK]", 16, 22),
        (".", 22, 23),
    ];
    assert_eq!(words, expected);
    let pieces: Vec<String> = steps.words.iter().map(|w| w.pieces.join(" ")).collect();
    assert_eq!(pieces, ["cafe ##s", "fox ##es", "[UNK]", "中", "[MASK]", "."]);
    assert!(steps.words[4].is_special && !steps.words[2].is_special && !steps.all_unknown);
    let words: Vec<Option<usize>> = explained.tokens.iter().map(|token| token.word).collect();
    let expected = [None, Some(0), Some(0), Some(1), Some(1), Some(2), Some(3), Some(4), Some(5)];
    assert_eq!(words[..9], expected);
    assert!(
        model().explain("[UNK] qqq", None, &ExplainOptions::default()).unwrap().texts[0]
            .all_unknown
    );
}

#[test]
fn long_texts_are_cut_at_the_end_of_the_longer_one() {
    let text = "the dog ".repeat(30);
    let explained = explain(&text, None);
    let cut = explained.texts[0].cut.unwrap();
    assert_eq!((explained.tokens.len(), cut.tokens, cut.tokens_read), (40, 60, 38));
    assert_eq!(cut.characters_read, "the dog ".len() * 19 - 1);
    assert_eq!(explained.texts[0].characters.len(), cut.characters_read);
    assert_eq!(explained.texts[0].text, text, "the text itself is whole");

    let explained = explain(&text, Some("the lazy dog"));
    assert_eq!(explained.tokens.len(), 40);
    assert_eq!(explained.texts[0].cut.unwrap().tokens_read, 34);
    assert_eq!(explained.texts[1].cut, None);
    let explained = explain(&text, Some(&text));
    let read = [0, 1].map(|index| explained.texts[index].cut.unwrap().tokens_read);
    assert_eq!(read, [19, 18]);
    let options = ExplainOptions { max_seq_length: 5, ..ExplainOptions::default() };
    let tokens =
        |next| model().explain(&text, next, &options).map(|explained| explained.tokens.len());
    assert_eq!(tokens(Some("dog")).unwrap(), 5);
    let options = ExplainOptions { max_seq_length: 4, ..options };
    let tokens =
        |next| model().explain(&text, next, &options).map(|explained| explained.tokens.len());
    assert_eq!(tokens(None).unwrap(), 4);
    assert!(matches!(tokens(Some("dog")), Err(TaskError::TooLong { most: 4, .. })));
}

#[test]
fn what_cannot_be_explained_is_an_error_that_says_why() {
    let options = ExplainOptions::default();
    let error = |head, text, next| {
        Model::new(bert(head), tokenizer()).explain(text, next, &options).unwrap_err().to_string()
    };
    assert!(matches!(
        model().explain(" \u{7}", None, &options),
        Err(TaskError::NoToken { index: 0 })
    ));
    assert!(matches!(
        model().explain("dog", Some(""), &options),
        Err(TaskError::NoToken { index: 1 })
    ));
    let message = error(Head::SequenceClassification { num_labels: 3 }, TEXT, None);
    assert!(message.contains("fine-tuned to classify"), "{message}");
    assert!(message.contains("cloze predict"), "{message}");
    let message = error(Head::TokenClassification { num_labels: 3 }, TEXT, None);
    assert!(message.contains("fine-tuned to tag"), "{message}");
    let message = error(Head::None, TEXT, None);
    assert!(message.contains("BertModel has no masked-LM head"), "{message}");
    // A model without a next-sentence head shows everything else.
    let model_without = Model::new(bert(Head::MaskedLm), tokenizer());
    let explained = model_without.explain(TEXT, Some(NEXT), &options).unwrap();
    assert!(explained.next_sentence.is_none() && explained.backward.is_some());
    for learning_rate in [-1.0, 1.5, f64::NAN] {
        let options = ExplainOptions { learning_rate, ..options };
        let message = model().explain(TEXT, None, &options).unwrap_err().to_string();
        assert!(message.contains("'learning_rate'"), "{message}");
    }
    let masks = MaskSettings::default().with_max_predictions_per_seq(0);
    let options = ExplainOptions { masks, ..options };
    let message = model().explain(TEXT, None, &options).unwrap_err().to_string();
    assert!(message.contains("'max_predictions_per_seq' is 0"), "{message}");
    let mut diverged = bert(Head::Pretraining);
    diverged.parameters.iter_mut().for_each(|x| *x *= 1e25);
    let model = Model::new(diverged, tokenizer());
    let error = model.explain(TEXT, None, &ExplainOptions::default()).unwrap_err().to_string();
    assert!(error.contains("not a finite number"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever the text is, its tokens are those of the tokenizer, and every number is finite.
    #[test]
    fn any_text_is_explained_or_has_no_token(text in "(\\PC|[\\x00-\\x20]|\\[MASK\\]|\\[SEP\\]|fox|##es){0,12}") {
        let model = model();
        match model.explain(&text, None, &ExplainOptions::default()) {
            Err(TaskError::NoToken { .. }) => prop_assert!(model.tokenizer().encode(&text).is_empty()),
            Err(error) => prop_assert!(false, "{}", error),
            Ok(explained) => {
                let ids: Vec<u32> = explained.tokens.iter().map(|token| token.token_id).collect();
                let most = ids.len() - 2;
                prop_assert_eq!(&ids[1..=most], &model.tokenizer().encode(&text)[..most]);
                let steps = &explained.texts[0];
                let pieces = steps.words.iter().map(|word| word.piece_ids.clone());
                prop_assert_eq!(&pieces.collect::<Vec<_>>().concat(), &ids[1..=most]);
                let characters = steps.cut.map_or(text.chars().count(), |cut| cut.characters_read);
                prop_assert_eq!(steps.characters.len(), characters);
                let normalized: String = steps.characters.iter().map(|c| &*c.normalized).collect();
                prop_assert_eq!(normalized.chars().count(), steps.normalized.chars().count());
                for word in &steps.words {
                    prop_assert!(word.start < word.end && word.end <= characters);
                }
                for head in explained.attention.iter().flat_map(|layer| &layer.heads) {
                    for row in &head.probabilities {
                        prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                    }
                }
                let json = serde_json::to_string(&explained).unwrap();
                prop_assert!(!json.contains("null"), "{}", json);
            }
        }
    }
}

/// `testdata/hugging_face/make_explain.py`.
#[test]
fn every_number_is_that_of_pytorch() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/hugging_face");
    let recorded = std::fs::read(directory.join("explain.json")).unwrap();
    let recorded: Value = serde_json::from_slice(&recorded).unwrap();
    let model = Model::open(directory.join("gamma_beta")).unwrap();
    let learning_rate = recorded["learning_rate"].as_f64().unwrap();
    let options = ExplainOptions { learning_rate, ..ExplainOptions::default() };
    let [text, next] = ["text", "next"].map(|name| recorded[name].as_str().unwrap());
    let explained = model.explain(text, Some(next), &options).unwrap();
    assert_eq!(serde_json::json!(explained.masking.input_ids), recorded["input_ids"]);
    // f32 of a model of width 8 against f64.
    let same = |what: &str, got: f32, expected: &Value| {
        let expected = expected.as_f64().unwrap();
        let difference = (f64::from(got) - expected).abs();
        assert!(difference < 2e-6 * (1.0 + expected.abs()), "{what}: {got} {expected}");
    };
    for (at, token) in explained.embeddings.iter().enumerate() {
        let norms = [
            token.word_norm,
            token.position_norm,
            token.segment_norm,
            token.sum_norm,
            token.output_norm,
        ];
        for (norm, expected) in norms.into_iter().zip(recorded["norms"].as_array().unwrap()) {
            same("norm", norm, &expected[at]);
        }
    }
    let mut shares = 0;
    for (l, layer) in explained.attention.iter().enumerate() {
        for (h, head) in layer.heads.iter().enumerate() {
            for (q, row) in head.probabilities.iter().enumerate() {
                for (k, &share) in row.iter().enumerate() {
                    same("attention", share, &recorded["attention"][l][h][q][k]);
                    shares += 1;
                }
            }
        }
    }
    let tokens = explained.tokens.len();
    assert_eq!(shares, 2 * 2 * tokens * tokens);
    for (predicted, expected) in
        explained.predictions.iter().zip(recorded["predictions"].as_array().unwrap())
    {
        for prediction in &predicted.predictions {
            same("word", prediction.probability, &expected[prediction.token_id as usize]);
        }
    }
    let judged = explained.next_sentence.unwrap();
    same("pair", judged.is_next_probability, &recorded["is_next_probability"]);
    same("masked pair", judged.masked_is_next_probability, &recorded["masked_is_next_probability"]);
    let backward = explained.backward.unwrap();
    same("loss", backward.loss.masked_lm, &recorded["masked_lm_loss"]);
    same("loss", backward.loss.next_sentence.unwrap(), &recorded["next_sentence_loss"]);
    same("gradient", backward.gradient_norm, &recorded["gradient_norm"]);
    assert_eq!(backward.parts.len(), recorded["parts"].as_object().unwrap().len());
    for part in &backward.parts {
        same(&part.part, part.norm, &recorded["parts"][&part.part]);
    }
    // A gradient near 0 decides by its sign where a parameter goes, and its rounding is not that of f64.
    let near = |got: f32, expected: &Value| {
        let expected = expected.as_f64().unwrap();
        assert!((f64::from(got) - expected).abs() < 1e-4, "{got} {expected}");
    };
    let (step, after) = (&backward.step, &recorded["after"]);
    near(step.loss_after.masked_lm, &after["masked_lm_loss"]);
    near(step.loss_after.next_sentence.unwrap(), &after["next_sentence_loss"]);
    near(step.next_sentence.unwrap().after, &after["is_next"]);
    for (word, expected) in step.words.iter().zip(after["words"].as_array().unwrap()) {
        near(word.probability.after, expected);
    }
    assert!(step.loss_after.total < backward.loss.total - 0.1);
}

fn cloze(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cloze"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/hugging_face"))
        .args(["explain", "--model", "gamma_beta"])
        .args(arguments)
        .output()
        .unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|o| String::from_utf8(o).unwrap());
    (output.status.code().unwrap(), stdout, stderr)
}

#[test]
fn the_command_shows_every_step_in_80_columns() {
    let (status, shown, stderr) = cloze(&["The quick fox ran.", "a cat sat on the mats."]);
    assert_eq!((status, &*stderr), (0, ""));
    for (number, step, chapter) in [
        (1, "text", "02-text-to-pieces"),
        (2, "pieces", "03-learning-a-vocabulary"),
        (3, "masks", "05-masks"),
        (4, "embeddings", "06-embeddings"),
        (5, "attention, layer 1 of 2", "07-attention"),
        (5, "attention, layer 2 of 2", "07-attention"),
        (6, "predictions", "09-heads-and-loss"),
        (7, "next-sentence", "04-sentence-pairs"),
        (8, "backward", "10-backward-pass"),
        (9, "optimizer", "11-optimizer-and-schedule"),
    ] {
        let heading = format!("── {number} {step} ─");
        let line = shown
            .lines()
            .find(|line| line.starts_with(&heading))
            .unwrap_or_else(|| panic!("{heading}"));
        assert!(line.ends_with(&format!(" docs/{chapter}.md ──")), "{line}");
    }
    for screen in shown.split("\n── ") {
        let lines = screen.lines().count();
        assert!(lines <= 24, "{lines} lines:\n{screen}");
    }
    // What sets the common mistakes right.
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in [
        "on BOTH sides. It does not predict the next token",
        "Masking is not next-sentence prediction",
        "Did sentence B really follow sentence A",
        "It predicts no word, and it has nothing to do with masking",
    ] {
        assert!(words.contains(sentence), "{sentence}");
    }
    assert!(!shown.contains('\u{1b}'), "no colours where no terminal is");
    for step in 1..=9 {
        let (status, alone, stderr) = cloze(&["--step", &step.to_string(), "The quick fox ran."]);
        assert_eq!((status, &*stderr), (0, ""));
        assert!(alone.starts_with(&format!("── {step} ")), "{alone}");
    }
    let (_, by_name, _) = cloze(&["--step", "backward", "The quick fox ran."]);
    assert!(by_name.starts_with("── 8 backward"), "{by_name}");
}

/// Every line of every step, for texts that are hard to show.
#[test]
fn no_text_breaks_the_lines_or_reaches_the_terminal_raw() {
    let long = "the quick foxs ".repeat(40);
    let word = "x".repeat(300);
    for text in [
        "\u{1b}[31mred\u{7} cat\u{202e} [MASK]",
        "汉字 汉字 cat 汉字汉字汉字 [MASK].",
        "cat <script>alert(1)</script> ]]>",
        "e\u{301}\u{301}\u{301} cat 👩‍👩‍👧 fox",
        &long,
        &word,
        "[SEP]",
        "[UNK] [PAD] [CLS]",
    ] {
        for next in [&[][..], &["a cat [MASK]."], &[text]] {
            for options in
                [&[][..], &["--step", "text"], &["--layer", "1"], &["--layer", "2", "--head", "2"]]
            {
                let arguments = [options, &[text], next].concat();
                let (status, shown, stderr) = cloze(&arguments);
                assert_eq!(status, 0, "{arguments:?}: {stderr}");
                for line in shown.lines() {
                    assert!(display_width(line) <= 80, "{arguments:?}: {line}");
                    assert!(!line.chars().any(char::is_control), "{arguments:?}: {line:?}");
                    assert!(!line.contains(['\u{202e}', '\u{200d}']), "{arguments:?}: {line:?}");
                }
                assert!(!stderr.chars().any(|c| c.is_control() && c != '\n'), "{stderr:?}");
                assert!(stderr.contains("was cut") || text != long, "{stderr}");
                if options.contains(&"text") && text == long {
                    assert!(shown.contains("CUT: "), "{shown}");
                }
            }
        }
    }
    let (_, shown, stderr) = cloze(&[&word]);
    assert!(stderr.contains("knows none of its words"), "{stderr}");
    assert!(shown.contains("knows none of these words"), "{shown}");
}

#[test]
fn one_layer_and_one_head_are_shown_whole() {
    let text = "The quick fox ran over a lazy cat.";
    let explained =
        Model::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/hugging_face/gamma_beta"))
            .unwrap()
            .explain(text, None, &ExplainOptions::default())
            .unwrap();
    let (_, shown, _) = cloze(&["--layer", "2", "--head", "1", text]);
    let head = &explained.attention[1].heads[0];
    for (query, row) in head.probabilities.iter().enumerate() {
        let digits: String = row.iter().map(|share| format!("{:>4.0}", 100.0 * share)).collect();
        let found =
            |line: &&str| line.starts_with(&format!("{query:>4} ")) && line.ends_with(&digits);
        assert!(shown.lines().any(|line| found(&line)), "{query}: {digits}\n{shown}");
    }
    let (_, shown, _) = cloze(&["--layer", "2", text]);
    assert!(shown.contains("layer 2 of 2") && !shown.contains("layer 1 of 2"), "{shown}");
    assert!(shown.contains("head 1") && shown.contains("head 2"), "{shown}");
}

#[test]
fn json_holds_every_step() {
    let (status, json, stderr) = cloze(&["--json", "The quick foxs ran.", "a cat sat."]);
    assert_eq!((status, &*stderr), (0, ""));
    let json: Value = serde_json::from_str(&json).unwrap();
    let names: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "model",
            "texts",
            "tokens",
            "masking",
            "embeddings",
            "attention",
            "predictions",
            "next_sentence",
            "backward"
        ]
    );
    let tokens = json["tokens"].as_array().unwrap().len();
    assert_eq!(json["texts"][0]["words"][2]["pieces"], serde_json::json!(["fox", "##s"]));
    assert_eq!(json["masking"]["draws"]["draws"], 1000);
    assert_eq!(json["embeddings"].as_array().unwrap().len(), tokens);
    let row = &json["attention"][1]["heads"][1]["probabilities"][tokens - 1];
    assert_eq!(row.as_array().unwrap().len(), tokens);
    assert!(json["predictions"][0]["right"]["loss"].as_f64().unwrap() > 0.0);
    assert!(json["backward"]["step"]["words"][0]["probability"]["after"].is_f64());
    // The same for any number of threads.
    let (_, one, _) = cloze(&["--json", "--threads", "1", "The quick foxs ran.", "a cat sat."]);
    let (_, three, _) = cloze(&["--json", "--threads", "3", "The quick foxs ran.", "a cat sat."]);
    assert_eq!(one, three);
    assert_eq!(serde_json::from_str::<Value>(&one).unwrap(), json);
}

#[test]
fn the_command_refuses_what_it_cannot_show() {
    for (arguments, status, message) in [
        (&[""][..], 1, "no word that the tokenizer sees"),
        (&["cat", "\u{7}"], 1, "no word that the tokenizer sees"),
        (&["--layer", "3", "cat"], 1, "--layer is 3, but the model has 2"),
        (&["--layer", "1", "--head", "9", "cat"], 1, "--head is 9, but the model has 2"),
        (&["--layer", "1", "--step", "text", "cat"], 1, "--layer is 1, but"),
        (&["--learning-rate", "2", "cat"], 1, "--learning-rate is 2, but it must be from 0 to 1"),
        (&["--masked-lm-prob", "2", "cat"], 1, "--masked-lm-prob is 2"),
        (&["--max-predictions-per-seq", "0", "cat"], 1, "--max-predictions-per-seq is 0"),
        (&["--max-seq-length", "2", "cat"], 1, "the model reads at most 2"),
        (&["--step", "mask", "cat"], 2, "a step is one of text, pieces, masks"),
        (&["--head", "1", "cat"], 2, "--layer"),
        (&["--is-random-next", "cat"], 2, "NEXT SENTENCE"),
        (&[], 2, "TEXT"),
    ] {
        let (got, shown, stderr) = cloze(arguments);
        assert_eq!((got, &*shown), (status, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    }
}

/// Without the sequences that switch colours.
fn without_colors(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, colored)) = rest.split_once("\u{1b}[") {
        plain += before;
        rest = colored.split_once('m').unwrap().1;
    }
    plain + rest
}

/// Small and large models, short and long texts, with and without colours.
#[test]
fn every_step_is_a_screenful_and_colours_only_repeat_what_signs_say() {
    let large = {
        let mut config = Config::new(12, 96, tokenizer().vocabulary().len());
        (config.num_attention_heads, config.max_position_embeddings) = (12, 128);
        Model::new(Bert::new(config, 1), tokenizer())
    };
    let long = "The quick brown foxes jump over the lazy cafés. ".repeat(12);
    let words = "汉字 e\u{301}\u{7}x ".repeat(9);
    for model in [&model(), &large] {
        for (text, next) in [
            (TEXT, None),
            (TEXT, Some(NEXT)),
            ("The dog.", None),
            (&long, None),
            (&long, Some(&*long)),
            (&words, Some(&*words)),
            ("The [MASK] [MASK] [MASK] [MASK] [MASK] dog.", Some(NEXT)),
        ] {
            let explained = model.explain(text, next, &ExplainOptions::default()).unwrap();
            let shown = render(&explained, &View::default());
            for screen in shown.split("\n── ") {
                let lines = screen.lines().count();
                assert!(lines <= 24, "{lines} lines:\n{screen}");
            }
            let views = [(None, None, None), (Some(Step::Attention), Some(1), Some(2))];
            let steps = Step::ALL.map(|step| (Some(step), None, None));
            for (step, layer, head) in views.into_iter().chain(steps) {
                let view = View { step, layer, head, color: false };
                let plain = render(&explained, &view);
                for line in plain.lines() {
                    assert!(display_width(line) <= 80, "{view:?}: {line}");
                    assert!(!line.chars().any(char::is_control), "{view:?}: {line:?}");
                }
                let colored = render(&explained, &View { color: true, ..view });
                assert!(colored.contains("\u{1b}[1m── "), "{colored:?}");
                let stripped = without_colors(&colored);
                let lines = stripped.lines().map(str::trim_end).zip(plain.lines());
                assert!(lines.clone().all(|(a, b)| a == b), "{view:?}");
                assert_eq!(lines.count(), plain.lines().count());
            }
        }
    }
}
