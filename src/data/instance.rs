//! One training instance: a sequence with some tokens masked.

/// A masked sequence, without padding: `TrainingInstance` of Google's `create_pretraining_data.py`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `[seq]`: the ids of `[CLS] A [SEP] B [SEP]` or `[CLS] A [SEP]`, masked.
    pub input_ids: Vec<u32>,
    /// `[seq]`: 0 for `[CLS] A [SEP]`, 1 for `B [SEP]`.
    pub token_type_ids: Vec<u32>,
    /// Whether B comes from another document or, with sentence-order prediction, whether A and B were
    /// swapped; `None` when there is no B.
    pub is_random_next: Option<bool>,
    /// `[masked]`: the masked positions, ascending.
    pub masked_lm_positions: Vec<u32>,
    /// `[masked]`: the original ids of the masked positions.
    pub masked_lm_labels: Vec<u32>,
}
