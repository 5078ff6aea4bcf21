//! Plain lines: each a text, or two texts with a tab between them.

use super::error::LabelledError;
use super::example::TextExample;
use super::source::Source;

/// The texts of the lines that are not empty.
pub(super) fn read(source: &Source) -> Result<Vec<TextExample>, LabelledError> {
    let lines = source.lines().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(line, text)| {
            let (text, text_b) = match text.split_once('\t') {
                Some((text, text_b)) => (text, Some(text_b)),
                None => (text, None),
            };
            if text.trim().is_empty() || text_b.is_some_and(|text| text.trim().is_empty()) {
                return Err(source.error(line, "one of the two texts is empty"));
            }
            Ok(TextExample {
                text: text.into(),
                text_b: text_b.map(String::from),
                label: None,
                line,
            })
        })
        .collect()
}
