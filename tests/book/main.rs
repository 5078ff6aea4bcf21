//! The book in `docs/` says what the program does.
//!
//! - [`commands`]: every command of the book is typed, and what it prints is compared with the page.
//! - [`links`]: links lead to files and headings that exist; every test that a page names exists.
//! - [`rustdoc`]: the same links, as the documentation of the crate has them.
//! - [`page`]: a page, cut into blocks.
//!
//! Rust blocks are documentation tests: `src/book.rs` includes the pages.
//!
//! With `CLOZE_UPDATE_BOOK=1` the tests write what they expect into the pages instead of failing; read the difference
//! before committing it.

mod commands;
mod links;
mod page;
mod rustdoc;

/// The examples, run by [`commands`].
#[path = "../../examples/autodiff.rs"]
mod example_autodiff;
#[path = "../../examples/pretrain.rs"]
mod example_pretrain;

use page::Page;

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
