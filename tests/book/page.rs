//! A page of the book: Markdown, cut into text and fenced blocks.

use std::fs;
use std::path::{Path, PathBuf};

/// The directory of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page.
pub struct Page {
    /// Its path in the repository.
    pub path: PathBuf,
    /// The name of its file.
    pub name: String,
    /// Its lines.
    pub lines: Vec<String>,
}

impl Page {
    /// Reads the page at `path` in the repository.
    pub fn read(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_path_buf();
        let text = fs::read_to_string(repository().join(&path)).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        Self { path, name, lines: text.lines().map(String::from).collect() }
    }

    /// The chapters, in order.
    pub fn chapters() -> Vec<Self> {
        let mut pages = Self::in_docs();
        pages.retain(|page| page.name.as_bytes()[0].is_ascii_digit());
        assert_eq!(pages.len(), 15);
        pages
    }

    /// All pages in `docs/`, by name.
    pub fn in_docs() -> Vec<Self> {
        let mut names: Vec<_> =
            fs::read_dir(repository().join("docs")).unwrap().map(|f| f.unwrap().path()).collect();
        names.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
        names.sort();
        names.into_iter().map(|path| Self::read(path.strip_prefix(repository()).unwrap())).collect()
    }

    /// The whole page.
    pub fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }

    /// Writes the page.
    pub fn write(&self) {
        fs::write(repository().join(&self.path), self.text()).unwrap();
    }

    /// For each line, the language of the fenced block that it is in; `None` outside of blocks and for the fences.
    pub fn languages(&self) -> Vec<Option<&str>> {
        let mut language = None;
        self.lines
            .iter()
            .map(|line| match line.strip_prefix("```") {
                Some(name) => {
                    language = if language.is_some() { None } else { Some(name) };
                    None
                }
                None => language,
            })
            .collect()
    }

    /// The fenced blocks in `language`.
    pub fn blocks(&self, language: &str) -> Vec<String> {
        let languages = self.languages();
        let mut blocks = Vec::new();
        let mut inside = false;
        for (line, of_line) in self.lines.iter().zip(languages) {
            if of_line == Some(language) {
                if !inside {
                    blocks.push(String::new());
                }
                let block = blocks.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            inside = of_line == Some(language);
        }
        blocks
    }

    /// The lines outside of fenced blocks.
    pub fn prose(&self) -> Vec<&str> {
        let languages = self.languages();
        let lines = self.lines.iter().zip(languages);
        let outside =
            lines.filter(|(line, language)| language.is_none() && !line.starts_with("```"));
        outside.map(|(line, _)| line.as_str()).collect()
    }
}
