//! The stream of training instances: sampled from text, or read from a file of instances.
//!
//! A run stores the [`StreamPosition`] in its checkpoints and seeks to it when it resumes.

use super::batch::Batch;
use super::error::DataError;
use super::instance::Instance;
use super::json_lines::InstanceFile;
use super::masking::MaskSettings;
use super::sampler::{Sampler, SamplerPosition};
use serde::{Deserialize, Serialize};

/// The position of the next instance of an [`InstanceStream`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamPosition {
    /// A position in a [`Sampler`].
    Sampler(SamplerPosition),
    /// A position in an [`InstanceFile`].
    File {
        /// The number of the pass over the file, from 0.
        epoch: u64,
        /// The number of instances of the pass already returned.
        offset: u64,
    },
}

impl StreamPosition {
    /// All numbers of the position; unused ones are 0.
    pub fn numbers(&self) -> [u64; 5] {
        match *self {
            Self::Sampler(p) => [p.epoch, p.document, p.before, p.offset, p.max_seq_length],
            Self::File { epoch, offset } => [epoch, offset, 0, 0, 0],
        }
    }
}

/// An endless stream of training instances.
pub enum InstanceStream {
    /// Sampled from text.
    Sampler(Box<Sampler>),
    /// Read from a file of instances.
    File(Box<InstanceFile>),
}

impl InstanceStream {
    /// The next instance.
    ///
    /// # Errors
    /// [`DataError`] when the file of instances has changed and a line can no longer be read.
    pub fn next_instance(&mut self) -> Result<Instance, DataError> {
        match self {
            Self::Sampler(sampler) => Ok(sampler.next_instance()),
            Self::File(file) => file.next_instance(),
        }
    }

    /// The position of the next instance.
    pub fn position(&self) -> StreamPosition {
        match self {
            Self::Sampler(sampler) => StreamPosition::Sampler(sampler.position()),
            Self::File(file) => {
                let (epoch, offset) = file.position();
                StreamPosition::File { epoch, offset }
            }
        }
    }

    /// Seeks to a position that [`InstanceStream::position`] returned. Returns false if this stream has
    /// no such position; then the stream may be anywhere.
    pub fn seek(&mut self, position: StreamPosition) -> bool {
        // No run gets this far, and counting further could overflow.
        if position.numbers().iter().any(|&number| number >= 1 << 48) {
            return false;
        }
        match (&mut *self, position) {
            (Self::Sampler(sampler), StreamPosition::Sampler(position)) => sampler.seek(position),
            (Self::File(file), StreamPosition::File { epoch, offset }) => {
                file.seek((epoch, offset))
            }
            _ => return false,
        }
        self.position() == position
    }

    /// [`Sampler::change`] for instances sampled from text. Those of a file are made already and stay as they
    /// are.
    pub fn change(&mut self, max_seq_length: usize, masks: MaskSettings) {
        if let Self::Sampler(sampler) = self {
            sampler.change(max_seq_length, masks);
        }
    }

    /// Clears `batch` and fills it with the next `instances` instances. The other sequences are padding
    /// (`pad_id`).
    ///
    /// # Errors
    /// As [`InstanceStream::next_instance`].
    ///
    /// # Panics
    /// When `instances` is more than `batch.batch_size`, or an instance does not fit.
    pub fn fill(
        &mut self,
        batch: &mut Batch,
        instances: usize,
        pad_id: u32,
    ) -> Result<(), DataError> {
        batch.clear(pad_id);
        while batch.instances < instances {
            batch.push(&self.next_instance()?);
        }
        Ok(())
    }
}
