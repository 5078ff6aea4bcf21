//! A file that is written whole or not at all.

use super::error::FileError;
use super::temporary::{create_locked, path_beside, remove_stale};
use super::whole::directory_of;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Links that are followed, as many as Linux follows.
const MOST_LINKS: usize = 40;

/// A file that is to be written. [`Output::open`] finds before the work whether it can be written;
/// [`Output::write`] writes it after the work, whole or not at all.
///
/// A symbolic link is followed: the file it points to is replaced. A replaced file keeps its mode and owner;
/// a new one has the mode of the process (umask). What is not a regular file (a device, a pipe) is written
/// into.
#[derive(Debug)]
pub struct Output {
    /// As given, for messages.
    path: PathBuf,
    place: Place,
}

/// Where the bytes go.
#[derive(Debug)]
enum Place {
    /// A file beside `target` is written and renamed to `target`, which may exist (`replaced`) or not.
    Replaced { target: PathBuf, replaced: Option<Metadata> },
    /// An open pipe or device.
    Stream(File),
}

/// The calls to the operating system that a write makes. Tests record their order.
trait Calls {
    fn create(&self, path: &Path, replaced: Option<&Metadata>) -> io::Result<File> {
        create(path, replaced)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        sync_directory(directory)
    }
}

/// The calls as they are.
struct OperatingSystem;

impl Calls for OperatingSystem {}

impl Output {
    /// Prepares writing to `path`: follows links, opens a pipe or device, and checks that a file can be
    /// created in the directory of a regular file. No file is left behind. Temporary files of `path` that
    /// killed processes left are removed.
    ///
    /// # Errors
    /// [`FileError::Io`] when `path` is a directory or its directory cannot be written into.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let output = Self::locate(path)?;
        if let Place::Replaced { target, .. } = &output.place {
            remove_stale(target);
            check_writable(directory_of(target))?;
        }
        Ok(output)
    }

    /// Follows links to what is written.
    fn locate(path: &Path) -> Result<Self, FileError> {
        match place(path) {
            Ok(place) => Ok(Self { path: path.to_path_buf(), place }),
            Err(error) => Err(FileError::io("write", path, error)),
        }
    }

    /// The regular file that is replaced, links followed; `None` for a pipe or device.
    pub fn target(&self) -> Option<&Path> {
        match &self.place {
            Place::Replaced { target, .. } => Some(target),
            Place::Stream(_) => None,
        }
    }

    /// Writes what `write` writes, whole or not at all. On any error an existing file stays unchanged. A
    /// pipe receives the bytes as they come; that its reader has gone away is no error.
    ///
    /// # Errors
    /// [`FileError::Io`] when `write` fails, or the file cannot be created, synced or renamed.
    pub fn write(
        self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), FileError> {
        self.write_with(&OperatingSystem, write)
    }

    fn write_with(
        self,
        calls: &dyn Calls,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), FileError> {
        let written = match self.place {
            Place::Replaced { target, replaced } => {
                replace(&target, replaced.as_ref(), calls, write)
            }
            Place::Stream(file) => write_into(file, write),
        };
        written.map_err(|error| FileError::io("write", &self.path, error))
    }
}

/// Writes a file completely or not at all: [`Output`] for a file that needs no preparation.
///
/// # Errors
/// [`FileError::Io`] when `write` fails, or the temporary file cannot be created, synced or renamed.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    Output::locate(path)?.write(write)
}

/// Checks that a file can be created in `directory`, by creating one and removing it. Whether the directory
/// can be listed does not matter.
///
/// # Errors
/// [`FileError::Io`] when it cannot.
pub fn check_writable(directory: &Path) -> Result<(), FileError> {
    let path = path_beside(&directory.join("check"));
    let created = create(&path, None).and_then(|_| fs::remove_file(&path));
    created.map_err(|error| FileError::io("write into", directory, error))
}

fn place(path: &Path) -> io::Result<Place> {
    let stream = || File::options().append(true).open(path).map(Place::Stream);
    let mut target = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&target) {
            Ok(metadata) if metadata.is_symlink() => {
                let directory = directory_of(&target);
                // A link such as /dev/stdout names a file that this process has open already.
                if directory.canonicalize()?.starts_with("/proc") {
                    return stream();
                }
                target = directory.join(fs::read_link(&target)?);
            }
            Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(metadata) if !metadata.is_file() => return stream(),
            Ok(metadata) => return Ok(Place::Replaced { target, replaced: Some(metadata) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Place::Replaced { target, replaced: None });
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many symbolic links follow one another"))
}

/// Creates a temporary file with the mode and the owner of the file that it replaces.
fn create(path: &Path, replaced: Option<&Metadata>) -> io::Result<File> {
    let mut options = File::options();
    options.write(true);
    let Some(replaced) = replaced else { return create_locked(path, &mut options) };
    #[cfg(unix)]
    {
        // Nobody else may open it before it has its mode.
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let file = create_locked(path, &mut options)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let ours = file.metadata()?;
        if (ours.uid(), ours.gid()) != (replaced.uid(), replaced.gid()) {
            // Only root may give a file away. For everybody else the file becomes their own.
            let _ = std::os::unix::fs::fchown(&file, Some(replaced.uid()), Some(replaced.gid()));
        }
    }
    file.set_permissions(replaced.permissions())?;
    Ok(file)
}

/// Writes a temporary file beside `target`, then renames it.
fn replace(
    target: &Path,
    replaced: Option<&Metadata>,
    calls: &dyn Calls,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = path_beside(target);
    let written = (|| {
        let mut out = io::BufWriter::new(calls.create(&temporary, replaced)?);
        write(&mut out)?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        calls.sync(&file)?;
        calls.rename(&temporary, target)?;
        calls.sync_directory(directory_of(target))
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Writes into a pipe or device.
fn write_into(file: File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = io::BufWriter::new(file);
    let result = write(&mut out).and_then(|()| out.flush());
    // The bytes that are left in the buffer cannot be written, and must not be tried again on drop.
    let _ = out.into_parts();
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Makes a rename durable. Only Unix can sync a directory; elsewhere this does nothing.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        match File::open(directory) {
            Ok(directory) => directory.sync_all()?,
            // A directory may be writable and not readable. The rename is done, only later on disk.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::whole::read;
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.txt");
        write_atomically(&path, |out| out.write_all(b"old")).unwrap();
        let error = write_atomically(&path, |out| {
            out.write_all(b"new")?;
            Err(io::Error::other("disk full"))
        })
        .unwrap_err();
        assert!(error.to_string().contains("disk full"), "{error}");
        assert_eq!(read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    /// The calls of a write, each made and recorded.
    struct Recorder<'r>(&'r RefCell<Vec<String>>);

    impl Recorder<'_> {
        fn record(&self, call: &str, path: &Path) {
            self.0.borrow_mut().push(format!("{call} {}", path.display()));
        }
    }

    impl Calls for Recorder<'_> {
        fn create(&self, path: &Path, replaced: Option<&Metadata>) -> io::Result<File> {
            self.record("create", path);
            OperatingSystem.create(path, replaced)
        }

        fn sync(&self, file: &File) -> io::Result<()> {
            // Everything must have left the buffer by now.
            self.0.borrow_mut().push(format!("sync {} bytes", file.metadata()?.len()));
            OperatingSystem.sync(file)
        }

        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.record("rename to", to);
            OperatingSystem.rename(from, to)
        }

        fn sync_directory(&self, directory: &Path) -> io::Result<()> {
            self.record("sync", directory);
            OperatingSystem.sync_directory(directory)
        }
    }

    /// A rename that reaches the disk before the bytes do would leave an empty file after a power cut.
    #[test]
    fn the_bytes_are_synced_before_the_rename_and_the_directory_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.txt");
        let calls = RefCell::new(Vec::new());
        let write = |out: &mut dyn Write| {
            calls.borrow_mut().push("write".into());
            out.write_all(b"text")
        };
        Output::open(&path).unwrap().write_with(&Recorder(&calls), write).unwrap();
        let calls = calls.into_inner();
        let (x, directory) = (path.display(), directory.path().display());
        assert!(calls[0].starts_with(&format!("create {directory}/.x.txt.cloze-")), "{calls:?}");
        let expected =
            ["write", "sync 4 bytes", &format!("rename to {x}"), &format!("sync {directory}")];
        assert_eq!(calls[1..], expected);
        assert_eq!(read(&path).unwrap(), b"text");
    }

    #[test]
    fn opening_an_output_leaves_nothing_and_removes_what_dead_writers_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.txt");
        drop(create(&path_beside(&path), None).unwrap());
        let output = Output::open(&path).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        output.write(|out| out.write_all(b"text")).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let error = Output::open(&directory.path().join("none/x.txt")).unwrap_err().to_string();
        assert!(error.contains("cannot write into") && error.contains("none`"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_and_modes_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let [file, link, far] = ["file", "link", "far"].map(|name| directory.path().join(name));
        fs::create_dir(&far).unwrap();
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        symlink("file", &link).unwrap();
        symlink("../link", far.join("link")).unwrap();
        // A link to a file that does not exist yet.
        symlink("../new", far.join("dangling")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        write_atomically(&far.join("link"), |out| out.write_all(b"new")).unwrap();
        assert!(link.is_symlink() && far.join("link").is_symlink() && !file.is_symlink());
        assert_eq!((read(&file).unwrap().as_slice(), mode(&file)), (&b"new"[..], 0o600));
        write_atomically(&far.join("dangling"), |out| out.write_all(b"new")).unwrap();
        assert!(far.join("dangling").is_symlink());
        let plain = directory.path().join("plain");
        fs::write(&plain, "").unwrap();
        assert_eq!(mode(&directory.path().join("new")), mode(&plain), "the mode of the umask");
        symlink("circle", directory.path().join("circle")).unwrap();
        let error = Output::open(&directory.path().join("circle")).unwrap_err().to_string();
        assert!(error.contains("symbolic links"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn a_device_is_written_into() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("null");
        symlink("/dev/null", &link).unwrap();
        for path in [Path::new("/dev/null"), &link] {
            assert_eq!(Output::open(path).unwrap().target(), None);
            write_atomically(path, |out| out.write_all(b"text")).unwrap();
        }
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        assert!(link.is_symlink());
    }
}
