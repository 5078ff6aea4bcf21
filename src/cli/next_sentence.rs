//! `cloze next-sentence`: did sentence B really follow sentence A?

use super::output::print;
use std::path::PathBuf;

/// The options of `cloze next-sentence`.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a BERT model, ours or from Hugging Face
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    #[command(flatten)]
    threads: super::ThreadOptions,
    /// Answer with one JSON object on standard output
    #[arg(long)]
    json: bool,
    /// Sentence A
    #[arg(value_name = "A")]
    sentence_a: String,
    /// Sentence B
    #[arg(value_name = "B")]
    sentence_b: String,
}

/// Runs `cloze next-sentence`.
pub fn run(args: Args) -> cloze::Result<()> {
    let answer = args.threads.run(|| {
        let model = super::open_model(&args.model)?;
        Ok(model.next_sentence(&[(&args.sentence_a, &args.sentence_b)])?.remove(0))
    })?;
    print(|out| {
        if args.json {
            return writeln!(out, "{}", serde_json::to_string(&answer)?);
        }
        let percent = 100.0 * answer.is_next_probability;
        writeln!(out, "{percent:.1} % that B follows A, {:.1} % that B is random", 100.0 - percent)
    })
}
