//! Ranks whose traffic is counted: for `cloze bench --mpi`.

use super::communication::{Ranks, Team};
use std::ops::Range;
use std::sync::Mutex;
use std::time::Instant;

/// What one rank has sent and received, and how long that took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Bytes that left this rank. For what all ranks get from each, one copy to every other rank.
    pub sent_bytes: u64,
    /// Seconds until the last rank was there.
    pub waited: f64,
    /// Seconds of moving bytes after that.
    pub moved: f64,
}

/// Ranks that count their traffic. All ranks of a team count, or none: every collective method except
/// [`Ranks::broadcast`] first waits until all ranks are there, and that is counted as waiting.
#[derive(Debug)]
pub struct Counting {
    team: Team,
    traffic: Mutex<Traffic>,
}

impl Counting {
    /// Counts the traffic of `team`.
    pub fn new(team: Team) -> Self {
        Self { team, traffic: Mutex::default() }
    }

    /// What has been counted since the last call.
    pub fn take(&self) -> Traffic {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Waits for all ranks, then does `work`, which sends `elements` of 4 bytes.
    fn count<R>(&self, elements: usize, waits: bool, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        if waits {
            // A number of every rank is there when all ranks are there. MPI does not wait for messages of length 0.
            let of_ranks: Vec<Range<usize>> = (0..self.size()).map(|r| r..r + 1).collect();
            self.team.share(&mut vec![0.0; self.size()], &of_ranks);
        }
        let waited = start.elapsed();
        let start = Instant::now();
        let result = work();
        let mut traffic = self.lock();
        traffic.sent_bytes += 4 * elements as u64;
        traffic.waited += waited.as_secs_f64();
        traffic.moved += start.elapsed().as_secs_f64();
        result
    }

    /// Elements to the other ranks, when each gets `elements`.
    fn to_others(&self, elements: usize) -> usize {
        elements * (self.size() - 1)
    }
}

impl Ranks for Counting {
    fn rank(&self) -> usize {
        self.team.rank()
    }

    fn size(&self) -> usize {
        self.team.size()
    }

    fn broadcast(&self, bytes: &mut Vec<u8>) {
        let elements = if self.rank() == 0 { self.to_others(bytes.len().div_ceil(4)) } else { 0 };
        // Rank 0 waits for nobody here.
        self.count(elements, false, || self.team.broadcast(bytes));
    }

    fn broadcast_floats(&self, values: &mut [f32]) {
        let elements = if self.rank() == 0 { self.to_others(values.len()) } else { 0 };
        self.count(elements, true, || self.team.broadcast_floats(values));
    }

    fn send(&self, to: usize, words: &[u32]) {
        self.count(words.len(), false, || self.team.send(to, words));
    }

    fn receive(&self, from: usize) -> Vec<u32> {
        self.count(0, false, || self.team.receive(from))
    }

    fn all_gather(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let elements = self.to_others(bytes.len().div_ceil(4));
        self.count(elements, true, || self.team.all_gather(bytes))
    }

    fn exchange(
        &self,
        mine: &[f32],
        to: &[Range<usize>],
        received: &mut [f32],
        from: &[Range<usize>],
    ) {
        let others = to.iter().enumerate().filter(|(rank, _)| *rank != self.rank());
        let elements = others.map(|(_, range)| range.len()).sum();
        self.count(elements, true, || self.team.exchange(mine, to, received, from));
    }

    fn share(&self, values: &mut [f32], ranges: &[Range<usize>]) {
        let elements = self.to_others(ranges[self.rank()].len());
        self.count(elements, true, || self.team.share(values, ranges));
    }
}
