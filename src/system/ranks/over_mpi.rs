//! [`Ranks`] over MPI, by the crate `mpi` (rsmpi). MPI's own error handler ends the job when a message is lost.

use super::communication::{Ranks, Team, ranges_of};
use super::launching::LaunchError;
use mpi::datatype::{Partition, PartitionMut};
use mpi::environment::{Universe, initialize_with_threading};
use mpi::topology::{Process, SimpleCommunicator};
use mpi::traits::{Communicator, CommunicatorCollectives, Destination, Root, Source};
use mpi::{Count, Threading};
use std::ops::Range;
use std::sync::Arc;

/// The MPI library, started; dropped, it is finalized.
pub(super) struct Library {
    _universe: Universe,
}

impl Drop for Library {
    fn drop(&mut self) {
        // MPI finalizes when all ranks do. The others wait for messages of this rank, so none would ever end.
        if std::thread::panicking() {
            world().abort(101);
        }
    }
}

/// Elements of one broadcast: MPI counts with 32 bits.
const BROADCAST: usize = 1 << 28;

/// Starts the MPI library.
///
/// # Errors
/// [`LaunchError`] when it does not start, or cannot be used from the threads of a run.
pub(super) fn start() -> Result<(Library, Team), LaunchError> {
    let (universe, threading) =
        initialize_with_threading(Threading::Serialized).ok_or(LaunchError::NotStarted)?;
    if threading < Threading::Serialized {
        return Err(LaunchError::OneThread);
    }
    let world = universe.world();
    let (rank, size) = (world.rank() as usize, world.size() as usize);
    Ok((Library { _universe: universe }, Arc::new(OverMpi { rank, size })))
}

/// The processes of `MPI_COMM_WORLD`.
#[derive(Debug)]
struct OverMpi {
    rank: usize,
    size: usize,
}

/// Starts and lengths of ranges as MPI counts them.
///
/// # Panics
/// When a range ends beyond 2³¹ − 1 elements.
fn counts(ranges: &[Range<usize>]) -> (Vec<Count>, Vec<Count>) {
    let count = |n: usize| Count::try_from(n).expect("a model of at most 2³¹ − 1 parameters");
    let of = |range: &Range<usize>| (count(range.len()), count(range.start));
    ranges.iter().map(of).unzip()
}

fn world() -> SimpleCommunicator {
    SimpleCommunicator::world()
}

impl OverMpi {
    fn lengths(&self, length: usize) -> Vec<usize> {
        let mut lengths = vec![0u64; self.size];
        world().all_gather_into(&(length as u64), &mut lengths[..]);
        lengths.into_iter().map(|length| length as usize).collect()
    }
}

impl Ranks for OverMpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn broadcast(&self, bytes: &mut Vec<u8>) {
        let world = world();
        let root: Process<'_> = world.process_at_rank(0);
        let mut length = bytes.len() as u64;
        root.broadcast_into(&mut length);
        bytes.resize(length as usize, 0);
        bytes.chunks_mut(BROADCAST).for_each(|chunk| root.broadcast_into(chunk));
    }

    fn broadcast_floats(&self, values: &mut [f32]) {
        let world = world();
        let root = world.process_at_rank(0);
        values.chunks_mut(BROADCAST).for_each(|chunk| root.broadcast_into(chunk));
    }

    fn send(&self, to: usize, words: &[u32]) {
        world().process_at_rank(to as i32).send(words);
    }

    fn receive(&self, from: usize) -> Vec<u32> {
        world().process_at_rank(from as i32).receive_vec().0
    }

    fn all_gather(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let ranges = ranges_of(self.lengths(bytes.len()));
        let all = ranges[self.size - 1].end;
        if all == 0 {
            return vec![Vec::new(); self.size];
        }
        // The pointer of an empty slice of bytes is 1, which is `MPI_IN_PLACE` in Open MPI. A slice of something that
        // is not empty has another one.
        let own = [bytes, &[0]].concat();
        let bytes = &own[..bytes.len()];
        let mut received = vec![0u8; all];
        let (lengths, starts) = counts(&ranges);
        let mut partition = PartitionMut::new(&mut received[..], lengths, starts);
        world().all_gather_varcount_into(bytes, &mut partition);
        ranges.into_iter().map(|range| received[range].to_vec()).collect()
    }

    fn exchange(
        &self,
        mine: &[f32],
        to: &[Range<usize>],
        received: &mut [f32],
        from: &[Range<usize>],
    ) {
        let (lengths, starts) = counts(to);
        let sent = Partition::new(mine, lengths, starts);
        let (lengths, starts) = counts(from);
        let mut partition = PartitionMut::new(received, lengths, starts);
        world().all_to_all_varcount_into(&sent, &mut partition);
    }

    fn share(&self, values: &mut [f32], ranges: &[Range<usize>]) {
        // MPI takes no buffer for both directions here.
        let mine = values[ranges[self.rank].clone()].to_vec();
        let (lengths, starts) = counts(ranges);
        let mut partition = PartitionMut::new(values, lengths, starts);
        world().all_gather_varcount_into(&mine[..], &mut partition);
    }
}
