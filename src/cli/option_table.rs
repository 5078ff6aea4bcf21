//! One table for the options of a command that trains: a row is an option as clap takes it, and what it sets in the
//! settings of a run. An option that was not typed sets nothing, so that the same table serves a new run and `--resume`.

use clap::ArgMatches;
use clap::parser::ValueSource;

/// Declares `Args`, whose fields are the rows, and `SETTERS`: what each option sets in `$options`.
macro_rules! option_table {
    ($(#[$table:meta])* $options:ty; $($(#[$attribute:meta])* $name:ident: $type:ty $(=> $set:expr)?;)*) => {
        $(#[$table])*
        #[derive(clap::Args)]
        pub struct Args {
            $($(#[$attribute])* pub(super) $name: $type,)*
        }

        /// Sets one option.
        pub(super) type Setter = fn(&Args, &mut $options);

        /// What each option of this table sets.
        pub(super) const SETTERS: &[(&str, Setter)] = &[
            $($((stringify!($name), |args, options| {
                let set: fn(&mut $options, $type) = $set;
                set(options, args.$name.clone());
            }),)?)*
        ];
    };
}
pub(super) use option_table;

/// Whether the option `name` was typed.
pub(super) fn typed(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::CommandLine)
}

/// Calls the setters of the options that were typed. The output directory is always set.
pub(super) fn apply<A, O>(
    setters: impl Iterator<Item = &'static (&'static str, fn(&A, &mut O))>,
    args: &A,
    options: &mut O,
    matches: &ArgMatches,
) where
    A: 'static,
    O: 'static,
{
    for (_, set) in setters.filter(|(name, _)| *name == "output_dir" || typed(matches, name)) {
        set(args, options);
    }
}
