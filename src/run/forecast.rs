//! What a person reads before the first step of a run: how long, how much text, how much memory, and what counting
//! words alone would give.

use serde::{Deserialize, Serialize};

/// What is known about a run before its first step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Forecast {
    /// Steps of the whole run.
    pub num_train_steps: u64,
    /// The budget of time that the steps were worked out from.
    pub train_time: Option<String>,
    /// Seconds of the whole run with evaluations and checkpoints, at the speed of this machine now; `None` where
    /// nothing was measured: nobody asked for it, or the run has very few steps.
    pub seconds: Option<f64>,
    /// How often the run reads the text, on average; `None` where the job does not count it.
    pub passes: Option<f64>,
    /// Parameters of the model.
    pub parameters: usize,
    /// Bytes of memory of the model: parameters, gradients, moments, and everything a step computes.
    pub model_bytes: u64,
    /// Bytes of memory of the text and of everything else that is loaded before the first step.
    pub text_bytes: u64,
    /// The masked-LM loss that the shares of the word pieces give on the held-out text; `None` without one.
    pub unigram_loss: Option<f64>,
}
