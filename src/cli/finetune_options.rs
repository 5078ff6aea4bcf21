//! The options of `cloze finetune`: one [table](super::option_table), which sets [`FinetuningOptions`].

use super::option_table::{apply, option_table};
use clap::ArgMatches;
use cloze::model::Pooling;
use cloze::run::finetuning::{ExampleSource, ModelSource};
use cloze::run::{FinetuningOptions, FinetuningTask};
use std::path::PathBuf;

const READ: &str = "What to read";
const RECIPE: &str = "The recipe";
const OPTIMIZER: &str = "The optimizer";
const SAVING: &str = "Saving";
const WATCHING: &str = "Watching";

option_table! {
    /// The options of `cloze finetune`. The defaults are Google's, from run_classifier.py and run_squad.py.
    FinetuningOptions;

    /// What to learn: classify (a class for a text or a pair), regress (a number for it), tag (a label for each
    /// word), answer (questions about a text), embed (sentence embeddings)
    #[arg(value_name = "TASK", required_unless_present = "resume", value_parser = super::choice::<FinetuningTask>)]
    task: Option<FinetuningTask>;

    /// The directory of the BERT model to start from, ours or from Hugging Face
    #[arg(long, help_heading = READ, value_name = "DIR", required_unless_present = "resume")]
    model: Option<PathBuf> => |o, directory| if let Some(directory) = directory {
        o.model = ModelSource::Directory(directory);
    };
    /// Labelled examples: TSV or CSV with a header, JSON Lines; CoNLL or CoNLL-U to tag; SQuAD's JSON to answer;
    /// plain lines to embed [default: the built-in examples]
    #[arg(long, help_heading = READ, num_args = 1.., value_name = "FILE")]
    train: Vec<PathBuf> => |o, files| o.train = ExampleSource::Files(files);
    /// Examples to evaluate on after each epoch; the best epoch is kept
    #[arg(long, help_heading = READ, num_args = 1.., value_name = "FILE")]
    eval: Vec<PathBuf> => |o, files| o.eval = Some(ExampleSource::Files(files));
    /// Share of the examples held out when there is no --eval; 0 for none
    #[arg(long, help_heading = READ, default_value_t = 0.1, value_name = "SHARE", value_parser = super::share, conflicts_with = "eval")]
    eval_fraction: f64 => |o, share| o.eval_fraction = share;
    /// Column of the text [default: text, sentence or sentence1]
    #[arg(long, help_heading = READ, hide_short_help = true, value_name = "NAME")]
    text_column: Option<String> => |o, name| o.columns.text_column = name;
    /// Column of the second text of a pair [default: sentence2, if there is one]
    #[arg(long, help_heading = READ, hide_short_help = true, value_name = "NAME")]
    text_b_column: Option<String> => |o, name| o.columns.text_b_column = name;
    /// Column of the label [default: label or score]
    #[arg(long, help_heading = READ, hide_short_help = true, value_name = "NAME")]
    label_column: Option<String> => |o, name| o.columns.label_column = name;

    /// Passes over the examples [default: 3, or with less than 2,000 steps as many as have 2,000, at most 20; to
    /// embed: 1; built-in examples: 3]
    #[arg(long, help_heading = RECIPE, value_name = "N")]
    num_train_epochs: Option<u64> => |o, epochs| o.num_train_epochs = epochs;
    /// Examples of one step [default: 32; to embed: 64]
    #[arg(long, help_heading = RECIPE, default_value_t = 32, hide_default_value = true, value_name = "N")]
    train_batch_size: usize => |o, size| o.recipe.train_batch_size = size;
    /// Tokens of a sequence [default: 128; to answer: 384; to embed: 64; or what the model has positions for]
    #[arg(long, help_heading = RECIPE, value_name = "N")]
    max_seq_length: Option<usize> => |o, length| o.max_seq_length = length;
    /// Tokens between the beginnings of two windows over a long text to answer from
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value_t = 128, value_name = "N")]
    doc_stride: usize => |o, stride| o.doc_stride = stride;
    /// Tokens of a question, at most
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value_t = 64, value_name = "N")]
    max_query_length: usize => |o, length| o.max_query_length = length;
    /// To embed: the mean over the tokens of a sentence, or the hidden state of [CLS]
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value = "mean", value_name = "mean|cls", value_parser = super::choice::<Pooling>)]
    pooling: Pooling => |o, pooling| o.pooling = pooling;
    /// To embed: what cosines are divided by
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value_t = 0.05, value_name = "T")]
    temperature: f32 => |o, temperature| o.temperature = temperature;
    /// Dropout of hidden states
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value_t = 0.1, value_name = "P")]
    hidden_dropout_prob: f32 => |o, rate| o.hidden_dropout_prob = rate;
    /// Dropout of attention probabilities
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value_t = 0.1, value_name = "P")]
    attention_probs_dropout_prob: f32 => |o, rate| o.attention_probs_dropout_prob = rate;
    /// The seed of all randomness
    #[arg(long, help_heading = RECIPE, hide_short_help = true, default_value_t = 12345, value_name = "N")]
    seed: u64 => |o, seed| o.recipe.seed = seed;

    /// Highest learning rates; each is tried, and the best is kept [default: by the size of the model, such as
    /// 1e-3 5e-4 3e-4 for tiny]
    #[arg(long, help_heading = OPTIMIZER, num_args = 1.., value_delimiter = ',', value_name = "RATE")]
    learning_rate: Vec<f64> => |o, rates| o.learning_rate = Some(rates);
    /// Decay of weights; not of biases and LayerNorm
    #[arg(long, help_heading = OPTIMIZER, hide_short_help = true, default_value_t = 0.01, value_name = "D")]
    weight_decay: f32 => |o, decay| o.recipe.optimizer.weight_decay = decay;
    /// Correct Adam's moments for their start at zero; BERT's optimizer does not
    #[arg(long, help_heading = OPTIMIZER, hide_short_help = true)]
    adam_bias_correction: bool => |o, on| o.recipe.optimizer.bias_correction = on;
    /// Scale gradients down to this norm
    #[arg(long, help_heading = OPTIMIZER, hide_short_help = true, default_value_t = 1.0, value_name = "N")]
    max_grad_norm: f32 => |o, norm| o.recipe.max_grad_norm = norm;

    /// The run directory
    #[arg(long, help_heading = SAVING, default_value = "finetuned", value_name = "DIR")]
    output_dir: PathBuf => |o, directory| o.output_dir = Some(directory);
    /// Resume the run in --output-dir from its newest checkpoint; its options need not be given again. The same data
    /// may lie elsewhere
    #[arg(long, help_heading = SAVING)]
    resume: bool;
    /// Steps between checkpoints; 0 for none but at the end, or when stopped
    #[arg(long, help_heading = SAVING, hide_short_help = true, default_value_t = 1000, value_name = "N")]
    save_checkpoints_steps: u64 => |o, steps| o.save_checkpoints_steps = steps;

    /// Steps between log lines
    #[arg(long, help_heading = WATCHING, hide_short_help = true, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    log_every: u64 => |o, steps| o.log_every = steps;
    /// Threads; never changes the result [default: one a core]
    #[arg(long, help_heading = WATCHING, value_name = "N", value_parser = super::threads())]
    threads: Option<u16>;
    /// Exit with status 1 unless the model.safetensors of the finished run has this SHA-256
    #[arg(long, help_heading = WATCHING, hide_short_help = true, value_name = "HEX", value_parser = super::sha256)]
    expect_sha256: Option<String>;
    /// Print one JSON object on standard output at the end: paths, SHA-256, the metrics of the model
    #[arg(long, help_heading = WATCHING, hide_short_help = true)]
    json: bool;
    /// Print nothing but errors on standard error
    #[arg(long, help_heading = WATCHING, hide_short_help = true)]
    quiet: bool;
}

impl Args {
    /// The settings of a new run.
    pub(super) fn options(&self, matches: &ArgMatches) -> FinetuningOptions {
        let task = self.task.expect("required");
        let model = ModelSource::Directory(self.model.clone().expect("required"));
        let mut options = FinetuningOptions::new(task, model, ExampleSource::BuiltIn);
        self.apply(&mut options, matches);
        options
    }

    /// Changes `options` where an option was typed. The output directory is always set.
    pub(super) fn apply(&self, options: &mut FinetuningOptions, matches: &ArgMatches) {
        apply(SETTERS.iter(), self, options, matches);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, Command, FromArgMatches};

    fn command() -> Command {
        Args::augment_args(Command::new("finetune"))
    }

    fn options(arguments: &[&str]) -> FinetuningOptions {
        let given = ["finetune", "classify", "--model", "run"];
        let matches = command().get_matches_from([&given, arguments].concat());
        Args::from_arg_matches(&matches).unwrap().options(&matches)
    }

    /// An option without a setter would be ignored with --resume.
    #[test]
    fn every_option_has_its_setter() {
        for argument in command().get_arguments() {
            let name = argument.get_id().as_str();
            let known = SETTERS.iter().any(|(known, _)| *known == name);
            // These do not change what the run does.
            let aside = ["task", "resume", "threads", "expect_sha256", "json", "quiet"];
            assert!(known != aside.contains(&name), "{name}");
        }
    }

    /// Help and library have the same defaults.
    #[test]
    fn the_defaults_of_the_table_are_those_of_the_library() {
        let expected = options(&[]);
        for argument in command().get_arguments() {
            let Some(default) = argument.get_default_values().first() else { continue };
            if !argument.get_action().takes_values() {
                continue;
            }
            let long = argument.get_long().unwrap();
            let given = format!("--{long}={}", default.to_str().unwrap());
            assert!(options(&[&given]) == expected, "{given} is not the default");
        }
    }

    #[test]
    fn learning_rates_are_a_list() {
        let rates = |arguments: &[&str]| options(arguments).learning_rate.unwrap();
        assert_eq!(rates(&["--learning-rate", "5e-4", "1e-4"]), [5e-4, 1e-4]);
        assert_eq!(rates(&["--learning-rate", "5e-4,1e-4"]), [5e-4, 1e-4]);
    }
}
