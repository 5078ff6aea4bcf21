//! What the named recipes set. `google` is what Google's scripts do; every departure from it is a row of a table here,
//! with its measurement in docs/recipes.md.

use super::options::{ModelSource, PretrainingOptions};
use super::recipe_name::RecipeName;
use crate::data::RandomNext;
use crate::model::{Initialization, OutputBias, WordEmbeddings};
use crate::run::train_time::TrainTime;

/// A setting that departs from Google's.
type Row = fn(&mut PretrainingOptions);

/// `laptop`. A row stands here only while its measurement says so.
const LAPTOP: &[Row] = &[
    // docs/recipes.md, "Time": the default; steps take its place.
    |o| o.train_time = Some(TrainTime::new(3600)),
    // docs/recipes.md, "First weights".
    mimetic_initialization,
    // docs/recipes.md, "Output bias": loss 6.22 instead of 6.65 after 0.4 M tokens.
    unigram_output_bias,
    // docs/recipes.md, "Word vectors": loss 4.95 instead of 5.66 after 0.72 M tokens.
    ppmi_svd_word_embeddings,
    // docs/recipes.md, "Random sentence".
    |o| o.recipe.random_next = RandomNext::SameFile,
    // docs/recipes.md, "Learning rate".
    |o| o.recipe.training.schedule.learning_rate = 2e-3,
    // docs/recipes.md, "Batch size": loss 5.61 instead of 5.83 with 16, after the same 0.8 M tokens.
    |o| o.recipe.training.train_batch_size = 8,
    // docs/recipes.md, "Bias correction".
    |o| o.recipe.training.optimizer.bias_correction = true,
    // docs/recipes.md, "Dropout".
    |o| o.hidden_dropout_prob = Some(0.0),
    |o| o.attention_probs_dropout_prob = Some(0.0),
    // docs/recipes.md, "Masks": 30 % of the positions at the first step, 15 % at the last.
    |o| o.recipe.masked_lm_prob_start = Some(0.3),
];

/// The recipe of the built-in run. docs/recipes.md, "The built-in stories", has the measurements.
const STORIES: &[Row] = &[
    |o| o.set_num_train_steps(6600),
    |o| o.recipe.training.train_batch_size = 16,
    mimetic_initialization,
    unigram_output_bias,
    ppmi_svd_word_embeddings,
    |o| o.recipe.masked_lm_prob_start = Some(0.3),
    |o| o.recipe.training.schedule.learning_rate = 2e-3,
    |o| o.recipe.training.optimizer.bias_correction = true,
    |o| o.hidden_dropout_prob = Some(0.0),
    |o| o.attention_probs_dropout_prob = Some(0.0),
];

fn mimetic_initialization(options: &mut PretrainingOptions) {
    if let ModelSource::New(new) = &mut options.model {
        new.initialization = Initialization::Mimetic;
    }
}

fn unigram_output_bias(options: &mut PretrainingOptions) {
    if let ModelSource::New(new) = &mut options.model {
        new.output_bias = OutputBias::Unigram;
    }
}

fn ppmi_svd_word_embeddings(options: &mut PretrainingOptions) {
    if let ModelSource::New(new) = &mut options.model {
        new.word_embeddings = WordEmbeddings::PpmiSvd;
    }
}

impl RecipeName {
    /// Changes the settings that this recipe names, and records its name. The others stay, so that it is applied to
    /// the defaults, before any setting that is given.
    pub fn apply(self, options: &mut PretrainingOptions) {
        options.recipe.name = self;
        let rows = match self {
            Self::Google => &[],
            Self::Laptop => LAPTOP,
            Self::Stories => STORIES,
        };
        rows.iter().for_each(|set| set(options));
    }
}

impl PretrainingOptions {
    /// Takes back what a recipe sets about text: the instances of a file are made already, and their words are not
    /// counted.
    pub fn leave_out_text(&mut self) {
        self.recipe.masked_lm_prob_start = None;
        if let ModelSource::New(new) = &mut self.model {
            new.word_embeddings = WordEmbeddings::Random;
        }
    }

    /// The settings of the built-in run: [`PretrainingOptions::on_stories`] with the recipe of that run.
    pub fn stories() -> Self {
        let mut options = Self::on_stories();
        RecipeName::Stories.apply(&mut options);
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunOptions;

    fn settings(name: RecipeName) -> PretrainingOptions {
        let mut options = PretrainingOptions::default();
        name.apply(&mut options);
        options
    }

    #[test]
    fn google_changes_nothing() {
        assert_eq!(settings(RecipeName::Google), PretrainingOptions::default());
    }

    #[test]
    fn every_row_changes_a_setting_that_run_json_records() {
        for (name, rows) in [(RecipeName::Laptop, LAPTOP), (RecipeName::Stories, STORIES)] {
            settings(name).validate().unwrap();
            for (index, set) in rows.iter().enumerate() {
                let mut options = PretrainingOptions::default();
                set(&mut options);
                // The budget becomes steps before anything is recorded.
                let recorded = options.train_time.take().is_some()
                    || options.settings() != PretrainingOptions::default().settings();
                assert!(recorded, "row {index} of {name:?}");
            }
        }
    }

    #[test]
    fn the_masks_of_laptop_fit_every_length() {
        for (length, expected) in [(128, 20), (64, 10), (32, 5), (5, 1), (512, 80)] {
            let mut options = settings(RecipeName::Laptop);
            options.set_max_seq_length(length);
            let recipe = &options.recipe;
            assert_eq!(recipe.max_predictions_per_seq, expected, "{length}");
            assert!(recipe.masked_lm_prob * length as f64 <= expected as f64, "{length}");
            // A step at 30 % has room for twice as many.
            options.set_num_train_steps(10);
            assert_eq!(options.recipe.at(0).max_predictions_per_seq, 2 * expected, "{length}");
            options.validate().unwrap();
        }
        assert_eq!(settings(RecipeName::Laptop).recipe.max_predictions_per_seq, 20);
    }

    #[test]
    fn steps_take_the_place_of_the_budget() {
        let mut options = settings(RecipeName::Laptop);
        assert_eq!(options.train_time, Some(TrainTime::new(3600)));
        options.set_num_train_steps(500);
        assert_eq!(
            (options.train_time, options.recipe.training.schedule.num_warmup_steps),
            (None, 50)
        );
    }
}
