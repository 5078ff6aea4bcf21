//! Tables: TSV as GLUE has it (a tab between columns, quotation marks have no meaning), and CSV (RFC 4180).

use super::columns::{Found, find};
use super::error::LabelledError;
use super::example::TextExample;
use super::settings::ReadSettings;
use super::source::Source;
use csv_core::{ReadRecordResult, Reader};

/// A row with the number of its line.
type Row = (u64, Vec<String>);

/// The examples of a table.
pub(super) fn read(
    source: &Source,
    settings: &ReadSettings,
) -> Result<Vec<TextExample>, LabelledError> {
    let rows = if source.extension == "csv" { comma_rows(source) } else { tab_rows(source) };
    let mut rows = rows.into_iter().peekable();
    let Some((line, header)) = rows.peek() else {
        return Err(source.whole("it is empty; the first line names the columns"));
    };
    let names: Vec<&str> = header.iter().map(String::as_str).collect();
    let found = match find(&names, settings) {
        Ok(found) => {
            rows.next();
            found
        }
        // CoLA has no header: source, label, the author's mark, sentence.
        Err(_) if names.len() == 4 && ["0", "1"].contains(&names[1]) => {
            Found { text: 3, text_b: None, label: Some(1) }
        }
        Err(message) => return Err(source.error(*line, message)),
    };
    rows.map(|(line, row)| {
        let column = |index: usize| {
            row.get(index).map(String::as_str).ok_or_else(|| {
                let message =
                    format!("it has {} columns, and column {} is needed", row.len(), index + 1);
                source.error(line, message)
            })
        };
        let text = |index: usize| match column(index)? {
            text if text.trim().is_empty() => Err(source.error(line, "the text is empty")),
            text => Ok(text.to_string()),
        };
        let label = |index: usize| match column(index)? {
            label if label.trim().is_empty() => Err(source.error(line, "the label is empty")),
            label => Ok(label.trim().to_string()),
        };
        Ok(TextExample {
            text: text(found.text)?,
            text_b: found.text_b.map(text).transpose()?,
            label: found.label.map(label).transpose()?,
            line,
        })
    })
    .collect()
}

fn tab_rows(source: &Source) -> Vec<Row> {
    let lines = source.lines().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| (number, line.split('\t').map(String::from).collect())).collect()
}

/// Fields in quotation marks may hold commas, line ends, and quotation marks written twice.
fn comma_rows(source: &Source) -> Vec<Row> {
    let mut reader = Reader::new();
    let mut input = source.text.as_bytes();
    let (mut fields, mut ends) = (vec![0; 1024], vec![0; 32]);
    let (mut written, mut ended) = (0, 0);
    let mut rows = Vec::new();
    let mut line = 1;
    loop {
        let (result, read, wrote, ends_wrote) =
            reader.read_record(input, &mut fields[written..], &mut ends[ended..]);
        input = &input[read..];
        written += wrote;
        ended += ends_wrote;
        match result {
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull => fields.resize(2 * fields.len(), 0),
            ReadRecordResult::OutputEndsFull => ends.resize(2 * ends.len(), 0),
            ReadRecordResult::Record => {
                let starts = std::iter::once(0).chain(ends[..ended].iter().copied());
                let field = |(start, end): (usize, &usize)| {
                    String::from_utf8_lossy(&fields[start..*end]).into_owned()
                };
                let row: Vec<String> = starts.zip(&ends[..ended]).map(field).collect();
                if row.iter().any(|field| !field.trim().is_empty()) {
                    rows.push((line, row));
                }
                (written, ended) = (0, 0);
                line = reader.line();
            }
            ReadRecordResult::End => return rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Columns;
    use super::*;

    fn examples(extension: &str, text: &str) -> Result<Vec<TextExample>, String> {
        let source = Source::new("x".as_ref(), extension, text);
        read(&source, &ReadSettings::labelled(&Columns::default())).map_err(|e| e.to_string())
    }

    fn example(text: &str, text_b: Option<&str>, label: &str, line: u64) -> TextExample {
        let text_b = text_b.map(String::from);
        TextExample { text: text.into(), text_b, label: Some(label.into()), line }
    }

    #[test]
    fn quotation_marks_mean_nothing_in_tsv() {
        let text = "\u{FEFF}label\tsentence\r\n1\t\"a, b\r\n\r\n0\tc \"d\"\r\n";
        let expected = [example("\"a, b", None, "1", 2), example("c \"d\"", None, "0", 4)];
        assert_eq!(examples("tsv", text).unwrap(), expected);
    }

    #[test]
    fn csv_has_quotation_marks() {
        let long = "x".repeat(5000);
        let text =
            format!("text,text_b,label\n\"a, \"\"b\"\"\",\"two\nlines\",good\n{long},c,bad\n");
        let expected = [
            example("a, \"b\"", Some("two\nlines"), "good", 2),
            example(&long, Some("c"), "bad", 4),
        ];
        assert_eq!(examples("csv", &text).unwrap(), expected);
    }

    #[test]
    fn cola_has_no_header() {
        let expected = [example("A b.", None, "1", 1), example("C d.", None, "0", 2)];
        assert_eq!(examples("tsv", "gj04\t1\t\tA b.\ngj04\t0\t*\tC d.\n").unwrap(), expected);
    }

    #[test]
    fn bad_rows_are_named() {
        let error = |text: &str| examples("tsv", text).unwrap_err();
        assert!(error("text\tclass\na\tb\n").starts_with("`x`, line 1: there is no column"));
        assert_eq!(
            error("text\tlabel\na\t1\nb\n"),
            "`x`, line 3: it has 1 columns, and column 2 is needed"
        );
        assert_eq!(error("text\tlabel\n \t1\n"), "`x`, line 2: the text is empty");
        assert_eq!(error("text\tlabel\na\t\n"), "`x`, line 2: the label is empty");
        assert!(error("").contains("`x`: it is empty"));
    }
}
