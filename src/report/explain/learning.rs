//! Steps 8 and 9: the gradient of the loss, and one step against it.

use super::screen::{Ink, Screen, bar, percent, thousands};
use super::step::Step;
use super::view::View;
use crate::report::visible::{display_width, shorten, visible};
use crate::tasks::Explanation;
use crate::tasks::explain::{BackwardStep, Change, PartGradient};

/// Parts that are shown one by one, at most; of more, each layer is one line, and so are all embeddings.
const PARTS: usize = 14;

/// Says why there is nothing to learn from the text.
fn without_answer(screen: &mut Screen, explanation: &Explanation) {
    screen.say(match explanation.masking.has_blanks {
        true => {
            "The right words for the blanks are not known: there is no loss, and nothing to learn from. Give a text \
             without [MASK]: then the recipe hides tokens whose words are known."
        }
        false => "No token is hidden: there is no loss, and nothing to learn from.",
    });
}

/// Step 8: the gradient.
pub(super) fn backward(screen: &mut Screen, explanation: &Explanation, view: &View) {
    screen.heading(Step::Backward, "");
    let Some(backward) = &explanation.backward else {
        return without_answer(screen, explanation);
    };
    let loss = backward.loss;
    screen.say(
        "How wrong was the model? The loss of this text adds up both tasks. Then the backward pass asks for every \
         parameter θ: if θ grew a little, how much would the loss grow? That number is its gradient g.",
    );
    screen.equation(&match loss.next_sentence {
        Some(next) => format!(
            "loss = {:.3} (hidden words) + {next:.3} (next sentence) = {:.3}",
            loss.masked_lm, loss.total
        ),
        None => format!("loss = {:.3} (hidden words)", loss.total),
    });
    screen.equation(&format!(
        "g = ∂loss / ∂θ          ‖g‖ = √Σ g² = {} over all parameters",
        short(backward.gradient_norm)
    ));
    screen.blank();
    screen.line("  part                  parameters       ‖g‖");
    let one_by_one = view.is_whole() || backward.parts.len() <= PARTS;
    let parts = if one_by_one { backward.parts.clone() } else { by_layer(&backward.parts) };
    let largest = parts.iter().map(|part| part.norm).fold(f32::MIN_POSITIVE, f32::max);
    for part in &parts {
        let bar = bar(part.norm / largest, screen.width().saturating_sub(47));
        screen.line(&format!(
            "  {:<21}{:>11}{:>10}  {}",
            part.part,
            thousands(part.parameters),
            short(part.norm),
            screen.paint(Some(Ink::Bar), &bar)
        ));
    }
    if !one_by_one {
        return screen.line("  --step backward shows the parts of each layer.");
    }
    screen.blank();
    screen.say(
        "The word embeddings have two uses, input and output (the decoder), and get a gradient from both.",
    );
}

/// The parts of each layer as one, and the embeddings as one.
fn by_layer(parts: &[PartGradient]) -> Vec<PartGradient> {
    const EMBEDDINGS: &str = "embeddings";
    let mut all: Vec<PartGradient> = Vec::new();
    for part in parts {
        let is_embedding = part.part.contains(EMBEDDINGS);
        let belongs = |last: &PartGradient| match part.layer {
            Some(_) => last.layer == part.layer,
            None => is_embedding && last.part == EMBEDDINGS,
        };
        match all.last_mut() {
            Some(last) if belongs(last) => {
                last.parameters += part.parameters;
                last.norm =
                    (f64::from(last.norm).powi(2) + f64::from(part.norm).powi(2)).sqrt() as f32;
            }
            _ => {
                let mut part = part.clone();
                match part.layer {
                    Some(layer) => part.part = format!("layer {layer}"),
                    None if is_embedding => part.part = EMBEDDINGS.into(),
                    None => {}
                }
                all.push(part);
            }
        }
    }
    all
}

/// Step 9: one step of AdamW.
pub(super) fn optimizer(screen: &mut Screen, explanation: &Explanation, view: &View) {
    screen.heading(Step::Optimizer, "");
    let Some(backward) = &explanation.backward else {
        return without_answer(screen, explanation);
    };
    let step = &backward.step;
    screen.say(&format!(
        "One step of AdamW moves every parameter θ a little against its gradient, so that the loss falls. The learning \
         rate lr = {} says how far (--learning-rate).",
        short(step.learning_rate)
    ));
    let adam = &step.optimizer;
    screen.equation(&format!(
        "m = {}·m + {}·g     v = {}·v + {}·g²     (m = v = 0 before)",
        adam.beta_1,
        rest(adam.beta_1),
        adam.beta_2,
        rest(adam.beta_2)
    ));
    screen.equation(&format!("θ = θ − lr · (m / (√v + ε) + {}·θ)", adam.weight_decay));
    if step.clip_factor < 1.0 {
        screen.say(&format!(
            "First the gradient is scaled by {:.3}, so that its length is {}: one text must not pull too hard \
             (clipping).",
            step.clip_factor, step.max_grad_norm
        ));
    }
    screen.say(&format!(
        "No parameter moves by more than {}. The same text again, after this one step:",
        short(step.largest_change)
    ));
    screen.blank();
    changes(screen, backward, view);
    screen.blank();
    screen.say(
        "Pretraining repeats this many thousand times, each time on other texts, so that what is learned holds for \
         all of them.",
    );
}

/// The answers before and after the step.
fn changes(screen: &mut Screen, backward: &BackwardStep, view: &View) {
    const NAME: usize = 34;
    let step = &backward.step;
    let line = |screen: &mut Screen, name: &str, before: String, after: String| {
        let name = shorten(name, NAME);
        let space = " ".repeat(NAME - display_width(&name));
        screen.line(&format!("  {name}{space}{before:>10}  →{after:>10}"));
    };
    let number = |x: f32| format!("{x:.3}");
    line(screen, "", "before".into(), "after".into());
    line(screen, "loss", number(backward.loss.total), number(step.loss_after.total));
    let most = if view.is_whole() { usize::MAX } else { 7 };
    for word in step.words.iter().take(most) {
        let Change { before, after } = word.probability;
        let name =
            format!("p({}) at position {}", shorten(&visible(&word.token), 14), word.position);
        line(screen, &name, percent(before), percent(after));
    }
    if step.words.len() > most {
        screen.line(&format!("  … and {} more: --step optimizer", step.words.len() - most));
    }
    if let Some(Change { before, after }) = step.next_sentence {
        line(screen, "p(right answer about the pair)", percent(before), percent(after));
    }
}

/// 1 − β, without the rounding of `f32`.
fn rest(beta: f32) -> f32 {
    (1.0 - f64::from(beta)).mul_add(1e6, 0.0).round() as f32 / 1e6
}

/// A number in few signs.
fn short(number: f32) -> String {
    match number {
        0.0 => "0".into(),
        number if (0.001..10_000.0).contains(&number) => format!("{number:.3}"),
        number => format!("{number:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_layer_add_up() {
        let part = |part: &str, layer, parameters, norm| PartGradient {
            part: part.into(),
            layer,
            parameters,
            norm,
        };
        let parts = [
            part("word embeddings", None, 12, 3.0),
            part("embeddings LayerNorm", None, 5, 4.0),
            part("layer 1 attention", Some(1), 2, 3.0),
            part("layer 1 LayerNorm", Some(1), 3, 4.0),
            part("layer 2 attention", Some(2), 4, 1.0),
            part("masked-LM head", None, 5, 1.0),
        ];
        let all = by_layer(&parts);
        let expected = [
            part("embeddings", None, 17, 5.0),
            part("layer 1", Some(1), 5, 5.0),
            part("layer 2", Some(2), 4, 1.0),
            part("masked-LM head", None, 5, 1.0),
        ];
        assert_eq!(all, expected);
        assert_eq!([rest(0.9), rest(0.999)], [0.1, 0.001]);
        assert_eq!([0.0, 1e-4, 0.25, 12345.0].map(short), ["0", "1.0e-4", "0.250", "1.2e4"]);
    }
}
