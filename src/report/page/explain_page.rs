//! The page of `cloze explain --html`: an explanation, its attention to explore, and the model.

use super::model_part::ModelPart;
use super::script_json::script_json;
use super::templates::{PageError, render};
use crate::report::explain::Step;
use crate::report::visible;
use crate::tasks::{Explanation, Model};
use crate::tokenizer::MASK;
use minijinja::{Value, context};
use serde_json::json;

/// The most attention probabilities in a page. Each takes about 3 characters.
const MOST_PROBABILITIES: usize = 1_000_000;

/// The page of `explanation`, which `model` made of a text or a pair. `command` is the command that was
/// typed.
///
/// # Errors
/// [`PageError`]: the template and the explanation do not fit each other, a mistake in cloze.
pub fn explain_page(
    model: &Model<'_>,
    explanation: &Explanation,
    command: &str,
) -> Result<String, PageError> {
    let given: Vec<&str> = explanation.texts.iter().map(|text| text.text.as_str()).collect();
    let sentences = [given[0], given.get(1).copied().unwrap_or_default()];
    let heads = explanation.attention.iter().flat_map(|layer| {
        layer.heads.iter().map(|head| {
            // Without the probabilities, which the table does not show.
            context! {
                layer => layer.layer, head => head.head, average_distance => head.average_distance,
                to_self => head.to_self, to_previous => head.to_previous, to_next => head.to_next,
                to_special => head.to_special,
            }
        })
    });
    let read = explanation
        .texts
        .iter()
        .map(|text| -> String { text.characters.iter().map(|read| read.character).collect() });
    let steps = Step::ALL.map(|step| {
        context! { name => step.name(), title => title(step), chapter => step.chapter() }
    });
    let context = context! {
        title => "One text, step by step",
        command,
        steps,
        // The attention is passed on its own, for the script.
        explanation => context! { attention => (), ..Value::from_serialize(explanation) },
        read => read.collect::<Vec<_>>(),
        heads => heads.collect::<Vec<_>>(),
        guessing => (explanation.model.vocab_size as f64).ln(),
        attention => attention(explanation),
        model => ModelPart::new(model, &with_blanks(explanation), sentences),
    };
    render("explain.html", context)
}

/// The heading of a step.
fn title(step: Step) -> &'static str {
    match step {
        Step::Text => "Text: from characters to words",
        Step::Pieces => "Pieces: from words to ids",
        Step::Masks => "Masks: what is hidden",
        Step::Embeddings => "Embeddings: from ids to vectors",
        Step::Attention => "Attention: where each token looks",
        Step::Predictions => "Predictions: what the hidden tokens may be",
        Step::NextSentence => "Next sentence: does B follow A?",
        Step::Backward => "Backward: the gradient",
        Step::Optimizer => "Optimizer: one step of training",
    }
}

/// Tokens and attention in thousandths, for `explain.js`; `None` when there are too many.
fn attention(explanation: &Explanation) -> Option<String> {
    let heads = explanation.attention.iter().map(|layer| layer.heads.len()).sum::<usize>();
    if heads * explanation.tokens.len().pow(2) > MOST_PROBABILITIES {
        return None;
    }
    let thousandths =
        |row: &Vec<f32>| -> Vec<u32> { row.iter().map(|p| (1000.0 * p).round() as u32).collect() };
    let layers = explanation.attention.iter().map(|layer| {
        let heads = layer.heads.iter();
        heads.map(|head| head.probabilities.iter().map(thousandths).collect()).collect()
    });
    let layers: Vec<Vec<Vec<Vec<u32>>>> = layers.collect();
    let tokens = explanation.masking.input_tokens.iter().map(|token| visible(token));
    let tokens: Vec<String> = tokens.collect();
    Some(script_json(&json!({ "tokens": tokens, "attention": layers })))
}

/// The first text with `[MASK]` in place of the words that the explanation hides; of its middle word when it
/// hides none there.
fn with_blanks(explanation: &Explanation) -> String {
    let text = &explanation.texts[0];
    let characters: Vec<char> = text.characters.iter().map(|read| read.character).collect();
    let of_a = |position: usize| {
        let token = &explanation.tokens[position];
        if token.segment == 0 { token.word } else { None }
    };
    let hidden = explanation.masking.hidden.iter();
    let mut hidden: Vec<usize> = hidden.filter_map(|hidden| of_a(hidden.position)).collect();
    if hidden.is_empty() {
        hidden.push(text.words.len() / 2);
    }
    hidden.dedup(); // several pieces of one word
    let (mut blanked, mut done) = (String::new(), 0);
    for word in hidden.into_iter().map(|index| &text.words[index]) {
        blanked.extend(&characters[done..word.start]);
        blanked += MASK;
        done = word.end;
    }
    blanked.extend(&characters[done..]);
    blanked
}
