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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        let quoted = quote(["cloze", "a b", "", "it's", "x/*.txt", "--seed=7"].map(String::from));
        assert_eq!(quoted, r"cloze 'a b' '' 'it'\''s' 'x/*.txt' --seed=7");
    }
}
