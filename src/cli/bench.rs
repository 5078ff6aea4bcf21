//! `cloze bench`: how fast training is on this machine.

use super::output::print;
use cloze::bench::ranks::{MeasuredOnRanks, benchmark_on_ranks};
use cloze::bench::training::{Measured, Settings, benchmark, benchmark_scaling};
use cloze::system::ranks::Team;
use cloze::system::threads::Pool;
use std::io::Write;

const FORMULA: &str = "\
FLOP are those of the matrix products, two for each multiply-add, backward counted twice:
  6 · encoder matrix parameters · tokens
  + 12 · layers · seq · hidden · tokens
  + 6 · masked positions · hidden · (hidden + vocab_size)
The peak is what independent fused multiply-adds reach on all threads in the same run.";

/// The options of `cloze bench`; names and defaults as in `pretrain`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = FORMULA)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
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
    pub(super) threads: Option<u16>,
    /// Measure on one thread too, and say how much of a step is serial
    #[arg(long)]
    scaling: bool,
    /// Measure a step that the processes of `mpirun` share: its time, the share of waiting, the bytes
    #[arg(long, conflicts_with = "scaling")]
    pub(super) mpi: bool,
    /// Answer with one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// What else than training can be measured.
#[derive(clap::Subcommand)]
enum What {
    /// How fast text becomes ids, and a vocabulary
    Tokenizer(super::bench_tokenizer::Args),
}

/// Runs `cloze bench`, with `--mpi` on the ranks of `team`.
pub fn run(args: Args, team: &Team) -> cloze::Result<()> {
    if let Some(What::Tokenizer(args)) = args.what {
        return super::bench_tokenizer::run(args);
    }
    let settings = Settings {
        model: args.model,
        vocab_size: args.vocab_size as usize,
        batch_size: args.train_batch_size,
        max_seq_length: args.max_seq_length,
        max_predictions_per_seq: args.max_predictions_per_seq,
        steps: args.steps as usize,
    };
    let pool = Pool::new(args.threads.unwrap_or(0).into())?;
    if args.mpi {
        let measured = pool.run(|| benchmark_on_ranks(&settings, team))?;
        return print(|out| match args.json {
            true => writeln!(out, "{}", serde_json::to_string(&measured)?),
            false => print_ranks(&measured, out),
        });
    }
    let measured = if args.scaling {
        benchmark_scaling(&settings, &pool, &Pool::new(1)?)?
    } else {
        pool.run(|| benchmark(&settings))?
    };
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
        writeln!(
            out,
            "  matrix products {:>10.1} GFLOP/s, {:.2} GFLOP a step",
            m.gflops,
            m.flop_per_step / 1e9
        )?;
        writeln!(out, "  FMA peak        {:>10.1} GFLOP/s", m.peak_gflops)?;
        writeln!(out, "  product in cache{:>10.1} GFLOP/s", m.product_gflops)?;
        writeln!(
            out,
            "  of the peak     {:>10.2} (of the {:.2} GFLOP that are done: {:.2})",
            m.peak_fraction,
            m.flop_done_per_step / 1e9,
            m.peak_fraction_done
        )?;
        writeln!(
            out,
            "  memory          {:>10.0} MB ({:.0} MB of it planned)",
            m.peak_memory_bytes as f64 / 1e6,
            m.planned_memory_bytes as f64 / 1e6
        )?;
        writeln!(out, "  memory copies   {:>10.1} GB/s", m.memory_gigabytes_per_second)?;
        if let Some(scaling) = &m.scaling {
            writeln!(
                out,
                "  one thread      {:>10.1} ms, {:.2} times as long; serial share {:.1} %",
                scaling.one_thread_step_ms_median,
                scaling.speedup,
                100.0 * scaling.serial_fraction
            )?;
        }
        print_operations(m, out)
    })
}

fn print_ranks(m: &MeasuredOnRanks, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{}: {} rank(s) of {} thread(s), {} micro-batches a step",
        m.model, m.ranks, m.threads, m.micro_batches
    )?;
    writeln!(out, "  step (median)   {:>10.1} ms", m.step_ms_median)?;
    writeln!(out, "  tokens          {:>10.0} /s", m.tokens_per_second)?;
    let share = |part: f64| 100.0 * part;
    writeln!(
        out,
        "  waiting         {:>10.1} % of a step, as rank 0 sees it",
        share(m.waiting_share)
    )?;
    writeln!(out, "  moving bytes    {:>10.1} % of a step", share(m.moving_share))?;
    writeln!(out, "  sent            {:>10.2} MB a step by rank 0", m.sent_bytes_per_step / 1e6)?;
    if let (Some(latency), Some(bandwidth)) = (m.latency_us, m.gigabytes_per_second) {
        writeln!(out, "  a message       {latency:>10.1} µs")?;
        writeln!(out, "  long messages   {bandwidth:>10.2} GB/s")?;
    }
    writeln!(out, "  memory          {:>10.0} MB on rank 0", m.peak_memory_bytes as f64 / 1e6)
}

/// The time of a step by operation. Those with matrix products are held against the peak, the others
/// against what memory can do.
fn print_operations(m: &Measured, out: &mut dyn Write) -> std::io::Result<()> {
    let total: f64 = m.operations.iter().map(|row| row.ms).sum();
    writeln!(out, "\n  {:<22}{:<10}{:>9}{:>8}  rate", "operation", "pass", "ms", "share")?;
    for row in &m.operations {
        let (name, pass, share) = (row.operation, row.pass, 100.0 * row.ms / total);
        write!(out, "  {name:<22}{pass:<10}{:>9.2}{share:>6.1} %  ", row.ms)?;
        let rate = |count: u64| count as f64 / row.ms / 1e6;
        if row.flop > 0 {
            let gflops = rate(row.flop);
            writeln!(out, "{gflops:>6.1} GFLOP/s, {:.2} of the peak", gflops / m.peak_gflops)?;
        } else {
            let gigabytes = rate(row.bytes);
            let share = gigabytes / m.memory_gigabytes_per_second;
            writeln!(out, "{gigabytes:>6.1} GB/s, {share:.2} of a copy")?;
        }
    }
    Ok(())
}
