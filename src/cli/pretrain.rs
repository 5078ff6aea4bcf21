//! `cloze pretrain`: text ─► run directory.

use super::given;
use super::instance_options::InstanceOptions;
use super::signals::StopOnSignal;
use clap::ArgMatches;
use cloze::report::{Terminal, print_line, quote, summary};
use cloze::run::checkpoint_directory::CheckpointDirectory;
use cloze::run::run_directory::RunDirectoryError;
use cloze::run::run_json::RunJson;
use cloze::run::{Input, ModelSource, Options, TrainError, VocabularySource, pretrain, resume};
use cloze::system::threads::Pool;
use cloze::train::optimizer::AdamW;
use cloze::train::recipe::Recipe;
use cloze::train::schedule::Schedule;
use std::path::PathBuf;
use std::process::ExitCode;

/// The options of `cloze pretrain`. Defaults are Google's; without --input and --instances, those of
/// the built-in corpus.
#[derive(clap::Args)]
pub struct Args {
    /// Text: .txt and .jsonl files, directories, patterns in quotes [default: the built-in stories]
    #[arg(long, num_args = 1.., value_name = "PATH", conflicts_with = "instances")]
    input: Vec<String>,
    #[command(flatten)]
    encoding: super::Encoding,
    /// Held-out text for evaluation
    #[arg(long, num_args = 1.., value_name = "PATH")]
    eval_input: Vec<String>,
    /// Share of the documents held out when there is no --eval-input; 0 for none
    #[arg(long, default_value_t = 0.05, value_name = "SHARE", value_parser = share, conflicts_with_all = ["eval_input", "instances"])]
    eval_fraction: f64,
    /// Batches, of --train-batch-size sequences, of one evaluation, at most
    #[arg(long, default_value_t = 100, value_name = "N")]
    max_eval_steps: usize,
    /// Train on exactly these instances, as `cloze instances` writes them
    #[arg(long, value_name = "FILE")]
    instances: Option<PathBuf>,
    /// Take the instances in the file's order
    #[arg(long, requires = "instances", conflicts_with = "input")]
    no_shuffle: bool,
    /// The run directory
    #[arg(long, default_value = "run", value_name = "DIR")]
    output_dir: PathBuf,
    /// Go on with the run in --output-dir from its newest checkpoint; its options need not be given
    /// again, and only --num-train-steps may be another: a larger one
    #[arg(long)]
    resume: bool,
    /// Steps between checkpoints; 0 for one at the end, or when stopped, only
    #[arg(long, default_value_t = 1000, value_name = "N")]
    save_checkpoints_steps: u64,

    /// Size of the model (tiny, mini, small, medium, base) or the path of a config.json
    #[arg(long, default_value = "tiny", value_name = "SIZE|FILE")]
    model: String,
    /// The vocabulary, a vocab.txt [default: learned from the text]
    #[arg(long, value_name = "FILE")]
    vocab: Option<PathBuf>,
    /// Word pieces to learn, special tokens included [default: 30522; built-in stories: 1024]
    #[arg(long, value_name = "N", conflicts_with = "vocab")]
    vocab_size: Option<usize>,
    /// Characters of the alphabet to learn, at most, the frequent ones first
    #[arg(long, default_value_t = 1000, value_name = "N", conflicts_with = "vocab", value_parser = clap::value_parser!(u32).range(1..))]
    limit_alphabet: u32,
    /// Keep case and accents
    #[arg(long)]
    cased: bool,
    /// Start from a Hugging Face BERT directory: its config, vocabulary and weights
    #[arg(long, value_name = "DIR", conflicts_with_all = ["model", "vocab", "vocab_size", "limit_alphabet", "cased"])]
    init: Option<PathBuf>,

    /// Tokens of a sequence [default: 128; built-in stories: 48]
    #[arg(long, value_name = "N")]
    max_seq_length: Option<usize>,
    /// Masked positions of a sequence, at most [default: 20, or fewer in shorter sequences; built-in
    /// stories: 10]
    #[arg(long, value_name = "N")]
    max_predictions_per_seq: Option<usize>,
    #[command(flatten)]
    instance_options: InstanceOptions,

    /// Sequences of one step
    #[arg(long, default_value_t = 32, value_name = "N")]
    train_batch_size: usize,
    /// A step sees train-batch-size times this many sequences; only the product counts
    #[arg(long, default_value_t = 1, value_name = "N")]
    gradient_accumulation_steps: usize,
    /// Highest learning rate [default: 5e-5; built-in stories: 2e-3]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Steps [default: 100000; built-in stories: 3600]
    #[arg(long, value_name = "N")]
    num_train_steps: Option<u64>,
    /// Steps of warm-up [default: a tenth of the steps]
    #[arg(long, value_name = "N")]
    num_warmup_steps: Option<u64>,
    /// Decay of weights; not of biases and LayerNorm
    #[arg(long, default_value_t = 0.01, value_name = "D")]
    weight_decay: f32,
    /// Correct Adam's moments for starting at zero; BERT's optimizer does not [built-in stories: on]
    #[arg(long)]
    adam_bias_correction: bool,
    /// Scale gradients down to this norm
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    max_grad_norm: f32,
    /// Dropout of hidden states [default: the model's, 0.1; built-in stories: 0]
    #[arg(long, value_name = "P")]
    hidden_dropout_prob: Option<f32>,
    /// Dropout of attention probabilities [default: the model's, 0.1; built-in stories: 0]
    #[arg(long, value_name = "P")]
    attention_probs_dropout_prob: Option<f32>,

    /// Steps between log lines
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    log_every: u64,
    /// Steps between evaluations; 0 for the end only [default: a tenth of the steps]
    #[arg(long, value_name = "N")]
    eval_every: Option<u64>,
    /// A text with [MASK] to fill in at every evaluation [default: a held-out sentence]
    #[arg(long, value_name = "TEXT", value_parser = sample)]
    sample: Option<String>,
    /// What all randomness is drawn from
    #[arg(long, default_value_t = 12345, value_name = "N")]
    seed: u64,
    /// Threads; never changes the result [default: one a core]
    #[arg(long, value_name = "N", value_parser = super::threads())]
    threads: Option<u16>,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("a share is a number from 0 up to, but not including, 1".into()),
    }
}

fn sample(text: &str) -> Result<String, String> {
    if text.contains("[MASK]") {
        return Ok(text.into());
    }
    Err("there is no [MASK] in it; write [MASK] where a word is to be filled in".into())
}

/// The command as a shell would take it again.
fn command() -> String {
    quote(std::env::args())
}

/// What this program was called as, `target/release/cloze` under `cargo run`.
fn program() -> String {
    quote(std::env::args().next().or_else(|| Some("cloze".into())))
}

impl Args {
    fn options(&self) -> Options {
        let stories = self.input.is_empty() && self.instances.is_none();
        let google = Recipe::default();
        let or = |given: Option<usize>, google, ours| {
            given.unwrap_or(if stories { ours } else { google })
        };
        // Two minutes over a small world cannot overfit.
        let no_dropout = stories.then_some(0.0);
        let max_seq_length = or(self.max_seq_length, google.max_seq_length, 48);
        let Schedule { learning_rate, num_train_steps, .. } = google.schedule;
        let learning_rate =
            self.learning_rate.unwrap_or(if stories { 2e-3 } else { learning_rate });
        let num_train_steps =
            self.num_train_steps.unwrap_or(if stories { 3600 } else { num_train_steps });
        let input = match &self.instances {
            Some(file) => Input::Instances { file: file.clone(), shuffle: !self.no_shuffle },
            None if stories => Input::Stories,
            None => Input::Text(self.input.clone()),
        };
        let model = match &self.init {
            Some(directory) => ModelSource::Init(directory.clone()),
            None => ModelSource::New {
                model: self.model.clone(),
                vocabulary: match &self.vocab {
                    Some(path) => VocabularySource::File(path.clone()),
                    None => VocabularySource::Learn {
                        vocab_size: or(self.vocab_size, 30_522, 1024),
                        limit_alphabet: self.limit_alphabet as usize,
                    },
                },
                cased: self.cased,
            },
        };
        Options {
            input,
            invalid_utf8: self.encoding.invalid_utf8,
            eval_input: self.eval_input.clone(),
            eval_fraction: self.eval_fraction,
            max_eval_steps: self.max_eval_steps,
            model,
            hidden_dropout_prob: self.hidden_dropout_prob.or(no_dropout),
            attention_probs_dropout_prob: self.attention_probs_dropout_prob.or(no_dropout),
            recipe: Recipe {
                max_seq_length,
                max_predictions_per_seq: or(
                    self.max_predictions_per_seq,
                    max_seq_length.min(google.max_predictions_per_seq),
                    max_seq_length.min(10),
                ),
                masked_lm_prob: self.instance_options.masked_lm_prob,
                short_seq_prob: self.instance_options.short_seq_prob,
                whole_word_mask: self.instance_options.whole_word_mask,
                no_nsp: self.instance_options.no_nsp,
                train_batch_size: self.train_batch_size,
                gradient_accumulation_steps: self.gradient_accumulation_steps,
                schedule: Schedule {
                    learning_rate,
                    num_train_steps,
                    num_warmup_steps: self.num_warmup_steps.unwrap_or(num_train_steps / 10),
                },
                optimizer: AdamW {
                    weight_decay: self.weight_decay,
                    bias_correction: self.adam_bias_correction || stories,
                    ..AdamW::default()
                },
                max_grad_norm: self.max_grad_norm,
                seed: self.seed,
            },
            log_every: self.log_every,
            eval_every: self.eval_every.unwrap_or((num_train_steps / 10).max(1)),
            save_checkpoints_steps: self.save_checkpoints_steps,
            output_dir: self.output_dir.clone(),
        }
    }
}

/// Runs `cloze pretrain`; `matches` are its options as typed.
pub fn run(args: Args, matches: &ArgMatches) -> cloze::Result<ExitCode> {
    super::warn_without_fma();
    let mut options = args.options();
    let directory = options.output_dir.clone();
    let mut go_on = args.resume;
    if go_on {
        if directory.join("run.json").is_file() {
            let before = RunJson::read(&directory)?.options;
            options = given::over(&before, &options, matches);
        } else if given::any(matches) {
            print_line(format_args!("there is no run in `{}` yet: it begins", directory.display()));
            go_on = false;
        } else {
            return Err(TrainError::from(RunDirectoryError::NoRun(directory)).into());
        }
    }
    let stories = options.input == Input::Stories;
    let fox = "The quick brown fox [MASK] over the lazy dog.";
    let sample = args.sample.or_else(|| stories.then(|| fox.to_string()));
    let pool = Pool::new(args.threads.unwrap_or(0).into())?;
    let mut watcher = StopOnSignal::new(Terminal::new(sample));
    let result = pool.run(|| match go_on {
        true => resume(&options, &mut watcher),
        false => pretrain(&options, &command(), &mut watcher),
    });
    let resume_command = format!("    {}", resume_command(&options));
    match result {
        Ok(finished) => {
            print_line(summary(&options, &finished, watcher.inner.sample(), &program()));
            print_line(format_args!("SHA-256 of model.safetensors: {}", finished.model_sha256));
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ TrainError::Stopped { .. }) => {
            print_line(format_args!(
                "{error}; saved in `{}`. Go on with:\n{resume_command}",
                directory.display()
            ));
            Ok(ExitCode::from(watcher.exit_status()))
        }
        Err(error) if watcher.started && !matches!(error, TrainError::Diverged(_)) => {
            print_line(format_args!("error: {error}"));
            let saved = CheckpointDirectory::new(&directory).list().unwrap_or_default();
            if let Some((step, _)) = saved.last() {
                print_line(format_args!(
                    "The checkpoint of step {step} is there. When the cause is gone, go on with:\n{resume_command}"
                ));
            }
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}

/// The command that goes on with a run.
fn resume_command(options: &Options) -> String {
    let directory = options.output_dir.display().to_string();
    let arguments = ["pretrain", "--resume", "--output-dir", &directory].map(String::from);
    format!("{} {}", program(), quote(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, Command, FromArgMatches};

    #[test]
    fn without_other_words_settings_are_googles() {
        let command = Args::augment_args(Command::new("pretrain"));
        let matches = command.get_matches_from(["pretrain", "--input", "text.txt"]);
        let options = Args::from_arg_matches(&matches).unwrap().options();
        assert_eq!(options.recipe, Recipe::default());
        // Those of the model's config.json.
        assert_eq!(
            (options.hidden_dropout_prob, options.attention_probs_dropout_prob),
            (None, None)
        );
    }
}
