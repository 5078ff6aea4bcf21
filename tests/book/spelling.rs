//! Every word of the pages is in `testdata/book/words.txt`.
//!
//! The list has the words that the pages use, one a line, sorted, and nothing else. So a misspelt word is a new word,
//! and a person has to look at it: with `CLOZE_UPDATE_BOOK=1` the test writes the list and prints the new words.
//! Code, links and words with digits do not count. Upper case does not count, and neither does a final 's.
//!
//! The pages are in British English with -ize (`colour`, `initialize`).

use super::page::{Page, repository};
use super::updates;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The pages that are checked.
fn pages() -> Vec<Page> {
    let mut pages = Page::in_docs();
    pages.extend(["README.md", "CONTRIBUTING.md"].map(Page::read));
    pages
}

/// `line` without code, the targets of links, addresses, and HTML.
fn text_alone(line: &str) -> String {
    if line.starts_with('[') && line.contains("]: ") {
        return String::new();
    }
    // Code is between backticks.
    let mut rest = line.split('`').step_by(2).collect::<Vec<_>>().join(" x1 ");
    for (open, close) in [("](", ')'), ("][", ']'), ("<", '>'), ("https://", ' ')] {
        while let Some((before, after)) = rest.split_once(open) {
            let Some((_, after)) = after.split_once(close) else {
                // `<` alone is a sign.
                rest = format!("{before} {}", if open == "<" { after } else { "" });
                continue;
            };
            rest = format!("{before} {after}");
        }
    }
    rest
}

/// The words of a line of Markdown, in lower case.
fn words(line: &str) -> Vec<String> {
    let text = text_alone(line).replace('’', "'");
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '\'';
    let mut words = Vec::new();
    for word in text.split(|c| !inside(c)) {
        let word = word.trim_matches('\'').trim_end_matches("'s").to_lowercase();
        if word.chars().count() > 1 && word.chars().all(|c| c.is_alphabetic() || c == '\'') {
            words.push(word);
        }
    }
    words
}

/// The number of letters to put in, take out or replace to make `b` from `a` (Levenshtein, 1966).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, c) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for j in 0..b.len() {
            let replaced = diagonal + usize::from(c != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The known word that is most like `word`; of equals, the first one.
fn nearest<'k>(word: &str, known: &'k BTreeSet<String>) -> &'k str {
    known.iter().min_by_key(|known| distance(word, known)).map_or("", String::as_str)
}

#[test]
fn words_are_found_in_text_alone() {
    let line = "The fox's `code_x` jumps: [a link](some/target.md), [another][id] <b>don't</b> f64 x_y is a < b.";
    let found = ["the", "fox", "jumps", "link", "another", "don't", "is"];
    assert_eq!(words(line), found);
    assert!(words("[id]: some/target.md").is_empty());
    assert_eq!(
        [distance("", "ab"), distance("kitten", "sitting"), distance("mask", "mask")],
        [2, 3, 0]
    );
    let known = ["mask", "model", "token"].map(String::from).into();
    assert_eq!(nearest("modle", &known), "model");
}

#[test]
fn every_word_is_in_the_list() {
    let path = repository().join("testdata/book/words.txt");
    let list = fs::read_to_string(&path).unwrap_or_default();
    let known: BTreeSet<String> = list.lines().map(String::from).collect();
    // Each word of the pages, and where it is first.
    let mut used: BTreeMap<String, String> = BTreeMap::new();
    for page in pages() {
        for (number, (line, language)) in (1..).zip(page.lines.iter().zip(page.languages())) {
            if language.is_none() && !line.starts_with("```") {
                for word in words(line) {
                    used.entry(word)
                        .or_insert_with(|| format!("{}, line {number}", page.path.display()));
                }
            }
        }
    }
    let new: Vec<String> = used
        .iter()
        .filter(|(word, _)| !known.contains(*word))
        .map(|(word, at)| format!("{at}: {word:?} (known: {:?})", nearest(word, &known)))
        .collect();
    if updates() {
        fs::write(&path, used.keys().map(|word| format!("{word}\n")).collect::<String>()).unwrap();
        println!("{} new words:\n{}", new.len(), new.join("\n"));
        return;
    }
    assert!(
        new.is_empty(),
        "words that are misspelt or new:\n{}\nIf they are right: `CLOZE_UPDATE_BOOK=1 cargo test --release --test book \
         every_word -- --nocapture` adds them to testdata/book/words.txt",
        new.join("\n")
    );
    let unused: Vec<_> = known.iter().filter(|known| !used.contains_key(*known)).collect();
    assert!(unused.is_empty(), "testdata/book/words.txt has words that no page has: {unused:?}");
    let sorted = known.iter().map(|word| format!("{word}\n")).collect::<String>();
    assert!(list == sorted, "testdata/book/words.txt is not sorted, or has a word twice");
}
