//! Progress of reading text, on standard error: nothing about what is done within a second; then a
//! bar where a person watches, and a line every ten seconds elsewhere.

use super::duration::duration;
use super::print_line::{print_line, set_bar};

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_secs(1);
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Some work that may take long.
pub(super) struct Work {
    name: String,
    start: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

impl Work {
    /// Begins now.
    pub(super) fn new(name: &str) -> Self {
        let now = Instant::now();
        Self { name: name.into(), start: now, last_line: now, bar: None }
    }

    /// Whether this is the work of that name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Shows that `done` of `total` bytes are done, if it is time to.
    pub(super) fn show(&mut self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
        } else if std::io::stderr().is_terminal() {
            if self.start.elapsed() >= SHORT {
                let bar =
                    ProgressBar::new(total).with_position(done).with_message(self.name.clone());
                let style = "{bar:24} {msg} {bytes}/{total_bytes} {eta} left";
                bar.set_style(ProgressStyle::with_template(style).expect("a fixed template"));
                bar.reset_eta();
                set_bar(Some(bar.clone()));
                self.bar = Some(bar);
            }
        } else if self.last_line.elapsed() >= BETWEEN_LINES {
            self.last_line = Instant::now();
            print_line(line(&self.name, done, total, self.start.elapsed()));
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            set_bar(None);
            bar.finish_and_clear();
        }
    }
}

/// `tokenizing: 0.5 of 2.0 GB, 30 s left`.
fn line(name: &str, done: u64, total: u64, elapsed: Duration) -> String {
    let (unit, size) = if total >= 1_000_000_000 { ("GB", 1e9) } else { ("MB", 1e6) };
    let left = elapsed.as_secs_f64() * total.saturating_sub(done) as f64 / done.max(1) as f64;
    let (done, total) = (done as f64 / size, total as f64 / size);
    format!("{name}: {done:.1} of {total:.1} {unit}, {} left", duration(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_and_how_long() {
        let ten = Duration::from_secs(10);
        assert_eq!(line("x", 500_000_000, 2_000_000_000, ten), "x: 0.5 of 2.0 GB, 30 s left");
        assert_eq!(line("x", 10_000_000, 10_000_000, ten), "x: 10.0 of 10.0 MB, 0 s left");
    }
}
