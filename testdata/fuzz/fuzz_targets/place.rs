//! A directory of this process, in memory where the system has one, for the file that is fuzzed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A small vocabulary for targets that need one.
#[allow(dead_code)]
pub const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nfox\n##es\n##s\na\n##a\n猫\né\n.\n";

/// The directory.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.into() } else { std::env::temp_dir() };
        let path = base.join(format!("cloze-fuzz-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a place for files");
        path
    })
}

/// Writes `bytes` to the file `name` there.
pub fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory().join(name);
    fs::create_dir_all(path.parent().expect("within the directory")).expect("a place for files");
    fs::write(&path, bytes).expect("room for a file");
    path
}
