//! The words at the end of a fine-tuning run: the learning rates that were tried, what the model answers now, where the
//! files are and what to try next.

use super::print_line::width;
use super::shell::{fold, quote};
use crate::run::finetuning::ExampleSource;
use crate::run::{BestOfTrial, FinetuningOptions, FinetuningTask, Finished};
use crate::tasks::{Model, TextOrPair};
use std::fmt::Write;

/// Sentences in the words of the built-in stories.
const SENTENCES: [&str; 3] = [
    "The cup fell to the floor and broke.",
    "The quick brown fox jumped over the lazy dog.",
    "Anna gave the cat to Ben in the garden.",
];

/// Questions in the words of the built-in stories, with their texts.
const QUESTIONS: [(&str, &str); 2] = [
    ("What broke?", "Anna put the cup on the table. The cup fell to the floor and broke."),
    ("Who has the cat?", "Anna gave the cat to Ben. Ben took the cat to the garden."),
];

/// A metric with its name: shares as such, exact match and F1 of answers of a hundred.
fn metric(name: &str, value: f64) -> String {
    format!("{name} {value:.4}")
}

/// One line for each learning rate, and which was kept; nothing for a single one without evaluation.
fn table(trials: &[BestOfTrial]) -> String {
    let mut text = String::new();
    let Some(best) = BestOfTrial::of(trials) else { return text };
    writeln!(text, "\nThe best evaluation of each learning rate:").expect("a string");
    for trial in trials {
        let metrics = trial.evaluation.metrics.iter().map(|(name, value)| metric(name, *value));
        let metrics = metrics.collect::<Vec<_>>().join("  ");
        let kept = if std::ptr::eq(trial, best) { "   kept" } else { "" };
        let (rate, step) = (trial.learning_rate, trial.step);
        writeln!(text, "    {rate:<8e} step {step:<7} {metrics}{kept}").expect("a string");
    }
    text
}

/// What to say at the end of a fine-tuning run. `program` is what a shell calls this program.
pub fn finetuning_summary(
    options: &FinetuningOptions,
    finished: &Finished,
    program: &str,
) -> String {
    let model = Model::borrowed(&finished.bert, &finished.tokenizer);
    let mut text = table(&finished.trials);
    if options.train == ExampleSource::BuiltIn {
        text += &examples(options.task, &model);
    }
    let Some(directory) = &options.output_dir else { return text };
    let directory = directory.display().to_string();
    writeln!(text, "\nThe model is in `{directory}`; transformers loads it as it is. Try:")
        .expect("a string");
    let directory = quote([directory]);
    let commands = match options.task {
        FinetuningTask::Answer => {
            let (question, context) = QUESTIONS[0];
            vec![format!("predict --model {directory} \"{question}\" \"{context}\"")]
        }
        FinetuningTask::Embed => {
            vec![format!(
                "embed --model {directory} --similarity \"The fox ran.\" \"The dog ran.\""
            )]
        }
        _ => vec![
            format!("predict --model {directory} \"{}\"", SENTENCES[0]),
            format!("eval --model {directory} --input your-examples"),
        ],
    };
    for command in commands {
        writeln!(text, "{}", fold(&format!("    {program} {command}"), width())).expect("a string");
    }
    text
}

/// What the model answers on a few texts of the built-in world.
fn examples(task: FinetuningTask, model: &Model<'_>) -> String {
    let texts: Vec<TextOrPair<'_>> = SENTENCES.iter().map(|text| (*text, None)).collect();
    let lines: Vec<String> = match task {
        FinetuningTask::Classify => {
            let line = |answer: crate::tasks::Classified| {
                let of_label = answer.probabilities.iter().find(|(name, _)| *name == answer.label);
                let percent = 100.0 * of_label.map_or(0.0, |(_, probability)| *probability);
                format!("{:<12} {percent:5.1} %  {}", answer.label, answer.text)
            };
            model.classify(&texts).into_iter().flatten().map(line).collect()
        }
        FinetuningTask::Regress => {
            let line =
                |answer: crate::tasks::Regressed| format!("{:6.2}  {}", answer.value, answer.text);
            model.regress(&texts).into_iter().flatten().map(line).collect()
        }
        FinetuningTask::Tag => {
            let line = |answer: crate::tasks::Tagged| {
                let words = answer.words.iter().map(|word| match word.label.as_str() {
                    "O" => word.word.clone(),
                    label => format!("{}/{label}", word.word),
                });
                words.collect::<Vec<_>>().join(" ")
            };
            model.tag(&SENTENCES).into_iter().flatten().map(line).collect()
        }
        FinetuningTask::Answer => {
            let line = |answer: crate::tasks::Answered| {
                let best = answer.best().map_or("(no answer)", |best| best.text.as_str());
                format!("{} {} → {best}", answer.context, answer.question)
            };
            model.answer(&QUESTIONS, 1).into_iter().flatten().map(line).collect()
        }
        FinetuningTask::Embed => Vec::new(),
    };
    if lines.is_empty() {
        return String::new();
    }
    lines.iter().fold("\nFor example:\n".to_string(), |text, line| text + "    " + line + "\n")
}
