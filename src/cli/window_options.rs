//! The options that say how long texts are cut for a model that answers questions.

use clap::CommandFactory;
use clap::error::ErrorKind;
use cloze::tasks::{Model, TaskError};

/// How windows over a long text are cut, apart from their length.
#[derive(clap::Args)]
pub(super) struct WindowOptions {
    /// Answers: tokens between the beginnings of two windows [default: as in the training of the model, else 128]
    #[arg(long, value_name = "N")]
    doc_stride: Option<usize>,
    /// Answers: tokens of a question, at most [default: as in the training of the model, else 64]
    #[arg(long, value_name = "N")]
    max_query_length: Option<usize>,
}

impl WindowOptions {
    /// Sets the windows of `model` where an option was given.
    pub(super) fn set(
        &self,
        max_seq_length: Option<usize>,
        model: &mut Model<'_>,
    ) -> Result<(), TaskError> {
        let mut windows = model.windows();
        if let Some(length) = max_seq_length {
            windows = windows.with_max_seq_length(length);
        }
        windows.doc_stride = self.doc_stride.unwrap_or(windows.doc_stride);
        windows.max_query_length = self.max_query_length.unwrap_or(windows.max_query_length);
        Ok(model.set_windows(windows)?)
    }

    /// Ends the program when one was given to a model that does not answer questions.
    pub(super) fn refuse(&self, max_seq_length: Option<usize>) {
        let given = [
            ("--max-seq-length", max_seq_length),
            ("--doc-stride", self.doc_stride),
            ("--max-query-length", self.max_query_length),
        ];
        if let Some((option, _)) = given.iter().find(|(_, value)| value.is_some()) {
            let message = format!("{option} is for models that answer questions\n");
            super::Cli::command().error(ErrorKind::ArgumentConflict, message).exit();
        }
    }
}
