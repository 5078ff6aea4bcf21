//! The options that say how text becomes instances: the same for every command that makes some.

use super::choice;
use cloze::data::{MaskSettings, MaskUnit, PairSettings, RandomNext, SentenceObjective};
use cloze::run::pretraining::{check_random_next, check_shares};
use cloze::tasks::TaskError;

/// How text becomes pairs and masks, apart from lengths, whose defaults differ between commands.
#[derive(clap::Args)]
pub(super) struct InstanceOptions {
    /// Share of positions that are masked [default: 0.15; pretrain --recipe laptop: from 0.3 at the first step to
    /// 0.15 at the last]
    #[arg(long, default_value_t = 0.15, hide_default_value = true, value_name = "P")]
    pub(super) masked_lm_prob: f64,
    /// Share of instances with a target length drawn at random
    #[arg(long, default_value_t = 0.1, value_name = "P")]
    pub(super) short_seq_prob: f64,
    /// What is masked at once: a token, all pieces of a word, or a span of up to ten words (SpanBERT)
    #[arg(long, default_value = "token", value_name = "token|whole-word|span", value_parser = choice::<MaskUnit>)]
    masking: MaskUnit,
    /// Mask all pieces of a word together: --masking whole-word
    #[arg(long, conflicts_with = "masking")]
    whole_word_mask: bool,
    /// What is learned about segments A and B: whether B follows or is random (BERT), whether B follows or
    /// comes before (ALBERT), or nothing [default: next-sentence; eval: as the model was trained]
    #[arg(long, value_name = "next-sentence|sentence-order|none", value_parser = choice::<SentenceObjective>)]
    sentence_objective: Option<SentenceObjective>,
    /// Leave next-sentence prediction out, one segment, no pairs: --sentence-objective none
    #[arg(long, conflicts_with = "sentence_objective")]
    no_nsp: bool,
    /// Where a random next sentence comes from: any other document, another document of the same file, or
    /// one of the ten documents before and the ten after in the same file
    #[arg(long, default_value = "any", value_name = "any|same-file|nearby", value_parser = choice::<RandomNext>, conflicts_with = "no_nsp")]
    pub(super) random_next: RandomNext,
}

impl InstanceOptions {
    /// Checks the shares, where no recipe is made of them that would be checked.
    pub(super) fn check(&self) -> Result<(), TaskError> {
        check_shares(self.masked_lm_prob, self.short_seq_prob)?;
        Ok(check_random_next(&self.pairs(PairSettings::default().max_seq_length))?)
    }

    /// What is masked at once.
    pub(super) fn masking(&self) -> MaskUnit {
        if self.whole_word_mask { MaskUnit::WholeWord } else { self.masking }
    }

    /// What is learned about pairs.
    pub(super) fn objective(&self) -> SentenceObjective {
        self.objective_or(SentenceObjective::default())
    }

    /// What is learned about pairs; `usual` where no option says it.
    pub(super) fn objective_or(&self, usual: SentenceObjective) -> SentenceObjective {
        match self.no_nsp {
            true => SentenceObjective::None,
            false => self.sentence_objective.unwrap_or(usual),
        }
    }

    /// The settings of pairs of `max_seq_length` tokens.
    pub(super) fn pairs(&self, max_seq_length: usize) -> PairSettings {
        let Self { short_seq_prob, random_next, .. } = *self;
        PairSettings::default()
            .with_max_seq_length(max_seq_length)
            .with_short_seq_prob(short_seq_prob)
            .with_sentence_objective(self.objective())
            .with_random_next(random_next)
    }

    /// The settings of at most `max_predictions_per_seq` masks.
    pub(super) fn masks(&self, max_predictions_per_seq: usize) -> MaskSettings {
        MaskSettings::default()
            .with_masked_lm_prob(self.masked_lm_prob)
            .with_max_predictions_per_seq(max_predictions_per_seq)
            .with_masking(self.masking())
    }
}
