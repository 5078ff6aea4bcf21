//! What rank 0 tells the other ranks of a run to do. They do nothing else; see [`serve`](super::serving::serve).

use super::recipe::Recipe;
use super::schedule::Schedule;
use crate::model::Config;
use crate::system::ranks::{Link, Ranks, Team, probe};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A command of rank 0. `S` is the [specification](super::objective::SharedObjective::Specification) of an objective.
#[derive(Serialize, Deserialize)]
pub(super) enum Command<S> {
    /// Prepare to train. Every rank answers with what is wrong, or with nothing.
    Begin { config: Box<Config>, recipe: Recipe, specification: S },
    /// Go on with batches of another shape.
    Change { recipe: Recipe, specification: S },
    /// Go on with another schedule.
    Schedule(Schedule),
    /// Take over parameters, and moments if there are any (else zeros), and their average if the recipe has one.
    Restore { steps: u64, optimizer_steps: u64, has_moments: bool },
    /// Compute your part of a step. Its batches follow.
    Step { micro_batches: usize, scales: Vec<u32> },
    /// Give rank 0 your part of both moments.
    Moments,
    /// Give rank 0 your part of the average.
    Average,
    /// Say whether your moments are finite.
    Finite,
    /// Answer messages that are timed.
    Probe,
    /// The run has ended.
    End,
}

impl<S: Serialize + DeserializeOwned> Command<S> {
    /// Tells all other ranks.
    pub(super) fn tell(&self, team: &dyn Ranks) {
        if team.size() > 1 {
            team.broadcast(&mut serde_json::to_vec(self).expect("numbers and names"));
        }
    }

    /// Waits for the next command.
    ///
    /// # Panics
    /// When rank 0 is another version of this program.
    pub(super) fn next(team: &dyn Ranks) -> Self {
        let mut bytes = Vec::new();
        team.broadcast(&mut bytes);
        serde_json::from_slice(&bytes).expect("a command of the same version")
    }
}

/// Measures the connection between ranks 0 and 1; see [`probe`]. This is rank 0; the others
/// [`serve`](super::serving::serve).
pub fn probe_ranks(team: &Team) -> Option<Link> {
    Command::<()>::Probe.tell(&**team);
    probe(&**team)
}

/// Tells all other ranks that the run has ended. Rank 0 calls it when everything is written and said.
pub fn end(team: &Team) {
    Command::<()>::End.tell(&**team);
}
