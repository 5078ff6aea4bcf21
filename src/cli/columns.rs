//! Tokens with a value below each, in columns.

use cloze::report::display_width;
use std::io::{self, Write};

/// Shows each token above its value, in rows of at most 96 columns.
pub(super) fn write_columns<'a>(
    out: &mut dyn Write,
    tokens: impl Iterator<Item = (&'a str, String)>,
) -> io::Result<()> {
    const WIDTH: usize = 96;
    let mut columns = Vec::new();
    let mut width = 0;
    for (token, value) in tokens {
        let column = display_width(token).max(value.len()) + 2;
        if width + column > WIDTH {
            write_row(out, &columns)?;
            columns.clear();
            width = 0;
        }
        width += column;
        columns.push((token, value, column));
    }
    write_row(out, &columns)?;
    writeln!(out)
}

fn write_row(out: &mut dyn Write, columns: &[(&str, String, usize)]) -> io::Result<()> {
    if columns.is_empty() {
        return Ok(());
    }
    let (mut tokens, mut values) = (String::from("  "), String::from("  "));
    for (token, value, column) in columns {
        tokens += token;
        tokens += &" ".repeat(column - display_width(token));
        values += value;
        values += &" ".repeat(column - value.len());
    }
    writeln!(out, "{}\n{}", tokens.trim_end(), values.trim_end())
}
