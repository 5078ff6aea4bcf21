//! A rank that is not the first: it does what rank 0 tells it. It reads nothing, writes nothing and says nothing.

use super::commands::Command;
use super::objective::SharedObjective;
use super::trainer::Trainer;
use crate::model::Bert;
use crate::system::memory;
use crate::system::ranks::{Team, probe};
use std::sync::Arc;

/// Computes this rank's part of a run until rank 0 ends it. `asks_to_stop` is asked in every step: if any rank asks,
/// rank 0 saves and stops.
///
/// # Panics
/// If this is rank 0, or rank 0 trains another objective.
pub fn serve<O: SharedObjective>(team: Team, asks_to_stop: impl Fn() -> bool) {
    assert!(team.rank() > 0, "rank 0 leads");
    let mut begun: Option<Trainer<O>> = None;
    loop {
        match Command::<O::Specification>::next(&*team) {
            Command::End => return,
            Command::Probe => drop(probe(&*team)),
            Command::Begin { config, recipe, specification } => {
                let bert = Bert::of_zeros(*config);
                let objective = O::compile(&bert, specification).expect("rank 0 has compiled it");
                let new = Trainer::of_rank(Arc::clone(&team), bert, objective, recipe);
                let bytes = new.bytes().saturating_sub(4 * new.bert.layout.len());
                let wrong = memory::check(bytes / 4).err().map(|error| error.to_string());
                team.all_gather(wrong.unwrap_or_default().as_bytes());
                begun = Some(new);
            }
            Command::Change { recipe, specification } => {
                let trainer = trainer_of(&mut begun);
                let objective = O::compile(&trainer.bert, specification);
                trainer.change(objective.expect("rank 0 has compiled it"), recipe);
            }
            Command::Schedule(schedule) => trainer_of(&mut begun).set_schedule(schedule),
            Command::Restore { steps, optimizer_steps, has_moments } => {
                trainer_of(&mut begun).take_over(steps, optimizer_steps, has_moments);
            }
            Command::Step { micro_batches, scales } => {
                let scales: Vec<f32> = scales.into_iter().map(f32::from_bits).collect();
                trainer_of(&mut begun).follow_step(micro_batches, &scales, asks_to_stop());
            }
            Command::Moments => drop(trainer_of(&mut begun).whole_moments()),
            Command::Average => trainer_of(&mut begun).gather_average(),
            Command::Finite => drop(trainer_of(&mut begun).is_finite()),
        }
    }
}

fn trainer_of<T>(begun: &mut Option<T>) -> &mut T {
    begun.as_mut().expect("rank 0 begins first")
}
