//! Minimal pairs: a good sentence and a bad one that differ in one point of grammar, in the form of BLiMP
//! (Warstadt et al., 2020): JSON Lines with the fields `sentence_good` and `sentence_bad`.

use super::corpus::InvalidUtf8;
use super::error::DataError;
use super::text_file::{NamedFormat, TextFormat};
use super::text_lines::TextLines;
use crate::system::files;
use std::path::{Path, PathBuf};

/// The field that groups pairs unless another one is named: BLiMP's name of a paradigm.
const GROUP_FIELD: &str = "UID";

/// A good and a bad sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinimalPair {
    /// The sentence that is right.
    pub sentence_good: String,
    /// The sentence that is wrong.
    pub sentence_bad: String,
    /// What the pair tests.
    pub group: String,
}

/// The pairs of one file or of several.
#[derive(Clone, Debug, Default)]
pub struct MinimalPairs {
    /// The pairs.
    pub pairs: Vec<MinimalPair>,
    /// The file and the line of each pair.
    pub origins: Vec<(PathBuf, u64)>,
}

impl MinimalPairs {
    /// Reads a file of pairs (`-` for standard input), or all files `.jsonl` and `.ndjson` (also `.gz`) of a
    /// directory, sorted by name. The group of a pair is its field `group_field`. Without one, it is the field
    /// `UID`, and for a pair without that the name of its file.
    ///
    /// # Errors
    /// [`DataError::Line`] for a line without the fields; [`DataError::NoPairs`] for a directory without such
    /// files; as [`TextLines::read`] for a file that cannot be read.
    pub fn read(
        path: &Path,
        group_field: Option<&str>,
        invalid_utf8: InvalidUtf8,
    ) -> Result<Self, DataError> {
        let files = match path.is_dir() {
            false => vec![path.to_path_buf()],
            true => files::list(path)?
                .into_iter()
                .filter(|file| NamedFormat::of(file).format == Some(TextFormat::JsonLines))
                .collect(),
        };
        if files.is_empty() {
            return Err(DataError::NoPairs(path.to_path_buf()));
        }
        let mut all = Self::default();
        for file in files {
            let fields = ["sentence_good", "sentence_bad"];
            let field = group_field.unwrap_or(GROUP_FIELD);
            let lines = TextLines::read_with_field(&file, fields, field, invalid_utf8)?;
            let values = lines.texts.into_iter().zip(lines.numbers).zip(lines.field);
            for (([sentence_good, sentence_bad], line), value) in values {
                let group = match (value, group_field) {
                    (Some(group), _) => group,
                    (None, None) => name(&file),
                    (None, Some(field)) => {
                        let message = format!("there is no field \"{field}\" that is a string");
                        return Err(DataError::Line { path: file, line, message });
                    }
                };
                all.pairs.push(MinimalPair { sentence_good, sentence_bad, group });
                all.origins.push((file.clone(), line));
            }
        }
        Ok(all)
    }
}

/// The name of a file up to its first dot: `anaphor_agreement` of `d/anaphor_agreement.jsonl.gz`.
fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').find(|part| !part.is_empty()).unwrap_or(&name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn pairs_are_grouped_by_field_or_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let pair =
            |more: &str| format!("{{\"sentence_good\": \"A\", \"sentence_bad\": \"B\"{more}}}\n");
        fs::write(path("b.jsonl"), pair(", \"UID\": \"u\", \"x\": \"y\"") + &pair("")).unwrap();
        fs::write(path("a.x.ndjson"), "\n".to_string() + &pair(", \"x\": 1")).unwrap();
        fs::write(path("c.txt"), "not read").unwrap();
        let read = |name: &str, field| {
            MinimalPairs::read(&path(name), field, InvalidUtf8::Error).map_err(|error| {
                error.to_string().replace(&format!("{}/", directory.path().display()), "")
            })
        };
        let all = read("", None).unwrap();
        let groups: Vec<&str> = all.pairs.iter().map(|pair| &*pair.group).collect();
        assert_eq!(groups, ["a", "u", "b"]);
        let origins = [("a.x.ndjson", 2), ("b.jsonl", 1), ("b.jsonl", 2)];
        assert_eq!(all.origins, origins.map(|(name, line)| (path(name), line)));
        assert_eq!((&*all.pairs[0].sentence_good, &*all.pairs[0].sentence_bad), ("A", "B"));
        let error = read("b.jsonl", Some("x")).unwrap_err();
        assert_eq!(error, "`b.jsonl`, line 2: there is no field \"x\" that is a string");
        let error = read("a.x.ndjson", Some("x")).unwrap_err();
        assert!(error.starts_with("`a.x.ndjson`, line 2: there is no field \"x\""), "{error}");
        fs::create_dir(path("empty")).unwrap();
        assert!(read("empty", None).unwrap_err().contains("`empty` holds no file of pairs"));
    }
}
