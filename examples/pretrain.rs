//! From text to a filled blank, in memory: `cargo run --release --example pretrain`.
//!
//! The text is the built-in stories; any text with documents separated by blank lines will do. In a few seconds
//! the model learns how often words occur, and little more. `cloze pretrain` takes two minutes for the same text
//! and learns what fills a blank.

use cloze::data::stories::STORIES;
use cloze::run::{Event, Observer};

/// Prints the loss of every twentieth step.
struct Losses;

impl Observer for Losses {
    fn observe(&mut self, event: Event<'_>) {
        if let Event::Step(report) = event
            && report.step.is_multiple_of(20)
        {
            println!("step {:>4}  loss {:.3}", report.step, report.loss());
        }
    }
}

fn main() -> Result<(), cloze::Error> {
    // 2 layers of width 64; 300 steps of 16 sequences of 48 tokens.
    let run = cloze::pretrain(STORIES)
        .model("2/64")
        .vocab_size(800)
        .max_seq_length(48)
        .train_batch_size(16)
        .learning_rate(3e-3)
        .steps(300)
        .seed(1)
        .no_nsp()
        // So short a run cannot overfit, and has no time for Adam's moments to fill.
        .options(|options| {
            options.hidden_dropout_prob = Some(0.0);
            options.attention_probs_dropout_prob = Some(0.0);
            options.recipe.training.optimizer.bias_correction = true;
        })
        .run_with(&mut Losses)?;
    println!("SHA-256 of the weights: {}", run.model_sha256);

    let model = cloze::Model::from(run);
    for filled in model.fill_mask(&["The quick brown fox [MASK] over the lazy dog."], 3)? {
        for prediction in &filled.masks[0].predictions {
            println!("{:5.1} %  {}", 100.0 * prediction.probability, prediction.token);
        }
    }
    Ok(())
}
