//! Temporary files: names that no two processes share, removal of the files that killed processes left,
//! and files without a name.
//!
//! A temporary file of `NAME` is `.NAME.cloze-PROCESS-RANDOM.tmp`. Its process holds a lock on it, which
//! the operating system releases when the process ends. So any process can tell whether the writer of a
//! temporary file is still alive, also when the two see different process ids (containers).

use super::error::FileError;
use super::whole::{directory_of, list};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

/// The characters of a file's name that the name of its temporary file repeats, so that the latter is not
/// too long for the file system.
const REPEATED: usize = 40;

/// The beginning of the names of all temporary files of the file `name`.
fn prefix(name: &OsStr) -> String {
    let name: String = name.to_string_lossy().chars().take(REPEATED).collect();
    format!(".{name}.cloze-")
}

/// A path beside `target` that no other call, in any process, returns.
pub(super) fn path_beside(target: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    // The keys of a `RandomState` are drawn from the operating system's random numbers. Time and counter
    // are there for systems that have none.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(COUNTER.fetch_add(1, Relaxed));
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    hasher.write_u128(time.as_nanos());
    let (process, random) = (std::process::id(), hasher.finish());
    let prefix = prefix(target.file_name().unwrap_or_default());
    target.with_file_name(format!("{prefix}{process}-{random:016x}.tmp"))
}

/// Whether `name` is the name of a temporary file of ours: `.NAME.cloze-PROCESS-RANDOM.tmp`, or
/// `.NAME.PROCESS.tmp` as version 0.1.0 wrote them.
fn is_ours(name: &str) -> bool {
    let middle = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp"));
    let Some((_, unique)) = middle.and_then(|name| name.rsplit_once('.')) else { return false };
    let is_process = |text: &str| text.parse::<u32>().is_ok();
    match unique.strip_prefix("cloze-").and_then(|unique| unique.split_once('-')) {
        Some((process, random)) => {
            let is_hex = random.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_process(process) && random.len() == 16 && is_hex
        }
        None => is_process(unique),
    }
}

/// Creates a new file that is locked while it is open. `options` must ask for writing.
pub(super) fn create_locked(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    loop {
        let file = options.create_new(true).open(path)?;
        // Some file systems have no locks; the file is then removed only by the run that owns the directory.
        let _ = file.lock();
        // Another process may have removed the file between both calls, because it was not locked yet.
        if path.exists() {
            return Ok(file);
        }
    }
}

/// Removes the temporary files of `target` that killed processes left. Files that cannot be listed,
/// locked or removed stay: the write does not depend on them.
pub(super) fn remove_stale(target: &Path) {
    let prefix = prefix(target.file_name().unwrap_or_default());
    let directory = directory_of(target);
    for path in list(directory).unwrap_or_default() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&prefix) && is_ours(&name) {
            // The lock is held during the removal: `create_locked` relies on it.
            if let Ok(file) = File::open(&path)
                && file.try_lock().is_ok()
            {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

/// Removes the temporary files that killed processes left in `directory`. Files that a living process has
/// locked stay, and so do hidden files of other programs. Call it only when no other process of version
/// 0.1.0 writes into the directory.
///
/// # Errors
/// [`FileError::Io`] when the directory cannot be read or a file cannot be removed.
pub fn remove_temporary_files(directory: &Path) -> Result<(), FileError> {
    for path in list(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !is_ours(&name) || !path.is_file() {
            continue;
        }
        let file = File::open(&path);
        let lock = file.as_ref().map(File::try_lock);
        if !matches!(lock, Ok(Err(TryLockError::WouldBlock))) {
            fs::remove_file(&path).map_err(|source| FileError::io("remove", &path, source))?;
        }
    }
    Ok(())
}

/// A file for reading and writing without a name, so that nothing of it is left when the process ends, even
/// when it is killed. On systems other than Unix, which cannot remove the name of an open file, the name
/// is removed on drop.
#[derive(Debug)]
pub struct UnnamedFile {
    file: File,
    named: Option<PathBuf>,
}

impl UnnamedFile {
    /// Creates an empty one on the file system of `directory`.
    ///
    /// # Errors
    /// [`FileError::Io`] when `directory` cannot be written into.
    pub fn new(directory: &Path) -> Result<Self, FileError> {
        let path = path_beside(&directory.join("unnamed"));
        let failed = |error| FileError::io("write into", directory, error);
        let mut options = File::options();
        let file = create_locked(&path, options.read(true).write(true)).map_err(failed)?;
        let mut created = Self { file, named: Some(path) };
        if cfg!(unix)
            && let Some(path) = created.named.take()
        {
            fs::remove_file(&path).map_err(|error| FileError::io("remove", &path, error))?;
        }
        Ok(created)
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Write for UnnamedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for UnnamedFile {
    fn drop(&mut self) {
        if let Some(path) = &self.named {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_string();
        list(directory).unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn only_temporary_files_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        for name in [".a.json.12.tmp", "a.json", ".a.json.tmp", "a.12.tmp", ".b.x1.tmp"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        remove_temporary_files(directory.path()).unwrap();
        let left = list(directory.path()).unwrap();
        let left: Vec<_> = left.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(left, [".a.json.tmp", ".b.x1.tmp", "a.12.tmp", "a.json"]);
    }

    /// Two containers that share a directory have the same process id.
    #[test]
    fn two_temporary_files_of_one_process_id_have_different_names() {
        let target = Path::new("d/model.safetensors");
        let names: std::collections::BTreeSet<_> = (0..100).map(|_| path_beside(target)).collect();
        assert_eq!(names.len(), 100);
        let random =
            |path: &PathBuf| path.to_str().unwrap().rsplit_once('-').unwrap().1.to_string();
        let random: std::collections::BTreeSet<_> = names.iter().map(random).collect();
        assert_eq!(random.len(), 100, "the process id is not the difference");
        for name in &names {
            assert_eq!(name.parent(), Some(Path::new("d")));
            assert!(is_ours(name.file_name().unwrap().to_str().unwrap()), "{name:?}");
        }
        let others = [".a.cloze-1.tmp", ".a.cloze-1-12.tmp", ".a.cloze-x-0123456789abcdef.tmp"];
        assert!(others.iter().all(|name| !is_ours(name)));
        let long = path_beside(Path::new(&"x".repeat(250)));
        assert!(long.file_name().unwrap().len() < 100);
    }

    #[test]
    fn a_living_writer_keeps_its_temporary_file_and_a_dead_one_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x");
        let [alive, dead, other] =
            [&target, &target, &directory.path().join("other")].map(|target| path_beside(target));
        let lock = create_locked(&alive, File::options().write(true)).unwrap();
        for path in [&dead, &other] {
            drop(create_locked(path, File::options().write(true)).unwrap());
        }
        remove_stale(&target);
        assert!(alive.exists() && !dead.exists() && other.exists());
        remove_temporary_files(directory.path()).unwrap();
        assert!(alive.exists() && !other.exists());
        drop(lock);
        remove_temporary_files(directory.path()).unwrap();
        assert!(!alive.exists());
    }

    #[test]
    fn an_unnamed_file_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = UnnamedFile::new(directory.path()).unwrap();
        file.write_all(b"x").unwrap();
        if cfg!(unix) {
            assert_eq!(names(directory.path()), [""; 0], "while it is open");
        }
        drop(file);
        assert_eq!(names(directory.path()), [""; 0]);
        assert!(UnnamedFile::new(&directory.path().join("none")).is_err());
    }
}
