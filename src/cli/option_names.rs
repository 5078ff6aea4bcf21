//! Settings as the command line spells them. Below `cli/`, messages name a setting in single quotes,
//! `'train_batch_size'`; here it becomes the option, `--train-batch-size`.

use clap::CommandFactory;
use std::sync::OnceLock;

/// The ids of all options of all commands, sorted.
fn ids() -> &'static [String] {
    static IDS: OnceLock<Vec<String>> = OnceLock::new();
    IDS.get_or_init(|| {
        let command = super::Cli::command();
        let commands = command.get_subcommands().flat_map(|command| command.get_arguments());
        let long = commands.filter(|argument| argument.get_long().is_some());
        let mut ids: Vec<String> = long.map(|argument| argument.get_id().to_string()).collect();
        ids.sort();
        ids.dedup();
        ids
    })
}

/// `message` with every `'setting'` that is an option as `--setting`. Text between backticks, such as a path,
/// stays as it is.
pub(super) fn with_option_names(message: &str) -> String {
    let parts = message.split('`').enumerate().map(|(index, part)| {
        // Every other part is between backticks.
        if index % 2 == 1 { part.to_string() } else { outside_of_backticks(part) }
    });
    parts.collect::<Vec<_>>().join("`")
}

fn outside_of_backticks(text: &str) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, quoted)) = rest.split_once('\'') {
        replaced += before;
        match quoted.split_once('\'') {
            Some((name, behind)) if ids().iter().any(|id| id == name) => {
                replaced += &format!("--{}", name.replace('_', "-"));
                rest = behind;
            }
            _ => {
                replaced.push('\'');
                rest = quoted;
            }
        }
    }
    replaced + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_options_and_nothing_else_changes() {
        let message = "'train_batch_size' is 0, 'no_such' isn't; `'seed'` stays, 'seed' does not";
        let expected = "--train-batch-size is 0, 'no_such' isn't; `'seed'` stays, --seed does not";
        assert_eq!(with_option_names(message), expected);
    }
}
