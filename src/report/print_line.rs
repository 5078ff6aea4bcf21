//! What is said on standard error.

use console::Term;
use indicatif::ProgressBar;
use std::fmt::Display;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// The bar that lines must not mix with.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Says `text` on standard error, as lines that fit the terminal, if it is one. That nobody can hear it (a closed
/// pipe, a log on a full disk) is no reason to end a run.
pub fn print_line(text: impl Display) {
    let text = text.to_string();
    let text = width().map_or(text.clone(), |width| wrap(&text, width)) + "\n";
    // In one write, so that lines of several processes do not mix.
    let write = || {
        let _ = std::io::stderr().write_all(text.as_bytes());
    };
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Sets the bar that [`print_line`] takes away while it writes.
pub(super) fn set_bar(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Columns of the terminal on standard error; `None` when it is none.
pub(super) fn width() -> Option<usize> {
    columns(&Term::stderr())
}

fn columns(term: &Term) -> Option<usize> {
    let (_, columns) = term.size_checked().filter(|_| term.is_term())?;
    (columns > 0).then_some(columns.into())
}

/// A line of help: `text` broken between words, so that it fits the terminal on standard output (100 columns at
/// most, and where there is no terminal) beside an indent of `indent` columns.
pub fn wrap_help(text: &str, indent: usize) -> String {
    let width = columns(&Term::stdout()).unwrap_or(100).min(100);
    fill(text, width.saturating_sub(indent).max(20), ["", ""])
}

/// A line of an answer on standard output, broken between words where that is a terminal.
pub fn wrap_answer(text: &str) -> String {
    columns(&Term::stdout()).map_or(text.into(), |width| wrap(text, width))
}

/// The words of `text` in lines of at most `width` columns, the first one indented by `indents[0]` and the others by
/// `indents[1]`. A longer word has a line of its own.
fn fill(text: &str, width: usize, indents: [&str; 2]) -> String {
    let mut lines = indents[0].to_string();
    let (mut column, mut is_first) = (indents[0].chars().count(), true);
    // Spaces within a line stay as they are; those at its end are left out.
    let mut spaces = String::new();
    for word in text.split(' ') {
        let length = word.chars().count();
        if !is_first && column + spaces.len() + length > width && !word.is_empty() {
            lines = lines + "\n" + indents[1] + word;
            column = indents[1].chars().count() + length;
        } else {
            lines = lines + &spaces + word;
            column += spaces.len() + length;
        }
        is_first &= word.is_empty();
        spaces = " ".into();
    }
    lines
}

/// `text` in lines of at most `width` columns, broken between words. The rest of a line is indented by two more
/// than its beginning. A longer word stays whole, so that a path can be copied.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let lines = text.lines().map(|line| {
        let words = line.trim_start();
        let indent = &line[..line.len() - words.len()];
        let rest = format!("{indent}  ");
        fill(words, width, [indent, &rest])
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let text = "a warning: --num-train-steps is 5\n\n    /a/long/path/stays whole";
        let expected =
            "a warning:\n  --num-train-steps\n  is 5\n\n    /a/long/path/stays\n      whole";
        assert_eq!(wrap(text, 19), expected);
        assert_eq!(wrap(text, 80), text);
    }
}
