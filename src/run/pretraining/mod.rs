//! Pretraining as a run: settings, preparation, the call in one line.
//!
//! - [`PretrainingOptions`]: every setting; [`PretrainingRecipe`]: the settings that change the weights.
//! - [`Pretraining`]: the builder, from text to model in one call.
//! - [`PretrainingJob`]: what [`begin`](super::begin) and [`resume`](super::resume) work on.

mod builder;
mod curriculum;
mod job;
mod model;
mod options;
mod recipe;
mod recipe_name;
mod recipe_table;
mod sample;
mod streams;
mod text;
mod token_kinds;
mod unigrams;

pub use builder::{Pretraining, pretrain};
pub use job::PretrainingJob;
pub use options::{
    InMemoryText, InstanceSource, ModelSource, NewModel, PretrainingOptions, VocabularySource,
};
pub use recipe::{PretrainingRecipe, check_random_next, check_shares};
pub use recipe_name::RecipeName;
pub use unigrams::{UnigramLoss, Unigrams};
