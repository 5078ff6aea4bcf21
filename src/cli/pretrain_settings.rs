//! From the options of `cloze pretrain` to the settings of a run. An option that was not typed sets nothing, so that
//! the same table serves a new run (over the defaults of its recipe) and `--resume` (over the settings in `run.json`).

use super::option_table::{self, typed};
use super::pretrain_options::{Args, SETTERS, Setter};
use clap::ArgMatches;
use cloze::run::PretrainingOptions;
use cloze::run::pretraining::RecipeName;

/// What the options of tables that other commands share set.
const SHARED_SETTERS: &[(&str, Setter)] = &[
    ("invalid_utf8", |args, o| o.invalid_utf8 = args.encoding.invalid_utf8),
    ("masked_lm_prob", |args, o| o.recipe.masked_lm_prob = args.instance_options.masked_lm_prob),
    ("short_seq_prob", |args, o| o.recipe.short_seq_prob = args.instance_options.short_seq_prob),
    ("masking", |args, o| o.recipe.masking = args.instance_options.masking()),
    ("whole_word_mask", |args, o| o.recipe.masking = args.instance_options.masking()),
    ("sentence_objective", |args, o| {
        o.recipe.set_sentence_objective(args.instance_options.objective());
    }),
    ("no_nsp", |args, o| o.recipe.set_sentence_objective(args.instance_options.objective())),
    ("random_next", |args, o| o.recipe.random_next = args.instance_options.random_next),
];

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
            if stories { PretrainingOptions::on_stories() } else { PretrainingOptions::default() };
        let given_weights_or_instances = self.init.is_some() || self.instances.is_some();
        let recipe = self.recipe.unwrap_or(match (stories, given_weights_or_instances) {
            (_, true) => RecipeName::Google,
            (true, false) => RecipeName::Stories,
            (false, false) => RecipeName::Laptop,
        });
        recipe.apply(&mut options);
        if self.instances.is_some() {
            options.leave_out_text();
        }
        // A share that is given alone holds for every step.
        if typed(matches, "masked_lm_prob") {
            options.recipe.masked_lm_prob_start = None;
        }
        // First what other settings follow from.
        if typed(matches, "num_train_steps") {
            options.set_num_train_steps(self.num_train_steps);
        }
        if typed(matches, "max_seq_length") {
            options.set_max_seq_length(self.max_seq_length);
        }
        self.apply(&mut options, matches);
        if let Some(time) = &mut options.train_time {
            time.keeps_warmup = typed(matches, "num_warmup_steps");
            time.keeps_eval_every = typed(matches, "eval_every");
        }
        options
    }

    /// The settings of a run that is resumed, which began with `recorded`.
    pub(super) fn resumed(
        &self,
        mut recorded: PretrainingOptions,
        matches: &ArgMatches,
    ) -> PretrainingOptions {
        self.apply(&mut recorded, matches);
        if let Some(time) = &mut recorded.train_time {
            // What followed from the steps is recorded.
            (time.keeps_warmup, time.keeps_eval_every) = (true, true);
        }
        recorded
    }

    /// Changes `options` where an option was typed. The output directory is always set.
    fn apply(&self, options: &mut PretrainingOptions, matches: &ArgMatches) {
        option_table::apply(setters(), self, options, matches);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, Command, FromArgMatches};
    use cloze::run::pretraining::PretrainingRecipe;
    use cloze::run::{RunOptions, TrainTime};

    const GOOGLE: [&str; 4] = ["--input", "text.txt", "--recipe", "google"];

    /// The settings of the built-in run, with the directory that the command line gives.
    fn stories() -> PretrainingOptions {
        let mut options = PretrainingOptions::stories();
        options.output_dir = Some("run".into());
        options
    }

    fn command() -> Command {
        Args::augment_args(Command::new("pretrain"))
    }

    fn options(arguments: &[&str]) -> PretrainingOptions {
        let matches = command().get_matches_from([&["pretrain"], arguments].concat());
        Args::from_arg_matches(&matches).unwrap().options(&matches)
    }

    #[test]
    fn without_other_options_the_settings_are_those_of_the_recipe() {
        let recipe = |arguments: &[&str]| options(arguments).recipe.name;
        assert_eq!(recipe(&["--input", "text.txt"]), RecipeName::Laptop);
        assert_eq!(recipe(&["--input", "text.txt", "--init", "run"]), RecipeName::Google);
        assert_eq!(recipe(&["--init", "run"]), RecipeName::Google);
        assert_eq!(recipe(&["--instances", "i.jsonl"]), RecipeName::Google);
        assert_eq!(recipe(&[]), RecipeName::Stories);
        assert_eq!(options(&[]), stories());

        let options = options(&["--input", "text.txt", "--recipe", "google"]);
        assert_eq!(options.recipe, PretrainingRecipe::default());
        // The model's config.json has these defaults.
        assert_eq!(
            (options.hidden_dropout_prob, options.attention_probs_dropout_prob),
            (None, None)
        );
    }

    #[test]
    fn what_is_given_takes_the_place_of_the_recipe() {
        let laptop = options(&["--input", "text.txt"]);
        assert_eq!(laptop.train_time, Some(TrainTime::new(3600)));
        assert_eq!(laptop.recipe.training.schedule.learning_rate, 2e-3);
        let given = options(&[
            "--input=text.txt",
            "--learning-rate=1e-3",
            "--num-train-steps=50",
            "--hidden-dropout-prob=0.2",
            "--adam-bias-correction=false",
        ]);
        let training = &given.recipe.training;
        assert_eq!((training.schedule.learning_rate, given.hidden_dropout_prob), (1e-3, Some(0.2)));
        assert_eq!((given.train_time, training.schedule.num_train_steps), (None, 50));
        assert!(
            !training.optimizer.bias_correction && laptop.recipe.training.optimizer.bias_correction
        );
        assert_eq!(given.attention_probs_dropout_prob, Some(0.0), "the recipe's");
        assert_eq!(given.recipe.name, RecipeName::Laptop);
        // A share of masks that is given alone holds for every step.
        let start = |arguments: &[&str]| options(arguments).recipe.masked_lm_prob_start;
        assert_eq!(start(&["--input=text.txt"]), Some(0.3));
        assert_eq!(start(&["--input=text.txt", "--masked-lm-prob=0.2"]), None);
        let both = ["--input=text.txt", "--masked-lm-prob=0.2", "--masked-lm-prob-start=0.4"];
        assert_eq!(start(&both), Some(0.4));
        // Instances are made already.
        let made = options(&["--instances=i.jsonl", "--recipe=laptop", "--num-train-steps=5"]);
        made.validate().unwrap();
        assert_eq!(made.recipe.masked_lm_prob_start, None);
        // A budget leaves what was given beside it.
        let time = |arguments: &[&str]| options(arguments).train_time.unwrap();
        let both = time(&["--train-time=20m", "--num-warmup-steps=7", "--eval-every=3"]);
        assert_eq!((both.seconds, both.keeps_warmup, both.keeps_eval_every), (1200, true, true));
        let google = time(&["--input=t", "--recipe=google", "--train-time=1h"]);
        assert_eq!(google, TrainTime::new(3600));
    }

    /// An option without a setter would be ignored with --resume.
    #[test]
    fn every_option_has_its_setter() {
        for argument in command().get_arguments() {
            let name = argument.get_id().as_str();
            let known = setters().any(|(known, _)| *known == name);
            // These do not change what the run does.
            let aside = ["resume", "dry_run", "threads", "expect_sha256", "json", "quiet"];
            assert!(known != aside.contains(&name), "{name}");
        }
    }

    /// Help and library have the same defaults.
    #[test]
    fn the_defaults_of_the_table_are_those_of_the_library() {
        let expected = options(&GOOGLE);
        let command = command();
        for argument in command.get_arguments() {
            let (name, long) = (argument.get_id().as_str(), argument.get_long().unwrap());
            let Some(default) = argument.get_default_values().first() else { continue };
            // Flags; and what follows from another option.
            if !argument.get_action().takes_values() || name == "eval_every" {
                continue;
            }
            let given = format!("--{long}={}", default.to_str().unwrap());
            let now = options(&[&GOOGLE[..], &[&given]].concat());
            assert!(now == expected, "{given} is not the default");
        }
    }
}
