//! Links lead to files and headings that exist, and every test that a page names exists.

use super::page::{Page, repository};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// All pages that are checked.
fn pages() -> Vec<Page> {
    let mut pages = Page::in_docs();
    pages.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(Page::read));
    pages
}

/// The definitions `[id]: target` of `page`.
pub fn definitions(page: &Page) -> BTreeMap<&str, &str> {
    let definition =
        |line: &'_ str| line.strip_prefix('[')?.split_once("]: ").map(|(id, _)| id.len());
    let lines = page.prose().into_iter();
    lines.filter_map(|line| definition(line).map(|id| (&line[1..=id], &line[id + 4..]))).collect()
}

/// `line` without code between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The anchor of a heading, as repositories' pages and rustdoc make it.
fn anchor(heading: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || c == ' ' || c == '-' || c == '_';
    let heading: String = heading.chars().filter(|&c| kept(c)).collect();
    heading.to_lowercase().replace(' ', "-")
}

/// Why `target`, a link on `page`, leads nowhere.
fn problem(page: &Page, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => page.path.clone(),
        _ => page.path.parent().unwrap().join(file),
    };
    let whole = repository().join(&path);
    if !whole.exists() {
        return Some(format!("there is no {}", path.display()));
    }
    if heading.is_empty() {
        return None;
    }
    let linked = Page { lines: Vec::new(), path, name: String::new() };
    let text = fs::read_to_string(whole).unwrap();
    let linked = Page { lines: text.lines().map(String::from).collect(), ..linked };
    let headings = linked.prose().into_iter().filter(|line| line.starts_with('#'));
    let found =
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).any(|a| a == heading);
    (!found).then(|| format!("there is no heading #{heading}"))
}

#[test]
fn links_lead_somewhere() {
    let (mut count, mut wrong) = (0, Vec::new());
    for page in pages() {
        let definitions = definitions(&page);
        let mut used = Vec::new();
        let mut targets: Vec<String> = definitions.values().map(ToString::to_string).collect();
        for line in page.prose() {
            // `[text](target)` and `[text][id]`; the text may have code in it.
            let line = without_code(line);
            for (at, _) in line.match_indices("](") {
                targets.push(line[at + 2..].split(')').next().unwrap().to_string());
            }
            for (at, _) in line.match_indices("][") {
                let id = line[at + 2..].split(']').next().unwrap().to_string();
                if !definitions.contains_key(id.as_str()) {
                    wrong.push(format!("{}: [{id}] is not defined", page.path.display()));
                }
                used.push(id);
            }
        }
        for id in definitions.keys() {
            if !used.iter().any(|used| used == id) {
                wrong.push(format!("{}: [{id}] is not used", page.path.display()));
            }
        }
        count += targets.len();
        let problem = |target: &String| Some((target.clone(), problem(&page, target)?));
        wrong.extend(
            targets
                .iter()
                .filter_map(problem)
                .map(|(target, problem)| format!("{}: {target}: {problem}", page.path.display())),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 150, "{count} links");
}

#[test]
fn every_picture_is_shown_and_says_what_it_shows() {
    let text: String = Page::in_docs().iter().map(Page::text).collect();
    for picture in fs::read_dir(repository().join("docs/pictures")).unwrap() {
        let path = picture.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(text.contains(&format!("pictures/{name}")), "{name} is on no page");
        let svg = fs::read_to_string(&path).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains("<title>"), "{name} has no title");
        assert!(svg.contains("prefers-color-scheme:dark"), "{name} has no dark colours");
        assert!(svg.len() < 8_000, "{name} has {} bytes", svg.len());
    }
}

/// The Rust files below `directory`.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The paths of the tests in `files`, for example `train::schedule::tests::warms_up`; modules below `root`.
fn tests(files: &[PathBuf], root: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for file in files {
        let module = file.strip_prefix(root).unwrap().with_extension("");
        let module: Vec<_> = module.iter().map(|part| part.to_string_lossy()).collect();
        let text = fs::read_to_string(file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if let (true, Some(rest)) = (is_test, line.strip_prefix("fn ")) {
                let name = rest.split('(').next().unwrap();
                names.push(format!("{}::tests::{name}", module.join("::")));
                is_test = false;
            }
            is_test |= line == "#[test]";
        }
    }
    names
}

#[test]
fn tests_that_a_page_names_exist() {
    let mut count = 0;
    for page in Page::in_docs() {
        for line in &page.lines {
            for (at, _) in line.match_indices("cargo test --release --") {
                let rest = line[at..].split('`').next().unwrap();
                let words: Vec<&str> = rest.split_whitespace().skip(3).collect();
                let (found, filter) = match words[..] {
                    ["--lib", filter, ..] => {
                        let root = repository().join("src");
                        (tests(&sources(&root), &root), filter)
                    }
                    // A macro makes these tests.
                    ["--test", "exercises", ref rest @ ..] => {
                        (super::exercises::names(), rest.first().copied().unwrap_or(""))
                    }
                    ["--test", target, ref rest @ ..] => {
                        let root = repository().join("tests");
                        let file = root.join(format!("{target}.rs"));
                        let files =
                            if file.is_file() { vec![file] } else { sources(&root.join(target)) };
                        let filter = rest.first().filter(|word| !word.starts_with('-'));
                        (tests(&files, &root), filter.copied().unwrap_or(""))
                    }
                    _ => panic!("{}: {rest}", page.name),
                };
                let fits = found.iter().any(|name| name.contains(filter));
                assert!(fits, "{}: no test fits `{rest}`", page.name);
                count += 1;
            }
        }
    }
    assert!(count >= 12, "{count} tests are named");
}
