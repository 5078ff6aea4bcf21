//! `checkpoint/` of a run directory: the last two checkpoints, named by their steps.

use super::checkpoint::{self, Checkpoint, CheckpointError, CheckpointHeader};
use crate::system::files::{self, FileError};
use std::fs;
use std::path::{Path, PathBuf};

/// Checkpoints that are kept: should the last one turn out damaged, there is the one before.
const KEPT: usize = 2;

/// The checkpoints of a run.
#[derive(Clone, Debug)]
pub struct CheckpointDirectory {
    path: PathBuf,
}

impl CheckpointDirectory {
    /// The checkpoints of the run directory `run`.
    pub fn new(run: &Path) -> Self {
        Self { path: run.join("checkpoint") }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoint of step `step`.
    pub fn file(&self, step: u64) -> PathBuf {
        self.path.join(format!("step-{step:06}.ckpt"))
    }

    /// Steps and files, in order of steps. A directory that is not there holds none.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn list(&self) -> Result<Vec<(u64, PathBuf)>, FileError> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for path in files::list(&self.path)? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let digits = name.strip_prefix("step-").and_then(|rest| rest.strip_suffix(".ckpt"));
            let plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
            if let Some(step) = digits.filter(plain).and_then(|digits| digits.parse().ok()) {
                found.push((step, path));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Writes a checkpoint, then removes all but the last two.
    ///
    /// # Errors
    /// [`FileError`]; the checkpoints that were there before are as they were then.
    pub fn save(&self, header: &CheckpointHeader, arrays: &[&[f32]]) -> Result<(), FileError> {
        files::create_directory(&self.path)?;
        let path = self.file(header.progress.step);
        checkpoint::save(&path, header, arrays)?;
        let all = self.list()?;
        for (_, old) in &all[..all.len().saturating_sub(KEPT)] {
            fs::remove_file(old).map_err(|error| FileError::io("remove", old, error))?;
        }
        Ok(())
    }

    /// The newest checkpoint that is whole, for a model of `parameters` parameters; `None` when there
    /// never was one. Damaged and unreadable ones are set aside (`….damaged`) and named to `note`.
    ///
    /// # Errors
    /// [`CheckpointError::Foreign`]; [`CheckpointError::NoneWhole`] when all are damaged;
    /// [`CheckpointError::File`].
    pub fn newest(
        &self,
        parameters: usize,
        mut note: impl FnMut(&str),
    ) -> Result<Option<Checkpoint>, CheckpointError> {
        let all = self.list()?;
        for (step, path) in all.iter().rev() {
            let message = match checkpoint::load(path, parameters) {
                Ok(found) if found.header.progress.step == *step => return Ok(Some(found)),
                Ok(found) => format!(
                    "`{}` holds step {}, not that of its name",
                    path.display(),
                    found.header.progress.step
                ),
                // Nothing of a disk that fails is lost by setting it aside.
                Err(error @ (CheckpointError::Damaged { .. } | CheckpointError::File(_))) => {
                    error.to_string()
                }
                Err(error) => return Err(error),
            };
            note(&format!("{message}; it is set aside, and the one before is used"));
            let aside = path.with_extension("ckpt.damaged");
            fs::rename(path, &aside).map_err(|error| FileError::io("rename", path, error))?;
        }
        // A directory of damaged ones only had a run in it, too.
        let never = !self.path.exists()
            || !files::list(&self.path)?
                .iter()
                .any(|path| path.extension() == Some("damaged".as_ref()));
        if never { Ok(None) } else { Err(CheckpointError::NoneWhole(self.path.clone())) }
    }
    /// The newest checkpoint that is whole, as [`CheckpointDirectory::newest`], but changes nothing:
    /// another process may be training there. A checkpoint that this process removes in the meantime is
    /// replaced by the newer one that it wrote before.
    ///
    /// # Errors
    /// That of the newest checkpoint, when none can be used.
    pub fn read_newest(&self, parameters: usize) -> Result<Option<Checkpoint>, CheckpointError> {
        'again: loop {
            let mut first = None;
            for (_, path) in self.list()?.iter().rev() {
                match checkpoint::load(path, parameters) {
                    Ok(found) => return Ok(Some(found)),
                    Err(_) if !path.exists() => continue 'again,
                    Err(error) => first = first.or(Some(error)),
                }
            }
            return first.map_or(Ok(None), Err);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::tests::header;
    use super::*;

    #[test]
    fn the_last_two_are_kept_and_a_damaged_one_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let checkpoints = CheckpointDirectory::new(directory.path());
        assert!(checkpoints.newest(2, |_| ()).unwrap().is_none());
        for step in [5, 999_999, 1_000_000] {
            checkpoints.save(&header(step, 2), &[[1.0; 2].as_slice(); 3]).unwrap();
        }
        let steps = |list: Vec<(u64, PathBuf)>| list.into_iter().map(|(step, _)| step);
        assert!(steps(checkpoints.list().unwrap()).eq([999_999, 1_000_000]));
        let newest = |notes: &mut Vec<String>| {
            checkpoints
                .newest(2, |note| notes.push(note.into()))
                .map(|found| found.map(|checkpoint| checkpoint.header.progress.step))
        };
        let mut notes = Vec::new();
        assert_eq!(newest(&mut notes).unwrap(), Some(1_000_000));
        assert!(notes.is_empty());

        let last = checkpoints.path().join("step-1000000.ckpt");
        let mut bytes = fs::read(&last).unwrap();
        bytes[60] ^= 4;
        fs::write(&last, bytes).unwrap();
        assert_eq!(newest(&mut notes).unwrap(), Some(999_999));
        assert!(
            notes.len() == 1 && notes[0].contains("step-1000000.ckpt` is damaged"),
            "{notes:?}"
        );

        fs::rename(checkpoints.path().join("step-999999.ckpt"), &last).unwrap();
        let error = newest(&mut notes).unwrap_err().to_string();
        assert!(error.contains("no checkpoint in"), "{error}");
        assert!(notes[1].contains("holds step 999999"), "{notes:?}");
        // No file at all.
        fs::create_dir(checkpoints.path().join("step-1000002.ckpt")).unwrap();
        newest(&mut notes).unwrap_err();
        assert!(notes[2].contains("it is not a file"), "{notes:?}");
        // Set aside, so that what is written next is not thrown away for it; and not forgotten.
        assert!(checkpoints.list().unwrap().is_empty());
        newest(&mut notes).unwrap_err();
    }

    #[test]
    fn reading_changes_nothing_and_goes_on_beside_a_run_that_saves() {
        let directory = tempfile::tempdir().unwrap();
        let checkpoints = CheckpointDirectory::new(directory.path());
        assert!(checkpoints.read_newest(2).unwrap().is_none());
        for step in [1, 2] {
            checkpoints.save(&header(step, 2), &[[1.0; 2].as_slice(); 3]).unwrap();
        }
        let step = || checkpoints.read_newest(2).unwrap().unwrap().header.progress.step;
        assert_eq!(step(), 2);
        let last = checkpoints.file(2);
        fs::write(&last, "cut").unwrap();
        assert_eq!(step(), 1);
        fs::remove_file(checkpoints.file(1)).unwrap();
        let error = checkpoints.read_newest(2).unwrap_err().to_string();
        assert!(error.contains("step-000002.ckpt` is damaged"), "{error}");
        assert_eq!(fs::read(&last).unwrap(), b"cut");

        checkpoints.save(&header(3, 2), &[[1.0; 2].as_slice(); 3]).unwrap();
        std::thread::scope(|scope| {
            let saving = scope.spawn(|| {
                for step in 4..200 {
                    checkpoints.save(&header(step, 2), &[[1.0; 2].as_slice(); 3]).unwrap();
                }
            });
            let mut newest = 3;
            while !saving.is_finished() {
                let now = step();
                assert!(now >= newest, "{now} after {newest}");
                newest = now;
            }
        });
        assert_eq!(step(), 199);
    }
}
