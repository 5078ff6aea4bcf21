//! `cloze vocab`: text ─► vocab.txt: learns a WordPiece vocabulary.

/// The options of `cloze vocab`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `cloze vocab`.
pub fn run(_args: Args) -> cloze::Result<()> {
    todo!()
}
