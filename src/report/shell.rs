//! Commands as a shell takes them: what a person is to copy.

/// `arguments` in one line, those in quotes that a shell would take apart.
pub fn quote(arguments: impl IntoIterator<Item = String>) -> String {
    let quote = |argument: String| {
        let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
        if !argument.is_empty() && argument.chars().all(plain) {
            return argument;
        }
        format!("'{}'", argument.replace('\'', r"'\''"))
    };
    arguments.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// A command in lines of at most `width` columns, each continued with a backslash, as a shell takes them. A space
/// in quotes is no place to break.
pub(super) fn fold(command: &str, width: Option<usize>) -> String {
    let mut lines = String::new();
    let mut column = 0;
    let mut quoted = None;
    let mut word = String::new();
    let mut place = |word: &mut String| {
        let length = word.chars().count();
        if column > 0 && width.is_some_and(|width| column + length + 2 > width) {
            lines += " \\\n       ";
            column = 7;
        }
        lines += word;
        column += length;
        word.clear();
    };
    for c in command.chars() {
        if c == ' ' && quoted.is_none() && !word.trim().is_empty() {
            place(&mut word);
        }
        match quoted {
            Some(mark) if mark == c => quoted = None,
            None if c == '"' || c == '\'' => quoted = Some(c),
            _ => {}
        }
        word.push(c);
    }
    place(&mut word);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_is_folded_between_its_words() {
        let command = "    cloze fill-mask --model run 'The owl [MASK] in the tree.'";
        assert_eq!(fold(command, None), command);
        assert_eq!(fold(command, Some(80)), command);
        let folded =
            "    cloze fill-mask \\\n        --model run \\\n        'The owl [MASK] in the tree.'";
        assert_eq!(fold(command, Some(24)), folded);
    }

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        let quoted = quote(["cloze", "a b", "", "it's", "x/*.txt", "--seed=7"].map(String::from));
        assert_eq!(quoted, r"cloze 'a b' '' 'it'\''s' 'x/*.txt' --seed=7");
    }
}
