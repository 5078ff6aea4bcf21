//! What a person looks at: progress in the terminal, the words at the end of a run, the steps of an explanation.

mod digits;
mod duration;
pub mod explain;
mod finetuning;
mod forecast;
#[cfg(feature = "cli")]
pub mod page;
mod plateau;
mod print_line;
#[cfg(feature = "cli")]
pub mod run_page;
mod shell;
mod summary;
mod terminal;
mod visible;
mod work;

pub use finetuning::finetuning_summary;
pub use forecast::forecast;
pub use plateau::is_past;
pub use print_line::{print_line, wrap_answer, wrap_help};
pub use shell::quote;
pub use summary::summary;
pub use terminal::Terminal;
pub use visible::{break_lines, display_width, shorten, visible};
