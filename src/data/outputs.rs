//! Files that are never read as text: files that `cloze` writes.

use crate::tokenizer::{CLS, SPECIAL_TOKENS};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Tells text from the output of this and of earlier commands.
pub(super) struct Outputs {
    /// Real paths (links followed) of the files and directories that this command writes or reads otherwise.
    paths: Vec<PathBuf>,
}

impl Outputs {
    /// `paths` are the files and directories of this command that are not text. One that does not exist yet
    /// cannot be found among the inputs.
    pub(super) fn new(paths: &[&Path]) -> Self {
        Self { paths: paths.iter().filter_map(|path| path.canonicalize().ok()).collect() }
    }

    /// Whether the file or directory `path` is output: one of the paths, a run directory, or a vocabulary
    /// or instances that an earlier command wrote, whatever their name.
    pub(super) fn hold(&self, path: &Path) -> bool {
        let is_named = !self.paths.is_empty()
            && path.canonicalize().is_ok_and(|real| self.paths.contains(&real));
        is_named || is_run_directory(path) || is_written_here(path)
    }
}

/// How every HTML page of `cloze` begins; the rest of the line is its version.
pub const PAGE_BEGINNING: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"cloze ";

/// Whether a file begins as a vocabulary that is learned here, with the special tokens, one on each line, as
/// instances made here, or as a page.
fn is_written_here(path: &Path) -> bool {
    let vocabulary = SPECIAL_TOKENS.map(|token| format!("{token}\n")).concat();
    let instances = format!("{{\"tokens\":[\"{CLS}\",");
    let beginnings = [&vocabulary, &instances, PAGE_BEGINNING].map(str::as_bytes);
    let longest = beginnings.iter().map(|beginning| beginning.len()).max().unwrap_or(0);
    let mut bytes = Vec::new();
    // Opening a pipe would wait for its writer.
    path.is_file()
        && File::open(path)
            .is_ok_and(|file| file.take(longest as u64).read_to_end(&mut bytes).is_ok())
        && beginnings.iter().any(|beginning| bytes.starts_with(beginning))
}

/// Whether a directory holds a run, ours or a model of Hugging Face.
fn is_run_directory(path: &Path) -> bool {
    let has = |name: &str| path.join(name).is_file();
    has("run.json") || (has("model.safetensors") && has("config.json"))
}
