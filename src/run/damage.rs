//! Whether the files of a finished run are still as the run wrote them.
//!
//! `run.json` records the SHA-256 of each file that a model is read from. A flipped bit in one of them would
//! otherwise give slightly different answers, and nobody would notice.

use super::run_json::RunJson;
use crate::model::weights;
use crate::system::digest::Digest;
use crate::system::files::{self, FileError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The files that a model is read from, beside `model.safetensors`.
const FILES: [&str; 5] = [
    "config.json",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
];

/// The SHA-256 in hexadecimal, by name, of the files in the run directory `run` that a model is read from,
/// without `model.safetensors`.
///
/// # Errors
/// [`FileError`] when one cannot be read.
pub fn digests(run: &Path) -> Result<BTreeMap<String, String>, FileError> {
    let digest = |name: &str| {
        let bytes = files::read(&run.join(name))?;
        Ok((name.to_string(), Digest::of(&bytes).to_string()))
    };
    FILES.into_iter().map(digest).collect()
}

/// One warning for each file in `directory` that is not as the run wrote it. There are none for a directory
/// without `run.json`, and for a run that is not finished.
pub fn warnings(directory: &Path) -> Vec<String> {
    if !directory.join("run.json").exists() {
        return Vec::new();
    }
    let json = match RunJson::<Value>::read(directory) {
        Ok(json) => json,
        Err(error) => return vec![format!("{error}; it is not known whether the model is whole")],
    };
    let digest =
        |name: &str| Some(Digest::of(&files::read(&directory.join(name)).ok()?).to_string());
    let model = json.model_sha256.map(|recorded| {
        let now = weights::file_digest(directory).ok().map(|digest| digest.to_string());
        ("model.safetensors".to_string(), recorded, now)
    });
    let others = json.files.into_iter().map(|(name, recorded)| {
        let now = digest(&name);
        (name, recorded, now)
    });
    let changed = model.into_iter().chain(others).filter_map(|(name, recorded, now)| {
        let path = directory.join(name);
        match now {
            Some(now) if now == recorded => None,
            Some(_) => Some(format!(
                "`{}` is not the file that the run wrote (run.json has another SHA-256): answers may be wrong",
                path.display()
            )),
            None => Some(format!("`{}` is missing or cannot be read", path.display())),
        }
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_a_run_gives_no_warning() {
        let directory = tempfile::tempdir().unwrap();
        assert!(warnings(directory.path()).is_empty());
        std::fs::write(directory.path().join("run.json"), "{").unwrap();
        let warnings = warnings(directory.path());
        assert!(warnings.len() == 1 && warnings[0].contains("run.json"), "{warnings:?}");
    }
}
