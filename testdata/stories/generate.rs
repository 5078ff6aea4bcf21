//! Writes the built-in corpus, `testdata/stories/stories.txt`, and the built-in labelled examples beside it.
//!
//! ```text
//! cargo run --example generate_stories
//! ```
//!
//! A story is one of the scripts in `people.rs` and `animals.rs` with a cast from the small world in
//! `world.rs`. `template.rs` turns a line of a script into an English sentence. The same version of this
//! program writes the same bytes on every machine; `tests/stories.rs` checks this.

mod animals;
pub mod labelled;
mod people;
mod template;
mod world;

use std::collections::HashSet;

use cloze::tensor::random::{Generator, Purpose};

use template::{Cast, Script, tell};

/// The number of stories. Each script gets an equal share of them; shares differ by at most one.
const STORIES: usize = 5400;

/// Casts to try until a story differs from all earlier ones.
const ATTEMPTS: u64 = 1000;

/// The corpus: one sentence a line, an empty line between stories.
///
/// # Panics
/// If a script names an unknown role, or has too few different casts.
pub fn stories() -> String {
    let scripts: Vec<&Script> = people::SCRIPTS.iter().chain(animals::SCRIPTS).collect();
    let mut told = HashSet::new();
    let mut corpus = Vec::with_capacity(STORIES);
    for index in 0..STORIES as u64 {
        // Each round uses every script once, in a new order, so the scripts are mixed evenly.
        let (round, place) = (index as usize / scripts.len(), index as usize % scripts.len());
        let mut order: Vec<usize> = (0..scripts.len()).collect();
        Generator::new(0, Purpose::Stories, 0, round as u64).shuffle(&mut order);
        let script = scripts[order[place]];
        // A repeated story gets a new cast.
        let story = (1..=ATTEMPTS)
            .map(|attempt| {
                let mut random = Generator::new(0, Purpose::Stories, attempt, index);
                let cast = Cast::draw(script, &mut random);
                tell(script, &cast, &mut random)
            })
            .find(|story| !told.contains(story))
            .expect("a script has no new cast left: add roles or words to it");
        told.insert(story.clone());
        corpus.push(story);
    }
    corpus.join("\n")
}

/// Writes the corpus beside this file.
#[allow(dead_code)] // `tests/stories.rs` includes this file as a module.
fn main() -> cloze::Result<()> {
    for (name, text) in [
        ("stories.txt", stories()),
        ("classes.tsv", labelled::classes()),
        ("numbers.tsv", labelled::numbers()),
        ("tags.conll", labelled::tags()),
        ("questions.json", labelled::questions()),
    ] {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/stories");
        let path = directory.join(name);
        cloze::system::files::write_atomically(&path, |file| file.write_all(text.as_bytes()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
