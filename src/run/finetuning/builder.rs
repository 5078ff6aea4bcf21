//! From labelled examples to a fine-tuned model in one call.

use super::job::FinetuningJob;
use super::options::{FinetuningOptions, FinetuningTask};
use super::sources::{ExampleSource, Examples, ModelSource};
use crate::data::labelled::{
    GoldAnswer, Labelled, LabelledError, QuestionExample, TaggedExample, TextExample,
};
use crate::model::Bert;
use crate::run::error::RunError;
use crate::run::observer::Observer;
use crate::run::on_pool::on_pool;
use crate::run::resuming::resume_on;
use crate::run::training_run::{Finished, begin_on};
use crate::system::ranks::{Alone, Team};
use crate::tokenizer::Tokenizer;
use std::path::PathBuf;

/// A fine-tuning run, described setting by setting. Settings that are not given are those of Google's
/// `run_classifier.py` and `run_squad.py`.
///
/// ```
/// use cloze::run::Finetuning;
///
/// let text = "The fox ran.\nIt was quick.\n\nThe dog slept.\nIt was lazy.\n\nThe cat sat.\nIt sat still.";
/// let pretrained = cloze::pretrain(text).model("1/32").vocab_size(100).max_seq_length(16).steps(5).run()?;
/// let examples = [("The fox ran.", "moves"), ("The dog slept.", "rests"), ("The cat sat.", "rests")];
/// let run = Finetuning::classify(pretrained.bert, pretrained.tokenizer, &examples)
///     .learning_rates([1e-3])
///     .epochs(2)
///     .eval_fraction(0.0)
///     .run()?;
/// assert_eq!(run.bert.config.labels(), ["moves", "rests"]);
/// # Ok::<(), cloze::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a run begins with `run`"]
pub struct Finetuning {
    options: FinetuningOptions,
    command: String,
    threads: Option<usize>,
    team: Team,
}

impl Finetuning {
    /// A run that teaches `model` the task on the examples of `train`.
    pub fn new(task: FinetuningTask, model: ModelSource, train: ExampleSource) -> Self {
        Self::from_options(FinetuningOptions::new(task, model, train))
    }

    /// A run with these settings.
    pub fn from_options(options: FinetuningOptions) -> Self {
        Self {
            options,
            command: "cloze::run::Finetuning".into(),
            threads: None,
            team: Alone::team(),
        }
    }

    /// A run on the model in `directory` and the examples in `file`.
    pub fn from_file(
        task: FinetuningTask,
        directory: impl Into<PathBuf>,
        file: impl Into<PathBuf>,
    ) -> Self {
        let train = ExampleSource::Files(vec![file.into()]);
        Self::new(task, ModelSource::Directory(directory.into()), train)
    }

    /// A run that learns the class of each text from `examples`: texts with their classes.
    pub fn classify(
        bert: Bert,
        tokenizer: Tokenizer,
        examples: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Self {
        let examples = examples.iter().zip(1..).map(|((text, label), line)| TextExample {
            text: text.as_ref().into(),
            text_b: None,
            label: Some(label.as_ref().into()),
            line,
        });
        let examples = Examples::Texts(in_memory(examples.collect()));
        Self::in_memory(FinetuningTask::Classify, bert, tokenizer, examples)
    }

    /// A run that learns a number for each text from `examples`: texts with their numbers.
    pub fn regress(bert: Bert, tokenizer: Tokenizer, examples: &[(impl AsRef<str>, f64)]) -> Self {
        let examples = examples.iter().zip(1..).map(|((text, number), line)| TextExample {
            text: text.as_ref().into(),
            text_b: None,
            label: Some(number.to_string()),
            line,
        });
        let examples = Examples::Texts(in_memory(examples.collect()));
        Self::in_memory(FinetuningTask::Regress, bert, tokenizer, examples)
    }

    /// A run that learns to answer questions from `examples`: questions, each with the text to answer it from and the
    /// answer. The answer is the first place in the text that reads so; `None` when the text does not answer the question.
    ///
    /// # Errors
    /// [`RunError::Labelled`] for an answer that is not a part of its text.
    pub fn answer<S: AsRef<str>>(
        bert: Bert,
        tokenizer: Tokenizer,
        examples: &[(S, S, Option<S>)],
    ) -> Result<Self, RunError> {
        let example = |(number, (question, context, answer)): (usize, &(S, S, Option<S>))| {
            let (context, mut answers) = (context.as_ref(), Vec::new());
            if let Some(text) = answer.as_ref().map(AsRef::as_ref) {
                let Some(start) = context.find(text) else {
                    return Err(LabelledError::Id {
                        path: IN_MEMORY.into(),
                        id: number.to_string(),
                        message: format!("the answer {text:?} is not a part of its text"),
                    });
                };
                answers.push(GoldAnswer { text: text.into(), source: start..start + text.len() });
            }
            let (id, question) = (number.to_string(), question.as_ref().into());
            Ok(QuestionExample { id, question, context: context.into(), answers })
        };
        let examples = (1..).zip(examples).map(example).collect::<Result<_, LabelledError>>()?;
        let examples = Examples::Questions(in_memory(examples));
        Ok(Self::in_memory(FinetuningTask::Answer, bert, tokenizer, examples))
    }

    /// A run that learns the label of each word from `examples`: words with their labels.
    pub fn tag(
        bert: Bert,
        tokenizer: Tokenizer,
        examples: &[Vec<(impl AsRef<str>, impl AsRef<str>)>],
    ) -> Self {
        let examples = examples.iter().zip(1..).map(|(sentence, line)| {
            let words: Vec<&str> = sentence.iter().map(|(word, _)| word.as_ref()).collect();
            let labels = sentence.iter().map(|(_, label)| label.as_ref().to_string()).collect();
            TaggedExample::new(&words, labels, line)
        });
        let examples = Examples::Tagged(in_memory(examples.collect()));
        Self::in_memory(FinetuningTask::Tag, bert, tokenizer, examples)
    }

    /// A run on a model and examples in memory.
    pub fn in_memory(
        task: FinetuningTask,
        bert: Bert,
        tokenizer: Tokenizer,
        examples: Examples,
    ) -> Self {
        let model = ModelSource::in_memory(bert, tokenizer);
        Self::new(task, model, ExampleSource::in_memory(examples))
    }

    /// Examples to evaluate on after each epoch.
    pub fn eval(mut self, examples: ExampleSource) -> Self {
        self.options.eval = Some(examples);
        self
    }

    /// The share of the examples that are held out for evaluation; 0 for none.
    pub fn eval_fraction(mut self, share: f64) -> Self {
        self.options.eval_fraction = share;
        self
    }

    /// Passes over the examples. Without this, [`usual_epochs`](super::usual_epochs).
    pub fn epochs(mut self, num_train_epochs: u64) -> Self {
        self.options.num_train_epochs = Some(num_train_epochs);
        self
    }

    /// Learning rates, each of which is tried.
    pub fn learning_rates(mut self, rates: impl Into<Vec<f64>>) -> Self {
        self.options.learning_rate = Some(rates.into());
        self
    }

    /// Tokens of a sequence.
    pub fn max_seq_length(mut self, max_seq_length: usize) -> Self {
        self.options.max_seq_length = Some(max_seq_length);
        self
    }

    /// Examples of a step.
    pub fn train_batch_size(mut self, train_batch_size: usize) -> Self {
        self.options.recipe.train_batch_size = train_batch_size;
        self
    }

    /// The seed of all randomness.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.recipe.seed = seed;
        self
    }

    /// Leaves a run directory. Without one, the run stays in memory.
    pub fn output_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.options.output_dir = Some(directory.into());
        self
    }

    /// The command that `run.json` records.
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }

    /// Shares the run with other processes. This is rank 0 of `team`; the others [`serve`](crate::train::serve).
    pub fn team(mut self, team: Team) -> Self {
        self.team = team;
        self
    }

    /// Threads; they never change the result. Without this, the threads of the current pool.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Changes any other setting.
    pub fn options(mut self, change: impl FnOnce(&mut FinetuningOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Runs from the first step to the last.
    ///
    /// # Errors
    /// [`RunError`], naming what is at fault.
    pub fn run(self) -> Result<Finished, RunError> {
        self.run_with(&mut ())
    }

    /// [`Finetuning::run`], watched by `observer`.
    ///
    /// # Errors
    /// As [`Finetuning::run`].
    pub fn run_with(self, observer: &mut (dyn Observer + Send)) -> Result<Finished, RunError> {
        let Self { mut options, command, threads, team } = self;
        on_pool(threads, || {
            FinetuningJob::fit(&mut options)?;
            begin_on::<FinetuningJob>(&team, &options, &command, observer)
        })
    }

    /// Resumes the run of the same settings in [`Finetuning::output_dir`].
    ///
    /// # Errors
    /// As [`Finetuning::run`]; [`RunError::Settings`] when the settings differ from those of the run.
    ///
    /// # Panics
    /// Without an output directory.
    pub fn resume_with(self, observer: &mut (dyn Observer + Send)) -> Result<Finished, RunError> {
        let Self { mut options, threads, team, .. } = self;
        on_pool(threads, || {
            FinetuningJob::fit(&mut options)?;
            resume_on::<FinetuningJob>(&team, &options, observer)
        })
    }
}

/// The name of such examples in messages.
const IN_MEMORY: &str = "the examples in memory";

/// Examples that a program holds in memory.
fn in_memory<E>(examples: Vec<E>) -> Labelled<E> {
    Labelled { path: IN_MEMORY.into(), examples, warnings: Vec::new() }
}
