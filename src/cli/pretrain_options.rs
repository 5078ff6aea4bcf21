//! The options of `cloze pretrain`: one table. A row is an option as clap takes it, and what it sets in
//! [`PretrainingOptions`]. An option that was not typed sets nothing, so that the same table serves a new run
//! (over its defaults) and `--resume` (over the settings in `run.json`).

use super::TextOptions;
use super::instance_options::InstanceOptions;
use clap::ArgMatches;
use clap::parser::ValueSource;
use cloze::model::{Initialization, OutputBias, WordEmbeddings};
use cloze::run::PretrainingOptions;
use cloze::run::pretraining::{InstanceSource, ModelSource, VocabularySource};
use cloze::train::optimizer::MatrixOptimizer;
use std::path::PathBuf;

/// Sets one option.
type Setter = fn(&Args, &mut PretrainingOptions);

macro_rules! options {
    ($($(#[$attribute:meta])* $name:ident: $type:ty $(=> $set:expr)?;)*) => {
        /// The options of `cloze pretrain`. Defaults are Google's; without --input and --instances, those of
        /// the built-in corpus.
        #[derive(clap::Args)]
        pub struct Args {
            $($(#[$attribute])* pub(super) $name: $type,)*
        }

        /// What each option of this table sets.
        const SETTERS: &[(&str, Setter)] = &[
            $($((stringify!($name), |args, options| {
                let set: fn(&mut PretrainingOptions, $type) = $set;
                set(options, args.$name.clone());
            }),)?)*
        ];
    };
}

// The headings of `--help`. `-h` shows the options that are not `hide_short_help`.
const READ: &str = "What to read";
const MODEL: &str = "The model";
const RECIPE: &str = "The recipe";
const OPTIMIZER: &str = "The optimizer";
const SAVING: &str = "Saving";
const WATCHING: &str = "Watching";

options! {
    /// Text: .txt and .jsonl files (also .gz), directories, patterns in quotes, - for standard input
    /// [default: the built-in stories]
    #[arg(long, help_heading = READ, num_args = 1.., value_name = "PATH", conflicts_with = "instances")]
    input: Vec<String> => |o, inputs| o.input = InstanceSource::Text(inputs);
    #[command(flatten, next_help_heading = READ)]
    encoding: TextOptions;
    /// Held-out text for evaluation
    #[arg(long, help_heading = READ, hide_short_help = true, num_args = 1.., value_name = "PATH")]
    eval_input: Vec<String> => |o, inputs| o.eval_input = inputs;
    /// Share of the documents held out when there is no --eval-input; 0 for none
    #[arg(long, help_heading = READ, hide_short_help = true, default_value_t = 0.05, value_name = "SHARE", value_parser = super::share, conflicts_with_all = ["eval_input", "instances"])]
    eval_fraction: f64 => |o, share| o.eval_fraction = share;
    /// Batches, of --train-batch-size sequences, of one evaluation, at most
    #[arg(long, help_heading = READ, hide_short_help = true, default_value_t = 100, value_name = "N")]
    max_eval_steps: usize => |o, steps| o.max_eval_steps = steps;
    /// Train on exactly these instances, as `cloze instances` writes them (also .gz; - for standard input)
    #[arg(long, help_heading = READ, hide_short_help = true, value_name = "FILE")]
    instances: Option<PathBuf> => |o, file| if let Some(file) = file {
        o.input = InstanceSource::Instances { file, shuffle: true };
    };
    /// Take the instances in the file's order
    #[arg(long, help_heading = READ, hide_short_help = true, requires = "instances", conflicts_with = "input")]
    no_shuffle: bool => |o, no_shuffle| if let InstanceSource::Instances { shuffle, .. } = &mut o.input {
        *shuffle = !no_shuffle;
    };

    /// Size of the model (tiny, mini, small, medium, base, or layers/width such as 2/128) or the path of a
    /// config.json
    #[arg(long, help_heading = MODEL, default_value = "tiny", value_name = "SIZE|FILE")]
    model: String => |o, model| o.model.as_new().model = model;
    /// The vocabulary, a vocab.txt [default: learned from the text]
    #[arg(long, help_heading = MODEL, hide_short_help = true, value_name = "FILE")]
    vocab: Option<PathBuf> => |o, file| if let Some(file) = file {
        o.model.as_new().vocabulary = VocabularySource::File(file);
    };
    /// Word pieces to learn, special tokens included [default: 30522; built-in stories: 1024]
    #[arg(long, help_heading = MODEL, default_value_t = 30_522, hide_default_value = true, value_name = "N", conflicts_with = "vocab")]
    vocab_size: usize => |o, size| *o.model.as_learned().0 = size;
    /// Characters of the alphabet to learn, at most, the most frequent ones first
    #[arg(long, help_heading = MODEL, hide_short_help = true, default_value_t = 1000, value_name = "N", conflicts_with = "vocab", value_parser = clap::value_parser!(u32).range(1..))]
    limit_alphabet: u32 => |o, limit| *o.model.as_learned().1 = limit as usize;
    /// Keep case and accents
    #[arg(long, help_heading = MODEL, hide_short_help = true)]
    cased: bool => |o, cased| o.model.as_new().cased = cased;
    /// First weights: normal, BERT's; mimetic, where the heads of the first layer begin with their
    /// attention on neighbouring words
    #[arg(long, help_heading = MODEL, hide_short_help = true, default_value = "normal", value_name = "normal|mimetic", value_parser = super::choice::<Initialization>)]
    initialization: Initialization => |o, initialization| o.model.as_new().initialization = initialization;
    /// First word embeddings: random; ppmi-svd, word vectors from counting the neighbours of words in the
    /// training text
    #[arg(long, help_heading = MODEL, hide_short_help = true, default_value = "random", value_name = "random|ppmi-svd", value_parser = super::choice::<WordEmbeddings>)]
    word_embeddings: WordEmbeddings => |o, words| o.model.as_new().word_embeddings = words;
    /// First bias of the masked-LM decoder: zero, BERT's; unigram, the logarithms of the shares of the word
    /// pieces in the text
    #[arg(long, help_heading = MODEL, hide_short_help = true, default_value = "zero", value_name = "zero|unigram", value_parser = super::choice::<OutputBias>)]
    output_bias: OutputBias => |o, bias| o.model.as_new().output_bias = bias;
    /// Start from a Hugging Face BERT directory: its config, vocabulary and weights
    #[arg(long, help_heading = MODEL, hide_short_help = true, value_name = "DIR", conflicts_with_all = ["model", "vocab", "vocab_size", "limit_alphabet", "cased", "initialization", "output_bias", "word_embeddings"])]
    init: Option<PathBuf> => |o, directory| if let Some(directory) = directory {
        o.model = ModelSource::Init(directory);
    };

    /// Tokens of a sequence [default: 128; built-in stories: 48]
    #[arg(long, help_heading = RECIPE, default_value_t = 128, hide_default_value = true, value_name = "N")]
    max_seq_length: usize => |o, length| o.recipe.training.max_seq_length = length;
    /// Masked positions of a sequence, at most [default: 20, or fewer in shorter sequences; built-in
    /// stories: 10]
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value_t = 20, hide_default_value = true, value_name = "N")]
    max_predictions_per_seq: usize => |o, most| o.recipe.max_predictions_per_seq = most;
    #[command(flatten, next_help_heading = READ)]
    instance_options: InstanceOptions;
    /// Share of positions that are masked in the first step; it changes linearly to --masked-lm-prob, and
    /// --max-predictions-per-seq with it [default: --masked-lm-prob]
    #[arg(long, help_heading = RECIPE, hide_short_help = true, value_name = "P", conflicts_with = "instances")]
    masked_lm_prob_start: Option<f64> => |o, share| o.recipe.masked_lm_prob_start = share;
    /// Tokens of a sequence in the first steps, the short phase [default: no such phase]
    #[arg(long, help_heading = RECIPE, hide_short_help = true, value_name = "N", conflicts_with = "instances")]
    short_phase_seq_length: Option<usize> => |o, length| o.recipe.short_phase_seq_length = length;
    /// Share of the steps that are the short phase
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value_t = 0.9, value_name = "SHARE")]
    short_phase_fraction: f64 => |o, share| o.recipe.short_phase_fraction = share;
    /// Sequences of one step of the short phase [default: as many as have the tokens of any other step]
    #[arg(long, help_heading = RECIPE, hide_short_help = true, value_name = "N")]
    short_phase_batch_size: Option<usize> => |o, size| o.recipe.short_phase_batch_size = size;

    /// Sequences of one step
    #[arg(long, help_heading = RECIPE, default_value_t = 32, value_name = "N")]
    train_batch_size: usize => |o, size| o.recipe.training.train_batch_size = size;
    /// A step sees train-batch-size times this many sequences; only the product matters
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value_t = 1, value_name = "N")]
    gradient_accumulation_steps: usize => |o, n| o.recipe.training.gradient_accumulation_steps = n;
    /// Highest learning rate [default: 5e-5; built-in stories: 2e-3]
    #[arg(long, help_heading = OPTIMIZER, default_value_t = 5e-5, hide_default_value = true, value_name = "RATE")]
    learning_rate: f64 => |o, rate| o.recipe.training.schedule.learning_rate = rate;
    /// Steps [default: 100000; built-in stories: 3600]
    #[arg(long, help_heading = RECIPE, default_value_t = 100_000, hide_default_value = true, value_name = "N")]
    num_train_steps: u64 => |o, steps| o.recipe.training.schedule.num_train_steps = steps;
    /// Steps of warm-up [default: a tenth of the steps]
    #[arg(long, help_heading = OPTIMIZER, hide_short_help = true, default_value_t = 10_000, hide_default_value = true, value_name = "N")]
    num_warmup_steps: u64 => |o, steps| o.recipe.training.schedule.num_warmup_steps = steps;
    /// Optimizer: adamw, BERT's; muon for the matrices of the encoder's layers, and AdamW for the rest
    #[arg(long, help_heading = OPTIMIZER, hide_short_help = true, default_value = "adamw", value_name = "adamw|muon", value_parser = super::choice::<MatrixOptimizer>)]
    optimizer: MatrixOptimizer => |o, optimizer| o.recipe.training.matrix_optimizer = optimizer;
    /// Decay of Adam's moving mean of squared gradients
    #[arg(long, help_heading = OPTIMIZER, hide_short_help = true, default_value_t = 0.999, value_name = "BETA")]
    adam_beta2: f32 => |o, beta| o.recipe.training.optimizer.beta_2 = beta;
    /// Decay of a moving average of the weights, for example 0.999; the average is evaluated and saved. 0 for
    /// none
    #[arg(long, help_heading = OPTIMIZER, hide_short_help = true, default_value_t = 0.0, value_name = "DECAY")]
    ema_decay: f32 => |o, decay| o.recipe.training.ema_decay = decay;
    /// Decay of weights; not of biases and LayerNorm
    #[arg(long, help_heading = OPTIMIZER, hide_short_help = true, default_value_t = 0.01, value_name = "D")]
    weight_decay: f32 => |o, decay| o.recipe.training.optimizer.weight_decay = decay;
    /// Correct Adam's moments for their start at zero; BERT's optimizer does not [built-in stories: on]
    #[arg(long, help_heading = OPTIMIZER, hide_short_help = true)]
    adam_bias_correction: bool => |o, on| o.recipe.training.optimizer.bias_correction = on;
    /// Scale gradients down to this norm
    #[arg(long, help_heading = OPTIMIZER, hide_short_help = true, default_value_t = 1.0, value_name = "N")]
    max_grad_norm: f32 => |o, norm| o.recipe.training.max_grad_norm = norm;
    /// Dropout of hidden states [default: the model's, 0.1; built-in stories: 0]
    #[arg(long, help_heading = MODEL, hide_short_help = true, value_name = "P")]
    hidden_dropout_prob: Option<f32> => |o, rate| o.hidden_dropout_prob = rate;
    /// Dropout of attention probabilities [default: the model's, 0.1; built-in stories: 0]
    #[arg(long, help_heading = MODEL, hide_short_help = true, value_name = "P")]
    attention_probs_dropout_prob: Option<f32> => |o, rate| o.attention_probs_dropout_prob = rate;

    /// The run directory
    #[arg(long, help_heading = SAVING, default_value = "run", value_name = "DIR")]
    output_dir: PathBuf => |o, directory| o.output_dir = Some(directory);
    /// Resume the run in --output-dir from its newest checkpoint; its options need not be given again.
    /// --num-train-steps may be larger, and the same data may lie elsewhere
    #[arg(long, help_heading = SAVING)]
    resume: bool;
    /// Steps between checkpoints; 0 for none but at the end, or when stopped
    #[arg(long, help_heading = SAVING, hide_short_help = true, default_value_t = 1000, value_name = "N")]
    save_checkpoints_steps: u64 => |o, steps| o.save_checkpoints_steps = steps;

    /// Steps between log lines
    #[arg(long, help_heading = WATCHING, hide_short_help = true, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    log_every: u64 => |o, steps| o.log_every = steps;
    /// Steps between evaluations; 0 for the end only [default: a tenth of the steps]
    #[arg(long, help_heading = WATCHING, hide_short_help = true, default_value_t = 0, hide_default_value = true, value_name = "N")]
    eval_every: u64 => |o, steps| o.eval_every = steps;
    /// A text with [MASK] to fill in at every evaluation [default: a held-out sentence]
    #[arg(long, help_heading = WATCHING, hide_short_help = true, value_name = "TEXT", value_parser = sample)]
    sample: Option<String> => |o, sample| o.sample = sample;
    /// The seed of all randomness
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value_t = 12345, value_name = "N")]
    seed: u64 => |o, seed| o.recipe.training.seed = seed;
    /// Threads; never changes the result [default: one a core]
    #[arg(long, help_heading = WATCHING, value_name = "N", value_parser = super::threads())]
    threads: Option<u16>;
    /// Exit with status 1 unless the model.safetensors of the finished run has this SHA-256
    #[arg(long, help_heading = WATCHING, hide_short_help = true, value_name = "HEX", value_parser = super::sha256)]
    expect_sha256: Option<String>;
    /// Print one JSON object on standard output at the end: paths, SHA-256, last metrics
    #[arg(long, help_heading = WATCHING, hide_short_help = true)]
    json: bool;
    /// Print nothing but errors on standard error
    #[arg(long, help_heading = WATCHING, hide_short_help = true)]
    quiet: bool;
}

/// What the options of tables that other commands share set.
const SHARED_SETTERS: &[(&str, Setter)] = &[
    ("invalid_utf8", |args, o| o.invalid_utf8 = args.encoding.invalid_utf8),
    ("masked_lm_prob", |args, o| o.recipe.masked_lm_prob = args.instance_options.masked_lm_prob),
    ("short_seq_prob", |args, o| o.recipe.short_seq_prob = args.instance_options.short_seq_prob),
    ("masking", |args, o| o.recipe.masking = args.instance_options.masking()),
    ("whole_word_mask", |args, o| o.recipe.masking = args.instance_options.masking()),
    ("sentence_objective", |args, o| {
        o.recipe.sentence_objective = args.instance_options.objective();
    }),
    ("no_nsp", |args, o| o.recipe.sentence_objective = args.instance_options.objective()),
    ("random_next", |args, o| o.recipe.random_next = args.instance_options.random_next),
];

fn typed(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::CommandLine)
}

fn setters() -> impl Iterator<Item = &'static (&'static str, Setter)> {
    SETTERS.iter().chain(SHARED_SETTERS)
}

impl Args {
    /// Whether an option was typed that says what a run is to do.
    pub(super) fn describe_a_run(matches: &ArgMatches) -> bool {
        let aside = ["output_dir", "sample"];
        setters().any(|(name, _)| !aside.contains(name) && typed(matches, name))
    }

    /// The settings of a new run.
    pub(super) fn options(&self, matches: &ArgMatches) -> PretrainingOptions {
        let stories = self.input.is_empty() && self.instances.is_none();
        let mut options =
            if stories { PretrainingOptions::stories() } else { PretrainingOptions::default() };
        // First what other settings follow from.
        if typed(matches, "num_train_steps") {
            options.set_num_train_steps(self.num_train_steps);
        }
        if typed(matches, "max_seq_length") {
            options.set_max_seq_length(self.max_seq_length);
        }
        self.apply(&mut options, matches);
        options
    }

    /// Changes `options` where an option was typed. The output directory is always set.
    pub(super) fn apply(&self, options: &mut PretrainingOptions, matches: &ArgMatches) {
        for (_, set) in setters().filter(|(name, _)| *name == "output_dir" || typed(matches, name))
        {
            set(self, options);
        }
    }
}

fn sample(text: &str) -> Result<String, String> {
    if text.contains("[MASK]") {
        return Ok(text.into());
    }
    Err("there is no [MASK] in it; write [MASK] where a word is to be filled in".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, Command, FromArgMatches};
    use cloze::run::pretraining::PretrainingRecipe;

    fn command() -> Command {
        Args::augment_args(Command::new("pretrain"))
    }

    fn options(arguments: &[&str]) -> PretrainingOptions {
        let matches = command().get_matches_from([&["pretrain"], arguments].concat());
        Args::from_arg_matches(&matches).unwrap().options(&matches)
    }

    #[test]
    fn without_other_options_settings_are_googles() {
        let options = options(&["--input", "text.txt"]);
        assert_eq!(options.recipe, PretrainingRecipe::default());
        // Those of the model's config.json.
        assert_eq!(
            (options.hidden_dropout_prob, options.attention_probs_dropout_prob),
            (None, None)
        );
    }

    /// An option without a setter would be ignored with --resume.
    #[test]
    fn every_option_has_its_setter() {
        for argument in command().get_arguments() {
            let name = argument.get_id().as_str();
            let known = setters().any(|(known, _)| *known == name);
            // These do not change what the run does.
            let aside = ["resume", "threads", "expect_sha256", "json", "quiet"];
            assert!(known != aside.contains(&name), "{name}");
        }
    }

    /// The defaults that help shows, or tells in words, are those of the library.
    #[test]
    fn the_defaults_of_the_table_are_those_of_the_library() {
        let expected = options(&["--input", "text.txt"]);
        let command = command();
        for argument in command.get_arguments() {
            let (name, long) = (argument.get_id().as_str(), argument.get_long().unwrap());
            let Some(default) = argument.get_default_values().first() else { continue };
            // Flags; and what follows from another option.
            if !argument.get_action().takes_values() || name == "eval_every" {
                continue;
            }
            let given = format!("--{long}={}", default.to_str().unwrap());
            let now = options(&["--input", "text.txt", &given]);
            assert!(now == expected, "{given} is not the default");
        }
    }
}
