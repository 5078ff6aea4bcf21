//! All steps in their order.

use super::answers::{next_sentence, predictions};
use super::attention::attention;
use super::learning::{backward, optimizer};
use super::reading::{embeddings, masks, pieces, text};
use super::screen::{Screen, thousands};
use super::step::Step;
use super::view::View;
use crate::tasks::Explanation;

/// Columns of a line.
const WIDTH: usize = 80;

/// `explanation` as a text of lines of at most 80 columns, as `view` says.
pub fn render(explanation: &Explanation, view: &View) -> String {
    let mut screen = Screen::new(WIDTH, view.color);
    if view.step.is_none() {
        introduction(&mut screen, explanation);
    }
    for step in Step::ALL.into_iter().filter(|&step| view.step.is_none_or(|only| only == step)) {
        if view.step.is_none() {
            screen.blank();
        }
        let show = match step {
            Step::Text => text,
            Step::Pieces => pieces,
            Step::Masks => masks,
            Step::Embeddings => embeddings,
            Step::Attention => attention,
            Step::Predictions => predictions,
            Step::NextSentence => next_sentence,
            Step::Backward => backward,
            Step::Optimizer => optimizer,
        };
        show(&mut screen, explanation, view);
    }
    screen.into_text()
}

/// What is shown, in a few lines.
fn introduction(screen: &mut Screen, explanation: &Explanation) {
    let sizes = &explanation.model;
    screen.say(&format!(
        "One text through every step of pretraining. The model is a BERT of {} layers with {} heads each; its vectors \
         have {} numbers, its vocabulary has {} pieces; {} numbers are learned (parameters).",
        sizes.num_hidden_layers,
        sizes.num_attention_heads,
        sizes.hidden_size,
        thousands(sizes.vocab_size),
        thousands(sizes.parameters),
    ));
    screen.say("Two tasks teach it: fill in hidden words from BOTH sides (steps 3 and 6), and tell whether B really followed A (step 7). Each step names its chapter of the book on the right.");
}
