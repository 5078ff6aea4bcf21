//! `cloze fill-mask`: what a model puts in place of `[MASK]`.

use super::output::{write_answers, write_json};
use super::text_input::TextInput;
use cloze::tasks::FilledText;
use std::io::{self, Write};
use std::path::PathBuf;

/// The options of `cloze fill-mask`.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a BERT model, ours or from Hugging Face
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// How many tokens to show for each [MASK]
    #[arg(long, default_value_t = 5, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    #[command(flatten)]
    input: TextInput,
    #[command(flatten)]
    threads: super::ThreadOptions,
    /// Answer with one JSON object a line on standard output
    #[arg(long)]
    json: bool,
    /// Texts with [MASK] where words are to be filled in
    #[arg(value_name = "TEXT", required_unless_present = "input", conflicts_with = "input")]
    text: Vec<String>,
}

/// Runs `cloze fill-mask`.
pub fn run(args: Args) -> cloze::Result<()> {
    args.threads.run(|| {
        let arguments = args.text.iter().map(|text| [text.clone()]).collect();
        let texts = args.input.texts(arguments, ["text"])?;
        let model = super::open_model(&args.model)?;
        let lines: Vec<&str> = texts.texts.iter().map(|[text]| &**text).collect();
        write_answers(
            None,
            |error| texts.locate(error),
            |out| {
                model.for_each_filled(&lines, args.top as usize, |answer| match args.json {
                    true => Ok(write_json(out, &answer)?),
                    false => Ok(write(out, &answer, lines.len() > 1)?),
                })
            },
        )
    })
}

/// Shows an answer, below its text if there are several.
fn write(out: &mut dyn Write, answer: &FilledText, with_text: bool) -> io::Result<()> {
    if with_text {
        writeln!(out, "{}", answer.text)?;
    }
    for (number, mask) in answer.masks.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        writeln!(out, "[MASK] at position {}", mask.position)?;
        for prediction in &mask.predictions {
            let bar = "█".repeat((prediction.probability * 40.0).round() as usize);
            let percent = 100.0 * prediction.probability;
            writeln!(out, "  {percent:5.1} %  {:<16} {bar}", prediction.token)?;
        }
    }
    if with_text { writeln!(out) } else { Ok(()) }
}
