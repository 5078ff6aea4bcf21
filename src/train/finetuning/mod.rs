//! Fine-tuning: what a step computes ([`Finetuning`]), labelled examples as features with their right answers
//! ([`Dataset`]), and how good a model's answers are ([`Dataset::measure`]).

mod dataset;
mod measure;
mod objective;
mod predictor;
mod spans;

pub use dataset::{Dataset, Gold, QuestionWindows, TaggedPart, class_names, tag_names};
pub use measure::cosine;
pub use objective::Finetuning;
pub use predictor::Predictor;
pub use spans::{MAX_ANSWER_LENGTH, Span, Spans, WindowLogits, best_spans};
