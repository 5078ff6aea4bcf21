//! The head of a BERT, as a value: which parameters stand on top of the encoder, and under which
//! name Hugging Face keeps such a model. [`layout`](super::layout) turns it into parameters,
//! [`heads`](super::heads) holds its functions.

/// The head of a BERT: one value for each class of Hugging Face's that is supported.
///
/// | head | architecture | pooler | parameters of the head |
/// |---|---|---|---|
/// | `Pretraining` | `BertForPreTraining` | yes | `cls.predictions.*`, `cls.seq_relationship.*` |
/// | `MaskedLm` | `BertForMaskedLM` | no | `cls.predictions.*` |
/// | `SequenceClassification` | `BertForSequenceClassification` | yes | `classifier.*` `[num_labels, hidden]` |
/// | `TokenClassification` | `BertForTokenClassification` | no | `classifier.*` `[num_labels, hidden]` |
/// | `QuestionAnswering` | `BertForQuestionAnswering` | no | `qa_outputs.*` `[2, hidden]` |
/// | `None` | `BertModel` | yes | none |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Head {
    /// Masked language modelling and next-sentence prediction.
    #[default]
    Pretraining,
    /// Masked language modelling alone.
    MaskedLm,
    /// One label, one number or several labels for a text or a pair of texts.
    SequenceClassification {
        /// Outputs of the classifier; 1 for regression.
        num_labels: usize,
    },
    /// One label for each token.
    TokenClassification {
        /// Outputs of the classifier.
        num_labels: usize,
    },
    /// The first and the last token of the answer in a text.
    QuestionAnswering,
    /// The encoder and the pooler alone.
    None,
}

impl Head {
    /// The name of Hugging Face's class, as `architectures` of `config.json` gives it.
    pub fn architecture(self) -> &'static str {
        match self {
            Self::Pretraining => "BertForPreTraining",
            Self::MaskedLm => "BertForMaskedLM",
            Self::SequenceClassification { .. } => "BertForSequenceClassification",
            Self::TokenClassification { .. } => "BertForTokenClassification",
            Self::QuestionAnswering => "BertForQuestionAnswering",
            Self::None => "BertModel",
        }
    }

    /// The head of the class `architecture`, with `num_labels` labels where the class leaves their
    /// number open; `None` for a class that is not supported.
    pub fn from_architecture(architecture: &str, num_labels: usize) -> Option<Self> {
        [
            Self::Pretraining,
            Self::MaskedLm,
            Self::SequenceClassification { num_labels },
            Self::TokenClassification { num_labels },
            Self::QuestionAnswering,
            Self::None,
        ]
        .into_iter()
        .find(|head| head.architecture() == architecture)
    }

    /// Whether the model has a pooler: tanh of a dense layer over the hidden state of `[CLS]`.
    pub fn has_pooler(self) -> bool {
        matches!(self, Self::Pretraining | Self::SequenceClassification { .. } | Self::None)
    }

    /// Whether the model predicts masked words.
    pub fn has_masked_lm(self) -> bool {
        matches!(self, Self::Pretraining | Self::MaskedLm)
    }

    /// Whether the model predicts next sentences.
    pub fn has_next_sentence(self) -> bool {
        self == Self::Pretraining
    }

    /// The number of labels of a classifier; `None` for heads without one.
    pub fn num_labels(self) -> Option<usize> {
        match self {
            Self::SequenceClassification { num_labels }
            | Self::TokenClassification { num_labels } => Some(num_labels),
            _ => None,
        }
    }
}
