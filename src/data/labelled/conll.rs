//! Sentences of words with labels: two-column CoNLL (`token TAB label`, an empty line between sentences) and CoNLL-U
//! (ten columns; the label is the part of speech, UPOS).

use super::error::LabelledError;
use super::example::TaggedExample;
use super::settings::ReadSettings;
use super::source::Source;

/// Columns of CoNLL-U.
const CONLLU_COLUMNS: usize = 10;

/// The sentences of a file.
pub(super) fn read(
    source: &Source,
    settings: &ReadSettings,
) -> Result<Vec<TaggedExample>, LabelledError> {
    let is_conllu = source.extension == "conllu"
        || source
            .text
            .lines()
            .find(|line| !line.starts_with('#') && !line.trim().is_empty())
            .is_some_and(|line| line.split('\t').count() == CONLLU_COLUMNS);
    let mut sentences = Vec::new();
    let (mut words, mut labels, mut first) = (Vec::new(), Vec::new(), 0);
    let mut end = |words: &mut Vec<&str>, labels: &mut Vec<String>, first| {
        if !words.is_empty() {
            sentences.push(TaggedExample::new(words, std::mem::take(labels), first));
            words.clear();
        }
    };
    for (line, text) in source.lines() {
        if text.trim().is_empty() {
            end(&mut words, &mut labels, first);
            continue;
        }
        let found = match is_conllu {
            true => conllu(source, line, text)?,
            false => two_columns(source, settings, line, text)?,
        };
        let Some((word, label)) = found else { continue };
        if words.is_empty() {
            first = line;
        }
        words.push(word);
        if let Some(label) = label {
            labels.push(label.to_string());
        }
        if labels.len() != words.len() && !labels.is_empty() {
            return Err(source.error(line, "some words have a label and some have none"));
        }
    }
    end(&mut words, &mut labels, first);
    check_iob2(source, &sentences)?;
    Ok(sentences)
}

/// A word, and its label if it has one.
type Word<'l> = (&'l str, Option<&'l str>);

/// The word of a line of CoNLL-U; `None` for comments, parts of contractions and empty words.
fn conllu<'l>(
    source: &Source,
    line: u64,
    text: &'l str,
) -> Result<Option<Word<'l>>, LabelledError> {
    if text.starts_with('#') {
        return Ok(None);
    }
    let columns: Vec<&str> = text.split('\t').collect();
    if columns.len() != CONLLU_COLUMNS {
        let message =
            format!("it has {} columns, not the {CONLLU_COLUMNS} of CoNLL-U", columns.len());
        return Err(source.error(line, message));
    }
    if columns[0].contains(['-', '.']) {
        return Ok(None);
    }
    Ok(Some((columns[1].trim(), Some(columns[3]))))
}

/// The word of a line: its first column; the label is the last one.
fn two_columns<'l>(
    source: &Source,
    settings: &ReadSettings,
    line: u64,
    text: &'l str,
) -> Result<Option<Word<'l>>, LabelledError> {
    let columns: Vec<&str> = match text.contains('\t') {
        true => text.trim_end().split('\t').collect(),
        false => text.split_whitespace().collect(),
    };
    let word = columns[0].trim();
    if word == "-DOCSTART-" {
        return Ok(None);
    }
    if word.is_empty() {
        return Err(source.error(line, "the word is empty"));
    }
    let label = (columns.len() > 1).then(|| columns[columns.len() - 1].trim());
    if settings.needs_labels && label.is_none_or(str::is_empty) {
        let message =
            format!("the word `{word}` has no label; a line is a word, a tab and a label");
        return Err(source.error(line, message));
    }
    Ok(Some((word, label)))
}

/// Where all labels look like IOB2, an entity must begin with `B-`.
fn check_iob2(source: &Source, sentences: &[TaggedExample]) -> Result<(), LabelledError> {
    let labels = || sentences.iter().flat_map(|sentence| &sentence.labels);
    let is_iob2 =
        |label: &String| label == "O" || label.starts_with("B-") || label.starts_with("I-");
    if !labels().all(is_iob2) {
        return Ok(());
    }
    for sentence in sentences {
        let mut before = "O";
        for (index, label) in sentence.labels.iter().enumerate() {
            let kind = label.strip_prefix("I-");
            if kind.is_some() && before.get(2..) != kind {
                let word = &sentence.text[sentence.words[index].clone()];
                let message = format!(
                    "the label `{label}` of `{word}` continues an entity that has not begun; in IOB2, an entity begins \
                     with `B-`"
                );
                return Err(source.error(sentence.line + index as u64, message));
            }
            before = label;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::settings::Columns;
    use super::*;

    fn sentences(
        extension: &str,
        text: &str,
        needs_labels: bool,
    ) -> Result<Vec<TaggedExample>, String> {
        let settings = ReadSettings { columns: Columns::default(), needs_labels };
        read(&Source::new("x".as_ref(), extension, text), &settings).map_err(|e| e.to_string())
    }

    #[test]
    fn words_and_labels_are_read() {
        let text = "-DOCSTART- -X- O\n\nThe\tO\nfox\tB-ANIMAL\n\n\n#\tO\n";
        let expected = [
            TaggedExample::new(&["The", "fox"], vec!["O".into(), "B-ANIMAL".into()], 3),
            TaggedExample::new(&["#"], vec!["O".into()], 7),
        ];
        assert_eq!(sentences("conll", text, true).unwrap(), expected);
        let expected = [TaggedExample::new(&["The", "fox"], Vec::new(), 1)];
        assert_eq!(sentences("conll", "The\nfox\n", false).unwrap(), expected);
    }

    #[test]
    fn parts_of_speech_are_read() {
        let row =
            |id: &str, word: &str, tag: &str| format!("{id}\t{word}\tx\t{tag}\tx\t_\t0\t_\t_\t_\n");
        let text = format!(
            "# text = Don't run\n{}{}{}{}{}\n",
            row("1-2", "Don't", "_"),
            row("1", "Do", "AUX"),
            row("2", "n't", "PART"),
            row("2.1", "", "X"),
            row("3", "run", "VERB")
        );
        let labels = ["AUX", "PART", "VERB"].map(String::from).to_vec();
        let expected = [TaggedExample::new(&["Do", "n't", "run"], labels, 3)];
        for extension in ["conllu", "conll"] {
            assert_eq!(sentences(extension, &text, true).unwrap(), expected);
        }
        let error = sentences("conllu", "1\tDo\n", true).unwrap_err();
        assert_eq!(error, "`x`, line 1: it has 2 columns, not the 10 of CoNLL-U");
    }

    #[test]
    fn bad_lines_are_named() {
        let error = |text: &str| sentences("conll", text, true).unwrap_err();
        assert!(error("The\tO\nfox\n").starts_with("`x`, line 2: the word `fox` has no label"));
        assert!(
            error("The\tO\nfox\tI-ANIMAL\n")
                .starts_with("`x`, line 2: the label `I-ANIMAL` of `fox` continues")
        );
        assert!(error("a\tB-X\nb\tI-Y\n").starts_with("`x`, line 2"));
        // Not IOB2 at all.
        assert!(sentences("conll", "a\tI-X\nb\tNOUN\n", true).is_ok());
    }
}
