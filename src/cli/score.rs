//! `cloze score`: how likely a text is; minimal pairs.

use super::columns::write_columns;
use super::notes::Notes;
use super::output::{print, write_answers, write_json};
use super::text_input::TextInput;
use cloze::data::{DataError, MinimalPairs};
use cloze::report::display_width;
use cloze::tasks::{Model, PairsAnswer, ScoreMethod, ScoredText};
use std::io::{self, Write};
use std::path::PathBuf;

/// The options of `cloze score`.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a BERT model, ours or from Hugging Face
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// What is masked while a token is scored: it and the later pieces of its word, or it alone
    #[arg(long, default_value = "within-word", value_name = "within-word|original", value_parser = super::choice::<ScoreMethod>)]
    method: ScoreMethod,
    #[command(flatten)]
    input: TextInput,
    /// JSON Lines of sentence_good and sentence_bad, or a directory of such files: how often the good one wins
    #[arg(long, value_name = "FILE|DIR", conflicts_with_all = ["input", "text", "skip_blank_lines"])]
    pairs: Option<PathBuf>,
    /// With --pairs: the field that groups pairs [default: UID, or the name of the file]
    #[arg(long, value_name = "FIELD", requires = "pairs", conflicts_with_all = ["input", "text"])]
    group_by: Option<String>,
    #[command(flatten)]
    threads: super::ThreadOptions,
    /// Answer with one JSON object a line on standard output
    #[arg(long)]
    json: bool,
    /// Texts to score; without any and without --input, each line of standard input
    #[arg(value_name = "TEXT", conflicts_with = "input")]
    text: Vec<String>,
}

/// Runs `cloze score`.
pub fn run(args: Args) -> cloze::Result<()> {
    args.threads.run(|| match &args.pairs {
        Some(path) => {
            let encoding = args.input.invalid_utf8();
            let pairs = MinimalPairs::read(path, args.group_by.as_deref(), encoding)?;
            let model = super::open_model(&args.model)?;
            let answer = score_pairs(&model, &pairs, args.method)?;
            print(|out| match args.json {
                true => write_json(out, &answer),
                false => write_pairs(out, &answer),
            })
        }
        None => score_texts(&args),
    })
}

fn score_texts(args: &Args) -> cloze::Result<()> {
    let arguments = args.text.iter().map(|text| [text.clone()]).collect();
    let texts = args.input.texts(arguments, ["text"])?;
    let model = super::open_model(&args.model)?;
    let lines: Vec<&str> = texts.texts.iter().map(|[text]| &**text).collect();
    let mut notes = Notes::new(model.bert().config.max_position_embeddings);
    let mut index = 0;
    let answer = |out: &mut dyn Write| {
        model.for_each_scored(&lines, args.method, |answer| {
            let ScoredText { truncated, all_unknown, .. } = answer;
            notes.add(|| texts.origin(index), &answer.text, truncated, all_unknown);
            index += 1;
            match args.json {
                true => Ok(write_json(out, &answer)?),
                false => Ok(write(out, &answer)?),
            }
        })
    };
    write_answers(None, |error| texts.locate(error), answer)?;
    notes.finish();
    Ok(())
}

/// The answer, or an error that names the file and the line of the pair at fault.
fn score_pairs(
    model: &Model<'_>,
    pairs: &MinimalPairs,
    method: ScoreMethod,
) -> cloze::Result<PairsAnswer> {
    model.score_pairs(&pairs.pairs, method).map_err(|error| match error.text_at_fault() {
        Some((index, message)) => {
            let (path, line) = pairs.origins[index].clone();
            DataError::Line { path, line, message }.into()
        }
        None => error.into(),
    })
}

/// Shows a score, and below it the tokens with their logarithms.
fn write(out: &mut dyn Write, answer: &ScoredText) -> io::Result<()> {
    let ScoredText { text, score, tokens, .. } = answer;
    let mean = score / tokens.len() as f64;
    writeln!(out, "{text}\n  score {score:.4}, {} tokens, mean {mean:.4}", tokens.len())?;
    let values =
        tokens.iter().map(|token| (&*token.token, format!("{:.2}", token.log_probability)));
    write_columns(out, values)
}

/// Shows a table: a row for each group, and one for all pairs.
fn write_pairs(out: &mut dyn Write, answer: &PairsAnswer) -> io::Result<()> {
    let all = ("all".to_string(), answer.all);
    let rows = || answer.groups.iter().chain([&all]);
    let width = rows().map(|(name, _)| display_width(name)).max().unwrap_or(0);
    for (name, accuracy) in rows() {
        let space = " ".repeat(width - display_width(name));
        let percent = 100.0 * accuracy.accuracy;
        writeln!(
            out,
            "{name}{space}  {percent:5.1} %  of {} pairs, {} ties",
            accuracy.pairs, accuracy.ties
        )?;
    }
    Ok(())
}
