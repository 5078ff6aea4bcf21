//! `cloze next-sentence`: did sentence B really follow sentence A?

use super::output::{write_answers, write_json};
use super::text_input::TextInput;
use cloze::data::SentenceObjective;
use cloze::report::print_line;
use cloze::tasks::NextSentence;
use std::io::{self, Write};
use std::path::PathBuf;

/// The options of `cloze next-sentence`.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a BERT model, ours or from Hugging Face
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    #[command(flatten)]
    input: TextInput,
    #[command(flatten)]
    threads: super::ThreadOptions,
    /// Answer with one JSON object a line on standard output
    #[arg(long)]
    json: bool,
    /// Sentence A; in a file: A, a tab, B, or JSON Lines with sentence_a and sentence_b
    #[arg(value_name = "A", required_unless_present = "input", conflicts_with = "input")]
    sentence_a: Option<String>,
    /// Sentence B
    #[arg(value_name = "B", required_unless_present = "input", conflicts_with = "input")]
    sentence_b: Option<String>,
}

/// Runs `cloze next-sentence`.
pub fn run(args: Args) -> cloze::Result<()> {
    args.threads.run(|| {
        let argument = args.sentence_a.clone().zip(args.sentence_b.clone());
        let arguments = argument.map(|(a, b)| [a, b]).into_iter().collect();
        let texts = args.input.texts(arguments, ["sentence_a", "sentence_b"])?;
        let model = super::open_model(&args.model)?;
        if model.sentence_objective() == SentenceObjective::SentenceOrder {
            print_line(
                "the model was trained on sentence order: it tells whether B follows A or A follows B, for segments \
                 that are neighbours in a text; it knows nothing of random sentences",
            );
        }
        let pairs: Vec<_> = texts.texts.iter().map(|[a, b]| (a, b)).collect();
        write_answers(
            None,
            |error| texts.locate(error),
            |out| {
                model.for_each_judged(&pairs, |answer| match args.json {
                    true => Ok(write_json(out, &answer)?),
                    false => Ok(write(out, &answer, pairs.len() > 1)?),
                })
            },
        )
    })
}

/// Shows an answer, in front of its sentences if there are several.
fn write(out: &mut dyn Write, answer: &NextSentence, with_text: bool) -> io::Result<()> {
    let percent = 100.0 * answer.is_next_probability;
    if with_text {
        return writeln!(out, "{percent:5.1} %  {}  |  {}", answer.sentence_a, answer.sentence_b);
    }
    let other = match answer.sentence_objective {
        SentenceObjective::SentenceOrder => "they are swapped (A follows B)",
        _ => "B is random",
    };
    writeln!(out, "{percent:.1} % that B follows A, {:.1} % that {other}", 100.0 - percent)
}
