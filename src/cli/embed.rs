//! `cloze embed`: sentences ─► vectors.

use super::notes::Notes;
use super::output::{self, AnswerError, print, write_answers, write_json};
use super::text_input::{TextInput, Texts};
use cloze::data::{write_npy_header, write_npy_row};
use cloze::report::display_width;
use cloze::tasks::{EmbedOptions, Embedding, Model, Pooling, cosine, sentence_encoder};
use std::io::{self, Write};
use std::path::PathBuf;

/// The options of `cloze embed`.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a BERT model, ours or from Hugging Face
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The vector of a text: the mean over its tokens, or the hidden state of [CLS] [default: as in the directory's
    /// 1_Pooling/config.json, else mean]
    #[arg(long, value_name = "mean|cls", value_parser = super::choice::<Pooling>)]
    pooling: Option<Pooling>,
    /// Divide each vector by its length [default: if the directory's modules.json says so]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")]
    normalize: Option<bool>,
    /// Tokens of a text, at most; the rest is cut [default: as in the directory's sentence_bert_config.json, else what
    /// the model has positions for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(3..))]
    max_seq_length: Option<u32>,
    #[command(flatten)]
    input: TextInput,
    /// Show the cosine of each pair of texts instead of vectors
    #[arg(long)]
    similarity: bool,
    /// Where the vectors go: a NumPy array if the name ends in .npy, else JSON Lines [default: standard output]
    #[arg(long, value_name = "FILE", conflicts_with = "similarity")]
    output: Option<PathBuf>,
    #[command(flatten)]
    threads: super::ThreadOptions,
    /// Answer in JSON on standard output; vectors always are
    #[arg(long)]
    json: bool,
    /// Texts; without any and without --input, each line of standard input
    #[arg(value_name = "TEXT", conflicts_with = "input")]
    text: Vec<String>,
}

/// Runs `cloze embed`.
pub fn run(args: Args) -> cloze::Result<()> {
    let sources = [("--model", &*args.model)].into_iter().chain(args.input.path());
    let output = output::open(args.output.as_deref(), sources)?;
    let is_npy = args.output.as_ref().is_some_and(|path| {
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
    });
    args.threads.run(move || {
        let arguments = args.text.iter().map(|text| [text.clone()]).collect();
        let texts = args.input.texts(arguments, ["text"])?;
        let model = super::open_model(&args.model)?;
        let mut options = sentence_encoder(&args.model, args.pooling)?.unwrap_or_default();
        options.pooling = args.pooling.unwrap_or(options.pooling);
        options.normalize = args.normalize.unwrap_or(options.normalize);
        options.max_seq_length = args.max_seq_length.map(|n| n as usize).or(options.max_seq_length);
        let positions = model.bert().config.max_position_embeddings;
        let mut notes = Notes::new(options.max_seq_length.map_or(positions, |n| n.min(positions)));
        if args.similarity {
            let mut embeddings = Vec::new();
            let embedded = for_each(&model, &texts, &options, &mut notes, |embedding| {
                embeddings.push(embedding);
                Ok::<_, cloze::tasks::TaskError>(())
            });
            embedded.map_err(|error| texts.locate(error))?;
            notes.finish();
            return print(|out| write_similarity(out, &embeddings, args.json));
        }
        let answer = |out: &mut dyn Write| -> Result<(), AnswerError> {
            if is_npy {
                write_npy_header(out, texts.texts.len(), model.bert().config.hidden_size)?;
            }
            for_each(&model, &texts, &options, &mut notes, |embedding| match is_npy {
                true => Ok(write_npy_row(out, &embedding.embedding)?),
                false => Ok(write_json(out, &embedding)?),
            })
        };
        write_answers(output, |error| texts.locate(error), answer)?;
        notes.finish();
        Ok(())
    })
}

/// Embeds every text. Notes which texts were cut, and which the vocabulary does not know.
fn for_each<E: From<cloze::tasks::TaskError>>(
    model: &Model<'_>,
    texts: &Texts<1>,
    options: &EmbedOptions,
    notes: &mut Notes,
    mut visit: impl FnMut(Embedding) -> Result<(), E>,
) -> Result<(), E> {
    let lines: Vec<&str> = texts.texts.iter().map(|[text]| &**text).collect();
    let mut index = 0;
    model.for_each_embedding(&lines, options, |embedding| {
        let Embedding { truncated, all_unknown, .. } = embedding;
        notes.add(|| texts.origin(index), &embedding.text, truncated, all_unknown);
        index += 1;
        visit(embedding)
    })
}

/// Shows the cosine of each pair of texts, a row at a time.
fn write_similarity(out: &mut dyn Write, embeddings: &[Embedding], json: bool) -> io::Result<()> {
    let row = |a: &Embedding| -> Vec<f32> {
        embeddings.iter().map(|b| cosine(&a.embedding, &b.embedding)).collect()
    };
    if json {
        let texts: Vec<&str> = embeddings.iter().map(|embedding| &*embedding.text).collect();
        write!(out, "{{\"texts\":{},\"cosine\":[", serde_json::to_string(&texts)?)?;
        for (index, embedding) in embeddings.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(out, "{comma}{}", serde_json::to_string(&row(embedding))?)?;
        }
        return writeln!(out, "]}}");
    }
    let width = embeddings.iter().map(|embedding| display_width(&embedding.text)).max();
    for embedding in embeddings {
        let space = width.unwrap_or(0) - display_width(&embedding.text);
        write!(out, "{}{}", embedding.text, " ".repeat(space))?;
        row(embedding).iter().try_for_each(|cosine| write!(out, "  {cosine:6.3}"))?;
        writeln!(out)?;
    }
    Ok(())
}
