//! Files that are never read as text: files that `cloze` writes.

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

    /// Whether the file or directory `path` is output: one of the paths, or a run directory.
    pub(super) fn hold(&self, path: &Path) -> bool {
        let is_named = !self.paths.is_empty()
            && path.canonicalize().is_ok_and(|real| self.paths.contains(&real));
        is_named || is_run_directory(path)
    }
}

/// Whether a directory holds a run, ours or a model of Hugging Face.
fn is_run_directory(path: &Path) -> bool {
    let has = |name: &str| path.join(name).is_file();
    has("run.json") || (has("model.safetensors") && has("config.json"))
}
