//! A budget of time in place of a number of steps, and what it buys at a measured speed.

use std::fmt;
use std::str::FromStr;

/// A budget of time for training, with evaluations and checkpoints but without the reading of text. A run turns it
/// into steps before its first step, once.
///
/// ```
/// use cloze::run::TrainTime;
///
/// let time: TrainTime = "1h30m".parse()?;
/// assert_eq!((time.seconds, time.to_string()), (5400, "1h30m".into()));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainTime {
    /// Seconds, at least 1.
    pub seconds: u64,
    /// Whether `num_warmup_steps` was given. Otherwise it follows from the steps.
    pub keeps_warmup: bool,
    /// Whether `eval_every` was given. Otherwise it follows from the steps.
    pub keeps_eval_every: bool,
}

/// Units with their seconds, the largest first.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// The longest budget: a thousand days.
const LONGEST: u64 = 1000 * 86_400;

impl TrainTime {
    /// A budget of `seconds`; warm-up and evaluations follow from the steps.
    pub fn new(seconds: u64) -> Self {
        Self { seconds, keeps_warmup: false, keeps_eval_every: false }
    }
}

impl FromStr for TrainTime {
    type Err = String;

    /// Numbers with the units d, h, m and s, the largest first: `1h`, `20m`, `320s`, `1h30m`.
    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || {
            "a time is a number with its unit, d, h, m or s, the larger unit first: 1h, 20m, 320s, 1h30m"
                .to_string()
        };
        let mut seconds = 0u64;
        let mut units = UNITS.iter();
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(malformed)?;
            let unit = rest[digits..].chars().next().ok_or_else(malformed)?;
            let number: u64 = match rest[..digits].parse() {
                Ok(number) => number,
                Err(_) if digits == 0 => return Err(malformed()),
                Err(_) => u64::MAX,
            };
            // Each unit once, and none before a larger one.
            let (_, of_unit) = units.find(|(known, _)| *known == unit).ok_or_else(malformed)?;
            seconds = seconds.saturating_add(number.saturating_mul(*of_unit));
            rest = &rest[digits + unit.len_utf8()..];
        }
        match seconds {
            _ if text.is_empty() => Err(malformed()),
            1..=LONGEST => Ok(Self::new(seconds)),
            _ => Err("a time is at least 1s and at most 1000d".into()),
        }
    }
}

impl fmt::Display for TrainTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.seconds;
        for (unit, seconds) in UNITS {
            if rest >= seconds {
                write!(f, "{}{unit}", rest / seconds)?;
                rest %= seconds;
            }
        }
        Ok(())
    }
}

/// The seconds that the parts of a run take on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// One step.
    pub step: f64,
    /// One evaluation, and saving the weights after it.
    pub evaluation: f64,
    /// Saving one checkpoint.
    pub checkpoint: f64,
}

/// Evaluations of a run, when nobody says otherwise.
const EVALUATIONS: u64 = 10;

impl Speed {
    /// Seconds of a run of `steps` steps that evaluates every `eval_every` and saves every
    /// `save_checkpoints_steps` steps, and both at the end; 0 means at the end only.
    pub fn seconds(&self, steps: u64, eval_every: u64, save_checkpoints_steps: u64) -> f64 {
        let times = |every: u64| if every == 0 { 1 } else { steps.div_ceil(every) } as f64;
        self.step * steps as f64
            + self.evaluation * times(eval_every)
            + self.checkpoint * times(save_checkpoints_steps)
    }

    /// The steps that fit into `seconds`, at least 1, and the steps between two evaluations. These are `eval_every`
    /// when it is given; otherwise a tenth of the steps, or more where ten evaluations would take more than a tenth
    /// of the time.
    pub fn steps_in(
        &self,
        seconds: u64,
        eval_every: Option<u64>,
        save_checkpoints_steps: u64,
    ) -> (u64, u64) {
        let seconds = seconds as f64;
        let each = |cost: f64, every: u64| if every == 0 { 0.0 } else { cost / every as f64 };
        let step = self.step + each(self.checkpoint, save_checkpoints_steps);
        // What is done at the end in any case.
        let rest = seconds - self.checkpoint;
        let steps = |seconds: f64, step: f64| ((seconds / step) as u64).clamp(1, u32::MAX.into());
        if let Some(every) = eval_every {
            return (steps(rest - self.evaluation, step + each(self.evaluation, every)), every);
        }
        let evaluations = ((0.1 * seconds / self.evaluation) as u64).clamp(1, EVALUATIONS);
        let steps = steps(rest - self.evaluation * evaluations as f64, step);
        // A multiple, so that the last evaluation is the one at the end.
        let steps = if steps > 10 * evaluations { steps - steps % evaluations } else { steps };
        (steps, steps.div_ceil(evaluations))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_with_units() {
        for (text, seconds) in [
            ("1h", 3600),
            ("320s", 320),
            ("20m", 1200),
            ("1h30m", 5400),
            ("1d2h3m4s", 93_784),
            ("90m", 5400),
        ] {
            assert_eq!(text.parse(), Ok(TrainTime::new(seconds)), "{text}");
        }
        for text in ["", "1", "h", "1.5h", "30m1h", "1h1h", "-1h", "1 h", "1µ", "1h30", "1é"] {
            let error = text.parse::<TrainTime>().unwrap_err();
            assert!(error.contains("320s"), "{text}: {error}");
        }
        for text in ["0s", "0h0m", "1001d", "99999999999999999999h"] {
            let error = text.parse::<TrainTime>().unwrap_err();
            assert!(error.contains("at least 1s"), "{text}: {error}");
        }
        let shown = [1, 90, 3600, 5400, 93_784].map(|seconds| TrainTime::new(seconds).to_string());
        assert_eq!(shown, ["1s", "1m30s", "1h", "1h30m", "1d2h3m4s"]);
    }

    #[test]
    fn steps_leave_time_for_evaluations_and_checkpoints() {
        let speed = Speed { step: 0.1, evaluation: 2.0, checkpoint: 0.0 };
        // 3600 s without ten evaluations of 2 s: 35,800 steps.
        assert_eq!(speed.steps_in(3600, None, 0), (35_800, 3580));
        // Evaluations may take a tenth of the time: 3 of them in 60 s. (60 − 3·2) / 0.1 = 540.
        assert_eq!(speed.steps_in(60, None, 0), (540, 180));
        // Given evaluations: one at the end, and 2 s every 10 steps. (60 − 2) / (0.1 + 0.2) = 193.
        assert_eq!(speed.steps_in(60, Some(10), 0), (193, 10));
        assert_eq!(speed.steps_in(60, Some(0), 0), (580, 0));
        assert_eq!(speed.steps_in(1, None, 0), (1, 1), "a run has a step");
        let saving = Speed { step: 0.1, evaluation: 0.0, checkpoint: 10.0 };
        // One at the end, and 0.1 s a step for the others.
        assert_eq!(saving.steps_in(110, None, 100), (500, 50));
        for seconds in [30, 100, 1000, 3601] {
            let (steps, eval_every) = speed.steps_in(seconds, None, 0);
            let takes = speed.seconds(steps, eval_every, 0);
            assert!(takes <= seconds as f64 && takes > 0.98 * seconds as f64, "{takes}");
        }
        assert_eq!(speed.seconds(100, 30, 0), 10.0 + 4.0 * 2.0);
    }
}
