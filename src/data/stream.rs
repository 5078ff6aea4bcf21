//! The stream of training instances with its position: drawn from text, or read from a file.
//!
//! A run stores the [`StreamPosition`] in its checkpoints and seeks to it when it resumes.

use super::batch::Batch;
use super::error::DataError;
use super::instance::Instance;
use super::json_lines::InstanceFile;
use super::sampler::{Sampler, SamplerPosition};
use serde::{Deserialize, Serialize};

/// Where a stream of training instances stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamPosition {
    /// In a stream drawn from text.
    Sampler(SamplerPosition),
    /// In a file of instances.
    File {
        /// The pass over the file, from 0.
        epoch: u64,
        /// Instances of the pass that have been handed out.
        offset: u64,
    },
}

impl StreamPosition {
    /// All its numbers.
    pub fn numbers(&self) -> [u64; 4] {
        match *self {
            Self::Sampler(p) => [p.epoch, p.document, p.before, p.offset],
            Self::File { epoch, offset } => [epoch, offset, 0, 0],
        }
    }
}

/// A stream of training instances.
pub enum InstanceStream {
    /// Drawn from text.
    Sampler(Box<Sampler>),
    /// Read from a file.
    File(Box<InstanceFile>),
}

impl InstanceStream {
    /// The next instance.
    ///
    /// # Errors
    /// [`DataError`] when a file has changed under us.
    pub fn next_instance(&mut self) -> Result<Instance, DataError> {
        match self {
            Self::Sampler(sampler) => Ok(sampler.next_instance()),
            Self::File(file) => file.next_instance(),
        }
    }

    /// The place of the next instance.
    pub fn position(&self) -> StreamPosition {
        match self {
            Self::Sampler(sampler) => StreamPosition::Sampler(sampler.position()),
            Self::File(file) => {
                let (epoch, offset) = file.position();
                StreamPosition::File { epoch, offset }
            }
        }
    }

    /// Goes to a place that [`InstanceStream::position`] gave; false when there is no such place.
    pub fn seek(&mut self, position: StreamPosition) -> bool {
        // No run gets that far; counting on from there could overflow.
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

    /// Fills `batch` with the next `instances` instances, fewer than it has room for at the end of a
    /// step.
    ///
    /// # Errors
    /// As [`InstanceStream::next_instance`].
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
