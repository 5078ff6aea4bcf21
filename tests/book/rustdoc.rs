//! The links of the pages, as the documentation of the crate needs them.
//!
//! A page defines its links at its end, for a repository's page: `[masking]: ../src/data/masking.rs`. In front of the
//! page, `src/book.rs` puts the same definitions for rustdoc, and Markdown takes the first of two. Pictures are in
//! the definition itself, because rustdoc copies no files.

use super::links::definitions;
use super::page::{Page, repository};
use super::updates;
use std::fmt::Write;
use std::fs;

/// The target of a link on `page` in the documentation of the crate; `None` if it is the same.
fn target(page: &Page, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (file, _) = target.split_once('#').unwrap_or((target, ""));
    if let Some(picture) = file.strip_prefix("pictures/") {
        let svg = fs::read_to_string(repository().join("docs/pictures").join(picture))
            .unwrap_or_else(|error| panic!("docs/pictures/{picture}: {error}"));
        return Some(data_url(&svg));
    }
    // Chapters are modules of `book`, so they are one level deeper than `book` and `determinism`.
    let is_chapter = page.name.as_bytes()[0].is_ascii_digit();
    if let Some(source) = file.strip_prefix("../src/") {
        let up = if is_chapter { "../../../" } else { "../../" };
        return Some(format!("{up}src/cloze/{source}.html"));
    }
    Some(match file {
        "README.md" => "crate::book".into(),
        "determinism.md" => "crate::determinism".into(),
        _ if file.as_bytes()[0].is_ascii_digit() => {
            format!("crate::book::{}", file[3..].trim_end_matches(".md").replace('-', "_"))
        }
        _ => match file.strip_prefix("../examples/") {
            Some(example) if !example.contains('/') => {
                format!("crate::book::example_{}", example.trim_end_matches(".rs"))
            }
            _ => "crate::book#files-of-the-repository".into(),
        },
    })
}

/// The picture as a link: the characters that a URL cannot hold are written as `%XX`.
fn data_url(svg: &str) -> String {
    let mut url = String::from("data:image/svg+xml,");
    for byte in svg.trim_end().bytes() {
        match byte {
            b'\n' | b' ' => url.push_str("%20"),
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'='
            | b'/'
            | b':'
            | b',' => {
                url.push(char::from(byte));
            }
            _ => write!(url, "%{byte:02X}").unwrap(),
        }
    }
    url
}

#[test]
fn the_crates_documentation_has_the_same_links() {
    let mut pages = Page::chapters();
    pages.extend(["docs/README.md", "docs/determinism.md"].map(Page::read));
    for page in pages {
        let mut expected = String::new();
        for (id, link) in definitions(&page) {
            if let Some(target) = target(&page, link) {
                writeln!(expected, "[{id}]: {target}").unwrap();
            }
        }
        expected.push('\n');
        let path = repository().join("src/book").join(&page.name);
        if updates() {
            fs::write(&path, &expected).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == expected,
            "src/book/{} does not fit docs/{0}: run `CLOZE_UPDATE_BOOK=1 cargo test --release --test book \
             rustdoc` and commit it",
            page.name
        );
    }
}
