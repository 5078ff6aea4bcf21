//! `cloze fill-mask`: what a model puts in place of `[MASK]`.

use super::output::print;
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
    threads: super::ThreadOptions,
    /// Answer with one JSON object on standard output
    #[arg(long)]
    json: bool,
    /// Text with [MASK] where words are to be filled in
    #[arg(value_name = "TEXT")]
    text: String,
}

/// Runs `cloze fill-mask`.
pub fn run(args: Args) -> cloze::Result<()> {
    let answer = args.threads.run(|| {
        let model = super::open_model(&args.model)?;
        Ok(model.fill_mask(&[&args.text], args.top as usize)?.remove(0))
    })?;
    print(|out| {
        if args.json {
            return writeln!(out, "{}", serde_json::to_string(&answer)?);
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
        Ok(())
    })
}
