//! What the connection between two ranks can do.

use super::communication::Ranks;
use std::time::Instant;

/// The connection between ranks 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Seconds that a message of 4 bytes takes in one direction: the median, as for long messages.
    pub latency: f64,
    /// Bytes a second of long messages.
    pub bandwidth: f64,
}

/// Messages there and back that are timed.
const SHORT: usize = 200;
const LONG: usize = 9;
/// Words of a long message: 16 MB.
const WORDS: usize = 1 << 22;

/// Measures the connection between ranks 0 and 1, which both call this. `None` for a run of one process.
pub fn probe(team: &dyn Ranks) -> Option<Link> {
    if team.size() == 1 || team.rank() > 1 {
        return None;
    }
    let long = vec![0; WORDS];
    // The first messages of each kind set up the connection.
    for words in [&[0][..], &long] {
        round(team, words);
    }
    // The median, for which other work on the machine counts little.
    let seconds = |rounds: usize, words: &[u32]| {
        let mut times = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let start = Instant::now();
            round(team, words);
            times.push(start.elapsed().as_secs_f64() / 2.0);
        }
        times.sort_by(f64::total_cmp);
        times[rounds / 2]
    };
    let latency = seconds(SHORT, &[0]);
    let of_long = seconds(LONG, &long);
    let moving = (of_long - latency).max(f64::MIN_POSITIVE);
    Some(Link { latency, bandwidth: 4.0 * WORDS as f64 / moving })
}

/// A message from rank 0 to rank 1 and back.
fn round(team: &dyn Ranks, words: &[u32]) {
    if team.rank() == 0 {
        team.send(1, words);
        team.receive(1);
    } else {
        let received = team.receive(0);
        team.send(0, &received);
    }
}
