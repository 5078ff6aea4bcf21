//! The ranks of a run as threads of one process.

use cloze::system::ranks::{Ranks, Team};
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// One rank, with a channel from and to every rank, itself included.
#[derive(Debug)]
struct OfThreads {
    rank: usize,
    to: Vec<Mutex<Sender<Vec<u32>>>>,
    from: Vec<Mutex<Receiver<Vec<u32>>>>,
}

/// The team as each of `size` ranks sees it.
pub fn teams(size: usize) -> Vec<Team> {
    let mut to: Vec<Vec<_>> = (0..size).map(|_| Vec::new()).collect();
    let mut from: Vec<Vec<_>> = (0..size).map(|_| Vec::new()).collect();
    for sender in &mut to {
        for receiver in &mut from {
            let (send, receive) = channel();
            sender.push(Mutex::new(send));
            receiver.push(Mutex::new(receive));
        }
    }
    let rank = |(rank, (to, from))| Arc::new(OfThreads { rank, to, from }) as Team;
    to.into_iter().zip(from).enumerate().map(rank).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn floats(words: Vec<u32>, values: &mut [f32]) {
    assert_eq!(words.len(), values.len(), "what is sent is as long as what is expected");
    values.iter_mut().zip(words).for_each(|(value, word)| *value = f32::from_bits(word));
}

impl OfThreads {
    /// Sends `words[r]` to every rank r; what every rank sends to this one.
    fn all_to_all(&self, words: impl Fn(usize) -> Vec<u32>) -> Vec<Vec<u32>> {
        (0..self.size()).for_each(|to| self.send(to, &words(to)));
        (0..self.size()).map(|from| self.receive(from)).collect()
    }
}

impl Ranks for OfThreads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn broadcast(&self, bytes: &mut Vec<u8>) {
        let words: Vec<u32> = bytes.iter().map(|&byte| byte.into()).collect();
        if self.rank == 0 {
            (1..self.size()).for_each(|to| self.send(to, &words));
        } else {
            *bytes = self.receive(0).into_iter().map(|word| word as u8).collect();
        }
    }

    fn broadcast_floats(&self, values: &mut [f32]) {
        if self.rank == 0 {
            (1..self.size()).for_each(|to| self.send(to, &bits(values)));
        } else {
            floats(self.receive(0), values);
        }
    }

    fn send(&self, to: usize, words: &[u32]) {
        self.to[to].lock().unwrap().send(words.to_vec()).expect("the other rank lives");
    }

    fn receive(&self, from: usize) -> Vec<u32> {
        self.from[from].lock().unwrap().recv().expect("the other rank lives")
    }

    fn all_gather(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let words: Vec<u32> = bytes.iter().map(|&byte| byte.into()).collect();
        let all = self.all_to_all(|_| words.clone()).into_iter();
        all.map(|words| words.into_iter().map(|word| word as u8).collect()).collect()
    }

    fn exchange(
        &self,
        mine: &[f32],
        to: &[Range<usize>],
        received: &mut [f32],
        from: &[Range<usize>],
    ) {
        let all = self.all_to_all(|rank| bits(&mine[to[rank].clone()]));
        for (words, range) in all.into_iter().zip(from) {
            floats(words, &mut received[range.clone()]);
        }
    }

    fn share(&self, values: &mut [f32], ranges: &[Range<usize>]) {
        let mine = bits(&values[ranges[self.rank].clone()]);
        for (words, range) in self.all_to_all(|_| mine.clone()).into_iter().zip(ranges) {
            floats(words, &mut values[range.clone()]);
        }
    }
}
