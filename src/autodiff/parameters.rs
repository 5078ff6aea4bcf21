//! Parameters: one flat buffer with named, shaped ranges.
//!
//! Gradients and both Adam moments share the [`Layout`], so clipping, the optimizer and checkpoints
//! are loops over flat slices. Names are as Hugging Face writes them.

use std::collections::HashMap;
use std::ops::Range;

/// One parameter: its name, its shape and its range of the flat buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, for example `bert.embeddings.word_embeddings.weight`.
    pub name: String,
    /// The shape, row-major.
    pub shape: Vec<usize>,
    /// The elements of the flat buffer that it owns.
    pub range: Range<usize>,
}

/// Names, shapes and ranges of all parameters of a model.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
    length: usize,
}

impl Layout {
    /// Adds a parameter after the last one.
    ///
    /// # Panics
    /// When the name is taken: a mistake in the model's code.
    pub fn add(&mut self, name: impl Into<String>, shape: &[usize]) {
        let name = name.into();
        let start = self.length;
        self.length += shape.iter().product::<usize>();
        let previous = self.index.insert(name.clone(), self.entries.len());
        assert!(previous.is_none(), "parameter `{name}` is laid out twice");
        self.entries.push(Entry { name, shape: shape.to_vec(), range: start..self.length });
    }

    /// All parameters, in the order of the flat buffer.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The parameter called `name`.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.index.get(name).map(|&i| &self.entries[i])
    }

    /// The number of elements of all parameters together.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no parameter.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}
