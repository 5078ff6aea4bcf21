//! Masking: which tokens pretraining would hide, and how often.

use super::text::name;
use crate::data::{MaskSettings, MaskUnit, Masking};
use crate::tensor::random::{Generator, Purpose};
use crate::tokenizer::Vocabulary;
use serde::Serialize;

/// Draws of the masks that are counted. The first of them is the one that is shown.
const DRAWS: u64 = 1000;

/// What is hidden from the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MaskingStep {
    /// Whether the text has `[MASK]` of its own. Then these are the blanks, nothing else is hidden, and nobody knows
    /// the right words.
    pub has_blanks: bool,
    /// The hidden tokens, by position.
    pub hidden: Vec<HiddenToken>,
    /// The ids that the model reads, `[tokens]`.
    pub input_ids: Vec<u32>,
    /// Their tokens, `[tokens]`.
    pub input_tokens: Vec<String>,
    /// How the recipe masks, and how often; `None` for a text with blanks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draws: Option<Draws>,
}

/// A token that the model has to predict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HiddenToken {
    /// The position, counted from 0.
    pub position: usize,
    /// The token of the text; `None` for a blank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Its id; `None` for a blank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<u32>,
    /// What became of it.
    pub became: Became,
    /// The token that the model reads in its place.
    pub input_token: String,
    /// Its id.
    pub input_id: u32,
}

/// What became of a token that was chosen to be predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Became {
    /// `[MASK]`: 80 % of the chosen tokens.
    Mask,
    /// It stayed as it is: 10 %.
    Kept,
    /// A random token of the vocabulary: 10 %.
    Random,
}

/// Many draws of the masks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Draws {
    /// The seed.
    pub seed: u64,
    /// The share of all positions that is chosen, `[CLS]` and `[SEP]` counted.
    pub masked_lm_prob: f64,
    /// The most positions that are chosen.
    pub max_predictions_per_seq: usize,
    /// What is chosen at once.
    pub masking: MaskUnit,
    /// The number of draws. [`MaskingStep::hidden`] has the tokens that the first draw hides.
    pub draws: u64,
    /// Sums over all tokens and draws.
    pub all: DrawCounts,
    /// By token, `[tokens]`.
    pub tokens: Vec<DrawCounts>,
}

/// How often a token was chosen, and what became of it. A random token that happens to be `[MASK]` or the same token
/// again counts as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DrawCounts {
    /// How often it was chosen: the sum of the other three.
    pub chosen: u64,
    /// How often it became `[MASK]`.
    pub mask: u64,
    /// How often it stayed as it is.
    pub kept: u64,
    /// How often it became a random token.
    pub random: u64,
}

impl DrawCounts {
    fn add(&mut self, became: Became) {
        self.chosen += 1;
        match became {
            Became::Mask => self.mask += 1,
            Became::Kept => self.kept += 1,
            Became::Random => self.random += 1,
        }
    }
}

/// What is hidden of the sequence `input_ids`: its blanks, or what the recipe chooses.
pub(super) fn masking_step(
    vocabulary: &Vocabulary,
    settings: MaskSettings,
    seed: u64,
    input_ids: &[u32],
) -> MaskingStep {
    let mask_id = vocabulary.mask_id();
    let (hidden, masked, draws) = if input_ids.contains(&mask_id) {
        let blanks = (0..input_ids.len()).filter(|&position| input_ids[position] == mask_id);
        (blanks.map(|position| (position, None)).collect(), input_ids.to_vec(), None)
    } else {
        draw(vocabulary, settings, seed, input_ids)
    };
    let hidden: Vec<(usize, Option<u32>)> = hidden;
    let token = |(position, token_id): (usize, Option<u32>)| {
        let input_id: u32 = masked[position];
        HiddenToken {
            position,
            token: token_id.map(|id| name(vocabulary, id)),
            token_id,
            became: token_id.map_or(Became::Mask, |before| became(mask_id, before, input_id)),
            input_token: name(vocabulary, input_id),
            input_id,
        }
    };
    MaskingStep {
        has_blanks: draws.is_none(),
        hidden: hidden.into_iter().map(token).collect(),
        input_tokens: masked.iter().map(|&id| name(vocabulary, id)).collect(),
        input_ids: masked,
        draws,
    }
}

/// The hidden positions with their tokens, the masked sequence, and the counts.
type Drawn = (Vec<(usize, Option<u32>)>, Vec<u32>, Option<Draws>);

fn draw(vocabulary: &Vocabulary, settings: MaskSettings, seed: u64, input_ids: &[u32]) -> Drawn {
    let masking = Masking::new(settings, vocabulary);
    let mut first = None;
    let (mut all, mut tokens) =
        (DrawCounts::default(), vec![DrawCounts::default(); input_ids.len()]);
    for draw in 0..DRAWS {
        let mut masked = input_ids.to_vec();
        let (positions, labels) =
            masking.mask(&mut masked, &mut Generator::new(seed, Purpose::Masking, draw, 0));
        for (&position, &label) in positions.iter().zip(&labels) {
            let became = became(vocabulary.mask_id(), label, masked[position as usize]);
            all.add(became);
            tokens[position as usize].add(became);
        }
        first.get_or_insert_with(|| {
            let positions = positions.iter().map(|&position| position as usize);
            (positions.zip(labels.into_iter().map(Some)).collect(), masked)
        });
    }
    let (hidden, masked) = first.expect("at least one draw");
    let MaskSettings { masked_lm_prob, max_predictions_per_seq, masking } = settings;
    let draws =
        Draws { seed, masked_lm_prob, max_predictions_per_seq, masking, draws: DRAWS, all, tokens };
    (hidden, masked, Some(draws))
}

fn became(mask_id: u32, before: u32, after: u32) -> Became {
    match after {
        after if after == mask_id => Became::Mask,
        after if after == before => Became::Kept,
        _ => Became::Random,
    }
}
