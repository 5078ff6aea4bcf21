//! The words at the end of a run: what the model now fills in, how well it tells true next sentences
//! from false ones, where the files are and what to try next.

use super::plateau::is_past;
use super::print_line::width;
use super::shell::{fold, quote};
use super::terminal::show;
use crate::data::SentenceObjective;
use crate::run::pretraining::InstanceSource;
use crate::run::{Finished, PretrainingOptions};
use crate::tasks::{FilledMask, Model};
use crate::train::pretraining::{MASKED_LM, NEXT_SENTENCE, SENTENCE_ORDER};
use std::fmt::Write;

/// Blanks that the built-in corpus teaches to fill.
const BLANKS: [&str; 4] = [
    "The quick brown fox [MASK] over the lazy dog.",
    "The cat sat on the [MASK].",
    "The strong black [MASK] neighed.",
    "The cup fell to the floor and [MASK].",
];

/// True and false continuations, in the words of the built-in corpus.
const PAIRS: [[&str; 2]; 4] = [
    ["The quick brown fox jumped over the lazy dog.", "The dog woke up and barked at the fox."],
    ["The quick brown fox jumped over the lazy dog.", "The cat sat on the mat."],
    ["The cup fell to the floor and broke.", "Anna took a broom and swept up the clay."],
    ["The cup fell to the floor and broke.", "The dog woke up and barked at the fox."],
];

/// What to say at the end of a run. `sample` is the text that the run filled in as it went; `program`
/// is what a shell calls this program. A text that is too long for the model is left out.
pub fn summary(
    options: &PretrainingOptions,
    finished: &Finished,
    sample: Option<&str>,
    program: &str,
) -> String {
    let model = Model::borrowed(&finished.bert, &finished.tokenizer);
    let stories = options.input == InstanceSource::Stories;
    let mut text = String::new();
    let mut line = |words: &str| writeln!(text, "{words}").expect("a string takes everything");
    let blanks: Vec<&str> = if stories { BLANKS.to_vec() } else { sample.into_iter().collect() };
    let filled: Vec<_> =
        blanks.iter().flat_map(|blank| model.fill_mask(&[blank], 3)).flatten().collect();
    if !filled.is_empty() {
        line("\nMasked language modelling: a word is hidden and predicted from both sides.");
        for filled in filled {
            let tokens = |mask: FilledMask| -> Vec<_> {
                mask.predictions.into_iter().map(|p| (p.token, p.probability)).collect()
            };
            let masks: Vec<_> = filled.masks.into_iter().map(tokens).collect();
            line(&format!("    {}", show(&filled.text, &masks)));
        }
    }
    let objective = options.recipe.sentence_objective;
    let next_sentence = objective == SentenceObjective::NextSentence;
    if stories && next_sentence {
        line("\nNext-sentence prediction: did B really follow A?");
        for answer in PAIRS.iter().flat_map(|[a, b]| model.next_sentence(&[(a, b)])).flatten() {
            let percent = 100.0 * answer.is_next_probability;
            line(&format!("    {percent:5.1} %  {} → {}", answer.sentence_a, answer.sentence_b));
        }
    }
    if let Some(evaluation) = &finished.evaluation {
        if let Some(masked_lm) = evaluation.term(MASKED_LM) {
            line(&format!(
                "\nOn {} held-out instances: {:.1} % of {} masked words right (loss {:.3})",
                evaluation.instances,
                100.0 * masked_lm.accuracy,
                evaluation.count("masked_tokens"),
                masked_lm.loss
            ));
        }
        if let (Some(masked_lm), Some(counting)) =
            (evaluation.term(MASKED_LM), finished.unigram_loss)
            && !is_past(masked_lm.loss, counting)
        {
            line(&format!(
                "This is still what counting words gives (loss {counting:.3}): the model does not look at the other \
                 words yet."
            ));
        }
        if let Some(next_sentence) = evaluation.term(NEXT_SENTENCE) {
            line(&format!(
                "{:.1} % of next sentences told from random ones (loss {:.3}).",
                100.0 * next_sentence.accuracy,
                next_sentence.loss
            ));
        }
    }
    let order = finished.evaluation.as_ref().and_then(|evaluation| evaluation.term(SENTENCE_ORDER));
    if let Some(order) = order {
        line(&format!(
            "and the order of {:.1} % of the pairs (loss {:.3}).",
            100.0 * order.accuracy,
            order.loss
        ));
    }
    let Some(output_dir) = &options.output_dir else { return text };
    let directory = output_dir.display().to_string();
    line(&format!("\nThe model is in `{directory}`; transformers loads it as it is. Try:"));
    let directory = quote([directory]);
    let blank = match (stories, sample) {
        (true, _) => "The cat sat on the [MASK].",
        (false, Some(sample)) => sample,
        (false, None) => "A sentence of your text with a [MASK] in it.",
    };
    let blank = quote([blank.to_string()]);
    let mut commands = vec![format!("fill-mask --model {directory} {blank}")];
    if next_sentence {
        let pair = match stories {
            true => "\"The fox was hungry.\" \"It ate some bread.\"",
            false => "\"A sentence of your text.\" \"The one after it.\"",
        };
        commands.push(format!("next-sentence --model {directory} {pair}"));
    }
    let example = match stories {
        true => "The fox was hungry.",
        false => "A sentence of your text.",
    };
    commands.push(format!("explain --model {directory} \"{example}\""));
    let option = match objective {
        SentenceObjective::NextSentence => "",
        SentenceObjective::SentenceOrder => " --sentence-objective sentence-order",
        SentenceObjective::None => " --no-nsp",
    };
    commands.push(format!("eval --model {directory} --input your-text.txt{option}"));
    commands.push("pretrain --input your-text.txt --model tiny --output-dir yours".into());
    for command in commands {
        line(&fold(&format!("    {program} {command}"), width()));
    }
    let page = output_dir.join("report.html");
    if page.exists() {
        line(&format!("`{}` shows the run: open it in a browser.", page.display()));
    }
    text
}
