//! `cloze bench`: how fast training is on this machine.

use super::output::print;
use cloze::tensor::threads::Pool;
use cloze::train::benchmark::{Settings, benchmark};

/// The options of `cloze bench`; names and defaults as in `pretrain`.
#[derive(clap::Args)]
pub struct Args {
    /// Size of the model (tiny, mini, small, medium, base) or the path of a config.json
    #[arg(long, default_value = "tiny", value_name = "SIZE|FILE")]
    model: String,
    /// Word pieces of the vocabulary
    #[arg(long, default_value_t = 30_522, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    vocab_size: u32,
    /// Sequences of a step
    #[arg(long, default_value_t = 32, value_name = "N")]
    train_batch_size: usize,
    /// Tokens of a sequence
    #[arg(long, default_value_t = 128, value_name = "N")]
    max_seq_length: usize,
    /// Masked positions of a sequence
    #[arg(long, default_value_t = 20, value_name = "N")]
    max_predictions_per_seq: usize,
    /// Steps that are timed
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Answer with one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Runs `cloze bench`.
pub fn run(args: Args) -> cloze::Result<()> {
    let settings = Settings {
        model: args.model,
        vocab_size: args.vocab_size as usize,
        batch_size: args.train_batch_size,
        max_seq_length: args.max_seq_length,
        max_predictions_per_seq: args.max_predictions_per_seq,
        steps: args.steps as usize,
    };
    let pool = Pool::new(args.threads.unwrap_or(0).into())?;
    let measured = pool.run(|| benchmark(&settings))?;
    print(|out| {
        if args.json {
            return writeln!(out, "{}", serde_json::to_string(&measured)?);
        }
        let m = &measured;
        writeln!(
            out,
            "{} with a vocabulary of {}: {} sequences of {} tokens, {} of them masked; {} thread(s), {}",
            m.model,
            m.vocab_size,
            m.batch_size,
            m.max_seq_length,
            m.max_predictions_per_seq,
            m.threads,
            m.simd
        )?;
        writeln!(out, "  step (median)   {:>10.1} ms", m.step_ms_median)?;
        writeln!(out, "  tokens          {:>10.0} /s", m.tokens_per_second)?;
        writeln!(out, "  matrix products {:>10.1} GFLOP/s", m.gflops)?;
        writeln!(out, "  FMA peak        {:>10.1} GFLOP/s", m.peak_gflops)?;
        writeln!(out, "  of the peak     {:>10.2}", m.peak_fraction)?;
        writeln!(
            out,
            "  memory          {:>10.0} MB ({:.0} MB of it planned)",
            m.peak_memory_bytes as f64 / 1e6,
            m.planned_memory_bytes as f64 / 1e6
        )
    })
}
