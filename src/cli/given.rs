//! Options of `cloze pretrain` that were typed, apart from those that have their defaults.

use clap::ArgMatches;
use clap::parser::ValueSource;
use cloze::run::Options;
use cloze::run::run_json::as_written;
use serde_json::Value;

/// What each option of the command line sets, as a path into [`Options`] as JSON.
const PLACES: [(&str, &str); 34] = [
    ("input", "/input"),
    ("eval_input", "/eval_input"),
    ("invalid_utf8", "/invalid_utf8"),
    ("eval_fraction", "/eval_fraction"),
    ("max_eval_steps", "/max_eval_steps"),
    ("instances", "/input/Instances/file"),
    ("no_shuffle", "/input/Instances/shuffle"),
    ("output_dir", "/output_dir"),
    ("save_checkpoints_steps", "/save_checkpoints_steps"),
    ("model", "/model/New/model"),
    ("vocab", "/model/New/vocabulary"),
    ("vocab_size", "/model/New/vocabulary/Learn/vocab_size"),
    ("limit_alphabet", "/model/New/vocabulary/Learn/limit_alphabet"),
    ("cased", "/model/New/cased"),
    ("init", "/model"),
    ("max_seq_length", "/recipe/max_seq_length"),
    ("max_predictions_per_seq", "/recipe/max_predictions_per_seq"),
    ("masked_lm_prob", "/recipe/masked_lm_prob"),
    ("short_seq_prob", "/recipe/short_seq_prob"),
    ("whole_word_mask", "/recipe/whole_word_mask"),
    ("no_nsp", "/recipe/no_nsp"),
    ("train_batch_size", "/recipe/train_batch_size"),
    ("gradient_accumulation_steps", "/recipe/gradient_accumulation_steps"),
    ("learning_rate", "/recipe/schedule/learning_rate"),
    ("num_train_steps", "/recipe/schedule/num_train_steps"),
    ("num_warmup_steps", "/recipe/schedule/num_warmup_steps"),
    ("weight_decay", "/recipe/optimizer/weight_decay"),
    ("adam_bias_correction", "/recipe/optimizer/bias_correction"),
    ("max_grad_norm", "/recipe/max_grad_norm"),
    ("hidden_dropout_prob", "/hidden_dropout_prob"),
    ("attention_probs_dropout_prob", "/attention_probs_dropout_prob"),
    ("log_every", "/log_every"),
    ("eval_every", "/eval_every"),
    ("seed", "/recipe/seed"),
];

fn typed(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::CommandLine)
}

/// Whether an option was typed that says what a run is to do.
pub(super) fn any(matches: &ArgMatches) -> bool {
    PLACES.iter().any(|(name, _)| *name != "output_dir" && typed(matches, name))
}

/// The options `before`, with those of `now` that were typed in their place. The output directory is
/// always that of `now`.
pub(super) fn over(before: &Options, now: &Options, matches: &ArgMatches) -> Options {
    let (mut merged, from) = (as_written(before), as_written(now));
    for (name, place) in PLACES {
        if name != "output_dir" && !typed(matches, name) {
            continue;
        }
        let value = from.pointer(place).cloned().unwrap_or(Value::Null);
        match merged.pointer_mut(place) {
            Some(target) => *target = value,
            // Another kind of input, or of model: all of it is what was typed.
            None => {
                let kind = place.split('/').nth(1).expect("a path");
                merged[kind] = from[kind].clone();
            }
        }
    }
    serde_json::from_value(merged).expect("options made of options")
}

#[cfg(test)]
mod tests {
    use super::super::pretrain;
    use super::*;
    use clap::Args;

    /// An option that is not in the table would be ignored with --resume.
    #[test]
    fn every_option_has_its_place() {
        let command = pretrain::Args::augment_args(clap::Command::new("pretrain"));
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            let known = PLACES.iter().any(|(known, _)| *known == name);
            // These do not change what the run does.
            assert!(known != ["resume", "threads", "sample"].contains(&name), "{name}");
        }
    }
}
