//! What is said on standard error.

use std::fmt::Display;
use std::io::Write;

/// Says `text` on standard error, as a line. That nobody can hear it (a closed pipe, a log on a full disk)
/// is no reason to end a run.
pub fn print_line(text: impl Display) {
    // In one write, so that lines of several processes do not mix.
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}
