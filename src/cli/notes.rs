//! Warnings about single texts: a text was cut, or the vocabulary does not know its words.

use cloze::report::print_line;
use cloze::tasks::Truncated;

/// Texts that are named, at most.
const NAMED: usize = 5;

/// Says what is unusual about texts, on standard error: the first few by name, the others by their number.
pub(super) struct Notes {
    /// Tokens of a text that are read, at most.
    most: usize,
    truncated: usize,
    unknown: usize,
}

impl Notes {
    /// For texts that are cut after `most` tokens.
    pub(super) fn new(most: usize) -> Self {
        Self { most, truncated: 0, unknown: 0 }
    }

    /// Notes a text; `origin` names it.
    pub(super) fn add(
        &mut self,
        origin: impl FnOnce() -> String,
        text: &str,
        truncated: Option<Truncated>,
        all_unknown: bool,
    ) {
        if let Some(Truncated { tokens, characters }) = truncated {
            self.truncated += 1;
            if self.truncated <= NAMED {
                let read: Vec<char> = text.chars().take(characters).collect();
                let end: String = read[read.len().saturating_sub(30)..].iter().collect();
                print_line(format_args!(
                    "warning: {}: {tokens} tokens, but the model reads at most {}; what is behind character \
                     {characters} was left out, it ends at {end:?}",
                    origin(),
                    self.most
                ));
            }
        } else if all_unknown {
            self.unknown += 1;
            if self.unknown <= NAMED {
                print_line(format_args!(
                    "warning: {}: the vocabulary knows none of its words; every token is [UNK]",
                    origin()
                ));
            }
        }
    }

    /// Says how many texts were not named.
    pub(super) fn finish(self) {
        for (count, what) in [(self.truncated, "were cut"), (self.unknown, "have no known word")] {
            if count > NAMED {
                print_line(format_args!("warning: {} more texts {what}", count - NAMED));
            }
        }
    }
}
