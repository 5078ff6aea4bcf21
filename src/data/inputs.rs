//! Inputs: from files, directories, patterns and `-` to the list of texts, each of them once.
//!
//! - A file is read whatever its name is.
//! - A directory stands for its text files at any depth, sorted by name: `.txt`, `.jsonl` and `.ndjson` in any
//!   case, also with `.gz` after it. Links are followed. Hidden files and directories, and files with another
//!   extension, are passed over.
//! - A pattern stands for its matches, sorted by name. `*` and `**` do not match hidden names.
//! - `-` is standard input.
//!
//! The same real file is read once, and the same real directory is walked once, whatever their names are:
//! a circle of links ends.

use super::error::DataError;
use super::outputs::Outputs;
use super::read_report::{SkipReason, Skipped};
use super::spool::Spool;
use super::text_file::{NamedFormat, TextFile};
use crate::system::files::FileError;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

/// What the inputs stand for.
pub(super) struct Collected {
    pub(super) files: Vec<TextFile>,
    pub(super) skipped: Vec<Skipped>,
}

/// Finds the texts of `inputs`, without `outputs`.
pub(super) fn collect(inputs: &[String], outputs: &[&Path]) -> Result<Collected, DataError> {
    let mut collector = Collector {
        outputs: Outputs::new(outputs),
        files: Vec::new(),
        skipped: Vec::new(),
        names_skipped: HashSet::new(),
        known: HashMap::new(),
        expanded: HashMap::new(),
        input: 0,
        found_output: false,
        found_again: false,
    };
    for (number, input) in inputs.iter().enumerate() {
        collector.input = number;
        collector.add_input(input)?;
    }
    let Collector { files, mut skipped, .. } = collector;
    // A pattern may name what a directory passes over.
    let read: HashSet<&Path> = files.iter().map(|file| &*file.name).collect();
    skipped.retain(|Skipped { path, reason }| {
        !matches!(reason, SkipReason::Hidden | SkipReason::Extension) || !read.contains(&**path)
    });
    Ok(Collected { files, skipped })
}

/// What a file or directory really is, whatever its name.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Identity {
    #[cfg(unix)]
    Inode { device: u64, inode: u64 },
    #[cfg(not(unix))]
    Path(PathBuf),
}

impl Identity {
    #[cfg(unix)]
    fn of(_: &Path, metadata: &Metadata) -> Result<Self, DataError> {
        use std::os::unix::fs::MetadataExt;
        Ok(Self::Inode { device: metadata.dev(), inode: metadata.ino() })
    }

    #[cfg(not(unix))]
    fn of(path: &Path, _: &Metadata) -> Result<Self, DataError> {
        let real = path.canonicalize().map_err(|error| FileError::io("read", path, error))?;
        Ok(Self::Path(real))
    }
}

/// A part of a pattern between two separators.
enum PatternPart {
    /// A name without `*`, `?` and `[`.
    Literal(OsString),
    /// `**`: any number of directories.
    Recursive,
    /// Names that match.
    Names(glob::Pattern),
}

/// The texts that were found so far.
struct Collector {
    outputs: Outputs,
    files: Vec<TextFile>,
    skipped: Vec<Skipped>,
    names_skipped: HashSet<PathBuf>,
    /// Files read and directories walked: their name, and the number of the input.
    known: HashMap<Identity, (PathBuf, usize)>,
    /// Directories in which the last parts of a pattern, by their number, were looked for.
    expanded: HashMap<(Identity, usize), PathBuf>,
    /// The number of the input.
    input: usize,
    /// Whether the input holds output.
    found_output: bool,
    /// Whether the input holds a file or directory that is known.
    found_again: bool,
}

impl Collector {
    fn add_input(&mut self, input: &str) -> Result<(), DataError> {
        let before = self.files.len();
        (self.found_output, self.found_again) = (false, false);
        let path = Path::new(input);
        if input == "-" {
            self.files.push(TextFile::from_spool(Spool::standard_input()?)?);
        } else if let Some(metadata) = metadata(path)? {
            self.add(path, &metadata)?;
        } else {
            let parts = pattern_parts(input)?;
            self.expanded.clear();
            self.expand(Path::new(""), &parts)?;
        }
        match self.files.len() > before || self.found_again {
            true => Ok(()),
            false if self.found_output => Err(DataError::OnlyOutput(input.into())),
            false => Err(DataError::NoFile(input.into())),
        }
    }

    fn skip(&mut self, path: &Path, reason: SkipReason) {
        self.found_output |= reason == SkipReason::Output;
        if self.names_skipped.insert(path.into()) {
            self.skipped.push(Skipped { path: path.into(), reason });
        }
    }

    /// Whether the file or directory is output; if so, it is passed over.
    fn skip_output(&mut self, path: &Path) -> bool {
        let is_output = self.outputs.hold(path);
        if is_output {
            self.skip(path, SkipReason::Output);
        }
        is_output
    }

    /// Whether the file or directory was found before; if so, it is passed over. One input may find
    /// the same name several times: that is not worth a word.
    fn skip_known(&mut self, path: &Path, metadata: &Metadata) -> Result<bool, DataError> {
        let identity = Identity::of(path, metadata)?;
        let Some((name, input)) = self.known.get(&identity) else {
            self.known.insert(identity, (path.into(), self.input));
            return Ok(false);
        };
        let is_worth_a_word = name != path || *input != self.input;
        self.found_again = true;
        if is_worth_a_word {
            self.skip(path, SkipReason::SameFile);
        }
        Ok(true)
    }

    /// Adds a file or directory that was named, or matched by a pattern.
    fn add(&mut self, path: &Path, metadata: &Metadata) -> Result<(), DataError> {
        if self.skip_output(path) {
            return Ok(());
        }
        if metadata.is_dir() { self.walk(path, metadata) } else { self.add_file(path, metadata) }
    }

    fn add_file(&mut self, path: &Path, metadata: &Metadata) -> Result<(), DataError> {
        if !metadata.is_file() {
            return Err(DataError::NotAFile(path.into()));
        }
        if !self.skip_known(path, metadata)? {
            self.files.push(TextFile::from_path(path)?);
        }
        Ok(())
    }

    /// Adds the text files of a directory, at any depth.
    fn walk(&mut self, directory: &Path, metadata: &Metadata) -> Result<(), DataError> {
        if self.skip_known(directory, metadata)? {
            return Ok(());
        }
        for name in names(or_current(directory))? {
            let path = directory.join(&name);
            if is_hidden(&name) {
                self.skip(&path, SkipReason::Hidden);
                continue;
            }
            let is_text = NamedFormat::of(&path).format.is_some();
            let Some(metadata) = self.metadata_of_entry(&path)? else { continue };
            if metadata.is_dir() {
                self.add(&path, &metadata)?;
            } else if !is_text {
                self.skip(&path, SkipReason::Extension);
            } else {
                self.add(&path, &metadata)?;
            }
        }
        Ok(())
    }

    /// The metadata of an entry of a directory; `None` for a link that leads nowhere, which is passed over.
    fn metadata_of_entry(&mut self, path: &Path) -> Result<Option<Metadata>, DataError> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if error.kind() != ErrorKind::PermissionDenied && path.is_symlink() => {
                self.skip(path, SkipReason::BrokenLink);
                Ok(None)
            }
            Err(error) => Err(unreadable(path, error)),
        }
    }

    /// Adds what the rest of a pattern, `parts`, matches in `directory` (empty for the current one).
    fn expand(&mut self, directory: &Path, parts: &[PatternPart]) -> Result<(), DataError> {
        let here = or_current(directory);
        let Some((part, rest)) = parts.split_first() else {
            return match self.metadata_of_entry(here)? {
                Some(metadata) => self.add(directory, &metadata),
                None => Ok(()),
            };
        };
        let Some(metadata) = metadata(here)? else { return Ok(()) };
        if !metadata.is_dir() || self.skip_output(here) {
            return Ok(());
        }
        let key = (Identity::of(here, &metadata)?, parts.len());
        if let Some(known) = self.expanded.get(&key) {
            if known != here {
                self.skip(here, SkipReason::SameFile);
            }
            return Ok(());
        }
        self.expanded.insert(key, here.into());
        match part {
            PatternPart::Literal(name) => {
                let path = directory.join(name);
                match metadata_or_link(&path)? {
                    true => self.expand(&path, rest),
                    false => Ok(()),
                }
            }
            PatternPart::Recursive => {
                self.expand(directory, rest)?;
                for name in names(here)? {
                    let path = directory.join(&name);
                    if path.is_dir() && is_hidden(&name) {
                        self.skip(&path, SkipReason::Hidden);
                    } else if path.is_dir() {
                        self.expand(&path, parts)?;
                    }
                }
                Ok(())
            }
            PatternPart::Names(pattern) => {
                let options = glob::MatchOptions {
                    require_literal_leading_dot: true,
                    ..glob::MatchOptions::default()
                };
                for name in names(here)? {
                    if pattern.matches_with(&name.to_string_lossy(), options) {
                        self.expand(&directory.join(&name), rest)?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// The parts of a pattern.
fn pattern_parts(input: &str) -> Result<Vec<PatternPart>, DataError> {
    let wrong = |error: glob::PatternError| DataError::Pattern {
        pattern: input.into(),
        message: error.to_string(),
    };
    glob::Pattern::new(input).map_err(wrong)?;
    let part = |component: Component<'_>| {
        let name = component.as_os_str();
        match name.to_str() {
            Some("**") => Ok(PatternPart::Recursive),
            Some(text) if text.contains(['*', '?', '[']) => {
                glob::Pattern::new(text).map(PatternPart::Names).map_err(wrong)
            }
            _ => Ok(PatternPart::Literal(name.into())),
        }
    };
    let parts: Vec<PatternPart> =
        Path::new(input).components().map(part).collect::<Result<_, _>>()?;
    match parts.is_empty() {
        true => Err(DataError::NoFile(input.into())),
        false => Ok(parts),
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().first() == Some(&b'.')
}

/// `directory`, or the current one when it is empty.
fn or_current(directory: &Path) -> &Path {
    match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    }
}

/// The names in a directory, sorted.
fn names(directory: &Path) -> Result<Vec<OsString>, DataError> {
    let entries = directory.read_dir().and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()
    });
    let mut names = entries.map_err(|error| FileError::io("read directory", directory, error))?;
    names.sort();
    Ok(names)
}

/// The metadata of what is called `path`, links followed; `None` when there is nothing of that name.
fn metadata(path: &Path) -> Result<Option<Metadata>, DataError> {
    use ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) => match error.kind() {
            NotFound | NotADirectory | InvalidInput | InvalidFilename => Ok(None),
            _ => Err(unreadable(path, error)),
        },
    }
}

/// Whether there is anything called `path`, also a link that leads nowhere.
fn metadata_or_link(path: &Path) -> Result<bool, DataError> {
    Ok(path.is_symlink() || metadata(path)?.is_some())
}

/// The error of metadata that cannot be read. Without permission, the directory that refuses is named.
fn unreadable(path: &Path, error: io::Error) -> DataError {
    if error.kind() == ErrorKind::PermissionDenied {
        let parents = path.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
        if let Some(directory) = parents.into_iter().find(|path| path.is_dir()) {
            return FileError::io("search directory", directory, error).into();
        }
    }
    FileError::io("read", path, error).into()
}
