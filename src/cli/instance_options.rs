//! The options that say how text becomes instances: the same for every command that makes some.

use super::from_name;
use cloze::data::{MaskSettings, PairSettings, RandomNext};
use cloze::run::pretraining::check_shares;
use cloze::tasks::TaskError;

/// How text becomes pairs and masks, apart from lengths, whose defaults differ between commands.
#[derive(clap::Args)]
pub(super) struct InstanceOptions {
    /// Share of positions that are masked
    #[arg(long, default_value_t = 0.15, value_name = "P")]
    pub(super) masked_lm_prob: f64,
    /// Share of instances with a target length drawn at random
    #[arg(long, default_value_t = 0.1, value_name = "P")]
    pub(super) short_seq_prob: f64,
    /// Mask all pieces of a word together
    #[arg(long)]
    pub(super) whole_word_mask: bool,
    /// Leave next-sentence prediction out: one segment, no pairs
    #[arg(long)]
    pub(super) no_nsp: bool,
    /// Where a random next sentence comes from: any other document, another document of the same file, or
    /// one of the ten documents before and the ten after in the same file
    #[arg(long, default_value = "any", value_name = "any|same-file|nearby", value_parser = from_name::<RandomNext>, conflicts_with = "no_nsp")]
    pub(super) random_next: RandomNext,
}

impl InstanceOptions {
    /// Checks the shares, where no recipe is made of them that would be checked.
    pub(super) fn check(&self) -> Result<(), TaskError> {
        Ok(check_shares(self.masked_lm_prob, self.short_seq_prob)?)
    }

    /// The settings of pairs of `max_seq_length` tokens.
    pub(super) fn pairs(&self, max_seq_length: usize) -> PairSettings {
        let Self { short_seq_prob, no_nsp, random_next, .. } = *self;
        PairSettings::default()
            .with_max_seq_length(max_seq_length)
            .with_short_seq_prob(short_seq_prob)
            .with_no_nsp(no_nsp)
            .with_random_next(random_next)
    }

    /// The settings of at most `max_predictions_per_seq` masks.
    pub(super) fn masks(&self, max_predictions_per_seq: usize) -> MaskSettings {
        let Self { masked_lm_prob, whole_word_mask, .. } = *self;
        MaskSettings::default()
            .with_masked_lm_prob(masked_lm_prob)
            .with_max_predictions_per_seq(max_predictions_per_seq)
            .with_whole_word_mask(whole_word_mask)
    }
}
