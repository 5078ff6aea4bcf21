//! The examples of a run: read, held out, and turned into features.

use super::options::{FinetuningOptions, FinetuningTask};
use super::sources::{ExampleSource, Examples};
use crate::data::labelled::{
    self, Labelled, LabelledError, QuestionExample, ReadSettings, read_questions, read_tagged,
    read_texts,
};
use crate::run::error::RunError;
use crate::tensor::random::{Generator, Purpose};
use crate::tokenizer::Tokenizer;
use crate::train::finetuning::{Dataset, class_names, tag_names};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// The labels of the task, by id, and the examples as features.
pub(super) struct Data {
    pub(super) labels: Vec<String>,
    pub(super) train: Dataset,
    pub(super) held_out: Option<Dataset>,
    pub(super) warnings: Vec<String>,
}

/// Reads all examples of `options`.
pub(super) fn read(options: &FinetuningOptions, tokenizer: &Tokenizer) -> Result<Data, RunError> {
    let train = read_source(options, &options.train, true)?;
    let mut warnings = train.warnings().to_vec();
    let labels = match &train {
        Examples::Texts(data) if options.task == FinetuningTask::Classify => class_names(data)?,
        Examples::Tagged(data) => tag_names(data)?,
        _ => Vec::new(),
    };
    let (train, held_out) = match &options.eval {
        Some(source) => {
            let held_out = read_source(options, source, false)?;
            warnings.extend(held_out.warnings().iter().cloned());
            (train, Some(held_out))
        }
        // Of single texts, nothing says which embeddings are right.
        None if matches!(&train, Examples::Texts(data) if options.task == FinetuningTask::Embed
            && data.examples.iter().all(|example| example.text_b.is_none())) =>
        {
            (train, None)
        }
        None => train.hold_out(options.eval_fraction, options.recipe.seed)?,
    };
    let dataset = |examples: &Examples, trains: bool| -> Result<Dataset, RunError> {
        let length = options.recipe.max_seq_length;
        let dataset = match (options.task, examples) {
            (FinetuningTask::Classify, Examples::Texts(data)) => {
                Dataset::classes(tokenizer, data, &labels, length)
            }
            (FinetuningTask::Regress, Examples::Texts(data)) => {
                Dataset::numbers(tokenizer, data, length)
            }
            (FinetuningTask::Embed, Examples::Texts(data)) => {
                Dataset::texts(tokenizer, data, length)
            }
            (FinetuningTask::Tag, Examples::Tagged(data)) => {
                Dataset::tags(tokenizer, data, &labels, length)
            }
            (FinetuningTask::Answer, Examples::Questions(data)) => {
                Dataset::questions(tokenizer, data, options.windows(), trains)
            }
            (task, _) => return Err(RunError::OtherExamples(task.name())),
        };
        let dataset = dataset?;
        if dataset.units() == 0 {
            return Err(LabelledError::Whole {
                path: examples.path().into(),
                message: "it holds no example".into(),
            }
            .into());
        }
        Ok(dataset)
    };
    let train = dataset(&train, true)?;
    let held_out = held_out.map(|examples| dataset(&examples, false)).transpose()?;
    let cut = train.cut + held_out.as_ref().map_or(0, |data| data.cut);
    if cut > 0 && options.task != FinetuningTask::Answer && options.task != FinetuningTask::Tag {
        warnings.push(format!(
            "{cut} texts are longer than {} tokens, and their ends are not read; a larger 'max_seq_length' reads them",
            options.recipe.max_seq_length
        ));
    }
    Ok(Data { labels, train, held_out, warnings })
}

fn read_source(
    options: &FinetuningOptions,
    source: &ExampleSource,
    trains: bool,
) -> Result<Examples, RunError> {
    match source {
        ExampleSource::BuiltIn => Ok(match options.task {
            FinetuningTask::Classify => Examples::Texts(labelled::built_in_texts()),
            FinetuningTask::Regress => Examples::Texts(labelled::built_in_numbers()),
            FinetuningTask::Tag => Examples::Tagged(labelled::built_in_tagged()),
            FinetuningTask::Answer => Examples::Questions(labelled::built_in_questions()),
            FinetuningTask::Embed => Examples::Texts(labelled::built_in_lines()),
        }),
        ExampleSource::InMemory(given) => {
            given.value.as_deref().cloned().ok_or(RunError::TextInMemory)
        }
        ExampleSource::Files(files) => {
            let mut all: Option<Examples> = None;
            for file in files {
                let examples = read_file(options, file, trains)?;
                match &mut all {
                    None => all = Some(examples),
                    Some(all) => all.append(examples),
                }
            }
            all.ok_or(RunError::OtherExamples(options.task.name()))
        }
    }
}

fn read_file(
    options: &FinetuningOptions,
    file: &Path,
    trains: bool,
) -> Result<Examples, LabelledError> {
    let settings = ReadSettings::labelled(&options.columns);
    Ok(match options.task {
        FinetuningTask::Classify | FinetuningTask::Regress => {
            Examples::Texts(read_texts(file, &settings)?)
        }
        FinetuningTask::Embed => {
            // Lines need no labels, and the labels of pairs to learn from say nothing here.
            let mut data = read_texts(file, &ReadSettings { needs_labels: false, ..settings })?;
            if trains {
                data.examples.iter_mut().for_each(|example| example.label = None);
            }
            Examples::Texts(data)
        }
        FinetuningTask::Tag => Examples::Tagged(read_tagged(file, &settings)?),
        FinetuningTask::Answer => Examples::Questions(read_questions(file)?),
    })
}

impl Examples {
    /// The file, or the name of text in memory.
    fn path(&self) -> &Path {
        match self {
            Self::Texts(data) => &data.path,
            Self::Tagged(data) => &data.path,
            Self::Questions(data) => &data.path,
        }
    }

    fn warnings(&self) -> &[String] {
        match self {
            Self::Texts(data) => &data.warnings,
            Self::Tagged(data) => &data.warnings,
            Self::Questions(data) => &data.warnings,
        }
    }

    /// Adds the examples of another file of the same kind.
    fn append(&mut self, other: Self) {
        fn join<E>(all: &mut Labelled<E>, mut other: Labelled<E>) {
            all.examples.append(&mut other.examples);
            all.warnings.append(&mut other.warnings);
        }
        match (self, other) {
            (Self::Texts(all), Self::Texts(other)) => join(all, other),
            (Self::Tagged(all), Self::Tagged(other)) => join(all, other),
            (Self::Questions(all), Self::Questions(other)) => join(all, other),
            _ => unreachable!("the task decides the kind"),
        }
    }

    /// Holds a share of the examples out, drawn from `seed`. The questions about one text stay together.
    fn hold_out(self, share: f64, seed: u64) -> Result<(Self, Option<Self>), LabelledError> {
        let same_text =
            |a: &QuestionExample, b: &QuestionExample| Arc::ptr_eq(&a.context, &b.context);
        Ok(match self {
            Self::Texts(data) => {
                let (train, held_out) = hold_out(data, share, seed, |_, _| false)?;
                (Self::Texts(train), held_out.map(Self::Texts))
            }
            Self::Tagged(data) => {
                let (train, held_out) = hold_out(data, share, seed, |_, _| false)?;
                (Self::Tagged(train), held_out.map(Self::Tagged))
            }
            Self::Questions(data) => {
                let (train, held_out) = hold_out(data, share, seed, same_text)?;
                (Self::Questions(train), held_out.map(Self::Questions))
            }
        })
    }
}

/// Holds out the share `share` of the groups of `data`: neighbours that `same_group` are a group.
fn hold_out<E>(
    data: Labelled<E>,
    share: f64,
    seed: u64,
    same_group: impl Fn(&E, &E) -> bool,
) -> Result<(Labelled<E>, Option<Labelled<E>>), LabelledError> {
    if share <= 0.0 {
        return Ok((data, None));
    }
    let mut groups: Vec<usize> = Vec::with_capacity(data.examples.len());
    for (i, example) in data.examples.iter().enumerate() {
        let before = groups.last().copied();
        let same = i > 0 && same_group(&data.examples[i - 1], example);
        groups.push(before.map_or(0, |group| if same { group } else { group + 1 }));
    }
    let count = groups.last().map_or(0, |last| last + 1);
    if count < 2 {
        return Err(LabelledError::Whole {
            path: data.path,
            message: "it has too few examples to hold some out for evaluation; give others with 'eval', or hold out \
                      none with 'eval_fraction' 0"
                .into(),
        });
    }
    let held = ((count as f64 * share).round() as usize).clamp(1, count - 1);
    let mut order: Vec<usize> = (0..count).collect();
    Generator::new(seed, Purpose::HeldOut, 0, 0).shuffle(&mut order);
    let held: HashSet<usize> = order[..held].iter().copied().collect();
    let (mut train, mut held_out) = (Vec::new(), Vec::new());
    for (example, group) in data.examples.into_iter().zip(groups) {
        if held.contains(&group) { held_out.push(example) } else { train.push(example) }
    }
    let path = data.path;
    let held_out = Labelled { path: path.clone(), examples: held_out, warnings: Vec::new() };
    Ok((Labelled { path, examples: train, warnings: data.warnings }, Some(held_out)))
}
