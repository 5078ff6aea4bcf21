//! `cloze predict`: what a fine-tuned model says about texts.

use super::output::print;
use super::window_options::WindowOptions;
use clap::CommandFactory;
use clap::error::ErrorKind;
use cloze::data::labelled::{
    Columns, ReadSettings, parse_lines, read_questions, read_tagged, read_texts,
};
use cloze::tasks::{
    Answered, Classified, FinetunedTask, Model, Regressed, Tagged, TaskError, TextOrPair,
};
use serde::Serialize;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Texts that are answered at a time: enough for full batches, few enough that answers come soon.
const AT_A_TIME: usize = 1024;

/// The options of `cloze predict`.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a fine-tuned model, ours or from Hugging Face
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// A file of texts in any format of `cloze finetune`, or plain lines
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    input: Option<PathBuf>,
    #[command(flatten)]
    columns: ColumnOptions,
    /// Answers to a question, at most
    #[arg(long, default_value_t = 1, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// Answers: tokens of a window over a long text [default: as in the training of the model, else 384]
    #[arg(long, value_name = "N")]
    max_seq_length: Option<usize>,
    #[command(flatten)]
    windows: WindowOptions,
    #[command(flatten)]
    threads: super::ThreadOptions,
    /// Answer with one JSON object a line on standard output
    #[arg(long)]
    json: bool,
    /// A text, or the two texts of a pair, or a question and the text to answer it from [default: lines of standard
    /// input, with a tab between two texts]
    #[arg(value_name = "TEXT", num_args = 0..=2)]
    text: Vec<String>,
}

/// The names of columns of a table.
#[derive(clap::Args)]
pub(super) struct ColumnOptions {
    /// Column of the text [default: text, sentence or sentence1]
    #[arg(long, value_name = "NAME")]
    text_column: Option<String>,
    /// Column of the second text of a pair [default: sentence2, if there is one]
    #[arg(long, value_name = "NAME")]
    text_b_column: Option<String>,
    /// Column of the label [default: label or score]
    #[arg(long, value_name = "NAME")]
    label_column: Option<String>,
}

impl ColumnOptions {
    pub(super) fn columns(&self) -> Columns {
        let mut columns = Columns::default();
        columns.text_column.clone_from(&self.text_column);
        columns.text_b_column.clone_from(&self.text_b_column);
        columns.label_column.clone_from(&self.label_column);
        columns
    }

    /// Whether one was given.
    pub(super) fn is_given(&self) -> bool {
        self.columns() != Columns::default()
    }
}

/// Runs `cloze predict`.
pub fn run(args: Args) -> cloze::Result<()> {
    args.threads.run(|| {
        let mut model = super::open_model(&args.model)?;
        let task = model.finetuned_task()?;
        match task {
            FinetunedTask::Answer => args.windows.set(args.max_seq_length, &mut model)?,
            _ => args.windows.refuse(args.max_seq_length),
        }
        match task {
            FinetunedTask::Classify => {
                let texts = texts(&args)?;
                answer(&args, &texts, |texts| model.classify(&pairs(texts)), show_class)
            }
            FinetunedTask::Regress => {
                let texts = texts(&args)?;
                answer(&args, &texts, |texts| model.regress(&pairs(texts)), show_number)
            }
            FinetunedTask::Tag => tag(&args, &model),
            FinetunedTask::Answer => {
                let questions = questions(&args)?;
                let top = args.top as usize;
                answer(&args, &questions, |questions| model.answer(questions, top), show_answers)
            }
            other => unreachable!("a new task {other}"),
        }
    })
}

/// Answers some texts at a time and prints the answers.
fn answer<T: Sync, A: Serialize>(
    args: &Args,
    texts: &[T],
    answer: impl Fn(&[T]) -> Result<Vec<A>, TaskError>,
    show: impl Fn(&mut dyn Write, &A) -> io::Result<()>,
) -> cloze::Result<()> {
    for texts in texts.chunks(AT_A_TIME) {
        let answers = answer(texts)?;
        print(|out| {
            for answer in &answers {
                match args.json {
                    true => writeln!(out, "{}", serde_json::to_string(answer)?)?,
                    false => show(out, answer)?,
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

type Text = (String, Option<String>);

fn pairs(texts: &[Text]) -> Vec<TextOrPair<'_>> {
    texts.iter().map(|(text, text_b)| (text.as_str(), text_b.as_deref())).collect()
}

/// The texts or pairs to answer.
fn texts(args: &Args) -> cloze::Result<Vec<Text>> {
    if let Some(file) = &args.input {
        let data = read_texts(file, &settings(args)).map_err(TaskError::from)?;
        return Ok(data
            .examples
            .into_iter()
            .map(|example| (example.text, example.text_b))
            .collect());
    }
    if let Some(index) = args.text.iter().position(|text| text.trim().is_empty()) {
        let text = if index == 0 { "the text" } else { "the second text" };
        let remedy = if index == 0 { "" } else { "; leave it out to ask about a single text" };
        let message = format!("{text} is empty: the answer would mean nothing{remedy}\n");
        super::Cli::command().error(ErrorKind::InvalidValue, message).exit();
    }
    match args.text.as_slice() {
        [] => lines(),
        [text] => Ok(vec![(text.clone(), None)]),
        [text, text_b, ..] => Ok(vec![(text.clone(), Some(text_b.clone()))]),
    }
}

fn settings(args: &Args) -> ReadSettings {
    let mut settings = ReadSettings::default();
    settings.columns = args.columns.columns();
    settings
}

/// The lines of standard input, each a text or two with a tab between them; empty lines are passed over.
fn lines() -> cloze::Result<Vec<Text>> {
    let path = Path::new("standard input");
    let mut bytes = Vec::new();
    let error = |error| cloze::system::files::FileError::io("read", path, error);
    io::stdin().lock().read_to_end(&mut bytes).map_err(error)?;
    let text = String::from_utf8(bytes).map_err(|e| {
        error(io::Error::new(io::ErrorKind::InvalidData, format!("not UTF-8: {e}")))
    })?;
    let data = parse_lines("standard input", &text).map_err(TaskError::from)?;
    Ok(data.examples.into_iter().map(|example| (example.text, example.text_b)).collect())
}

/// The questions to answer, each with its text.
fn questions(args: &Args) -> cloze::Result<Vec<(String, String)>> {
    if let Some(file) = &args.input
        && file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
    {
        let data = read_questions(file).map_err(TaskError::from)?;
        let pair = |example: cloze::data::labelled::QuestionExample| {
            (example.question, example.context.to_string())
        };
        return Ok(data.examples.into_iter().map(pair).collect());
    }
    let pair = |(number, (question, context)): (usize, Text)| match context {
        Some(context) => (question, context),
        None => {
            let message = format!(
                "question {number} has no text to answer it from: give two arguments, or lines with a tab between \
                 question and text\n"
            );
            super::Cli::command().error(ErrorKind::MissingRequiredArgument, message).exit()
        }
    };
    Ok((1..).zip(texts(args)?).map(pair).collect())
}

fn tag(args: &Args, model: &Model<'_>) -> cloze::Result<()> {
    let is_plain = |file: &Path| {
        let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        ["txt", "tsv", "csv", "jsonl", "ndjson"].contains(&extension.as_str())
    };
    if let Some(file) = args.input.as_deref().filter(|file| !is_plain(file)) {
        // Words as the file splits them.
        let data = read_tagged(file, &settings(args)).map_err(TaskError::from)?;
        let sentences: Vec<_> =
            data.examples.into_iter().map(|example| (example.text, example.words)).collect();
        return answer(args, &sentences, |sentences| model.tag_words(sentences), show_tags);
    }
    let texts: Vec<String> = texts(args)?
        .into_iter()
        .map(|(text, text_b)| text_b.map_or(text.clone(), |text_b| format!("{text} {text_b}")))
        .collect();
    answer(args, &texts, |texts| model.tag(texts), show_tags)
}

fn show_class(out: &mut dyn Write, answer: &Classified) -> io::Result<()> {
    let mut order: Vec<&(String, f32)> = answer.probabilities.iter().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let percent =
        |(label, probability): &&(String, f32)| format!("{label} {:.1} %", 100.0 * probability);
    let probabilities = order.iter().take(5).map(percent).collect::<Vec<_>>().join("  ");
    let second = answer.text_b.as_ref().map_or(String::new(), |text| format!("\t{text}"));
    writeln!(out, "{probabilities}\t{}{second}", answer.text)
}

fn show_number(out: &mut dyn Write, answer: &Regressed) -> io::Result<()> {
    let second = answer.text_b.as_ref().map_or(String::new(), |text| format!("\t{text}"));
    writeln!(out, "{:.4}\t{}{second}", answer.value, answer.text)
}

fn show_tags(out: &mut dyn Write, answer: &Tagged) -> io::Result<()> {
    for word in &answer.words {
        let percent = 100.0 * word.probability;
        writeln!(out, "{}\t{}\t{percent:.1} %", word.word, word.label)?;
    }
    for entity in &answer.entities {
        writeln!(out, "# {} {}-{}: {}", entity.kind, entity.start, entity.end, entity.text)?;
    }
    writeln!(out)
}

fn show_answers(out: &mut dyn Write, answer: &Answered) -> io::Result<()> {
    writeln!(out, "{}", answer.question)?;
    if answer.best().is_none() {
        writeln!(out, "  {:5.1} %  (no answer)", 100.0 * answer.no_answer_probability)?;
    }
    for span in &answer.answers {
        let percent = 100.0 * span.probability;
        writeln!(out, "  {percent:5.1} %  {}  ({}-{})", span.text, span.start, span.end)?;
    }
    Ok(())
}
