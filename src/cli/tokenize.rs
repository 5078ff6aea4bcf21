//! `cloze tokenize`: text ─► pieces and ids.

/// The options of `cloze tokenize`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `cloze tokenize`.
pub fn run(_args: Args) -> cloze::Result<()> {
    todo!()
}
