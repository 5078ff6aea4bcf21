//! Instances as JSON Lines: for inspection, for other trainers, and to train on a fixed set.
//!
//! Each line is an object with the fields `tokens`, `input_ids`, `token_type_ids`, `is_random_next`
//! (null without a second segment; with sentence-order prediction, whether the segments were swapped), `masked_lm_positions`, `masked_lm_labels` (tokens) and
//! `masked_lm_ids` (the ids of the labels). Apart from the ids, the names are those of
//! `TrainingInstance` in Google's `create_pretraining_data.py`.

use super::error::DataError;
use super::instance::Instance;
use super::spool::Spool;
use super::text_file::NamedFormat;
use crate::system::files::FileError;
use crate::tensor::random::{Generator, Purpose};
use crate::tokenizer::Vocabulary;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(default)]
    tokens: Vec<String>,
    input_ids: Vec<u32>,
    token_type_ids: Vec<u32>,
    is_random_next: Option<bool>,
    masked_lm_positions: Vec<u32>,
    masked_lm_labels: Vec<String>,
    #[serde(default)]
    masked_lm_ids: Option<Vec<u32>>,
}

/// `instance` as a line of JSON Lines, without the line feed.
pub fn to_json(instance: &Instance, vocabulary: &Vocabulary) -> String {
    let tokens = |ids: &[u32]| -> Vec<String> {
        ids.iter().map(|&id| vocabulary.token(id).unwrap_or("[UNK]").to_string()).collect()
    };
    let line = Line {
        tokens: tokens(&instance.input_ids),
        input_ids: instance.input_ids.clone(),
        token_type_ids: instance.token_type_ids.clone(),
        is_random_next: instance.is_random_next,
        masked_lm_positions: instance.masked_lm_positions.clone(),
        masked_lm_labels: tokens(&instance.masked_lm_labels),
        masked_lm_ids: Some(instance.masked_lm_labels.clone()),
    };
    serde_json::to_string(&line).expect("numbers and strings")
}

/// The longest line that is read, in bytes: enough for 16,384 tokens of 100 letters.
const LONGEST_LINE: u64 = 4 << 20;

/// The bytes of a file of instances.
trait Source: Read + Seek + Send + Sync {}

impl<S: Read + Seek + Send + Sync> Source for S {}

/// A file of instances, read one line at a time. Memory holds only the offsets of the lines, and the text of
/// standard input or of a compressed file unless it is large.
pub struct InstanceFile {
    /// The path of the file, or `standard input`.
    path: PathBuf,
    reader: BufReader<Box<dyn Source>>,
    vocabulary: Vocabulary,
    max_seq_length: usize,
    max_predictions_per_seq: usize,
    /// Byte offset and line number of each instance.
    lines: Vec<(u64, u64)>,
    /// Instances with a next sentence.
    pairs: usize,
    /// The order of this pass, as indices into `lines`; empty without `shuffle`.
    order: Vec<u32>,
    shuffle: bool,
    seed: u64,
    epoch: u64,
    offset: u64,
}

impl InstanceFile {
    /// Opens a file, `.gz` or not, or standard input for `-`, and checks every line: ids must be in the vocabulary and match the tokens beside
    /// them, lengths must agree and not exceed `max_seq_length` and `max_predictions_per_seq`, and
    /// positions must lie inside the sequence. With `shuffle`, each pass has its own order, drawn from
    /// `seed`; otherwise every pass has the order of the file.
    ///
    /// # Errors
    /// [`DataError::NotAFile`] for a pipe or device; [`DataError::File`] when the file cannot be read;
    /// [`DataError::Damaged`] for a damaged gzip file; [`DataError::StandardInputEmpty`] and
    /// [`DataError::StandardInputAgain`] for `-`; [`DataError::Line`] for an invalid line;
    /// [`DataError::NoInstance`] when the file has no instance.
    pub fn open(
        path: &Path,
        vocabulary: &Vocabulary,
        max_seq_length: usize,
        max_predictions_per_seq: usize,
        shuffle: bool,
        seed: u64,
    ) -> Result<Self, DataError> {
        let (path, bytes) = Self::open_source(path)?;
        let mut source = Self {
            path,
            reader: BufReader::new(bytes),
            vocabulary: vocabulary.clone(),
            max_seq_length,
            max_predictions_per_seq,
            lines: Vec::new(),
            pairs: 0,
            order: Vec::new(),
            shuffle,
            seed,
            epoch: 0,
            offset: 0,
        };
        let (mut at, mut number) = (0, 0);
        loop {
            number += 1;
            let (text, bytes) = source.read_line(number)?;
            if bytes == 0 {
                break;
            }
            if !text.trim().is_empty() {
                let instance = source.parse(&text, number)?;
                source.pairs += usize::from(instance.is_random_next.is_some());
                source.lines.push((at, number));
            }
            at += bytes;
        }
        if source.lines.is_empty() {
            return Err(DataError::NoInstance(source.path));
        }
        source.start_pass(0);
        Ok(source)
    }

    /// The name in messages, and the decompressed bytes, of the file `path` or of standard input.
    fn open_source(path: &Path) -> Result<(PathBuf, Box<dyn Source>), DataError> {
        if path.as_os_str() == "-" {
            let (name, spool) = (PathBuf::from("standard input"), Spool::standard_input()?);
            let spool = match spool.is_gzip() {
                true => Spool::decompressed(spool.bytes(), &name)?,
                false => spool,
            };
            return Ok((name, Box::new(Cursor::new(spool))));
        }
        let file = Self::open_file(path)?;
        Ok((
            path.to_path_buf(),
            match NamedFormat::of(path).compressed {
                true => Box::new(Cursor::new(Spool::decompressed(BufReader::new(file), path)?)),
                false => Box::new(file),
            },
        ))
    }

    /// Writes all bytes, decompressed, to `out`: for a digest of them.
    ///
    /// # Errors
    /// [`DataError::File`] when they cannot be read or written.
    pub fn copy_to(&mut self, out: &mut dyn Write) -> Result<(), DataError> {
        let copied = self.reader.rewind().and_then(|()| io::copy(&mut self.reader, out));
        copied.map_err(|error| FileError::io("read", &self.path, error))?;
        Ok(())
    }

    /// Opens a file that can be read more than once; a pipe or device is refused without waiting for it.
    fn open_file(path: &Path) -> Result<File, DataError> {
        let failed = |error| FileError::io("open", path, error);
        // Opening a pipe would wait for its writer.
        let metadata = path.metadata().map_err(failed)?;
        if !metadata.is_file() && !metadata.is_dir() {
            return Err(DataError::NotAFile(path.to_path_buf()));
        }
        Ok(File::open(path).map_err(failed)?)
    }

    /// The number of instances.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// The number of instances with a second sentence: `is_random_next` is not null.
    pub fn pairs(&self) -> usize {
        self.pairs
    }

    /// Always false: an empty file is an error of [`InstanceFile::open`].
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The position of the next instance: the number of the pass, and the number of instances of that
    /// pass already returned.
    pub fn position(&self) -> (u64, u64) {
        (self.epoch, self.offset)
    }

    /// Continues from a position that [`InstanceFile::position`] returned.
    pub fn seek(&mut self, (epoch, offset): (u64, u64)) {
        self.start_pass(epoch);
        self.offset = offset.min(self.lines.len() as u64);
    }

    /// Starts pass `epoch` and draws its order.
    fn start_pass(&mut self, epoch: u64) {
        (self.epoch, self.offset) = (epoch, 0);
        if self.shuffle {
            self.order = (0..self.lines.len() as u32).collect();
            let mut generator = Generator::new(self.seed, Purpose::InstanceOrder, epoch, 0);
            generator.shuffle(&mut self.order);
        }
    }

    /// The next instance. The last instance of a pass is followed by the first of the next pass.
    ///
    /// # Errors
    /// [`DataError`] when the file has changed and the line can no longer be read.
    pub fn next_instance(&mut self) -> Result<Instance, DataError> {
        if self.offset == self.lines.len() as u64 {
            self.start_pass(self.epoch + 1);
        }
        let place = self.offset as usize;
        let index = if self.shuffle { self.order[place] as usize } else { place };
        let (at, number) = self.lines[index];
        let seek = |reader: &mut BufReader<Box<dyn Source>>| -> io::Result<()> {
            // A seek would discard the buffer; in file order none is needed.
            let now = reader.stream_position()?;
            if now != at { reader.seek(SeekFrom::Start(at)).map(drop) } else { Ok(()) }
        };
        seek(&mut self.reader).map_err(|error| FileError::io("read", &self.path, error))?;
        let (text, _) = self.read_line(number)?;
        let instance = self.parse(&text, number)?;
        self.offset += 1;
        Ok(instance)
    }

    /// Reads line `number` at the current position; returns it with its length in bytes (0 at the end).
    fn read_line(&mut self, number: u64) -> Result<(String, u64), DataError> {
        let mut bytes = Vec::new();
        let mut limited = (&mut self.reader).take(LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut bytes);
        let read = read.map_err(|error| FileError::io("read", &self.path, error))? as u64;
        if read == LONGEST_LINE && bytes.last() != Some(&b'\n') {
            return Err(self.error(number, format!("longer than {LONGEST_LINE} bytes")));
        }
        let text = String::from_utf8(bytes);
        Ok((text.map_err(|error| self.error(number, format!("not UTF-8: {error}")))?, read))
    }

    fn error(&self, line: u64, message: impl Into<String>) -> DataError {
        DataError::Line { path: self.path.clone(), line, message: message.into() }
    }

    /// Checks that `ids` are the ids of `tokens`, unless `tokens` is empty. Without this check, ids of
    /// another vocabulary would silently be trained on.
    fn check_tokens(
        &self,
        key: &str,
        tokens: &[String],
        ids: &[u32],
        number: u64,
    ) -> Result<(), DataError> {
        if tokens.is_empty() {
            return Ok(());
        }
        if tokens.len() != ids.len() {
            let message = format!("{} {key} but {} ids", tokens.len(), ids.len());
            return Err(self.error(number, message));
        }
        let token = |id| self.vocabulary.token(id).unwrap_or_default();
        match tokens.iter().zip(ids).find(|(theirs, id)| *theirs != token(**id)) {
            None => Ok(()),
            Some((theirs, &id)) => Err(self.error(
                number,
                format!(
                    "{key} has `{theirs}` where the id is {id}, but {id} is `{}` in the vocabulary; use \
                     the vocabulary that the instances were made with",
                    token(id)
                ),
            )),
        }
    }

    /// The instance in line `number`, checked.
    fn parse(&self, text: &str, number: u64) -> Result<Instance, DataError> {
        let line: Line = serde_json::from_str(text)
            .map_err(|error| self.error(number, format!("not an instance: {error}")))?;
        let labels = match line.masked_lm_ids {
            Some(ids) => ids,
            None => line
                .masked_lm_labels
                .iter()
                .map(|token| {
                    self.vocabulary.id(token).ok_or_else(|| {
                        self.error(
                            number,
                            format!(
                                "masked_lm_labels has `{token}`, which is not in the vocabulary"
                            ),
                        )
                    })
                })
                .collect::<Result<_, _>>()?,
        };
        let length = line.input_ids.len();
        let vocab_size = self.vocabulary.len();
        let check = |fits: bool, message: String| {
            if fits { Ok(()) } else { Err(self.error(number, message)) }
        };
        check(length > 0, "input_ids is empty".into())?;
        let most = self.max_seq_length;
        check(length <= most, format!("{length} tokens, but 'max_seq_length' is {most}"))?;
        let types = line.token_type_ids.len();
        check(types == length, format!("{length} input_ids but {types} token_type_ids"))?;
        let bad_type = line.token_type_ids.iter().find(|&&id| id > 1);
        check(
            bad_type.is_none(),
            format!("token_type_ids has {bad_type:?}; only 0 and 1 are segments"),
        )?;
        let ids = line.input_ids.iter().chain(&labels);
        let bad = ids.copied().find(|&id| id as usize >= vocab_size);
        check(
            bad.is_none(),
            format!("id {} is not below the vocabulary's size, {vocab_size}", bad.unwrap_or(0)),
        )?;
        let (positions, masks) = (&line.masked_lm_positions, labels.len());
        let fits = positions.len() == masks;
        check(fits, format!("{} masked_lm_positions but {masks} labels", positions.len()))?;
        let most = self.max_predictions_per_seq;
        check(
            masks <= most,
            format!("{masks} masked positions, but 'max_predictions_per_seq' is {most}"),
        )?;
        let sorted = positions.windows(2).all(|pair| pair[0] < pair[1]);
        check(sorted, "masked_lm_positions are not in rising order".into())?;
        let inside = positions.last().is_none_or(|&last| (last as usize) < length);
        check(inside, format!("a masked position is not below the length, {length}"))?;
        self.check_tokens("tokens", &line.tokens, &line.input_ids, number)?;
        self.check_tokens("masked_lm_labels", &line.masked_lm_labels, &labels, number)?;
        Ok(Instance {
            input_ids: line.input_ids,
            token_type_ids: line.token_type_ids,
            is_random_next: line.is_random_next,
            masked_lm_positions: line.masked_lm_positions,
            masked_lm_labels: labels,
        })
    }
}

#[cfg(test)]
#[path = "json_lines_tests.rs"]
mod tests;
