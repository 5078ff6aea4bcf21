//! `cloze generate`: text, such as it is.

use super::output::{print, write_json};
use cloze::report::{display_width, print_line};
use cloze::tasks::{GenerateMethod, GenerateOptions, GenerationStep, Model};
use std::path::PathBuf;

/// The options of `cloze generate`.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a BERT model, ours or from Hugging Face
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// How blanks are filled: each again and again; one after the other; all at once, then the least certain again
    #[arg(
        long,
        default_value = "gibbs",
        value_name = "gibbs|left-to-right|mask-predict",
        value_parser = super::choice::<GenerateMethod>
    )]
    method: GenerateMethod,
    /// Tokens to write behind the prompt [default: 20, none behind a prompt with [MASK]]
    #[arg(long, value_name = "N")]
    length: Option<usize>,
    /// Above 1 bolder, below 1 safer, 0 the likeliest token [default: 1, and 0 for mask-predict]
    #[arg(long, value_name = "T")]
    temperature: Option<f32>,
    /// Draw from the K likeliest tokens; 0 from all
    #[arg(long, default_value_t = 0, value_name = "K")]
    top_k: usize,
    /// Rounds of gibbs and mask-predict [default: 10]
    #[arg(long, value_name = "N")]
    iterations: Option<usize>,
    /// What tokens are drawn with
    #[arg(long, default_value_t = 12345, value_name = "N")]
    seed: u64,
    /// Texts to write
    #[arg(long, default_value_t = 1, value_name = "N")]
    samples: usize,
    /// Show the text as it changes, on standard error
    #[arg(long)]
    show: bool,
    #[command(flatten)]
    threads: super::ThreadOptions,
    /// Answer with one JSON object a line on standard output
    #[arg(long)]
    json: bool,
    /// The beginning of the text, or a text with [MASK]s; without it, all is written
    #[arg(value_name = "PROMPT", default_value = "", hide_default_value = true)]
    prompt: String,
}

/// Runs `cloze generate`.
pub fn run(args: Args) -> cloze::Result<()> {
    let Args { method, length, temperature, top_k, iterations, seed, samples, .. } = args;
    let options = GenerateOptions { method, length, temperature, top_k, iterations, seed, samples };
    let written = args.threads.run(|| {
        let model = super::open_model(&args.model)?;
        Ok(model.generate(&args.prompt, &options, &mut |step| {
            if args.show {
                print_line(shown(&model, &step, samples));
            }
        })?)
    })?;
    if !args.json {
        print_line(
            "note: BERT learned to fill blanks, not to write; expect words that fit their neighbours, not sense",
        );
    }
    print(|out| {
        written.iter().try_for_each(|written| match args.json {
            true => write_json(out, written),
            false => writeln!(out, "{}", written.text),
        })
    })
}

/// A line of at most 80 columns: the text with `_` for masks, or what stands around the token written last.
fn shown(model: &Model<'_>, step: &GenerationStep<'_>, samples: usize) -> String {
    const COLUMNS: usize = 80;
    let number = match samples {
        1 => format!("{:4}  ", step.step + 1),
        _ => format!("{:3}: {:4}  ", step.sample + 1, step.step + 1),
    };
    let decode = |ids: &[u32]| model.tokenizer().decode(ids, false).replace("[MASK]", "_");
    let end = decode(&step.ids[..=step.written]).chars().count();
    let text = around(&decode(step.ids), end, COLUMNS - number.len());
    number + &text
}

/// At most `columns` columns of `text` around its character `at`. `…` stands for what is left out.
fn around(text: &str, at: usize, columns: usize) -> String {
    if display_width(text) <= columns {
        return text.into();
    }
    let characters: Vec<char> = text.chars().collect();
    // Two thirds before the token, one third behind it, unless the text ends.
    let fits = |range: &[char]| display_width(&range.iter().collect::<String>()) + 2 <= columns;
    let mut end = (at + columns / 3).min(characters.len());
    let mut start = end;
    while start > 0 && fits(&characters[start - 1..end]) {
        start -= 1;
    }
    while end < characters.len() && fits(&characters[start..end + 1]) {
        end += 1;
    }
    let middle: String = characters[start..end].iter().collect();
    let [before, behind] =
        [start > 0, end < characters.len()].map(|cut| if cut { "…" } else { "" });
    format!("{before}{middle}{behind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shown_around_a_place() {
        let text = "a b c d e f g h i j k l m";
        assert_eq!(around(text, 5, 25), text);
        assert_eq!(around(text, 1, 12), "a b c d e …");
        assert_eq!(around(text, 13, 12), "… e f g h i…");
        assert_eq!(around(text, 25, 12), "… i j k l m");
        for at in 0..=text.len() {
            assert!(display_width(&around(text, at, 12)) <= 12);
            assert!(display_width(&around(&"猫".repeat(25), at, 12)) <= 12);
        }
    }
}
