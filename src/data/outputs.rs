//! Files that are never read as text: files that `cloze` writes.

use std::path::{Path, PathBuf};

/// Tells text from the output of this and of earlier commands.
pub(super) struct Outputs {
    /// Real paths (links followed) of the files and directories that this command writes or reads otherwise.
    paths: Vec<PathBuf>,
    /// Files and directories that were found among the inputs and not read.
    pub(super) passed_over: Vec<PathBuf>,
}

impl Outputs {
    /// `paths` are the files and directories of this command that are not text. One that does not exist yet
    /// cannot be found among the inputs.
    pub(super) fn new(paths: &[&Path]) -> Self {
        let paths = paths.iter().filter_map(|path| path.canonicalize().ok()).collect();
        Self { paths, passed_over: Vec::new() }
    }

    /// Whether the file or directory `path` is output: one of the paths, or a run directory. If so, it is
    /// remembered as passed over.
    pub(super) fn hold(&mut self, path: &Path) -> bool {
        let held = path.canonicalize().is_ok_and(|real| self.paths.contains(&real))
            || is_run_directory(path);
        if held && !self.passed_over.iter().any(|known| known == path) {
            self.passed_over.push(path.to_path_buf());
        }
        held
    }

    /// Whether `path`, or a directory in it as it is spelled, is output.
    pub(super) fn hold_part_of(&mut self, path: &Path) -> bool {
        let parts = path.ancestors().map(|part| match part.as_os_str().is_empty() {
            true => Path::new("."),
            false => part,
        });
        let parts: Vec<&Path> = parts.collect();
        // The outermost directory first: it is named once for all files in it.
        parts.into_iter().rev().any(|part| self.hold(part))
    }
}

/// Whether a directory holds a run, ours or a model of Hugging Face.
fn is_run_directory(path: &Path) -> bool {
    let has = |name: &str| path.join(name).is_file();
    has("run.json") || (has("model.safetensors") && has("config.json"))
}
