//! What a person looks at: progress in the terminal, the words at the end of a run.

mod sample;
mod shell;
mod summary;
mod talk;
mod terminal;
mod work;

pub use shell::quote;
pub use summary::summary;
pub use talk::talk;
pub use terminal::Terminal;
