//! Steps 6 and 7: the answers of both heads, and the losses.

use super::screen::{Ink, Screen, bar, count, percent, thousands};
use super::step::Step;
use super::view::View;
use crate::report::visible::{display_width, shorten, visible};
use crate::tasks::Explanation;
use crate::tasks::explain::{Became, HiddenPosition, HiddenToken};

/// Lines of a screen for the hidden positions.
const LINES: usize = 16;

/// Step 6: the likeliest words at each hidden position.
pub(super) fn predictions(screen: &mut Screen, explanation: &Explanation, view: &View) {
    screen.heading(Step::Predictions, "");
    screen.say(
        "At each hidden position, the masked-LM head gives every piece of the vocabulary a probability p. It has read \
         the tokens on BOTH sides. It does not predict the next token: a model that does, such as GPT, reads only the \
         left side.",
    );
    let vocabulary = explanation.model.vocab_size;
    let hidden = explanation.predictions.iter().zip(&explanation.masking.hidden);
    let count_hidden = explanation.predictions.len();
    if count_hidden == 0 {
        screen.say("No token is hidden: the text has none that may be chosen.");
        return;
    }
    // A line for the position and one for the right word stand around the likeliest words.
    let (shown, top) = match view.is_whole() {
        true => (count_hidden, usize::MAX),
        false => {
            let shown = count_hidden.min(LINES / 3);
            (shown, (LINES / shown).saturating_sub(2).max(1))
        }
    };
    for (predicted, token) in hidden.take(shown) {
        position(screen, explanation, predicted, token, top);
    }
    if shown < count_hidden {
        let left = count(count_hidden - shown, "more hidden token", "more hidden tokens");
        screen.line(&format!("  … and {left}: --step predictions"));
    }
    let losses: Vec<f32> =
        explanation.predictions.iter().filter_map(|p| p.right.as_ref()).map(|r| r.loss).collect();
    if losses.is_empty() {
        return;
    }
    let mean = losses.iter().sum::<f32>() / losses.len() as f32;
    screen.equation(&format!(
        "loss = −ln p(right word) = {mean:.3} on average;  guessing: ln {} = {:.2}",
        thousands(vocabulary),
        (vocabulary as f64).ln()
    ));
}

/// One hidden position: the text around it, the likeliest words, the right word.
fn position(
    screen: &mut Screen,
    explanation: &Explanation,
    predicted: &HiddenPosition,
    token: &HiddenToken,
    top: usize,
) {
    let position = predicted.position;
    let what = match (&token.token, token.became) {
        (Some(_), Became::Kept) => ", which stayed",
        (Some(_), Became::Random) => ", now a random token",
        _ => "",
    };
    let label = format!("  {position}{what}: ");
    let around = around(explanation, position, screen.width() - display_width(&label));
    screen.line(&(label + &around));
    let right = predicted.right.as_ref();
    for prediction in predicted.predictions.iter().take(top) {
        let is_right = right.is_some_and(|right| right.token_id == prediction.token_id);
        let name = shorten(&visible(&prediction.token), 18);
        let space = " ".repeat(18 - display_width(&name));
        let bar = bar(prediction.probability, screen.width().saturating_sub(44));
        let line = format!(
            "  {:>9}  {}{space} {}{}",
            percent(prediction.probability),
            screen.paint(is_right.then_some(Ink::Mark), &name),
            screen.paint(Some(Ink::Bar), &bar),
            if is_right { " ← right" } else { "" },
        );
        screen.line(&line);
    }
    if let Some(right) = right {
        screen.line(&format!(
            "     right: {}, rank {} of {}, −ln {} = {:.3}",
            shorten(&visible(&right.token), 18),
            thousands(right.rank),
            thousands(explanation.model.vocab_size),
            probability(right.probability),
            right.loss
        ));
    }
}

/// A probability as a number.
fn probability(p: f32) -> String {
    if p >= 0.0005 { format!("{p:.3}") } else { format!("{p:.1e}") }
}

/// The tokens around `position` as the model reads them, in at most `columns` columns.
fn around(explanation: &Explanation, position: usize, columns: usize) -> String {
    let tokens = &explanation.masking.input_tokens;
    let name = |at: usize| {
        let token = visible(&tokens[at]);
        if at == position { format!("›{}‹", shorten(&token, 16)) } else { shorten(&token, 16) }
    };
    let (mut first, mut end) = (position, position + 1);
    let mut text = name(position);
    // A token on the left, then one on the right, while they fit; an ellipsis at each side takes four columns.
    loop {
        let mut grew = false;
        if first > 0 {
            let wider = format!("{} {text}", name(first - 1));
            if display_width(&wider) + 4 <= columns {
                (text, first, grew) = (wider, first - 1, true);
            }
        }
        if end < tokens.len() {
            let wider = format!("{text} {}", name(end));
            if display_width(&wider) + 4 <= columns {
                (text, end, grew) = (wider, end + 1, true);
            }
        }
        if !grew {
            break;
        }
    }
    if first > 0 {
        text = format!("… {text}");
    }
    if end < tokens.len() {
        text += " …";
    }
    shorten(&text, columns)
}

/// Step 7: whether B follows A.
pub(super) fn next_sentence(screen: &mut Screen, explanation: &Explanation, view: &View) {
    screen.heading(Step::NextSentence, "");
    screen.say(
        "Did sentence B really follow sentence A in the text, or was it taken from another place? That is the \
         question of next-sentence prediction. It predicts no word, and it has nothing to do with masking. The model \
         answers from its vector of [CLS] alone.",
    );
    let Some(step) = &explanation.next_sentence else {
        screen.say(match explanation.texts.len() {
            1 => "This is one text: there is no pair to judge. Give a second text to see it.",
            _ => "This model has no next-sentence head: it was trained without pairs.",
        });
        return;
    };
    screen.blank();
    for (steps, label) in explanation.texts.iter().zip(["A", "B"]) {
        screen.labelled(label, &steps.text, if view.is_whole() { usize::MAX } else { 2 });
    }
    screen.blank();
    let is_next = step.is_next_probability;
    for (what, p) in [("B follows A", is_next), ("B is random", 1.0 - is_next)] {
        let bar = screen.paint(Some(Ink::Bar), &bar(p, screen.width().saturating_sub(30)));
        screen.line(&format!("  {what}  {:>9}  {bar}", percent(p)));
    }
    screen.blank();
    screen.equation("p = softmax(W·tanh(W_p·h[CLS] + b_p) + b)");
    if !explanation.masking.has_blanks {
        screen.say(&format!(
            "Pretraining asks both questions at once, so it judges the pair with its hidden tokens: then B follows A \
             with {}.",
            percent(step.masked_is_next_probability)
        ));
    }
    let (right, p, other) = match step.is_random_next {
        false => {
            ("B follows A", step.masked_is_next_probability, "if B is random, say --is-random-next")
        }
        true => ("B is random", 1.0 - step.masked_is_next_probability, "as --is-random-next says"),
    };
    screen.say(&format!(
        "Taking “{right}” as the right answer ({other}), the loss is −ln {} = {:.3}; guessing gives ln 2 = 0.693.",
        probability(p),
        step.loss
    ));
}
