//! Which columns of a table, or fields of an object, hold the texts and the label.

use super::settings::{Columns, ReadSettings};

/// The names of the text, of the second text of a pair, and of the label, where files have them; GLUE's among them
/// (MRPC, QQP, QNLI, MNLI).
const PAIRS: [(&str, &str); 6] = [
    ("sentence1", "sentence2"),
    ("text", "text_b"),
    ("question1", "question2"),
    ("#1 String", "#2 String"),
    ("question", "sentence"),
    ("premise", "hypothesis"),
];
const TEXTS: [&str; 3] = ["text", "sentence", "sentence1"];
const LABELS: [&str; 5] = ["label", "score", "gold_label", "is_duplicate", "Quality"];

/// The indices of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) text: usize,
    pub(super) text_b: Option<usize>,
    pub(super) label: Option<usize>,
}

/// Finds the columns among `names`.
///
/// # Errors
/// What is missing, as a sentence.
pub(super) fn find(names: &[&str], settings: &ReadSettings) -> Result<Found, String> {
    let Columns { text_column, text_b_column, label_column } = &settings.columns;
    let index = |name: &str| names.iter().position(|known| known.trim() == name);
    let there = || {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let named = |name: &Option<String>| match name {
        None => Ok(None),
        Some(name) => match index(name) {
            Some(at) => Ok(Some(at)),
            None => Err(format!("there is no column `{name}`; there are {}", there())),
        },
    };
    let (mut text, mut text_b) = (named(text_column)?, named(text_b_column)?);
    if text.is_none() && text_b.is_none() {
        let pair = PAIRS.iter().find_map(|(a, b)| Some((index(a)?, index(b)?)));
        if let Some((a, b)) = pair {
            (text, text_b) = (Some(a), Some(b));
        }
    }
    let text = text.or_else(|| TEXTS.into_iter().find_map(index)).ok_or_else(|| {
        format!(
            "there is no column `text`, `sentence` or `sentence1`, but {}; name the column of the text with \
             'text_column'",
            there()
        )
    })?;
    text_b = text_b.filter(|&b| b != text);
    let label = match label_column {
        Some(_) => named(label_column)?,
        None => LABELS.into_iter().find_map(index),
    };
    if label.is_none() && settings.needs_labels {
        return Err(format!(
            "there is no column `label` or `score`, but {}; name the column of the label with 'label_column'",
            there()
        ));
    }
    Ok(Found { text, text_b, label })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        names: &[&str],
        settings: &ReadSettings,
    ) -> Result<(usize, Option<usize>, Option<usize>), String> {
        find(names, settings).map(|Found { text, text_b, label }| (text, text_b, label))
    }

    #[test]
    fn usual_names_are_found_and_given_ones_come_first() {
        let labelled = ReadSettings::labelled(&Columns::default());
        assert_eq!(found(&["label", "sentence"], &labelled), Ok((1, None, Some(0))));
        assert_eq!(
            found(&["index", "sentence1", "sentence2", "score"], &labelled),
            Ok((1, Some(2), Some(3)))
        );
        assert_eq!(
            found(&["index", "question", "sentence", "label"], &labelled),
            Ok((1, Some(2), Some(3)))
        );
        let mrpc = ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"];
        assert_eq!(found(&mrpc, &labelled), Ok((3, Some(4), Some(0))));
        let columns = Columns {
            text_column: Some("b".into()),
            label_column: Some("y".into()),
            ..Columns::default()
        };
        let given = ReadSettings::labelled(&columns);
        assert_eq!(found(&["text", "b", "y", "label"], &given), Ok((1, None, Some(2))));
        let error = found(&["text", "label"], &given).unwrap_err();
        assert_eq!(error, "there is no column `b`; there are `text`, `label`");
        let error = found(&["text", "class"], &labelled).unwrap_err();
        assert!(error.contains("no column `label` or `score`, but `text`, `class`"), "{error}");
        assert_eq!(found(&["text"], &ReadSettings::default()), Ok((0, None, None)));
        assert!(found(&["x"], &labelled).unwrap_err().contains("'text_column'"));
    }
}
