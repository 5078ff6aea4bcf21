//! `cloze eval`: model + text ─► masked-LM and next-sentence metrics.

use super::output::print;
use cloze::data::Corpus;
use cloze::report::Terminal;
use cloze::tasks::{EvalSettings, Pretrained, evaluate};
use cloze::tensor::threads::Pool;
use std::path::PathBuf;

/// The options of `cloze eval`.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a BERT model, ours or from Hugging Face
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Text: .txt and .jsonl files, directories, patterns in quotes
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    input: Vec<String>,
    #[command(flatten)]
    encoding: super::Encoding,
    /// Tokens of a sequence [default: 128, or what the model has positions for]
    #[arg(long, value_name = "N")]
    max_seq_length: Option<usize>,
    /// Masked positions of a sequence, at most [default: 20, or fewer in shorter sequences]
    #[arg(long, value_name = "N")]
    max_predictions_per_seq: Option<usize>,
    /// Share of positions that are masked
    #[arg(long, default_value_t = 0.15, value_name = "P")]
    masked_lm_prob: f64,
    /// Share of instances with a target length drawn at random
    #[arg(long, default_value_t = 0.1, value_name = "P")]
    short_seq_prob: f64,
    /// Mask all pieces of a word together
    #[arg(long)]
    whole_word_mask: bool,
    /// One segment, no pairs
    #[arg(long)]
    no_nsp: bool,
    /// Sequences of one forward pass; never changes what is measured
    #[arg(long, default_value_t = 32, value_name = "N")]
    eval_batch_size: usize,
    /// What pairs and masks are drawn from
    #[arg(long, default_value_t = 12345, value_name = "N")]
    seed: u64,
    /// Threads; never changes the result [default: one a core]
    #[arg(long, value_name = "N", value_parser = super::threads())]
    threads: Option<u16>,
    /// Answer with one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Runs `cloze eval`.
pub fn run(args: Args) -> cloze::Result<()> {
    super::warn_without_fma();
    let corpus = Corpus::from_inputs(&args.input)?;
    let corpus = corpus.with_invalid_utf8(args.encoding.invalid_utf8);
    let pretrained = Pretrained::open(&args.model)?;
    super::warn_of_missing_heads(&pretrained.report, "");
    let positions = pretrained.bert.config.max_position_embeddings;
    let max_seq_length = args.max_seq_length.unwrap_or(positions.min(128));
    let settings = EvalSettings {
        max_seq_length,
        max_predictions_per_seq: args.max_predictions_per_seq.unwrap_or(max_seq_length.min(20)),
        masked_lm_prob: args.masked_lm_prob,
        short_seq_prob: args.short_seq_prob,
        whole_word_mask: args.whole_word_mask,
        no_nsp: args.no_nsp,
        batch_size: args.eval_batch_size,
        seed: args.seed,
    };
    let pool = Pool::new(args.threads.unwrap_or(0).into())?;
    let mut terminal = Terminal::new(None);
    let model = pretrained.model();
    let answer = pool.run(|| evaluate(model, &corpus, &settings, &mut terminal))?;
    print(|out| {
        if args.json {
            return writeln!(out, "{}", serde_json::to_string(&answer)?);
        }
        // The names and the order of Google's script.
        writeln!(out, "masked_lm_accuracy = {:.4}", answer.masked_lm_accuracy)?;
        writeln!(out, "masked_lm_loss = {:.4}", answer.masked_lm_loss)?;
        if let (Some(accuracy), Some(loss)) =
            (answer.next_sentence_accuracy, answer.next_sentence_loss)
        {
            writeln!(out, "next_sentence_accuracy = {accuracy:.4}")?;
            writeln!(out, "next_sentence_loss = {loss:.4}")?;
        }
        writeln!(out, "instances = {}", answer.instances)?;
        writeln!(out, "masked_tokens = {}", answer.masked_tokens)
    })
}
