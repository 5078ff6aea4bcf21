//! `cloze instances`: text ─► training instances (sentence pair + masks) as JSON Lines.

/// The options of `cloze instances`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `cloze instances`.
pub fn run(_args: Args) -> cloze::Result<()> {
    todo!()
}
