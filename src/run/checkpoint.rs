//! A checkpoint: everything that a run needs to resume as if it had never stopped, in one file.
//!
//! ```text
//! 16 bytes     "cloze checkpoint"
//!  8 bytes     length of the header, little-endian
//!  header      JSON: version, step, position in the data, sums for metrics.jsonl, …
//!  3 × 4n      parameters, first moments, second moments: n little-endian f32 each
//!      4n      the average of the parameters, if the header says so
//!      4n      the best parameters so far, if the header says so
//! 32 bytes     SHA-256 of all bytes before
//! ```
//!
//! Nothing is used before the digest at the end is found to be right.

use super::best::BestOfTrial;
use super::metrics::Interval;
use crate::system::digest::{Digest, Sha256};
use crate::system::files::{self, FileError};
use crate::train::Evaluation;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 16] = b"cloze checkpoint";
const VERSION: u32 = 2;
/// The longest header that is read: ours have about 600 bytes.
const LONGEST_HEADER: u64 = 1 << 16;
/// Floats that are converted at a time.
const CHUNK: usize = 1 << 14;

/// The progress of a run, beside its weights and moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Tokens seen, padding not counted.
    pub tokens: u64,
    /// Where the next step begins in the data, as the job writes it.
    pub position: Value,
    /// Sums since the last log line.
    pub interval: Interval,
    /// The last evaluation.
    pub evaluation: Option<Evaluation>,
    /// Whether the evaluation after this step was stopped, and has to be done again.
    #[serde(default)]
    pub evaluation_due: bool,
    /// The length of `metrics.jsonl`.
    pub metrics_bytes: u64,
    /// SHA-256 of these bytes in hexadecimal; `None` in checkpoints of older versions.
    #[serde(default)]
    pub metrics_sha256: Option<String>,
    /// The best evaluation of each trial so far, in a run that keeps its best weights.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub best: Vec<BestOfTrial>,
}

/// What comes before the numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointHeader {
    /// The version of the format.
    version: u32,
    /// The version of this crate that wrote it.
    pub cloze_version: String,
    /// Digest of the settings that change the result, in hexadecimal.
    pub settings: String,
    /// Digest of vocabulary and training data, in hexadecimal.
    pub data: String,
    /// Parameters: the length of each array.
    parameters: u64,
    /// Whether an average of the parameters follows the moments.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    averaged: bool,
    /// Whether the best parameters come last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_best: bool,
    /// Updates that the moments have seen.
    pub optimizer_steps: u64,
    /// The progress of the run.
    pub progress: Progress,
}

impl CheckpointHeader {
    /// The header of a checkpoint of `parameters` parameters without an average, written by this version.
    pub fn new(
        settings: String,
        data: String,
        parameters: usize,
        optimizer_steps: u64,
        progress: Progress,
    ) -> Self {
        Self {
            version: VERSION,
            cloze_version: env!("CARGO_PKG_VERSION").into(),
            settings,
            data,
            parameters: parameters as u64,
            averaged: false,
            has_best: !progress.best.is_empty(),
            optimizer_steps,
            progress,
        }
    }

    /// The same with or without an average of the parameters.
    #[must_use]
    pub fn averaged(self, averaged: bool) -> Self {
        Self { averaged, ..self }
    }

    /// The number of arrays.
    fn arrays(&self) -> usize {
        3 + usize::from(self.averaged) + usize::from(self.has_best)
    }
}

/// A checkpoint as read.
#[derive(Debug)]
pub struct Checkpoint {
    /// What comes before the numbers.
    pub header: CheckpointHeader,
    /// The parameters, in the layout's order.
    pub parameters: Vec<f32>,
    /// Adam's m.
    pub first: Vec<f32>,
    /// Adam's v.
    pub second: Vec<f32>,
    /// The average of the parameters, if the run has one.
    pub average: Option<Vec<f32>>,
    /// The best parameters so far, if the run keeps them and has evaluated.
    pub best: Option<Vec<f32>>,
}

impl Checkpoint {
    /// The parameters of the model: their average, if the run has one.
    pub fn model(&self) -> &[f32] {
        self.average.as_ref().unwrap_or(&self.parameters)
    }
}

/// A checkpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not what was written.
    #[error("`{}` is damaged: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// It is whole, but of another run.
    #[error(
        "`{}` does not belong to this run: {what}; resume it with what it began with, or begin another run \
         with another 'output_dir'", path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// No checkpoint of a run is whole.
    #[error(
        "no checkpoint in `{}` is whole; nothing else was changed; put a whole copy of it back to resume, or \
         begin another run with another 'output_dir'",
        .0.display()
    )]
    NoneWhole(PathBuf),
    /// The run had checkpoints, and none is there any more.
    #[error(
        "the run in `{}` had checkpoints, and `{}` holds none: it cannot be resumed, and nothing was changed; \
         put its checkpoints back, or begin another run with another 'output_dir'",
        run.display(), checkpoints.display()
    )]
    NoneLeft {
        /// The run directory.
        run: PathBuf,
        /// Where the checkpoints were.
        checkpoints: PathBuf,
    },
}

/// Writes a checkpoint, whole or not at all. `arrays` are the parameters, both moments, and the best parameters when
/// the header's [`Progress::best`] has any.
///
/// # Errors
/// [`FileError`].
///
/// # Panics
/// When the arrays are not as many and as long as the header says.
pub fn save(path: &Path, header: &CheckpointHeader, arrays: &[&[f32]]) -> Result<(), FileError> {
    assert_eq!(arrays.len(), header.arrays());
    assert!(arrays.iter().all(|array| array.len() as u64 == header.parameters));
    assert_eq!(arrays.len(), header.arrays());
    files::write_atomically(path, |out| {
        let mut hasher = Sha256::new();
        let mut write = |bytes: &[u8]| {
            hasher.update(bytes);
            out.write_all(bytes)
        };
        let text = serde_json::to_vec(header).expect("numbers and strings");
        write(MAGIC)?;
        write(&(text.len() as u64).to_le_bytes())?;
        write(&text)?;
        let mut bytes = Vec::with_capacity(4 * CHUNK);
        for chunk in arrays.iter().flat_map(|array| array.chunks(CHUNK)) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
            write(&bytes)?;
        }
        out.write_all(&hasher.finish().0)
    })
}

/// Reads a checkpoint of a model of `parameters` parameters and checks all of it. No more memory is
/// taken than such a checkpoint needs, whatever the file says.
///
/// # Errors
/// [`CheckpointError::File`], [`CheckpointError::Damaged`]; [`CheckpointError::Foreign`] when a whole
/// checkpoint is of another size.
pub fn load(path: &Path, parameters: usize) -> Result<Checkpoint, CheckpointError> {
    let damaged = |message: &str| {
        let path = path.to_path_buf();
        CheckpointError::Damaged { path, message: message.into() }
    };
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it is cut short"),
        _ => FileError::io("read", path, error).into(),
    };
    // A pipe would be waited for.
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(damaged("it is not a file"));
    }
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut reader = Hashing { reader: BufReader::new(file), hasher: Sha256::new() };
    let mut start = [0; 24];
    reader.read_exact(&mut start).map_err(failed)?;
    let header_length = u64::from_le_bytes(start[16..].try_into().expect("8 bytes"));
    if !start.starts_with(MAGIC) || header_length > LONGEST_HEADER {
        return Err(damaged("it does not begin as a checkpoint does"));
    }
    let mut text = vec![0; header_length as usize];
    reader.read_exact(&mut text).map_err(failed)?;
    let header: Result<CheckpointHeader, _> = serde_json::from_slice(&text);
    // Of another size: look at the digest first, it tells a foreign checkpoint from a damaged one.
    let arrays = header.as_ref().map_or(3, CheckpointHeader::arrays);
    let expected = 24 + header_length + (4 * arrays * parameters) as u64 + 32;
    let fits = header.as_ref().is_ok_and(|header| header.parameters == parameters as u64);
    if !fits || length != expected {
        let left = length.saturating_sub(24 + header_length + 32);
        io::copy(&mut (&mut reader).take(left), &mut io::sink()).map_err(failed)?;
        reader.check_digest().map_err(failed)?.ok_or_else(|| damaged("its checksum is wrong"))?;
        let what = match header {
            Ok(header) if header.version != VERSION => {
                format!("it has version {} of the format, not {VERSION}", header.version)
            }
            Ok(header) => format!("it has {} parameters, not {parameters}", header.parameters),
            Err(error) => format!("its header is not ours ({error})"),
        };
        return Err(CheckpointError::Foreign { path: path.to_path_buf(), what });
    }
    let mut arrays = vec![Vec::new(); arrays];
    let mut bytes = vec![0; 4 * CHUNK];
    for array in &mut arrays {
        array.reserve_exact(parameters);
        while array.len() < parameters {
            let bytes = &mut bytes[..4 * CHUNK.min(parameters - array.len())];
            reader.read_exact(bytes).map_err(failed)?;
            array.extend(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        }
    }
    reader.check_digest().map_err(failed)?.ok_or_else(|| damaged("its checksum is wrong"))?;
    let header = header.expect("checked above");
    let foreign =
        |what: &str| Err(CheckpointError::Foreign { path: path.to_path_buf(), what: what.into() });
    if header.version != VERSION {
        return foreign(&format!("it has version {} of the format", header.version));
    }
    // A right digest can be made for any bytes: the rest of the program must not trust the numbers.
    if !header.progress.is_sane() || !arrays.iter().flatten().all(|value| value.is_finite()) {
        return foreign("it holds numbers that no run writes");
    }
    let mut arrays = arrays.into_iter();
    let mut next = || arrays.next().expect("as many as the header says");
    let (parameters, first, second) = (next(), next(), next());
    let [average, best] =
        [header.averaged, header.has_best].map(|is_there| is_there.then(&mut next));
    Ok(Checkpoint { header, parameters, first, second, average, best })
}

impl Progress {
    /// Whether a run can continue from here without an overflow.
    fn is_sane(&self) -> bool {
        const MOST: u64 = 1 << 48;
        let Self { step, tokens, metrics_bytes, .. } = *self;
        step <= u64::from(u32::MAX)
            && tokens < MOST
            && metrics_bytes < MOST
            && self.interval.is_sane()
    }
}

/// A reader that hashes what passes.
struct Hashing {
    reader: BufReader<File>,
    hasher: Sha256,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

impl Hashing {
    /// `Some` when the next 32 bytes are the digest of all before, and the last.
    fn check_digest(mut self) -> io::Result<Option<()>> {
        let digest = self.hasher.finish();
        let mut stored = [0; 32];
        self.reader.read_exact(&mut stored)?;
        let more = self.reader.read(&mut [0])?;
        Ok((Digest(stored) == digest && more == 0).then_some(()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fs;

    pub(crate) fn header(step: u64, parameters: usize) -> CheckpointHeader {
        let position = serde_json::json!({"epoch": 1, "offset": 2});
        let interval = Interval::default();
        let progress = Progress {
            step,
            tokens: 5,
            position,
            interval,
            evaluation: None,
            evaluation_due: false,
            metrics_bytes: 7,
            metrics_sha256: Some("ab".repeat(32)),
            best: Vec::new(),
        };
        CheckpointHeader::new("a".into(), "b".into(), parameters, step, progress)
    }

    #[test]
    fn what_was_written_is_read_and_every_flipped_bit_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("step-000003.ckpt");
        let (p, m, v) = (vec![1.5f32, -2.0, 0.0], vec![f32::MIN_POSITIVE, 0.1, 3.0], vec![7.0; 3]);
        save(&path, &header(3, 3), &[&p, &m, &v]).unwrap();
        let read = load(&path, 3).unwrap();
        assert_eq!((read.model(), &read.average), (&*p, &None));
        assert_eq!(
            (read.header, read.parameters, read.first, read.second),
            (header(3, 3), p, m, v)
        );

        let whole = fs::read(&path).unwrap();
        let mut refused = 0;
        for bit in 0..8 * whole.len() {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &flipped).unwrap();
            let error = load(&path, 3).unwrap_err().to_string();
            assert!(error.contains("step-000003.ckpt` is damaged"), "bit {bit}: {error}");
            refused += 1;
        }
        assert_eq!(refused, 8 * whole.len());
        let longer = [whole.as_slice(), b"x"].concat();
        for bytes in [&whole[..whole.len() - 1], &whole[..20], &whole[..100], &[], &longer] {
            fs::write(&path, bytes).unwrap();
            let error = load(&path, 3).unwrap_err().to_string();
            assert!(error.contains("is damaged"), "{error}");
        }
    }

    #[test]
    fn the_best_parameters_are_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("step-000003.ckpt");
        let mut progress = header(3, 3).progress;
        progress.best = vec![BestOfTrial {
            learning_rate: 5e-4,
            step: 2,
            score: 0.5,
            evaluation: Evaluation::default(),
        }];
        let header = CheckpointHeader::new("a".into(), "b".into(), 3, 3, progress);
        let array = [1.0, 2.0, 3.0];
        save(&path, &header, &[&array, &array, &array, &[4.0; 3]]).unwrap();
        let read = load(&path, 3).unwrap();
        assert_eq!((read.header, read.best), (header, Some(vec![4.0; 3])));
    }

    #[test]
    fn whole_checkpoints_of_others_are_told_from_damaged_ones() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("step-000003.ckpt");
        let refused = |header: CheckpointHeader, array: &[f32], words: &str| {
            save(&path, &header, &[array; 3]).unwrap();
            let error = load(&path, 3).unwrap_err().to_string();
            assert!(error.contains("does not belong") && error.contains(words), "{error}");
        };
        refused(header(3, 2), &[1.0; 2], "2 parameters, not 3");
        refused(CheckpointHeader { version: 9, ..header(3, 3) }, &[1.0; 3], "version 9");
        refused(header(3, 3), &[1.0, f32::NAN, 1.0], "numbers that no run writes");
        let mut far = header(3, 3);
        far.progress.tokens = u64::MAX;
        refused(far, &[1.0; 3], "numbers that no run writes");
    }
}
