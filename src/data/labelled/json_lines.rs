//! JSON Lines: one object on each line, with the names that columns have.

use super::columns::find;
use super::error::LabelledError;
use super::example::TextExample;
use super::settings::ReadSettings;
use super::source::Source;
use serde_json::{Map, Value};

/// The examples of a file of objects.
pub(super) fn read(
    source: &Source,
    settings: &ReadSettings,
) -> Result<Vec<TextExample>, LabelledError> {
    let lines = source.lines().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(line, text)| example(source, settings, line, text)).collect()
}

fn example(
    source: &Source,
    settings: &ReadSettings,
    line: u64,
    text: &str,
) -> Result<TextExample, LabelledError> {
    let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
        source.error(
            line,
            format!(
                "it is not a JSON object such as {{\"text\": \"…\", \"label\": \"…\"}}: {error}"
            ),
        )
    })?;
    let (names, values): (Vec<&str>, Vec<&Value>) =
        object.iter().map(|(name, value)| (name.as_str(), value)).unzip();
    let found = find(&names, settings)
        .map_err(|message| source.error(line, message.replace(" column `", " field `")))?;
    let text = |index: usize| match values[index].as_str() {
        Some(text) if !text.trim().is_empty() => Ok(text.to_string()),
        Some(_) => Err(source.error(line, "the text is empty")),
        None => Err(source.error(line, format!("`{}` is not a text", names[index]))),
    };
    let label =
        |index: usize| match values[index] {
            Value::String(label) if !label.trim().is_empty() => Ok(label.trim().to_string()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(label) => Ok(label.to_string()),
            _ => Err(source
                .error(line, format!("`{}` is not a label: a text or a number", names[index]))),
        };
    Ok(TextExample {
        text: text(found.text)?,
        text_b: found.text_b.map(text).transpose()?,
        label: found.label.map(label).transpose()?,
        line,
    })
}

#[cfg(test)]
mod tests {
    use super::super::settings::Columns;
    use super::*;

    #[test]
    fn fields_have_the_names_of_columns() {
        let read = |text: &str| {
            let source = Source::new("x".as_ref(), "jsonl", text);
            read(&source, &ReadSettings::labelled(&Columns::default())).map_err(|e| e.to_string())
        };
        let found = read("{\"sentence1\": \"a\", \"sentence2\": \"b\", \"score\": 2.5}\n\n{\"text\": \"c\", \"label\": 1}").unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|e| (e.text.as_str(), e.text_b.as_deref(), e.label.as_deref(), e.line))
            .collect();
        assert_eq!(shown, [("a", Some("b"), Some("2.5"), 1), ("c", None, Some("1"), 3)]);
        assert!(
            read("{\"text\": \"a\"}").unwrap_err().contains("line 1: there is no field `label`")
        );
        assert!(read("{\"text\": \"a\"}").unwrap_err().contains("'label_column'"));
        assert!(read("{\"text\": \" \", \"label\": 1}").unwrap_err().contains("the text is empty"));
        assert!(read("{\"text\": 5, \"label\": 1}").unwrap_err().contains("`text` is not a text"));
        assert!(read("\n[1]").unwrap_err().contains("line 2: it is not a JSON object"));
    }
}
