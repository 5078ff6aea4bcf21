//! From lines to sentences.
//!
//! Google's recipe wants one sentence a line. Text that is not so is split by Unicode's rules (UAX
//! #29, sentence boundaries).

use unicode_segmentation::UnicodeSegmentation;

/// Lines that are looked at to judge a file.
pub const SAMPLE_LINES: usize = 400;

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Each is a sentence: most lines end like one and hold one, or there is no sentence-ending
    /// punctuation at all.
    Sentences,
    /// Each is a paragraph: most end like a sentence, and many hold several.
    Paragraphs,
    /// Wrapped text: most lines end in the middle of a sentence. They are joined up to the next blank
    /// line.
    Wrapped,
}

impl Lines {
    /// Judges by the first lines of a file, none of them blank.
    pub fn judge(lines: &[String]) -> Self {
        let share = |test: fn(&str) -> bool| {
            lines.iter().filter(|line| test(line)).count() as f64 / lines.len().max(1) as f64
        };
        let ended = share(ends_a_sentence);
        if ended >= 0.5 {
            let several = share(|line| split(line).len() > 1);
            if several < 0.4 { Self::Sentences } else { Self::Paragraphs }
        } else if ended < 0.02 && share(|line| split(line).len() > 1) < 0.02 {
            Self::Sentences
        } else {
            Self::Wrapped
        }
    }

    /// The sentences of a paragraph, given its lines.
    pub fn sentences(self, lines: &[String]) -> Vec<String> {
        match self {
            Self::Sentences => lines.to_vec(),
            Self::Paragraphs => lines.iter().flat_map(|line| split(line)).collect(),
            Self::Wrapped => split(&lines.join(" ")),
        }
    }
}

/// Whether the last character, closing quotes and brackets aside, ends a sentence.
fn ends_a_sentence(line: &str) -> bool {
    let closing = |c: char| c.is_whitespace() || "\"'”’»)]」』）】".contains(c);
    line.trim_end_matches(closing)
        .ends_with(['.', '!', '?', '…', ':', ';', '。', '！', '？', '；', '：'])
}

/// The sentences of `text` by Unicode's rules, trimmed.
fn split(text: &str) -> Vec<String> {
    text.split_sentence_bounds()
        .map(str::trim)
        .filter(|sentence| !sentence.is_empty())
        .map(String::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(String::from).collect()
    }

    #[test]
    fn each_kind_of_file_is_told() {
        let sentences = lines("The cat sat.\nWas it \"tired\"?\nYes (it was)!\nIt slept.");
        assert_eq!(Lines::judge(&sentences), Lines::Sentences);
        let paragraphs = lines("The cat sat. It slept. It woke.\nThe dog ran. It fell.\nOne more.");
        assert_eq!(Lines::judge(&paragraphs), Lines::Paragraphs);
        let chinese = lines("猫坐下。狗跑了。\n天黑了。他们睡了。");
        assert_eq!(Lines::judge(&chinese), Lines::Paragraphs);
        let wrapped =
            lines("The cat sat on\nthe mat and slept. Then it\nwoke up and looked at\nthe dog.");
        assert_eq!(Lines::judge(&wrapped), Lines::Wrapped);
        assert_eq!(Lines::judge(&lines("one two\nthree four\nfive")), Lines::Sentences);
    }

    #[test]
    fn sentences_are_split_and_joined() {
        let text = lines("The cat sat. It");
        assert_eq!(Lines::Paragraphs.sentences(&text), ["The cat sat.", "It"]);
        let text = lines("The cat\nsat. It\nslept.");
        assert_eq!(Lines::Wrapped.sentences(&text), ["The cat sat.", "It slept."]);
        assert_eq!(Lines::Sentences.sentences(&text), text);
        assert_eq!(
            Lines::Paragraphs.sentences(&lines("猫坐下。狗跑了。")),
            ["猫坐下。", "狗跑了。"]
        );
    }
}
