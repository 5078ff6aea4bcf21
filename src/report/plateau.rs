//! Whether a model has learned more than the shares of the words. Small BERTs stand for a long time at the loss that
//! counting words gives.

/// A model is past counting words below this share of the unigram loss. A tenth of the masked tokens stay visible as
/// they are, so a model that counts words and copies these is already near 0.9 of it.
const PAST: f64 = 0.9;

/// The loss stands still while it falls by less than this share in a tenth of the steps.
const STILL: f64 = 0.02;

/// Whether `loss` shows that a model uses the other words of the text, and does not only count words.
pub fn is_past(loss: f64, unigram_loss: f64) -> bool {
    loss < PAST * unigram_loss
}

/// The evaluations of a run that is not past counting words.
#[derive(Default)]
pub(super) struct Plateau {
    /// Step and loss since the last time that the loss fell.
    since: Option<(u64, f64)>,
    said: bool,
}

impl Plateau {
    /// Whether the run now stands there for a tenth of its steps; true once.
    pub(super) fn stands(
        &mut self,
        step: u64,
        num_train_steps: u64,
        loss: f64,
        unigram_loss: f64,
    ) -> bool {
        if is_past(loss, unigram_loss) {
            self.since = None;
            return false;
        }
        match self.since {
            Some((since, before)) if loss > (1.0 - STILL) * before => {
                let stands = step.saturating_sub(since) >= num_train_steps.div_ceil(10);
                let says = stands && !self.said;
                self.said |= stands;
                says
            }
            _ => {
                self.since = Some((step, loss));
                false
            }
        }
    }
}

/// What to say then.
pub(super) const ADVICE: &str = "the loss stands at what counting words gives, for a tenth of the steps by now: the \
     model does not look at the other words yet. Such a plateau ends by itself after many more steps. It ends soon \
     with first weights that look at the neighbours, a higher learning rate and no dropout: --recipe laptop. \
     See \"When the loss stands still\" in the README";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_stands_for_a_tenth_of_its_steps_is_told_once() {
        let mut plateau = Plateau::default();
        let mut stands = |step, loss| plateau.stands(step, 1000, loss, 7.0);
        assert!(!stands(50, 8.5), "the first evaluation");
        assert!(!stands(150, 7.0), "it falls");
        assert!(!stands(200, 6.95), "half of a tenth");
        assert!(stands(250, 6.9));
        assert!(!stands(350, 6.9), "said");
        assert!(!stands(450, 5.0), "past it");
    }

    #[test]
    fn a_run_past_it_is_told_nothing() {
        let mut plateau = Plateau::default();
        let losses = [6.9, 6.2, 6.2, 6.1, 6.1];
        for (index, loss) in losses.into_iter().enumerate() {
            assert!(!plateau.stands(100 * (index as u64 + 1), 1000, loss, 7.0));
        }
        assert!(is_past(6.29, 7.0) && !is_past(6.31, 7.0));
    }
}
