//! Text as a terminal can show it: characters that would control it are written out, and columns are counted.

/// `text` with every character written out (`\u{1b}`) that a terminal does not show as a sign of its own: control
/// characters, marks of direction, invisible ones.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_invisible(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// Whether `c` is no sign of its own: Unicode's control, format, private and separating characters.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c as u32,
            0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff
            | 0xfff0..=0xfffb | 0xe000..=0xf8ff | 0xe0000..=0xe0fff | 0xf0000..=0x0010_ffff)
}

/// How many columns a terminal gives `text`: two for East Asian characters, one for others.
pub fn display_width(text: &str) -> usize {
    text.chars().map(character_width).sum()
}

fn character_width(c: char) -> usize {
    let is_wide = matches!(c as u32,
        0x1100..=0x115f | 0x231a..=0x231b | 0x23e9..=0x23f3 | 0x25fd..=0x25fe | 0x2614..=0x2615 | 0x2648..=0x2653
        | 0x267f | 0x2693 | 0x26a1 | 0x26aa..=0x26ab | 0x26bd..=0x26be | 0x26c4..=0x26c5 | 0x26ce | 0x26d4 | 0x26ea
        | 0x26f2..=0x26f3 | 0x26f5 | 0x26fa | 0x26fd | 0x2705 | 0x270a..=0x270b | 0x2728 | 0x274c | 0x274e
        | 0x2753..=0x2755 | 0x2757 | 0x2795..=0x2797 | 0x27b0 | 0x27bf | 0x2b1b..=0x2b1c | 0x2b50 | 0x2b55
        | 0x2e80..=0xa4cf | 0xa960..=0xa97f | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe10..=0xfe19 | 0xfe30..=0xfe6f
        | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x16fe0..=0x18cff | 0x1aff0..=0x1b2ff | 0x1f004 | 0x1f0cf
        | 0x1f18e..=0x1f19a | 0x1f200..=0x1f265 | 0x1f300..=0x1faff | 0x20000..=0x3ffff);
    if is_wide { 2 } else { 1 }
}

/// At most `columns` columns of `text`; `…` stands for what is left out.
pub fn shorten(text: &str, columns: usize) -> String {
    if display_width(text) <= columns {
        return text.into();
    }
    let mut shown = String::new();
    let mut width = 1;
    for c in text.chars() {
        width += character_width(c);
        if width > columns {
            break;
        }
        shown.push(c);
    }
    shown + "…"
}

/// `text` in lines of at most `columns` columns (two at least), broken between words. A word that is longer than
/// a line is broken where the line ends.
pub fn break_lines(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let (mut lines, mut line, mut width) = (Vec::new(), String::new(), 0);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = display_width(word);
        if width > 0 && width + 1 + length > columns {
            lines.push(std::mem::take(&mut line));
            width = 0;
        }
        if width > 0 {
            line.push(' ');
            width += 1;
        }
        for c in word.chars() {
            if width + character_width(c) > columns {
                lines.push(std::mem::take(&mut line));
                width = 0;
            }
            line.push(c);
            width += character_width(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controls_a_terminal_is_written_out() {
        assert_eq!(visible("a\u{1b}[31m é中\t\u{202e}b"), "a\\u{1b}[31m é中\\u{9}\\u{202e}b");
        assert_eq!(visible("plain text, [MASK]. ##s"), "plain text, [MASK]. ##s");
        let shown: String =
            visible(&(0..=0x0010_ffff).filter_map(char::from_u32).collect::<String>());
        assert!(!shown.chars().any(is_invisible));
    }

    #[test]
    fn texts_are_cut_and_broken_by_columns() {
        assert_eq!(shorten("abcdef", 6), "abcdef");
        assert_eq!(shorten("abcdef", 5), "abcd…");
        assert_eq!(shorten("汉字汉字", 6), "汉字…");
        assert_eq!(break_lines("the cat  sat", 7), ["the cat", "sat"]);
        assert_eq!(break_lines("a abcdefghij b", 4), ["a", "abcd", "efgh", "ij b"]);
        assert_eq!(break_lines("汉字汉", 5), ["汉字", "汉"]);
        assert!(break_lines("  ", 5).is_empty());
    }
}
