//! What was read of a corpus, and what was passed over and why.

use super::part::Part;
use super::text_file::{LineEnds, TextFile};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// The most paths that a line names for one reason.
const NAMED: usize = 5;

/// What was read of a corpus. It is displayed as one line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReadReport {
    /// The name of the corpus in messages.
    pub name: String,
    /// Files, standard input among them; 0 for text in memory.
    pub files: u64,
    /// Documents that hold a sentence.
    pub documents: u64,
    /// Sentences.
    pub sentences: u64,
    /// The size of the files in bytes, compressed ones as they are.
    pub bytes: u64,
    /// What is unusual about the text, and what it means: sentences without a full stop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What was found among the inputs and not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
}

impl fmt::Display for ReadReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, documents, sentences, bytes, notes, .. } = self;
        write!(out, "{name}: {documents} documents, {sentences} sentences, {bytes} bytes")?;
        notes.iter().try_for_each(|note| write!(out, "; {note}"))
    }
}

/// What is unusual about `files`, which hold `documents` documents.
pub(super) fn notes(files: &[TextFile], documents: u64) -> Vec<String> {
    let count = |ends| files.iter().filter(|file| file.line_ends() == ends).count();
    let its = |count: usize| match count {
        1 if files.len() == 1 => "its lines".into(),
        count => format!("the lines of {count} file(s)"),
    };
    let mut notes = Vec::new();
    if let classic @ 1.. = count(LineEnds::Classic) {
        notes.push(format!("{} end in CR alone, which is read as a line end", its(classic)));
    }
    if let separators @ 1.. = count(LineEnds::Separators) {
        notes.push(format!(
            "{} end in U+0085, U+2028 or U+2029, which end no line here: put line feeds in their place, or \
             the text is one line",
            its(separators)
        ));
    }
    if documents == 1 {
        notes.push(
            "one document, because no blank line separates two, so there is no other document to draw a random \
             next sentence from"
                .into(),
        );
    }
    notes
}

/// A file or directory that was found among the inputs and not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Skipped {
    /// The file or directory.
    pub path: PathBuf,
    /// Why it was not read.
    pub reason: SkipReason,
}

/// Why a file or directory was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// A run directory, a model, or an output of the command.
    Output,
    /// Its name begins with a dot.
    Hidden,
    /// A file of a directory whose extension is not one of text.
    Extension,
    /// The same file or directory was read already, under this or another name.
    SameFile,
    /// A link to nothing.
    BrokenLink,
}

impl SkipReason {
    const ALL: [Self; 5] =
        [Self::Output, Self::Hidden, Self::Extension, Self::SameFile, Self::BrokenLink];

    fn phrase(self) -> &'static str {
        match self {
            Self::Output => "because cloze writes it",
            Self::Hidden => "because it is hidden",
            Self::Extension => "because of its extension",
            Self::SameFile => "because it was read already",
            Self::BrokenLink => "because the link leads nowhere",
        }
    }
}

/// A line that names what was passed over, by reason; `None` when nothing was.
pub(super) fn passed_over(skipped: &[Skipped]) -> Option<String> {
    let mut parts = Vec::new();
    for reason in SkipReason::ALL {
        let mut paths = skipped.iter().filter(|skipped| skipped.reason == reason);
        let named: Vec<String> =
            paths.by_ref().take(NAMED).map(|s| format!("`{}`", s.path.display())).collect();
        if !named.is_empty() {
            let more = match paths.count() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            parts.push(format!("{}: {}{more}", reason.phrase(), named.join(", ")));
        }
    }
    (!parts.is_empty()).then(|| format!("not read as text, {}", parts.join("; ")))
}

/// Counts documents and sentences, chunk by chunk.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) documents: u64,
    pub(super) sentences: u64,
    /// Whether the last document may continue in the next chunk.
    open: bool,
}

/// The counts of one chunk.
#[derive(Default)]
pub(super) struct ChunkTally {
    sentences: u64,
    /// Documents that begin in the chunk, after a boundary.
    begun: u64,
    /// Whether there is a sentence before the first boundary.
    continues: bool,
    has_boundary: bool,
    /// Whether a sentence follows the last boundary, or there is no boundary.
    ends_open: bool,
}

impl ChunkTally {
    /// Counts the next part of the chunk.
    pub(super) fn add(&mut self, part: Part<'_>) {
        match part {
            Part::Boundary => (self.has_boundary, self.ends_open) = (true, false),
            Part::Sentence(_) => {
                self.sentences += 1;
                self.begun += u64::from(self.has_boundary && !self.ends_open);
                self.continues |= !self.has_boundary;
                self.ends_open = true;
            }
        }
    }
}

impl Tally {
    /// Adds the next chunk.
    pub(super) fn add(&mut self, chunk: &ChunkTally) {
        self.sentences += chunk.sentences;
        self.documents += chunk.begun + u64::from(chunk.continues && !self.open);
        self.open = if chunk.has_boundary { chunk.ends_open } else { self.open || chunk.ends_open };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_does_not_depend_on_chunks() {
        // A boundary is a space, a sentence a letter.
        let text = " ab  c d   ef g ";
        for bounds in 0..1_u32 << (text.len() - 1) {
            let (mut tally, mut chunk) = (Tally::default(), ChunkTally::default());
            for (at, c) in text.char_indices() {
                chunk.add(if c == ' ' { Part::Boundary } else { Part::Sentence("x") });
                if bounds >> at & 1 == 1 {
                    tally.add(&std::mem::take(&mut chunk));
                }
            }
            tally.add(&chunk);
            assert_eq!((tally.documents, tally.sentences), (5, 7), "{bounds:b}");
        }
    }

    #[test]
    fn a_line_names_what_was_passed_over() {
        let skipped = |path: String, reason| Skipped { path: path.into(), reason };
        let mut all: Vec<Skipped> =
            (0..7).map(|n| skipped(format!("{n}.csv"), SkipReason::Extension)).collect();
        all.push(skipped(".git".into(), SkipReason::Hidden));
        let line = "not read as text, because it is hidden: `.git`; because of its extension: \
                    `0.csv`, `1.csv`, `2.csv`, `3.csv`, `4.csv` and 2 more";
        assert_eq!(passed_over(&all).as_deref(), Some(line));
        assert_eq!(passed_over(&[]), None);
    }
}
