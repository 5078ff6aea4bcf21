//! The safetensors files of a model: `model.safetensors`, or the files that
//! `model.safetensors.index.json` names (transformers writes these when a model is large).

use super::element_type::reader;
use super::weights_error::WeightsError;
use crate::autodiff::Entry;
use crate::system::files;
use safetensors::tensor::{SafeTensors, TensorView};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The part of an index that matters.
#[derive(Deserialize)]
struct Index {
    /// The file of each tensor.
    weight_map: BTreeMap<String, String>,
}

/// The bytes of all safetensors files of a model.
pub(super) struct WeightFiles {
    /// The single file, or the index.
    path: PathBuf,
    /// Paths and bytes.
    files: Vec<(PathBuf, Vec<u8>)>,
    /// The file of each tensor as the index says; empty for a single file.
    weight_map: BTreeMap<String, String>,
}

impl WeightFiles {
    /// Reads the files of `directory`. `model.safetensors` comes before an index, as in transformers.
    ///
    /// # Errors
    /// [`WeightsError::Missing`], [`WeightsError::File`], [`WeightsError::Index`].
    pub(super) fn read(directory: &Path) -> Result<Self, WeightsError> {
        let single = directory.join(SINGLE);
        let index = directory.join(INDEX);
        if single.exists() || !index.exists() {
            if directory.is_dir() && !single.exists() {
                return Err(WeightsError::Missing(directory.to_path_buf()));
            }
            let files = vec![(single.clone(), files::read(&single)?)];
            return Ok(Self { path: single, files, weight_map: BTreeMap::new() });
        }
        let error = |message| WeightsError::Index { path: index.clone(), message };
        let Index { weight_map } = serde_json::from_str(&files::read_to_string(&index)?)
            .map_err(|e| error(format!("it is not an index of safetensors files: {e}")))?;
        let mut names: Vec<&String> = weight_map.values().collect();
        names.sort_unstable();
        names.dedup();
        let mut files = Vec::new();
        for name in names {
            // An index names files beside it, nothing else.
            if Path::new(name).file_name() != Some(name.as_ref()) {
                return Err(error(format!("it names `{name}`, which is no file of its directory")));
            }
            let path = directory.join(name);
            if !path.exists() {
                return Err(error(format!("it names `{name}`, which is missing")));
            }
            let bytes = files::read(&path)?;
            files.push((path, bytes));
        }
        Ok(Self { path: index, files, weight_map })
    }

    /// The single file, or the index.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All tensors by name.
    ///
    /// # Errors
    /// [`WeightsError::Malformed`]; [`WeightsError::Twice`]; [`WeightsError::Index`] when a tensor is
    /// not in the file that the index says.
    pub(super) fn tensors(&self) -> Result<BTreeMap<String, StoredTensor<'_>>, WeightsError> {
        let mut tensors = BTreeMap::new();
        for (path, bytes) in &self.files {
            let file = SafeTensors::deserialize(bytes).map_err(|error| {
                WeightsError::Malformed { path: path.clone(), message: error.to_string() }
            })?;
            for (name, view) in file.tensors() {
                let tensor = StoredTensor { path, name: name.clone(), view };
                if tensors.insert(name.clone(), tensor).is_some() {
                    return Err(WeightsError::Twice { path: path.clone(), name });
                }
            }
        }
        for (name, file) in &self.weight_map {
            let is_there = tensors
                .get(name)
                .is_some_and(|tensor| tensor.path.file_name() == Some(file.as_ref()));
            if !is_there {
                let message =
                    format!("it says that `{file}` has the tensor `{name}`, but it has not");
                return Err(WeightsError::Index { path: self.path.clone(), message });
            }
        }
        Ok(tensors)
    }
}

/// A tensor in a file.
pub(super) struct StoredTensor<'f> {
    /// The file.
    pub(super) path: &'f Path,
    name: String,
    view: TensorView<'f>,
}

impl StoredTensor<'_> {
    /// Checks shape and type.
    ///
    /// # Errors
    /// [`WeightsError::Shape`], [`WeightsError::Type`].
    pub(super) fn check(&self, entry: &Entry) -> Result<(), WeightsError> {
        let (path, name, dtype) = (self.path.to_path_buf(), self.name.clone(), self.view.dtype());
        if self.view.shape() != entry.shape {
            let (got, expected) = (self.view.shape().to_vec(), entry.shape.clone());
            return Err(WeightsError::Shape { path, name, got, expected });
        }
        match reader(dtype) {
            Some(_) => Ok(()),
            None => Err(WeightsError::Type { path, name, dtype }),
        }
    }

    /// Reads the numbers. The tensor was checked before.
    ///
    /// # Errors
    /// [`WeightsError::NotFinite`].
    pub(super) fn read(&self, values: &mut [f32]) -> Result<(), WeightsError> {
        reader(self.view.dtype()).expect("checked before")(self.view.data(), values);
        match values.iter().find(|value| !value.is_finite()) {
            None => Ok(()),
            Some(&value) => {
                let (path, name) = (self.path.to_path_buf(), self.name.clone());
                Err(WeightsError::NotFinite { path, name, value })
            }
        }
    }

    /// Whether `other` holds the same numbers. Both were checked before, for one shape.
    pub(super) fn same_numbers(&self, other: &Self) -> bool {
        if self.view.dtype() == other.view.dtype() && self.view.data() == other.view.data() {
            return true;
        }
        let [a, b] = [self, other].map(|tensor| {
            let mut values = vec![0.0; tensor.view.shape().iter().product()];
            reader(tensor.view.dtype()).expect("checked before")(tensor.view.data(), &mut values);
            values
        });
        a == b
    }
}
