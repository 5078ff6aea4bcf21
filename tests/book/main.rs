//! The book in `docs/` says what the program does.
//!
//! - [`commands`]: every command of the book is typed, and what it prints is compared with the page.
//! - [`exercises`]: the functions that a learner writes, and their solutions.
//! - [`links`]: links lead to files and headings that exist; every test that a page names exists.
//! - [`rustdoc`]: the same links, as the documentation of the crate has them.
//! - [`spelling`]: every word of the pages is in `testdata/book/words.txt`.
//! - [`page`]: a page, cut into blocks.
//!
//! Rust blocks are documentation tests: `src/book.rs` includes the pages.
//!
//! With `CLOZE_UPDATE_BOOK=1` the tests write what they expect into the pages instead of failing; read the difference
//! before committing it.

mod commands;
mod exercises;
mod links;
mod page;
mod rustdoc;
mod spelling;

/// The examples, run by [`commands`].
#[path = "../../examples/autodiff.rs"]
mod example_autodiff;
#[path = "../../examples/pretrain.rs"]
mod example_pretrain;

use page::Page;

/// How many words a minute a student reads, whose English may be a second language, with the code in between.
const WORDS_A_MINUTE: usize = 200;

/// Whether pages are to be written instead of compared.
fn updates() -> bool {
    std::env::var_os("CLOZE_UPDATE_BOOK").is_some()
}

#[test]
fn every_chapter_has_its_parts() {
    for page in Page::chapters() {
        let name = &page.name;
        let number: usize = name[..2].parse().unwrap();
        let text = page.text();
        assert!(text.starts_with(&format!("# {number}. ")), "{name}: the heading has no number");
        assert!(text.contains("\n!["), "{name} has no picture");
        for heading in ["In the code", "Think", "Exercise"] {
            assert!(text.contains(&format!("\n## {heading}\n")), "{name} has no `## {heading}`");
        }
        assert!(text.contains("\n**Needs:** ") && text.contains(" **Next:** "), "{name}");
        // The exercise fails until its line is changed; its answer passes.
        let exercise = page.blocks("rust,should_panic");
        assert_eq!(exercise.len(), 1, "{name} has one exercise");
        assert_eq!(exercise[0].matches("// change this line").count(), 1, "{name}");
        assert_eq!(text.matches("<summary>Answer</summary>").count(), 1, "{name}");
        assert!(!page.blocks("rust").is_empty(), "{name} has an answer");
        assert!(text.lines().count() <= 190, "{name} is long: {} lines", text.lines().count());
    }
}

#[test]
fn the_contents_say_how_long_a_chapter_takes_to_read() {
    let mut contents = Page::read("docs/README.md");
    for (number, page) in (1..).zip(Page::chapters()) {
        let is_text = |line: &&String| !(line.starts_with('[') && line.contains("]: "));
        let words: usize =
            page.lines.iter().filter(is_text).map(|line| line.split_whitespace().count()).sum();
        let minutes = words.div_ceil(WORDS_A_MINUTE).to_string();
        let row =
            contents.lines.iter_mut().find(|line| line.starts_with(&format!("| [{number}. ")));
        let row = row.unwrap_or_else(|| panic!("{} is not in the contents", page.name));
        let mut cells: Vec<&str> = row.split(" | ").collect();
        assert_eq!(cells.len(), 4, "{row}");
        if cells[2] == minutes {
            continue;
        }
        assert!(updates(), "{}: {words} words, {minutes} minutes, not {}", page.name, cells[2]);
        cells[2] = &minutes;
        *row = cells.join(" | ");
        contents.write();
    }
}
