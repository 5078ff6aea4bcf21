//! One training instance: a pair of sentences with some tokens masked.

/// A sequence to train on (`TrainingInstance` of Google's `create_pretraining_data.py`), unpadded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `[CLS] A [SEP] B [SEP]`, masked; or `[CLS] A [SEP]`.
    pub input_ids: Vec<u32>,
    /// 0 for `[CLS] A [SEP]`, 1 for `B [SEP]`.
    pub token_type_ids: Vec<u32>,
    /// Whether B is from another document; `None` when there is no B.
    pub is_random_next: Option<bool>,
    /// Positions to be predicted, in order.
    pub masked_lm_positions: Vec<u32>,
    /// The ids that were there.
    pub masked_lm_labels: Vec<u32>,
}
