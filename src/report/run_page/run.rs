//! One of the runs of a page: its history, its name among the others, and what follows from its numbers.

use super::numbers::{grouped, number};
use crate::report::plateau::is_past;
use crate::run::history::History;

/// A run of the page.
pub(super) struct Run {
    /// The name of its directory, or the whole path where two directories have the same name.
    pub(super) name: String,
    pub(super) history: History,
    /// What counting words gives, where it is known.
    pub(super) counting: Option<Counting>,
}

/// The loss of counting words, and when the run passed it.
pub(super) struct Counting {
    pub(super) loss: f64,
    /// The step of the first evaluation that is past it.
    pub(super) past_at: Option<f64>,
}

impl Run {
    /// Runs with names that tell them apart.
    pub(super) fn all(histories: Vec<History>) -> Vec<Self> {
        let short = |history: &History| {
            let real = history.directory.canonicalize().ok();
            let name = real.as_deref().unwrap_or(&history.directory).file_name();
            name.map(|name| name.to_string_lossy().into_owned())
        };
        let names: Vec<_> = histories.iter().map(short).collect();
        let is_only =
            |name: &Option<String>| names.iter().filter(|other| *other == name).count() == 1;
        let named = histories.into_iter().zip(&names).map(|(history, name)| {
            let whole = || history.directory.display().to_string();
            let name = name.clone().filter(|_| is_only(name)).unwrap_or_else(whole);
            Self { counting: Counting::of(&history), name, history }
        });
        named.collect()
    }

    /// When the run passed what counting words gives; `of_several` runs.
    pub(super) fn past_in_words(&self, of_several: bool) -> Option<String> {
        let Counting { loss, past_at } = self.counting.as_ref()?;
        let (loss, who) = (number(*loss), if of_several { &self.name } else { "The run" });
        Some(match past_at {
            Some(step) => format!(
                "{who} was past counting ({loss}) at the evaluation of step {}, where the vertical line is.",
                grouped(*step as i64)
            ),
            None => format!("{who} is not past counting ({loss})."),
        })
    }

    /// The steps at which a run that tries several learning rates begins again.
    pub(super) fn trial_starts(&self) -> Vec<f64> {
        let trials = self.history.trials().len() as u64;
        let Some(steps) = self.history.num_train_steps() else { return Vec::new() };
        (1..trials).map(|trial| (trial * (steps / trials)) as f64).collect()
    }
}

impl Counting {
    /// Of a run whose evaluations have the unigram loss.
    fn of(history: &History) -> Option<Self> {
        let loss = history.metrics.last("unigram_loss")?;
        let losses = history.metrics.series("eval_masked_lm_loss");
        let mut losses = losses.map_or(&[][..], |series| &series.points).iter();
        let past = losses.find(|[_, masked_lm]| is_past(*masked_lm, loss));
        Some(Self { loss, past_at: past.map(|[step, _]| *step) })
    }
}
