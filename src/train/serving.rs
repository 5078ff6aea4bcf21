//! A rank that is not the first: it does what rank 0 tells it. It reads nothing, writes nothing and says nothing.

use super::commands::Command;
use super::objective::SharedObjective;
use super::trainer::Trainer;
use crate::model::Bert;
use crate::system::memory;
use crate::system::ranks::{Team, probe};
use std::sync::Arc;

/// Computes this rank's part of a run until rank 0 ends it. Returns whether the run failed. `asks_to_stop` is asked in
/// every step: if any rank asks, rank 0 saves and stops.
///
/// # Panics
/// If this is rank 0, or rank 0 trains another objective.
pub fn serve<O: SharedObjective>(team: Team, asks_to_stop: impl Fn() -> bool) -> bool {
    assert!(team.rank() > 0, "rank 0 leads");
    let mut trainer: Option<Trainer<O>> = None;
    loop {
        let command = Command::<O::Specification>::next(&*team);
        let trainer = match command {
            Command::End { failed } => return failed,
            Command::Probe => {
                probe(&*team);
                continue;
            }
            Command::Begin { config, recipe, specification } => {
                let bert = Bert::of_zeros(*config);
                let objective = O::compile(&bert, specification).expect("rank 0 has compiled it");
                let begun = Trainer::of_rank(Arc::clone(&team), bert, objective, recipe);
                let bytes = begun.bytes().saturating_sub(4 * begun.bert.layout.len());
                let wrong = memory::check(bytes / 4).err().map(|error| error.to_string());
                team.all_gather(wrong.unwrap_or_default().as_bytes());
                trainer = Some(begun);
                continue;
            }
            _ => trainer.as_mut().expect("rank 0 begins first"),
        };
        match command {
            Command::Begin { .. } | Command::Probe | Command::End { .. } => {
                unreachable!("done above")
            }
            Command::Change { recipe, specification } => {
                let objective = O::compile(&trainer.bert, specification);
                trainer.change(objective.expect("rank 0 has compiled it"), recipe);
            }
            Command::Schedule(schedule) => trainer.set_schedule(schedule),
            Command::Restore { steps, optimizer_steps, has_moments } => {
                trainer.take_over(steps, optimizer_steps, has_moments);
            }
            Command::Step { micro_batches, scales } => {
                let scales: Vec<f32> = scales.into_iter().map(f32::from_bits).collect();
                trainer.follow_step(micro_batches, &scales, asks_to_stop());
            }
            Command::Moments => drop(trainer.whole_moments()),
            Command::Average => trainer.gather_average(),
            Command::Finite => drop(trainer.is_finite()),
        }
    }
}
