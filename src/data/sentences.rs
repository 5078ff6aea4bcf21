//! Splitting lines into sentences.
//!
//! Google's recipe expects one sentence per line. Other texts have a paragraph per line, or are wrapped
//! at some width; these are split by Unicode's rules (UAX #29, sentence boundaries). [`Lines::judge`]
//! decides once per file which of the three it is, from the first 64 KiB.

use unicode_segmentation::UnicodeSegmentation;

/// The number of bytes at the beginning of a file that [`Lines::judge`] is given.
pub(super) const SAMPLE_BYTES: usize = 1 << 16;

/// What the lines of a text are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Each line is a sentence and is not split.
    Sentences,
    /// Each line is a paragraph and is split into sentences.
    Paragraphs,
    /// The text is wrapped: the lines up to the next blank line are joined by spaces and then split.
    Wrapped,
}

impl Lines {
    /// Decides what the lines of `text` are. The default is [`Lines::Sentences`].
    ///
    /// The width of the text is the 90th percentile of the lengths, in characters, of the lines that are
    /// not blank. A line is *continued* if neither it nor the next line is blank. The text is [`Lines::Wrapped`] if all of these hold:
    ///
    /// - At least three lines are continued.
    /// - At least three quarters of the continued lines are full: with the first word of the next line
    ///   they would exceed the width.
    /// - More than half of the continued lines end inside a sentence.
    /// - At least one line in ten contains the end of a sentence.
    ///
    /// The text is [`Lines::Paragraphs`] if more than a quarter of it is in lines of three or more
    /// sentences. (Two are not enough: Unicode's rules end a sentence after "Dr." in "Dr. Smith".)
    pub fn judge(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let filled: Vec<&str> = lines.iter().copied().filter(|line| !line.is_empty()).collect();
        if is_wrapped(&lines, &filled) {
            return Self::Wrapped;
        }
        let all: usize = filled.iter().map(|line| line.len()).sum();
        let is_paragraph = |line: &&&str| split(line).nth(2).is_some();
        let in_paragraphs: usize = filled.iter().filter(is_paragraph).map(|line| line.len()).sum();
        if 4 * in_paragraphs > all { Self::Paragraphs } else { Self::Sentences }
    }

    /// Calls `visit` with each sentence of `text` in order, and with `None` for each blank line.
    pub(super) fn for_each_sentence(self, text: &str, mut visit: impl FnMut(Option<&str>)) {
        let mut paragraph = String::new();
        for line in text.lines().map(str::trim) {
            match self {
                _ if line.is_empty() => {
                    split(&paragraph).map(Some).for_each(&mut visit);
                    paragraph.clear();
                    visit(None);
                }
                Self::Sentences => visit(Some(line)),
                Self::Paragraphs => split(line).map(Some).for_each(&mut visit),
                Self::Wrapped => {
                    if !paragraph.is_empty() {
                        paragraph.push(' ');
                    }
                    paragraph += line;
                }
            }
        }
        split(&paragraph).map(Some).for_each(&mut visit);
    }
}

/// The test for [`Lines::Wrapped`]. `filled` are the `lines` that are not blank.
fn is_wrapped(lines: &[&str], filled: &[&str]) -> bool {
    let mut lengths: Vec<usize> = filled.iter().map(|line| line.chars().count()).collect();
    lengths.sort_unstable();
    let Some(&width) = lengths.get(lengths.len() * 9 / 10) else { return false };
    let (mut continued, mut full, mut open) = (0, 0, 0);
    for pair in lines.windows(2) {
        let Some(next_word) = pair[1].split_word_bounds().next() else { continue };
        if !pair[0].is_empty() {
            continued += 1;
            full += usize::from(pair[0].chars().count() + 1 + next_word.chars().count() > width);
            open += usize::from(!ends_a_sentence(pair[0]));
        }
    }
    let with_end =
        filled.iter().filter(|line| ends_a_sentence(line) || split(line).nth(1).is_some()).count();
    continued >= 3
        && 4 * full >= 3 * continued
        && 2 * open > continued
        && 10 * with_end >= filled.len()
}

/// Whether the line ends a sentence: whether a word after it would start a new sentence.
fn ends_a_sentence(line: &str) -> bool {
    format!("{line} A").split_sentence_bounds().last() == Some("A")
}

/// The sentences of a paragraph by Unicode's rules, trimmed. A part without letters and digits is
/// joined to the sentence before it, or at the start to the one after it, so that no text is lost.
///
/// The rules do not know abbreviations: "Dr. Smith" is split after "Dr.".
pub(super) fn split(paragraph: &str) -> impl Iterator<Item = &str> {
    let has_word = |text: &str| text.chars().any(char::is_alphanumeric);
    let mut bounds = paragraph.split_sentence_bound_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = bounds.next()?;
        let mut end = start + first.len();
        let mut any_word = has_word(first);
        while let Some(&(next, piece)) = bounds.peek() {
            let next_has_word = has_word(piece);
            if any_word && next_has_word {
                break;
            }
            any_word |= next_has_word;
            end = next + piece.len();
            bounds.next();
        }
        Some(paragraph[start..end].trim())
    })
    .filter(|sentence| !sentence.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_a_line() {
        for text in [
            "",
            "\n\n",
            "The fox ran.\nThe dog slept.\n\nThe cat sat on the mat.",
            "The cat sat.\nWas it \"tired\"?\nYes (it was)!\nIt slept.",
            // No punctuation at all, lines of one length.
            "aa bb cc dd\nbb cc dd ee\ncc dd ee ff\ndd ee ff gg",
            // Abbreviations look like sentence ends.
            "Dr. Smith came in.\nMr. Jones went out of the house.\nIt was late.",
            "A heading\nWhat is it? It is a short exchange\nof lines\nthat are ragged",
            "The fox ran.\nIt was late, so late that nobody was out.\n\"No! No! No!\"\nThe dog slept.",
        ] {
            assert_eq!(Lines::judge(text), Lines::Sentences, "{text}");
        }
    }

    #[test]
    fn paragraphs_a_line() {
        for text in [
            "Heading\nThe fox ran. The dog slept. Then it woke up.\n\
             It rained. Nobody went out. The cat sat on the mat, and so it went on.",
            "標題\n今天下雨。沒有人出門。貓坐在墊子上。",
            // A quarter of the text is evidence enough.
            "The fox ran over the dog and the cat.\nThe dog slept near the old house by the sea.\n\
             It fell. It woke up. It ran.",
        ] {
            assert_eq!(Lines::judge(text), Lines::Paragraphs, "{text}");
        }
    }

    const WRAPPED: &str = "\
It was the best of days, it was the worst of\n\
days, it was a time when nobody could tell\n\
the one from the other. The fox, who knew it\n\
well, ran over the dog. The dog did not mind,\n\
or so it said.\n";

    #[test]
    fn wrapped() {
        assert_eq!(Lines::judge(WRAPPED), Lines::Wrapped);
        // Too little to judge from.
        assert_eq!(Lines::judge("The fox sleeps\nthe dog ran home."), Lines::Sentences);
    }

    #[test]
    fn the_limits_of_wrapped() {
        let (full, full_end) = ("aaaa bbbb cccc dddd", "aaaa bbbb cccc ddd.");
        let (short, short_end, last) = ("aa bb", "aa bb.", "zz.");
        let wrapped = |lines: &[&str]| is_wrapped(lines, lines);
        // Three lines of four are full and open: enough.
        assert!(wrapped(&[full, full, full, short_end, last]));
        assert!(wrapped(&[full, full, full, last]), "three continued lines");
        assert!(!wrapped(&[full, full, last]), "two continued lines");
        assert!(!wrapped(&[full, full, short, short_end, last]), "two of four full");
        assert!(!wrapped(&[full, full, full_end, full_end, last]), "two of four open");
    }

    #[test]
    fn sentences_are_split_and_joined() {
        let sentences = |lines: Lines, text| {
            let mut sentences = Vec::new();
            lines.for_each_sentence(text, |part| sentences.push(part.unwrap_or("-").to_owned()));
            sentences
        };
        let text = " The cat \r\nsat. It\n\n \nslept";
        assert_eq!(sentences(Lines::Sentences, text), ["The cat", "sat. It", "-", "-", "slept"]);
        assert_eq!(
            sentences(Lines::Paragraphs, text),
            ["The cat", "sat.", "It", "-", "-", "slept"]
        );
        assert_eq!(sentences(Lines::Wrapped, text), ["The cat sat.", "It", "-", "-", "slept"]);
        let wrapped = sentences(Lines::Wrapped, WRAPPED);
        assert_eq!(
            (wrapped.len(), &*wrapped[1]),
            (3, "The fox, who knew it well, ran over the dog.")
        );
    }

    #[test]
    fn splitting_loses_nothing() {
        let split = |text| split(text).collect::<Vec<_>>();
        assert_eq!(split("  One.  Two! (Three?) "), ["One.", "Two!", "(Three?)"]);
        assert_eq!(split("He said: e.g. this. ... "), ["He said: e.g. this. ..."]);
        assert_eq!(split("--- ... Well. So."), ["--- ... Well.", "So."]);
        assert_eq!(split("猫坐下。狗跑了。"), ["猫坐下。", "狗跑了。"]);
        assert_eq!(split("..."), ["..."]);
        assert!(split(" ").is_empty());
        assert!(split("").is_empty());
    }
}
