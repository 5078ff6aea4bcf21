//! Questions with answers: the JSON of SQuAD 1.1 and 2.0.

use super::error::LabelledError;
use super::example::{GoldAnswer, QuestionExample};
use super::source::Source;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    qas: Vec<Question>,
}

#[derive(Deserialize)]
struct Question {
    id: serde_json::Value,
    question: String,
    #[serde(default)]
    answers: Vec<Answer>,
    #[serde(default)]
    is_impossible: bool,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
    /// In characters.
    answer_start: usize,
}

/// The questions of a file. An answer that is not what the context has at its offset is left out; so is a question that
/// has no other answer. The second value names them.
pub(super) fn read(source: &Source) -> Result<(Vec<QuestionExample>, Vec<String>), LabelledError> {
    let file: File = serde_json::from_str(&source.text).map_err(|error| {
        let what =
            "it is not the JSON of SQuAD, {\"data\": [{\"paragraphs\": [{\"context\", \"qas\"}]}]}";
        let cut = if error.is_eof() { " (it seems to be cut short)" } else { "" };
        source.error(error.line() as u64, format!("{what}{cut}: {error}"))
    })?;
    let (mut questions, mut left_out) = (Vec::new(), Vec::new());
    let paragraphs = file.data.into_iter().flat_map(|article| article.paragraphs);
    for Paragraph { context, qas } in paragraphs {
        let bytes: Vec<usize> =
            context.char_indices().map(|(byte, _)| byte).chain([context.len()]).collect();
        let context: Arc<str> = context.into();
        for Question { id, question, answers, is_impossible } in qas {
            let id = id.as_str().map_or_else(|| id.to_string(), String::from);
            let empty = |what: &str| LabelledError::Id {
                path: source.path.clone(),
                id: id.clone(),
                message: format!("the {what} is empty"),
            };
            if question.trim().is_empty() {
                return Err(empty("question"));
            }
            if context.trim().is_empty() {
                return Err(empty("context"));
            }
            let given = if is_impossible { Vec::new() } else { answers };
            let has_answers = !given.is_empty();
            let answer = |Answer { text, answer_start }| {
                let start = *bytes.get(answer_start)?;
                let source = start..start + text.len();
                let fits = !text.is_empty() && context.get(source.clone()) == Some(text.as_str());
                fits.then_some(GoldAnswer { text, source })
            };
            let before = given.len();
            let answers: Vec<GoldAnswer> = given.into_iter().filter_map(answer).collect();
            if answers.len() < before {
                left_out.push(id.clone());
            }
            if has_answers && answers.is_empty() {
                continue;
            }
            questions.push(QuestionExample {
                id,
                question,
                context: Arc::clone(&context),
                answers,
            });
        }
    }
    let mut warnings = Vec::new();
    if !left_out.is_empty() {
        let some: Vec<&str> = left_out.iter().take(10).map(String::as_str).collect();
        let more = if left_out.len() > 10 { " …" } else { "" };
        warnings.push(format!(
            "`{}`: {} questions have answers that are not at their offsets in the text, and these answers are left \
             out: {}{more}",
            source.path.display(),
            left_out.len(),
            some.join(" ")
        ));
    }
    Ok((questions, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions(qas: &str) -> Result<(Vec<QuestionExample>, Vec<String>), String> {
        let text = format!(
            "{{\"version\": \"v2.0\", \"data\": [{{\"title\": \"t\", \"paragraphs\": [{{\"context\": \"Zoë has a cat.\", \
             \"qas\": [{qas}]}}]}}]}}"
        );
        read(&Source::new("x".as_ref(), "json", &text)).map_err(|e| e.to_string())
    }

    #[test]
    fn offsets_count_characters_and_wrong_ones_are_reported() {
        let (found, warnings) = questions(
            r#"{"id": "1", "question": "Who?", "answers": [{"text": "Zoë", "answer_start": 0}, {"text": "cat", "answer_start": 9}]},
               {"id": "2", "question": "What?", "answers": [{"text": "cat", "answer_start": 10}, {"text": "a cat", "answer_start": 8}]},
               {"id": "3", "question": "What?", "answers": [{"text": "dog", "answer_start": 10}]},
               {"id": "4", "question": "Where?", "answers": [], "is_impossible": true}"#,
        )
        .unwrap();
        let ids: Vec<&str> = found.iter().map(|question| question.id.as_str()).collect();
        assert_eq!(ids, ["1", "2", "4"]);
        assert_eq!(found[0].answers, [GoldAnswer { text: "Zoë".into(), source: 0..4 }]);
        assert_eq!(found[1].answers[0].source, 11..14);
        assert!(found[2].answers.is_empty());
        assert!(
            warnings[0].contains("2 questions") && warnings[0].ends_with("1 3"),
            "{warnings:?}"
        );
    }

    #[test]
    fn bad_files_are_named() {
        let error = questions(r#"{"id": "7", "question": " ", "answers": []}"#).unwrap_err();
        assert_eq!(error, "`x`, id `7`: the question is empty");
        let cut = Source::new("x".as_ref(), "json", "{\"data\": [\n{\"paragraphs\": [");
        let error = read(&cut).unwrap_err().to_string();
        assert!(error.starts_with("`x`, line 2") && error.contains("cut short"), "{error}");
        let other = Source::new("x".as_ref(), "json", "{}");
        assert!(read(&other).unwrap_err().to_string().contains("missing field `data`"));
    }
}
