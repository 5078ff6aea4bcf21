//! Labelled examples as features, with their right answers.

use crate::data::features::{
    Feature, Target, Window, WindowSettings, question_features, sentence_features, text_feature,
};
use crate::data::labelled::{Labelled, LabelledError, QuestionExample, TaggedExample, TextExample};
use crate::tokenizer::Tokenizer;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Labelled examples as the model reads them.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// What the model reads. The two texts of a pair are neighbours where they are read one by one.
    pub features: Vec<Feature>,
    /// The right answers.
    pub gold: Gold,
    /// The number of examples.
    pub examples: usize,
    /// Texts that were longer than a feature and were cut.
    pub cut: usize,
}

/// The right answers of a [`Dataset`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Gold {
    /// The class of each feature.
    Classes(Vec<usize>),
    /// The number of each feature.
    Numbers(Vec<f64>),
    /// The labels of each sentence, and the sentence and the words of each feature.
    Tags {
        /// The labels of the words of each sentence.
        sentences: Vec<Vec<usize>>,
        /// By feature.
        parts: Vec<TaggedPart>,
    },
    /// The questions, with their features.
    Questions(Vec<QuestionWindows>),
    /// Texts that belong together, two features each, or single texts, one feature each.
    Texts {
        /// Whether two features are a pair.
        paired: bool,
        /// How similar the texts of each pair are, when the file says so.
        scores: Option<Vec<f64>>,
    },
}

/// The words of a sentence that a feature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedPart {
    /// The index of the sentence.
    pub sentence: usize,
    /// For each word, its index in the sentence and the position of its first piece.
    pub words: Vec<(usize, usize)>,
}

/// A question with its windows.
#[derive(Clone, Debug)]
pub struct QuestionWindows {
    /// Its text to answer from.
    pub context: Arc<str>,
    /// The right answers; none when the context holds none.
    pub answers: Vec<String>,
    /// Its features, by index.
    pub features: Range<usize>,
    /// The windows of these features: the position of the first token of the context, and the bytes of the word of
    /// each token of the context.
    pub windows: Vec<(usize, Vec<Range<usize>>)>,
}

/// The labels of `labels` without repetition: by number if all are numbers, else in alphabetical order.
fn sorted<'l>(labels: impl Iterator<Item = &'l String>) -> Vec<String> {
    let mut names: Vec<&String> = labels.collect();
    names.sort();
    names.dedup();
    let number = |name: &&String| name.parse::<i64>().ok();
    if names.iter().all(|name| number(name).is_some()) {
        names.sort_by_key(number);
    }
    names.into_iter().cloned().collect()
}

/// Refuses labels that leave nothing to learn.
fn at_least_two<E>(data: &Labelled<E>, names: Vec<String>) -> Result<Vec<String>, LabelledError> {
    if names.len() >= 2 {
        return Ok(names);
    }
    let which = names.first().map_or("no label".into(), |name| format!("only the label `{name}`"));
    Err(LabelledError::Whole {
        path: data.path.clone(),
        message: format!("it has {which}; there is something to learn from two labels on"),
    })
}

/// The classes of `data`: by number if all are whole numbers, else in alphabetical order.
///
/// # Errors
/// [`LabelledError::Whole`] when there are fewer than two.
pub fn class_names(data: &Labelled<TextExample>) -> Result<Vec<String>, LabelledError> {
    at_least_two(data, sorted(data.examples.iter().filter_map(|example| example.label.as_ref())))
}

/// The labels of the words of `data`, in the order of [`class_names`].
///
/// # Errors
/// [`LabelledError::Whole`] when there are fewer than two.
pub fn tag_names(data: &Labelled<TaggedExample>) -> Result<Vec<String>, LabelledError> {
    at_least_two(data, sorted(data.examples.iter().flat_map(|example| &example.labels)))
}

/// The index of a label among `labels`.
struct LabelIds<'l> {
    ids: HashMap<&'l str, usize>,
    labels: &'l [String],
}

impl<'l> LabelIds<'l> {
    fn new(labels: &'l [String]) -> Self {
        let ids = labels.iter().enumerate().map(|(id, label)| (label.as_str(), id)).collect();
        Self { ids, labels }
    }

    fn id<E>(&self, data: &Labelled<E>, line: u64, label: &str) -> Result<usize, LabelledError> {
        self.ids.get(label).copied().ok_or_else(|| {
            let known: Vec<String> =
                self.labels.iter().take(20).map(|label| format!("`{label}`")).collect();
            let more = if self.labels.len() > 20 { " …" } else { "" };
            LabelledError::Line {
                path: data.path.clone(),
                line,
                message: format!(
                    "the label `{label}` is not one that the model was trained with: {}{more}",
                    known.join(", ")
                ),
            }
        })
    }
}

/// The number of an example.
fn number(data: &Labelled<TextExample>, example: &TextExample) -> Result<f64, LabelledError> {
    let label = label_of(data, example)?;
    match label.trim().parse::<f64>() {
        Ok(number) if (number as f32).is_finite() => Ok(number),
        _ => Err(LabelledError::Line {
            path: data.path.clone(),
            line: example.line,
            message: format!(
                "the label `{label}` is not a number; to learn classes, use `classify`"
            ),
        }),
    }
}

fn label_of<'e>(
    data: &Labelled<TextExample>,
    example: &'e TextExample,
) -> Result<&'e str, LabelledError> {
    example.label.as_deref().ok_or_else(|| LabelledError::Line {
        path: data.path.clone(),
        line: example.line,
        message: "it has no label".into(),
    })
}

impl Dataset {
    /// Texts or pairs with their classes. The id of a class is its index in `labels`.
    ///
    /// # Errors
    /// [`LabelledError::Line`] for a label that is not among `labels`.
    pub fn classes(
        tokenizer: &Tokenizer,
        data: &Labelled<TextExample>,
        labels: &[String],
        max_seq_length: usize,
    ) -> Result<Self, LabelledError> {
        let ids = LabelIds::new(labels);
        let class = |example: &TextExample| ids.id(data, example.line, label_of(data, example)?);
        let classes = data.examples.iter().map(class).collect::<Result<Vec<_>, _>>()?;
        let targets = classes.iter().map(|&class| Target::Class(class as u32));
        let (features, cut) = text_features(tokenizer, data, targets, max_seq_length);
        Ok(Self { features, examples: classes.len(), gold: Gold::Classes(classes), cut })
    }

    /// Texts or pairs with their numbers.
    ///
    /// # Errors
    /// [`LabelledError::Line`] for a label that is not a number.
    pub fn numbers(
        tokenizer: &Tokenizer,
        data: &Labelled<TextExample>,
        max_seq_length: usize,
    ) -> Result<Self, LabelledError> {
        let all = data.examples.iter().map(|example| number(data, example));
        let numbers = all.collect::<Result<Vec<_>, _>>()?;
        let targets = numbers.iter().map(|&number| Target::Number(number as f32));
        let (features, cut) = text_features(tokenizer, data, targets, max_seq_length);
        Ok(Self { features, examples: numbers.len(), gold: Gold::Numbers(numbers), cut })
    }

    /// Sentences with the labels of their words.
    ///
    /// # Errors
    /// [`LabelledError::Line`] for a label that is not among `labels`.
    pub fn tags(
        tokenizer: &Tokenizer,
        data: &Labelled<TaggedExample>,
        labels: &[String],
        max_seq_length: usize,
    ) -> Result<Self, LabelledError> {
        let ids = LabelIds::new(labels);
        let (mut features, mut sentences, mut parts, mut cut) = (vec![], vec![], vec![], 0);
        for (sentence, example) in data.examples.iter().enumerate() {
            let of_words = example.labels.iter().zip(example.line..);
            let tags = of_words
                .map(|(label, line)| ids.id(data, line, label))
                .collect::<Result<Vec<_>, _>>()?;
            let targets: Vec<u32> = tags.iter().map(|&tag| tag as u32).collect();
            let (text, words) = (&example.text, &example.words);
            let found = sentence_features(tokenizer, text, words, Some(&targets), max_seq_length);
            cut += usize::from(found.len() > 1);
            for part in found {
                features.push(part.feature);
                parts.push(TaggedPart { sentence, words: part.words });
            }
            sentences.push(tags);
        }
        let examples = sentences.len();
        Ok(Self { features, gold: Gold::Tags { sentences, parts }, examples, cut })
    }

    /// Questions with their answers. With `must_fit`, as in training data, an answer that no window holds is an error.
    ///
    /// # Errors
    /// [`LabelledError::Id`] for such an answer.
    pub fn questions(
        tokenizer: &Tokenizer,
        data: &Labelled<QuestionExample>,
        settings: WindowSettings,
        must_fit: bool,
    ) -> Result<Self, LabelledError> {
        let (mut features, mut questions, mut cut) = (vec![], vec![], 0);
        for example in &data.examples {
            let answer = example.answers.first().map(|answer| answer.source.clone());
            let has_answer = answer.is_some();
            let (windows, found) =
                question_features(tokenizer, &example.question, &example.context, answer, settings);
            if must_fit && has_answer && !found {
                let WindowSettings { max_seq_length, doc_stride, .. } = settings;
                return Err(LabelledError::Id {
                    path: data.path.clone(),
                    id: example.id.clone(),
                    message: format!(
                        "no window of {max_seq_length} tokens, one every {doc_stride}, holds the whole answer; give \
                         a larger 'max_seq_length' or a smaller 'doc_stride'"
                    ),
                });
            }
            cut += usize::from(windows.len() > 1);
            let from = features.len();
            let mut of_windows = Vec::with_capacity(windows.len());
            for Window { feature, first_position, words } in windows {
                features.push(feature);
                of_windows.push((first_position, words));
            }
            questions.push(QuestionWindows {
                context: Arc::clone(&example.context),
                answers: example.answers.iter().map(|answer| answer.text.clone()).collect(),
                features: from..features.len(),
                windows: of_windows,
            });
        }
        let examples = questions.len();
        Ok(Self { features, gold: Gold::Questions(questions), examples, cut })
    }

    /// Texts, or pairs of texts that belong together, for embeddings. The labels of pairs say how similar they are.
    ///
    /// # Errors
    /// [`LabelledError::Line`] for a label that is not a number.
    pub fn texts(
        tokenizer: &Tokenizer,
        data: &Labelled<TextExample>,
        max_seq_length: usize,
    ) -> Result<Self, LabelledError> {
        let paired = data.examples.iter().any(|example| example.text_b.is_some());
        let labelled = data.examples.iter().any(|example| example.label.is_some());
        let scores = match paired && labelled {
            false => None,
            true => Some(
                data.examples
                    .iter()
                    .map(|example| number(data, example))
                    .collect::<Result<Vec<_>, _>>()?,
            ),
        };
        let (mut features, mut cut) = (Vec::new(), 0);
        for example in &data.examples {
            for text in std::iter::once(&example.text).chain(&example.text_b) {
                let (feature, was_cut) = text_feature(tokenizer, text, None, max_seq_length);
                features.push(feature);
                cut += usize::from(was_cut);
            }
        }
        let examples = data.examples.len();
        Ok(Self { features, gold: Gold::Texts { paired, scores }, examples, cut })
    }

    /// What a step draws from: features, or pairs of them.
    pub fn units(&self) -> usize {
        match self.gold {
            Gold::Texts { .. } => self.examples,
            _ => self.features.len(),
        }
    }
}

/// One feature for each example, with the number of those that were cut.
fn text_features(
    tokenizer: &Tokenizer,
    data: &Labelled<TextExample>,
    targets: impl Iterator<Item = Target>,
    max_seq_length: usize,
) -> (Vec<Feature>, usize) {
    let mut cut = 0;
    let features = data.examples.iter().zip(targets).map(|(example, target)| {
        let (text, text_b) = (&example.text, example.text_b.as_deref());
        let (feature, was_cut) = text_feature(tokenizer, text, text_b, max_seq_length);
        cut += usize::from(was_cut);
        Feature { target, ..feature }
    });
    (features.collect(), cut)
}
