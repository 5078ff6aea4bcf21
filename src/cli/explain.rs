//! `cloze explain`: one text, or a pair, through every step of pretraining.

use super::choice;
use super::output::{self, print, write_json};
use super::run_command;
use cloze::data::{MaskSettings, MaskUnit};
use cloze::report::explain::{Step, View, render};
use cloze::report::page::explain_page;
use cloze::report::{print_line, visible};
use cloze::tasks::{ExplainOptions, Explanation, TaskError};
use cloze::train::check_setting;
use std::path::PathBuf;

/// The options of `cloze explain`.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a pretrained BERT model, ours or from Hugging Face
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Show only this step: text, pieces, masks, embeddings, attention, predictions, next-sentence, backward,
    /// optimizer, or its number
    #[arg(long, value_name = "STEP", conflicts_with = "json")]
    step: Option<Step>,
    /// Show the attention of this layer only, counted from 1
    #[arg(long, value_name = "N", conflicts_with = "json", value_parser = clap::value_parser!(u32).range(1..))]
    layer: Option<u32>,
    /// With --layer: show this head only, with every number; counted from 1
    #[arg(long, value_name = "M", requires = "layer", value_parser = clap::value_parser!(u32).range(1..))]
    head: Option<u32>,
    /// How many words to show for each hidden token
    #[arg(long, default_value_t = 5, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// Seed of the masks: another seed hides other tokens
    #[arg(long, default_value_t = ExplainOptions::default().seed, value_name = "N")]
    seed: u64,
    /// Share of positions that are masked
    #[arg(long, default_value_t = MaskSettings::default().masked_lm_prob, value_name = "P")]
    masked_lm_prob: f64,
    /// Most masked positions
    #[arg(long, default_value_t = MaskSettings::default().max_predictions_per_seq, value_name = "N")]
    max_predictions_per_seq: usize,
    /// What is masked at once: a token, all pieces of a word, or a span of up to ten words (SpanBERT)
    #[arg(long, default_value = "token", value_name = "token|whole-word|span", value_parser = choice::<MaskUnit>)]
    masking: MaskUnit,
    /// The second sentence did not follow the first: "random" is the right answer about the pair
    #[arg(long, requires = "next_sentence")]
    is_random_next: bool,
    /// Learning rate of the one step of training, from 0 to 1 [default: 1e-4, as in the BERT paper]
    #[arg(long, default_value_t = ExplainOptions::default().learning_rate, hide_default_value = true, value_name = "RATE")]
    learning_rate: f64,
    /// Most tokens that are read; a longer text is cut, and the answer says so
    #[arg(long, default_value_t = ExplainOptions::default().max_seq_length, value_name = "N")]
    max_seq_length: usize,
    #[command(flatten)]
    threads: super::ThreadOptions,
    /// Answer with one JSON object on standard output: every step, every number
    #[arg(long)]
    json: bool,
    /// Write a page for a browser to this file instead: every step, attention to explore, the model to try
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "step", "layer"])]
    html: Option<PathBuf>,
    /// A text; with [MASK] in it, these are the blanks, otherwise the recipe hides words
    #[arg(value_name = "TEXT")]
    text: String,
    /// A second text: does it follow the first?
    #[arg(value_name = "NEXT SENTENCE")]
    next_sentence: Option<String>,
}

impl Args {
    fn options(&self) -> ExplainOptions {
        ExplainOptions {
            seed: self.seed,
            masks: MaskSettings::default()
                .with_masked_lm_prob(self.masked_lm_prob)
                .with_max_predictions_per_seq(self.max_predictions_per_seq)
                .with_masking(self.masking),
            top: self.top as usize,
            is_random_next: self.is_random_next,
            learning_rate: self.learning_rate,
            max_seq_length: self.max_seq_length,
        }
    }

    /// What is shown of the explanation.
    fn view(&self, explanation: &Explanation) -> Result<View, TaskError> {
        let [layer, head] = [self.layer, self.head].map(|number| number.map(|n| n as usize));
        let (layers, heads) =
            (explanation.model.num_hidden_layers, explanation.model.num_attention_heads);
        for (setting, value, most) in [("layer", layer, layers), ("head", head, heads)] {
            let value = value.unwrap_or(1);
            check_setting(value <= most, setting, value, format!("the model has {most}"))?;
        }
        let step = self.step.or(layer.map(|_| Step::Attention));
        if let (Some(layer), Some(step)) = (layer, step) {
            let needed =
                format!("it belongs to the step attention, and the step to show is {step}");
            check_setting(step == Step::Attention, "layer", layer, needed)?;
        }
        Ok(View { step, layer, head, ..View::standard_output() })
    }
}

/// Runs `cloze explain`.
pub fn run(args: Args) -> cloze::Result<()> {
    args.threads.run(|| {
        let html = output::open_named(
            "--html",
            args.html.as_deref(),
            [("--model", args.model.as_path())],
        )?;
        let model = super::open_model(&args.model)?;
        let explanation =
            model.explain(&args.text, args.next_sentence.as_deref(), &args.options())?;
        warn(&explanation);
        if args.json {
            return print(|out| write_json(out, &explanation));
        }
        if html.is_some() {
            let page = explain_page(&model, &explanation, &run_command::command())?;
            return output::write_or_print(html, |out| out.write_all(page.as_bytes()));
        }
        let text = render(&explanation, &args.view(&explanation)?);
        print(|out| out.write_all(text.as_bytes()))
    })
}

/// Says on standard error that a text was cut, or that the vocabulary does not know it.
fn warn(explanation: &Explanation) {
    let names: &[&str] = match explanation.texts.len() {
        1 => &["the text"],
        _ => &["the first text", "the second text"],
    };
    for (steps, name) in explanation.texts.iter().zip(names) {
        if let Some(cut) = steps.cut {
            let end = steps.characters.iter().rev().take(20).map(|c| c.character);
            let end: String = end.collect::<Vec<_>>().into_iter().rev().collect();
            print_line(format_args!(
                "warning: {name} was cut: {} of its {} tokens are read, up to character {}; it ends at “{}”",
                cut.tokens_read,
                cut.tokens,
                cut.characters_read,
                visible(&end)
            ));
        }
        if steps.all_unknown {
            print_line(format_args!(
                "warning: {name}: the vocabulary knows none of its words; every token is [UNK]"
            ));
        }
    }
}
