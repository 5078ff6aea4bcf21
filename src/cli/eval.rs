//! `cloze eval`: model + text ─► masked-LM and next-sentence metrics; fine-tuned model + labelled examples ─► the
//! metrics of its task.

use super::instance_options::InstanceOptions;
use super::output::print;
use super::predict::ColumnOptions;
use super::window_options::WindowOptions;
use clap::CommandFactory;
use clap::error::ErrorKind;
use cloze::data::Corpus;
use cloze::report::{Terminal, is_past, print_line};
use cloze::tasks::{
    EvalSettings, FinetunedTask, Model, TaskError, TextEvaluation, evaluate, sentence_encoder,
};
use cloze::train::Evaluation;
use cloze::train::pretraining::{MASKED_LM, NEXT_SENTENCE, SENTENCE_ORDER};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The options of `cloze eval`.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a BERT model, ours or from Hugging Face
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Text: .txt and .jsonl files (also .gz), directories, patterns in quotes, - for standard input
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    input: Vec<String>,
    #[command(flatten)]
    encoding: super::TextOptions,
    #[command(flatten)]
    columns: ColumnOptions,
    /// Tokens of a sequence [default: 128, or what the model has positions for]; tokens of a window for a model that
    /// answers questions [default: as in its training, else 384]
    #[arg(long, value_name = "N")]
    max_seq_length: Option<usize>,
    #[command(flatten)]
    windows: WindowOptions,
    /// Masked positions of a sequence, at most [default: 20, or fewer in shorter sequences]
    #[arg(long, value_name = "N")]
    max_predictions_per_seq: Option<usize>,
    #[command(flatten)]
    instance_options: InstanceOptions,
    /// Sequences of a batch; never changes what is measured (a forward pass takes as many as fit 2048 tokens)
    #[arg(long, default_value_t = 32, value_name = "N")]
    eval_batch_size: usize,
    /// What pairs and masks are drawn from
    #[arg(long, default_value_t = 12345, value_name = "N")]
    seed: u64,
    #[command(flatten)]
    threads: super::ThreadOptions,
    /// Answer with one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Runs `cloze eval`.
pub fn run(args: Args) -> cloze::Result<()> {
    super::warn_without_fma();
    let answer = args.threads.run(|| {
        let mut model = super::open_model(&args.model)?;
        if let Some(mut options) = sentence_encoder(&args.model, None)? {
            args.windows.refuse(None);
            options.max_seq_length = args.max_seq_length.or(options.max_seq_length);
            let columns = args.columns.columns();
            let evaluation = model.measure_embeddings(examples(&args), &columns, &options)?;
            return print_metrics(&args, &evaluation).map(|()| None);
        }
        match model.finetuned_task() {
            Ok(task) => {
                match task {
                    FinetunedTask::Answer => args.windows.set(args.max_seq_length, &mut model)?,
                    _ => args.windows.refuse(args.max_seq_length),
                }
                finetuned(&args, &model).map(|()| None)
            }
            Err(TaskError::NotFinetuned { .. }) => {
                args.windows.refuse(None);
                measure(&args, &model).map(Some)
            }
            Err(error) => Err(error.into()),
        }
    })?;
    let Some(answer) = answer else { return Ok(()) };
    print(|out| {
        if args.json {
            return writeln!(out, "{}", serde_json::to_string(&json(&answer))?);
        }
        // The names and the order of Google's script.
        let TextEvaluation { evaluation: answer, unigram_loss, .. } = &answer;
        for term in &answer.terms {
            writeln!(out, "{}_accuracy = {:.4}", term.name, term.accuracy)?;
            writeln!(out, "{}_loss = {:.4}", term.name, term.loss)?;
        }
        writeln!(out, "instances = {}", answer.instances)?;
        writeln!(out, "masked_tokens = {}", answer.count("masked_tokens"))?;
        if let Some(loss) = unigram_loss {
            writeln!(out, "unigram_loss = {loss:.4}")?;
        }
        let Some(attention) = &answer.attention else { return Ok(()) };
        let layers = |shares: &[f64]| {
            shares.iter().map(|share| format!("{share:.4}")).collect::<Vec<_>>().join(" ")
        };
        writeln!(out, "attention_previous = {}", layers(&attention.previous))?;
        writeln!(out, "attention_next = {}", layers(&attention.next))?;
        writeln!(out, "attention_uniform = {:.4}", attention.uniform)
    })
}

/// The metrics of a fine-tuned model.
fn finetuned(args: &Args, model: &Model<'_>) -> cloze::Result<()> {
    print_metrics(args, &model.measure(examples(args), &args.columns.columns())?)
}

/// The file of examples.
fn examples(args: &Args) -> &Path {
    let [file] = args.input.as_slice() else {
        let message = "a fine-tuned model is evaluated on one file of examples\n";
        super::Cli::command().error(ErrorKind::TooManyValues, message).exit();
    };
    Path::new(file)
}

fn print_metrics(args: &Args, evaluation: &Evaluation) -> cloze::Result<()> {
    print(|out| {
        let mut fields: Map<String, Value> = Map::new();
        let metrics = evaluation.metrics.iter();
        fields.extend(metrics.map(|(name, value)| (name.to_string(), (*value).into())));
        fields.insert("examples".into(), evaluation.instances.into());
        if !evaluation.terms.is_empty() {
            fields.insert("loss".into(), evaluation.loss().into());
        }
        if args.json {
            return writeln!(out, "{}", Value::Object(fields));
        }
        fields.iter().try_for_each(|(name, value)| match value.as_f64() {
            Some(number) if value.is_f64() => writeln!(out, "{name} = {number:.4}"),
            _ => writeln!(out, "{name} = {value}"),
        })
    })
}

/// Reads the text, and evaluates a pretrained model.
fn measure(args: &Args, model: &Model<'_>) -> cloze::Result<TextEvaluation> {
    if args.columns.is_given() {
        let message =
            "columns are of the examples of a fine-tuned model, and this one was pretrained only\n";
        super::Cli::command().error(ErrorKind::ArgumentConflict, message).exit();
    }
    let corpus = Corpus::from_inputs(&args.input)?;
    if let Some(note) = corpus.passed_over() {
        print_line(note);
    }
    let corpus = corpus.with_invalid_utf8(args.encoding.invalid_utf8);
    let positions = model.bert().config.max_position_embeddings;
    let max_seq_length = args.max_seq_length.unwrap_or(positions.min(128));
    let max_predictions_per_seq = args.max_predictions_per_seq.unwrap_or(max_seq_length.min(20));
    let options = &args.instance_options;
    let objective = options.objective_or(model.sentence_objective());
    let settings = EvalSettings::default()
        .pairs(options.pairs(max_seq_length).with_sentence_objective(objective))
        .masks(options.masks(max_predictions_per_seq))
        .eval_batch_size(args.eval_batch_size)
        .seed(args.seed);
    let (mut terminal, total) = (Terminal::new(), corpus.bytes());
    let progress = &mut |work: &'static str, done| terminal.progress(work, done, total);
    let answer = evaluate(model, &corpus, &settings, progress)?;
    if !args.json {
        print_line(&answer.read);
        if let Some(text) = counting(&answer) {
            print_line(text);
        }
    }
    Ok(answer)
}

/// Whether the model does more than counting words.
fn counting(answer: &TextEvaluation) -> Option<String> {
    let (loss, counting) = (answer.evaluation.term(MASKED_LM)?.loss, answer.unigram_loss?);
    let past = if is_past(loss, counting) { "past" } else { "not past" };
    Some(format!(
        "the model is {past} counting words: the shares of the word pieces of this text itself give a masked-LM \
         loss of {counting:.3}"
    ))
}

/// Both tasks of pretraining, `null` where there is nothing to measure.
fn json(answer: &TextEvaluation) -> Map<String, Value> {
    let TextEvaluation { evaluation: answer, unigram_loss, .. } = answer;
    let mut fields = Map::new();
    let of_pairs = match answer.term(SENTENCE_ORDER) {
        Some(_) => SENTENCE_ORDER,
        None => NEXT_SENTENCE,
    };
    for name in [MASKED_LM, of_pairs] {
        let term = answer.term(name);
        fields.insert(format!("{name}_loss"), term.map(|term| term.loss).into());
        fields.insert(format!("{name}_accuracy"), term.map(|term| term.accuracy).into());
    }
    fields.insert("instances".into(), answer.instances.into());
    fields.insert("masked_tokens".into(), answer.count("masked_tokens").into());
    fields.insert("unigram_loss".into(), (*unigram_loss).into());
    let attention = answer.attention.clone().unwrap_or_default();
    fields.insert("attention_previous".into(), attention.previous.into());
    fields.insert("attention_next".into(), attention.next.into());
    fields.insert("attention_uniform".into(), attention.uniform.into());
    fields
}
