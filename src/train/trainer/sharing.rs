//! The trainer of a run that several ranks share: what they hand each other between steps.

use super::Trainer;
use crate::model::Bert;
use crate::system::ranks::Team;
use crate::system::threads;
use crate::train::commands::Command;
use crate::train::objective::SharedObjective;
use crate::train::optimizer::Moments;
use crate::train::recipe::Recipe;
use crate::train::shards::micro_batches_of;
use std::borrow::Cow;

/// A rank that cannot do its part.
#[derive(Debug, thiserror::Error)]
#[error("rank {rank}: {message}")]
pub struct RankError {
    rank: usize,
    message: String,
}

impl<O: SharedObjective> Trainer<O> {
    /// As [`Trainer::new`], with the other ranks of `team`, which [`serve`](crate::train::serve). This is rank 0.
    ///
    /// # Errors
    /// [`RankError`] when a rank has not enough memory.
    pub fn lead(team: Team, bert: Bert, objective: O, recipe: Recipe) -> Result<Self, RankError> {
        let config = Box::new(bert.config.clone());
        let specification = objective.specification();
        Command::Begin { config, recipe: recipe.clone(), specification }.tell(&*team);
        let answers = team.all_gather(&[]);
        let mut trainer = Self::of_rank(team, bert, objective, recipe);
        if let Some(rank) = answers.iter().position(|answer| !answer.is_empty()) {
            let message = String::from_utf8_lossy(&answers[rank]).into_owned();
            return Err(RankError { rank, message });
        }
        let average = trainer.average().map(<[f32]>::to_vec);
        trainer.hand_out(None, average.as_deref());
        Ok(trainer)
    }

    /// The processes of the run.
    pub fn team(&self) -> &Team {
        self.reduction.team()
    }

    /// Whether another rank was asked to stop, in one of the steps so far.
    pub fn stop_asked(&self) -> bool {
        self.stop_asked
    }

    pub(super) fn tell(&self, command: &Command<O::Specification>) {
        if self.team().rank() == 0 {
            command.tell(&**self.team());
        }
    }

    /// Brings the average of the weights from all ranks to rank 0.
    pub fn gather_average(&mut self) {
        if self.recipe.ema_decay > 0.0 && self.team().size() > 1 {
            self.tell(&Command::Average);
            let ranges = self.reduction.shards().updates();
            let team = Team::clone(self.team());
            match &mut self.average {
                Some(average) => {
                    let mine = average.parameters[ranges[0].clone()].to_vec();
                    team.gather(&mine, &mut average.parameters, &ranges);
                }
                None => team.gather(&self.part_of_average, &mut [], &ranges),
            }
        }
    }

    /// The moments of all parameters, `[parameters]` each, on rank 0. On other ranks they are empty.
    pub fn whole_moments(&self) -> Cow<'_, Moments> {
        if self.team().size() == 1 {
            return Cow::Borrowed(&self.moments);
        }
        self.tell(&Command::Moments);
        let length = if self.team().rank() == 0 { self.bert.layout.len() } else { 0 };
        let mut whole = Moments { steps: self.moments.steps, ..Moments::new(length) };
        let ranges = self.reduction.shards().updates();
        self.team().gather(&self.moments.first, &mut whole.first, &ranges);
        self.team().gather(&self.moments.second, &mut whole.second, &ranges);
        Cow::Owned(whole)
    }

    /// Gives every rank the parameters of this one, and its part of the moments (zeros for `None`) and of the average.
    pub(super) fn hand_out(&mut self, moments: Option<Moments>, average: Option<&[f32]>) {
        assert_eq!(average.is_some(), self.average.is_some(), "an average");
        if let Some((of_trainer, average)) = self.average.as_mut().zip(average) {
            of_trainer.parameters.copy_from_slice(average);
        }
        if self.team().size() == 1 {
            match moments {
                Some(moments) => self.moments = moments,
                None => self.moments.clear(),
            }
            return;
        }
        let has_moments = moments.is_some();
        let whole = moments.unwrap_or_else(|| Moments::new(0));
        let (steps, optimizer_steps) = (self.steps, whole.steps);
        self.tell(&Command::Restore { steps, optimizer_steps, has_moments });
        self.exchange_state(&whole, has_moments);
    }

    /// Does what [`Trainer::hand_out`] of rank 0 tells this rank.
    pub(in crate::train) fn take_over(
        &mut self,
        steps: u64,
        optimizer_steps: u64,
        has_moments: bool,
    ) {
        self.steps = steps;
        self.exchange_state(&Moments { steps: optimizer_steps, ..Moments::new(0) }, has_moments);
    }

    /// Sends parameters, moments and average from rank 0 to all ranks. Of `moments`, rank 0 gives all; another rank gives
    /// the number of steps.
    fn exchange_state(&mut self, moments: &Moments, has_moments: bool) {
        let team = Team::clone(self.team());
        let ranges = self.reduction.shards().updates();
        team.broadcast_floats(&mut self.bert.parameters);
        self.moments.clear();
        self.moments.steps = moments.steps;
        if has_moments {
            team.scatter(&moments.first, &mut self.moments.first, &ranges);
            team.scatter(&moments.second, &mut self.moments.second, &ranges);
        }
        if self.recipe.ema_decay > 0.0 {
            match &self.average {
                // Rank 0 has the whole average, its part included.
                Some(average) => {
                    let mut mine = vec![0.0; ranges[0].len()];
                    team.scatter(&average.parameters, &mut mine, &ranges);
                }
                None => team.scatter(&[], &mut self.part_of_average, &ranges),
            }
        }
    }

    /// Whether every parameter and moment is a finite number. A step with a finite gradient can still
    /// leave weights that are not.
    pub fn is_finite(&self) -> bool {
        self.tell(&Command::Finite);
        let arrays = [&self.bert.parameters, &self.moments.first, &self.moments.second];
        let here = arrays.into_iter().flatten().all(|value| value.is_finite());
        let answers = self.team().all_gather(&[u8::from(here)]);
        answers.iter().all(|answer| answer == &[1])
    }

    /// This rank's part of a step that rank 0 takes. A step that diverges is left to rank 0.
    pub(in crate::train) fn follow_step(&mut self, all: usize, scales: &[f32], asks_to_stop: bool) {
        let team = Team::clone(self.team());
        let mine = micro_batches_of(team.rank(), team.size(), all);
        let batches: Vec<O::Batch> = mine.map(|_| O::from_words(&team.receive(0))).collect();
        let _ = threads::awake(|| self.step_of_rank(&batches, all, scales, asks_to_stop));
    }
}
