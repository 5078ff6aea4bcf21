//! The interface of processes that compute one run together.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// The processes of a run, shared by everything in this process that talks to the others.
pub type Team = Arc<dyn Ranks>;

/// The processes of a run, numbered from 0, as one of them sees the others. Rank 0 leads: it reads, writes and talks.
///
/// Every method except [`Ranks::send`] and [`Ranks::receive`] is collective: all ranks call it, in the same order. No
/// method returns an error. When a rank is lost, the library below ends every process.
pub trait Ranks: Debug + Send + Sync {
    /// The number of this process.
    fn rank(&self) -> usize;

    /// The number of processes, at least 1.
    fn size(&self) -> usize;

    /// Copies the `bytes` of rank 0 to every other rank.
    fn broadcast(&self, bytes: &mut Vec<u8>);

    /// Copies the `values` of rank 0 to every other rank, where `values` have the same length.
    fn broadcast_floats(&self, values: &mut [f32]);

    /// Sends `words` to the rank `to`, which receives them with [`Ranks::receive`].
    fn send(&self, to: usize, words: &[u32]);

    /// Waits for the next words that the rank `from` sends to this one.
    fn receive(&self, from: usize) -> Vec<u32>;

    /// What every rank gave as `bytes`, in the order of ranks.
    fn all_gather(&self, bytes: &[u8]) -> Vec<Vec<u8>>;

    /// Sends `mine[to[r]]` to every rank r, and writes what rank r sends to this one into `received[from[r]]`. What a
    /// rank sends is as long as what the other expects.
    fn exchange(
        &self,
        mine: &[f32],
        to: &[Range<usize>],
        received: &mut [f32],
        from: &[Range<usize>],
    );

    /// Copies `values[ranges[r]]` of each rank r to every other rank. All ranks give the same `ranges`.
    fn share(&self, values: &mut [f32], ranges: &[Range<usize>]);

    /// Writes `mine` of every rank r into `all[ranges[r]]` of rank 0. Other ranks give an empty `all`.
    fn gather(&self, mine: &[f32], all: &mut [f32], ranges: &[Range<usize>]) {
        let mut to = vec![0..0; self.size()];
        to[0] = 0..mine.len();
        let none = vec![0..0; self.size()];
        self.exchange(mine, &to, all, if self.rank() == 0 { ranges } else { &none });
    }

    /// Writes `all[ranges[r]]` of rank 0 into `mine` of every rank r. Other ranks give an empty `all`.
    fn scatter(&self, all: &[f32], mine: &mut [f32], ranges: &[Range<usize>]) {
        let mut from = vec![0..0; self.size()];
        from[0] = 0..mine.len();
        let none = vec![0..0; self.size()];
        self.exchange(all, if self.rank() == 0 { ranges } else { &none }, mine, &from);
    }
}

/// Ranges of these lengths, one after the other from 0 on.
pub fn ranges_of(lengths: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
    let mut end = 0;
    let next = |length| {
        let start = end;
        end += length;
        start..end
    };
    lengths.into_iter().map(next).collect()
}

/// A run of one process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Alone {
    /// The team of one process.
    pub fn team() -> Team {
        Arc::new(Self)
    }
}

impl Ranks for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn broadcast(&self, _: &mut Vec<u8>) {}

    fn broadcast_floats(&self, _: &mut [f32]) {}

    fn send(&self, _: usize, _: &[u32]) {
        unreachable!("there is no other rank")
    }

    fn receive(&self, _: usize) -> Vec<u32> {
        unreachable!("there is no other rank")
    }

    fn all_gather(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        vec![bytes.to_vec()]
    }

    fn exchange(
        &self,
        mine: &[f32],
        to: &[Range<usize>],
        received: &mut [f32],
        from: &[Range<usize>],
    ) {
        received[from[0].clone()].copy_from_slice(&mine[to[0].clone()]);
    }

    fn share(&self, _: &mut [f32], _: &[Range<usize>]) {}
}
