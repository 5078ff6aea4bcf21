//! Lines of a fixed width: paragraphs, values with labels, grids of tokens, bars.

use super::step::Step;
use crate::report::digits::grouped;
use crate::report::visible::{break_lines, display_width, shorten, visible};

/// What a sign is painted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// A heading.
    Heading,
    /// A bar or a shade.
    Bar,
    /// A hidden token, a right word.
    Mark,
    /// An equation.
    Equation,
}

impl Ink {
    /// The code of the terminal that switches it on.
    fn code(self) -> &'static str {
        match self {
            Self::Heading => "1",
            Self::Bar => "36",
            Self::Mark => "1;33",
            Self::Equation => "32",
        }
    }
}

/// One cell of a grid: a text without control characters, and its ink.
#[derive(Clone, Debug)]
pub(super) struct Cell(pub(super) String, pub(super) Option<Ink>);

impl Cell {
    /// A number or a word without ink.
    pub(super) fn plain(text: impl ToString) -> Self {
        Self(text.to_string(), None)
    }

    /// A token, which may come from any vocabulary.
    pub(super) fn token(token: &str, ink: Option<Ink>) -> Self {
        Self(shorten(&visible(token), 16), ink)
    }
}

/// A text that grows line by line. No line has more than `width` columns.
pub(super) struct Screen {
    width: usize,
    color: bool,
    text: String,
}

impl Screen {
    pub(super) fn new(width: usize, color: bool) -> Self {
        Self { width, color, text: String::new() }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// `text` in `ink`, if the screen has colours.
    pub(super) fn paint(&self, ink: Option<Ink>, text: &str) -> String {
        match ink {
            Some(ink) if self.color && !text.trim().is_empty() => {
                format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code())
            }
            _ => text.into(),
        }
    }

    /// `text` on the darker background the nearer `share` is to 1, if the screen has colours.
    pub(super) fn shade(&self, share: f32, text: &str) -> String {
        if !self.color {
            return text.into();
        }
        // Six blues of the palette of 256 colours, white signs on all of them.
        let level = ((share * 6.0) as u8).min(5);
        format!("\u{1b}[97;48;5;{}m{text}\u{1b}[0m", 16 + level)
    }

    /// The line above a step: its number, its name, and its chapter.
    pub(super) fn heading(&mut self, step: Step, part: &str) {
        let left = format!("── {} {step}{part} ", step.number());
        let right = format!(" {} ──", step.chapter());
        let used = display_width(&left) + display_width(&right);
        let line = match self.width.checked_sub(used) {
            Some(rest) => format!("{left}{}{right}", "─".repeat(rest)),
            None => left.trim_end().into(),
        };
        let line = self.paint(Some(Ink::Heading), &shorten(&line, self.width));
        self.line(&line);
    }

    /// A line that fits already.
    pub(super) fn line(&mut self, line: &str) {
        self.text += line.trim_end();
        self.text.push('\n');
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Sentences, broken between words.
    pub(super) fn say(&mut self, sentences: &str) {
        for line in break_lines(sentences, self.width) {
            self.line(&line);
        }
    }

    /// An equation, indented. Broken between words only when it does not fit a line.
    pub(super) fn equation(&mut self, equation: &str) {
        let columns = self.width - 4;
        let lines = match display_width(equation) <= columns {
            true => vec![equation.to_string()],
            false => break_lines(equation, columns),
        };
        for line in lines {
            let line = self.paint(Some(Ink::Equation), &line);
            self.line(&format!("    {line}"));
        }
    }

    /// `label`, and beside it `value` in at most `most` lines. Control characters are written out.
    pub(super) fn labelled(&mut self, label: &str, value: &str, most: usize) {
        const LABEL: usize = 16;
        let columns = self.width - LABEL;
        let mut lines = break_lines(&visible(value), columns);
        if lines.len() > most {
            lines.truncate(most);
            if let Some(last) = lines.last_mut() {
                *last = shorten(&(last.clone() + " …"), columns);
                if !last.ends_with('…') {
                    last.push('…');
                }
            }
        }
        for (index, line) in lines.iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.line(&format!("  {label:<14}{line}"));
        }
    }

    /// Tokens side by side, with one row for each label: `columns[token][row]`. Tokens that do not fit the width go
    /// below, in at most `most` blocks; what is left out is said.
    pub(super) fn grid(&mut self, labels: &[&str], columns: &[Vec<Cell>], most: usize) {
        let label_width = labels.iter().map(|label| display_width(label)).max().unwrap_or(0) + 2;
        let width = |cells: &Vec<Cell>| {
            cells.iter().map(|cell| display_width(&cell.0)).max().unwrap_or(0) + 2
        };
        let mut first = 0;
        for block in 0..most {
            let (mut end, mut used) = (first, label_width);
            while let Some(cells) = columns.get(end) {
                used += width(cells);
                if end > first && used > self.width {
                    break;
                }
                end += 1;
            }
            for (row, label) in labels.iter().enumerate() {
                let mut line = format!("  {label}");
                line += &" ".repeat(label_width.saturating_sub(display_width(&line)));
                for cells in &columns[first..end] {
                    let Cell(text, ink) = &cells[row];
                    line += &" ".repeat(width(cells) - display_width(text));
                    line += &self.paint(*ink, text);
                }
                self.line(&line);
            }
            first = end;
            if first == columns.len() {
                return;
            }
            if block + 1 < most {
                self.blank();
            }
        }
        let left = columns.len() - first;
        self.say(&format!(
            "… and {left} more tokens: --step shows one step whole, --json all of them"
        ));
    }
}

/// A bar of `share` of `columns` columns. What is above 0 has a sign.
pub(super) fn bar(share: f32, columns: usize) -> String {
    match (share.clamp(0.0, 1.0) * columns as f32).round() as usize {
        0 if share > 0.0 => "▏".into(),
        blocks => "█".repeat(blocks),
    }
}

/// A probability in percent, with one digit that is not 0 when it is small.
pub(super) fn percent(probability: f32) -> String {
    match 100.0 * probability {
        percent if percent >= 0.05 => format!("{percent:.1} %"),
        percent if percent >= 0.005 => format!("{percent:.2} %"),
        percent if percent >= 0.0005 => format!("{percent:.3} %"),
        _ => "<0.001 %".into(),
    }
}

/// A number with a comma between thousands.
pub(super) fn thousands(number: usize) -> String {
    grouped(number as u64)
}

/// `1 token`, `2 tokens`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [1.0, 0.9321, 0.0006, 0.0004, 3e-5, 3e-8].map(percent).join(" | "),
            "100.0 % | 93.2 % | 0.1 % | 0.04 % | 0.003 % | <0.001 %"
        );
        assert_eq!([1.0, 0.5, 0.01, 0.0].map(|share| bar(share, 4)), ["████", "██", "▏", ""]);
        assert_eq!(count(1, "word", "words") + &count(2, "word", "words"), "1 word2 words");
    }

    #[test]
    fn no_line_is_too_wide_and_colour_only_adds() {
        let draw = |color| {
            let mut screen = Screen::new(40, color);
            screen.heading(Step::Optimizer, ", of something that has a long name");
            screen.heading(Step::Text, "");
            screen.say("Words, and averylongwordthatdoesnotfitonanylineoffortycolumnsatall.");
            screen.equation("a = b + c and much more that does not fit on one line");
            screen.labelled("label", &"汉字\u{1b}[0m ".repeat(40), 2);
            let column = |i: usize| {
                let long = "long".repeat(if i == 7 { 30 } else { 1 });
                vec![Cell::plain(i), Cell::token(&long, Some(Ink::Mark))]
            };
            screen.grid(&["position", "token"], &(0..30).map(column).collect::<Vec<_>>(), 2);
            let shade = screen.shade(0.7, "70") + &screen.paint(Some(Ink::Bar), "██");
            screen.line(&shade);
            screen.into_text()
        };
        let plain = draw(false);
        assert!(plain.lines().all(|line| display_width(line) <= 40), "{plain}");
        assert!(!plain.chars().any(|c| c.is_control() && c != '\n'), "{plain:?}");
        assert!(plain.contains("── 1 text ─") && plain.contains("docs/02-text"), "{plain}");
        assert!(plain.contains("… and "), "{plain}");
        let color = draw(true);
        assert_ne!(color, plain);
        assert_eq!(console::strip_ansi_codes(&color), plain);
    }
}
