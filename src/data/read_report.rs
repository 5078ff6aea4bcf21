//! What was read of a text, and what was passed over.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// What was read of a text. As text, one line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadReport {
    /// Files; 0 for text in memory.
    pub files: usize,
    /// Documents with at least one sentence.
    pub documents: usize,
    /// Sentences with at least one token.
    pub sentences: usize,
    /// Bytes of text.
    pub bytes: u64,
    /// What the inputs hold besides, and was not read.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
}

/// A file or directory that was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its path.
    pub path: PathBuf,
    /// Why, for example `neither .txt nor .jsonl`.
    pub reason: String,
}

/// Paths that are named in the line, at most.
const NAMED: usize = 3;

impl fmt::Display for ReadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |number: u64, thing: &str| match number {
            1 => format!("1 {thing}"),
            _ => format!("{number} {thing}s"),
        };
        if self.files > 0 {
            write!(f, "{}: ", count(self.files as u64, "file"))?;
        }
        let [documents, sentences] = [self.documents, self.sentences].map(|number| number as u64);
        let (documents, sentences) = (count(documents, "document"), count(sentences, "sentence"));
        write!(f, "{documents}, {sentences}, {}", count(self.bytes, "byte"))?;
        if !self.skipped.is_empty() {
            let named = self
                .skipped
                .iter()
                .take(NAMED)
                .map(|skipped| format!("`{}` ({})", skipped.path.display(), skipped.reason));
            let named = named.collect::<Vec<_>>().join(", ");
            let more = if self.skipped.len() > NAMED { ", …" } else { "" };
            write!(f, "; passed over {}: {named}{more}", self.skipped.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_line() {
        let mut read =
            ReadReport { files: 1, documents: 2, sentences: 30, bytes: 400, ..Default::default() };
        assert_eq!(read.to_string(), "1 file: 2 documents, 30 sentences, 400 bytes");
        read.files = 0;
        read.skipped = ["a", "b", "c", "d"]
            .map(|path| Skipped { path: path.into(), reason: "hidden".into() })
            .into();
        let expected = "2 documents, 30 sentences, 400 bytes; passed over 4: `a` (hidden), `b` (hidden), \
                        `c` (hidden), …";
        assert_eq!(read.to_string(), expected);
    }
}
