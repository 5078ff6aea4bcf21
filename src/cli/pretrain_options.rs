//! The options of `cloze pretrain`: one [table](super::option_table), which sets [`PretrainingOptions`].

use super::TextOptions;
use super::instance_options::InstanceOptions;
use super::option_table::option_table;
use cloze::model::{Initialization, OutputBias, WordEmbeddings};
use cloze::run::pretraining::{InstanceSource, ModelSource, RecipeName, VocabularySource};
use cloze::run::{PretrainingOptions, TrainTime};
use cloze::train::optimizer::MatrixOptimizer;
use std::path::PathBuf;

// The headings of `--help`. `-h` shows the options that are not `hide_short_help`.
const READ: &str = "What to read";
const MODEL: &str = "The model";
const RECIPE: &str = "The recipe";
const OPTIMIZER: &str = "The optimizer";
const SAVING: &str = "Saving";
const WATCHING: &str = "Watching";

option_table! {
    /// The options of `cloze pretrain`. `--recipe` chooses the defaults.
    PretrainingOptions;

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
    /// attention on neighbouring words [default: google normal, laptop mimetic; built-in stories: normal]
    #[arg(long, help_heading = MODEL, hide_short_help = true, default_value = "normal", hide_default_value = true, value_name = "normal|mimetic", value_parser = super::choice::<Initialization>)]
    initialization: Initialization => |o, initialization| o.model.as_new().initialization = initialization;
    /// First word embeddings: random; ppmi-svd, word vectors from counting the neighbours of words in the
    /// training text
    #[arg(long, help_heading = MODEL, hide_short_help = true, default_value = "random", value_name = "random|ppmi-svd", value_parser = super::choice::<WordEmbeddings>)]
    word_embeddings: WordEmbeddings => |o, words| o.model.as_new().word_embeddings = words;
    /// First bias of the masked-LM decoder: zero, BERT's; unigram, the logarithms of the shares of the word
    /// pieces in the text [default: google zero, laptop unigram; built-in stories: zero]
    #[arg(long, help_heading = MODEL, hide_short_help = true, default_value = "zero", hide_default_value = true, value_name = "zero|unigram", value_parser = super::choice::<OutputBias>)]
    output_bias: OutputBias => |o, bias| o.model.as_new().output_bias = bias;
    /// Start from a Hugging Face BERT directory: its config, vocabulary and weights
    #[arg(long, help_heading = MODEL, hide_short_help = true, value_name = "DIR", conflicts_with_all = ["model", "vocab", "vocab_size", "limit_alphabet", "cased", "initialization", "output_bias", "word_embeddings"])]
    init: Option<PathBuf> => |o, directory| if let Some(directory) = directory {
        o.model = ModelSource::Init(directory);
    };

    /// Where the defaults of the other options come from. google: Google's scripts. laptop: what learns most in an
    /// hour on a CPU (docs/recipes.md). [default: laptop for --input; google with --init or --instances; the built-in
    /// stories have their own]
    #[arg(long, help_heading = RECIPE, value_name = "google|laptop", value_parser = recipe)]
    recipe: Option<RecipeName> => |o, name| if let Some(name) = name {
        o.recipe.name = name;
    };
    /// Tokens of a sequence [default: 128; built-in stories: 48]
    #[arg(long, help_heading = RECIPE, default_value_t = 128, hide_default_value = true, value_name = "N")]
    max_seq_length: usize => |o, length| o.recipe.training.max_seq_length = length;
    /// Masked positions of a sequence, at most [default: google 20, or fewer in shorter sequences, laptop 5/32 of
    /// --max-seq-length; built-in stories: 10]
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value_t = 20, hide_default_value = true, value_name = "N")]
    max_predictions_per_seq: usize => |o, most| o.recipe.max_predictions_per_seq = most;
    #[command(flatten, next_help_heading = READ)]
    instance_options: InstanceOptions;
    /// Share of positions that are masked in the first step; it changes linearly to --masked-lm-prob, and
    /// --max-predictions-per-seq with it [default: --masked-lm-prob; laptop and built-in stories: 0.3, unless
    /// --masked-lm-prob is given]
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

    /// Sequences of one step [default: google 32, laptop 8; built-in stories: 32]
    #[arg(long, help_heading = RECIPE, default_value_t = 32, hide_default_value = true, value_name = "N")]
    train_batch_size: usize => |o, size| o.recipe.training.train_batch_size = size;
    /// A step sees train-batch-size times this many sequences; only the product matters
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value_t = 1, value_name = "N")]
    gradient_accumulation_steps: usize => |o, n| o.recipe.training.gradient_accumulation_steps = n;
    /// Highest learning rate [default: google 5e-5, laptop 2e-3; built-in stories: 2e-3]
    #[arg(long, help_heading = OPTIMIZER, default_value_t = 5e-5, hide_default_value = true, value_name = "RATE")]
    learning_rate: f64 => |o, rate| o.recipe.training.schedule.learning_rate = rate;
    /// Steps [default: google 100000, laptop what --train-time gives; built-in stories: 6600]
    #[arg(long, help_heading = RECIPE, default_value_t = 100_000, hide_default_value = true, value_name = "N")]
    num_train_steps: u64 => |o, steps| o.recipe.training.schedule.num_train_steps = steps;
    /// Train for about this long (1h, 20m, 320s, 1h30m), evaluations included: the steps are worked out once, before
    /// the first one, from the speed of this machine [default: laptop 1h]
    #[arg(long, help_heading = RECIPE, value_name = "TIME", conflicts_with = "num_train_steps", value_parser = train_time)]
    train_time: Option<TrainTime> => |o, time| o.train_time = time;
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
    /// Correct Adam's moments for their start at zero; BERT's optimizer does not [default: google false, laptop true;
    /// built-in stories: true]
    #[arg(long, help_heading = OPTIMIZER, hide_short_help = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")]
    adam_bias_correction: Option<bool> => |o, on| if let Some(on) = on {
        o.recipe.training.optimizer.bias_correction = on;
    };
    /// Scale gradients down to this norm
    #[arg(long, help_heading = OPTIMIZER, hide_short_help = true, default_value_t = 1.0, value_name = "N")]
    max_grad_norm: f32 => |o, norm| o.recipe.training.max_grad_norm = norm;
    /// Dropout of hidden states [default: google the model's, 0.1, laptop 0; built-in stories: 0]
    #[arg(long, help_heading = MODEL, hide_short_help = true, value_name = "P")]
    hidden_dropout_prob: Option<f32> => |o, rate| o.hidden_dropout_prob = rate;
    /// Dropout of attention probabilities [default: google the model's, 0.1, laptop 0; built-in stories: 0]
    #[arg(long, help_heading = MODEL, hide_short_help = true, value_name = "P")]
    attention_probs_dropout_prob: Option<f32> => |o, rate| o.attention_probs_dropout_prob = rate;

    /// The run directory
    #[arg(long, help_heading = SAVING, default_value = "run", value_name = "DIR")]
    output_dir: PathBuf => |o, directory| o.output_dir = Some(directory);
    /// Resume the run in --output-dir from its newest checkpoint; its options need not be given again.
    /// --num-train-steps may be larger, and the same data may lie elsewhere
    #[arg(long, help_heading = SAVING)]
    resume: bool;
    /// Say how long the run would take, how often it would read the text, how much memory it needs and what counting
    /// words alone would give; write nothing
    #[arg(long, help_heading = WATCHING, conflicts_with_all = ["resume", "expect_sha256"])]
    dry_run: bool;
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

fn recipe(text: &str) -> Result<RecipeName, &'static str> {
    text.parse()
}

fn train_time(text: &str) -> Result<TrainTime, String> {
    text.parse()
}

fn sample(text: &str) -> Result<String, String> {
    if text.contains("[MASK]") {
        return Ok(text.into());
    }
    Err("there is no [MASK] in it; write [MASK] where a word is to be filled in".into())
}
