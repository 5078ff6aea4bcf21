//! Weights on disk, in Hugging Face's form: `model.safetensors` with the names of the head's class.
//!
//! Reading understands what BERT directories are found to hold: names with and without the `bert.`
//! prefix, the `gamma` and `beta` of old checkpoints, half precision, the decoder stored once more
//! beside the word embeddings it is tied to.

use super::config::Config;
use super::element_type::reader;
use super::head::Head;
use super::parameters::{encoder_layout, initialize, layout};
use crate::autodiff::{Entry, Layout};
use crate::system::digest::{Digest, Sha256};
use crate::system::files::{self, FileError};
use crate::system::memory::{self, OutOfMemory};
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo, TensorView};
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Weights that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no `model.safetensors`.
    #[error(
        "`{}` has no model.safetensors; convert the checkpoint to safetensors first \
         (transformers: `model.save_pretrained(…)`)", .0.display()
    )]
    Missing(PathBuf),
    /// The file is cut short, or its header is wrong.
    #[error("`{}` is not a whole safetensors file: {message}; fetch or write it again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A tensor of another shape than the configuration asks for.
    #[error(
        "`{}`: tensor `{name}` has shape {got:?}, but config.json asks for {expected:?}",
        path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor's name in the file.
        name: String,
        /// Its shape.
        got: Vec<usize>,
        /// The shape that fits.
        expected: Vec<usize>,
    },
    /// A tensor of a type that is not a float we read.
    #[error("`{}`: tensor `{name}` has type {dtype:?}; F32, F16, BF16 and F64 can be read", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The tensor's name in the file.
        name: String,
        /// Its type.
        dtype: Dtype,
    },
    /// A parameter of the encoder that the file does not have.
    #[error("`{}` has no tensor for `{name}`: it is not the BERT that its config.json describes", path.display())]
    NoTensor {
        /// The file.
        path: PathBuf,
        /// The parameter.
        name: String,
    },
    /// A number that is not finite: what a run that diverged, or a damaged file, leaves.
    #[error("`{}`: tensor `{name}` holds {value}; a model needs finite numbers", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor's name in the file.
        name: String,
        /// The number.
        value: f32,
    },
    /// More parameters than there is memory for.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// Two tensors that are the same parameter.
    #[error("`{}` has `{name}` twice, under different names", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The parameter.
        name: String,
    },
}

/// What was found when weights were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Parameters of the head and the pooler that the file did not have and that were initialised.
    pub initialized: Vec<String>,
    /// Tensors of the file that no parameter of the model corresponds to.
    pub ignored: Vec<String>,
}

/// Reads `model.safetensors` of `directory` into the flat buffer of
/// [`layout(config, head)`](super::layout). The embeddings and the encoder's layers must be there; the
/// parameters of the pooler and of `head` that the file lacks are drawn from `seed`.
///
/// # Errors
/// [`WeightsError`], naming the file and the tensor.
pub fn load(
    directory: &Path,
    config: &Config,
    head: Head,
    seed: u64,
) -> Result<(Vec<f32>, LoadReport), WeightsError> {
    let path = directory.join("model.safetensors");
    if directory.is_dir() && !path.exists() {
        return Err(WeightsError::Missing(directory.to_path_buf()));
    }
    let bytes = files::read(&path)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| WeightsError::Malformed {
        path: path.clone(),
        message: error.to_string(),
    })?;
    let (layout, encoder) = (layout(config, head), encoder_layout(config));
    let mut found: HashMap<String, &str> = HashMap::new();
    let mut report = LoadReport::default();
    let mut names = tensors.names();
    names.sort_unstable();
    for &name in &names {
        match parameter_name(name, &layout) {
            Some(parameter) => {
                if found.insert(parameter.clone(), name).is_some() {
                    return Err(WeightsError::Twice { path, name: parameter });
                }
            }
            None if is_copy(name) => {}
            None => report.ignored.push(name.to_string()),
        }
    }
    // The decoder's bias is stored under either name, or both.
    const BIAS: &str = "cls.predictions.bias";
    const DECODER_BIAS: &str = "cls.predictions.decoder.bias";
    if layout.get(BIAS).is_some() && !found.contains_key(BIAS) && names.contains(&DECODER_BIAS) {
        found.insert(BIAS.into(), DECODER_BIAS);
    }

    // What the file lacks is found before memory is taken for it.
    for entry in layout.entries() {
        match found.get(&entry.name) {
            Some(name) => check(&path, name, &tensors, entry)?,
            None if encoder.get(&entry.name).is_none() => {}
            None => return Err(WeightsError::NoTensor { path, name: entry.name.clone() }),
        }
    }
    memory::check(layout.len())?;
    let mut parameters = initialize(&layout, config, seed, |name| !found.contains_key(name));
    for entry in layout.entries() {
        if let Some(&name) = found.get(&entry.name) {
            let tensor = tensors.tensor(name).expect("a name of this file");
            read_tensor(&path, name, &tensor, &mut parameters[entry.range.clone()])?;
        } else {
            report.initialized.push(entry.name.clone());
        }
    }
    Ok((parameters, report))
}

/// Tensors that repeat what is stored elsewhere, or can be computed.
fn is_copy(name: &str) -> bool {
    name.starts_with("cls.predictions.decoder.") || name.ends_with("embeddings.position_ids")
}

/// Our name for the tensor `name` of a BERT checkpoint.
fn parameter_name(name: &str, layout: &Layout) -> Option<String> {
    let name = match name.rsplit_once('.') {
        Some((stem, "gamma")) => format!("{stem}.weight"),
        Some((stem, "beta")) => format!("{stem}.bias"),
        _ => name.to_string(),
    };
    [format!("bert.{name}"), name].into_iter().find(|name| layout.get(name).is_some())
}

/// Checks shape and type of the tensor `name`.
fn check(
    path: &Path,
    name: &str,
    tensors: &SafeTensors<'_>,
    entry: &Entry,
) -> Result<(), WeightsError> {
    let tensor = tensors.tensor(name).expect("a name of this file");
    let (path, name, dtype) = (path.to_path_buf(), name.to_string(), tensor.dtype());
    if tensor.shape() != entry.shape {
        let (got, expected) = (tensor.shape().to_vec(), entry.shape.clone());
        return Err(WeightsError::Shape { path, name, got, expected });
    }
    match reader(dtype) {
        Some(_) => Ok(()),
        None => Err(WeightsError::Type { path, name, dtype }),
    }
}

fn read_tensor(
    path: &Path,
    name: &str,
    tensor: &TensorView<'_>,
    values: &mut [f32],
) -> Result<(), WeightsError> {
    reader(tensor.dtype()).expect("checked before")(tensor.data(), values);
    match values.iter().find(|value| !value.is_finite()) {
        None => Ok(()),
        Some(&value) => {
            Err(WeightsError::NotFinite { path: path.to_path_buf(), name: name.into(), value })
        }
    }
}

/// Writes the bytes of `model.safetensors` for flat `parameters`, in a fixed order: by name, as the
/// safetensors crate orders tensors of one type. Nothing of the size of the model is held for it.
///
/// # Errors
/// Those of `out`.
fn write_safetensors(layout: &Layout, parameters: &[f32], out: &mut dyn Write) -> io::Result<()> {
    let mut entries: Vec<&Entry> = layout.entries().iter().collect();
    entries.sort_by_key(|entry| &entry.name);
    let mut end = 0;
    let infos = entries.iter().map(|entry| {
        let start = end;
        end += 4 * entry.range.len();
        let (dtype, shape) = (Dtype::F32, entry.shape.clone());
        (entry.name.clone(), TensorInfo { dtype, shape, data_offsets: (start, end) })
    });
    // transformers refuses a file that does not say which framework wrote its layout.
    let format = [("format".to_string(), "pt".to_string())].into_iter().collect();
    let metadata = Metadata::new(Some(format), infos.collect()).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&metadata)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    let mut bytes = Vec::new();
    for entry in entries {
        for values in parameters[entry.range.clone()].chunks(1 << 14) {
            bytes.clear();
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            out.write_all(&bytes)?;
        }
    }
    Ok(())
}

/// The digest of the bytes of `model.safetensors` for flat `parameters`.
pub fn digest(layout: &Layout, parameters: &[f32]) -> Digest {
    let mut hasher = Sha256::new();
    write_safetensors(layout, parameters, &mut hasher).expect("a hasher takes all bytes");
    hasher.finish()
}

/// The digest of the `model.safetensors` of `directory`.
///
/// # Errors
/// [`WeightsError::File`].
pub fn file_digest(directory: &Path) -> Result<Digest, WeightsError> {
    let path = directory.join("model.safetensors");
    let mut hasher = Sha256::new();
    let copied =
        std::fs::File::open(&path).and_then(|mut file| std::io::copy(&mut file, &mut hasher));
    copied.map_err(|error| FileError::io("read", &path, error))?;
    Ok(hasher.finish())
}

/// Writes `model.safetensors` into `directory`, whole or not at all.
///
/// # Errors
/// [`WeightsError::File`].
pub fn save(directory: &Path, layout: &Layout, parameters: &[f32]) -> Result<(), WeightsError> {
    let path = directory.join("model.safetensors");
    Ok(files::write_atomically(&path, |out| write_safetensors(layout, parameters, out))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> (Config, Layout, Vec<f32>) {
        let config = Config::new(1, 8, 20);
        let layout = layout(&config, Head::Pretraining);
        let parameters = initialize(&layout, &config, 1, |_| true);
        (config, layout, parameters)
    }

    #[test]
    fn weights_are_read_back_as_written() {
        let (config, layout, parameters) = small();
        let directory = tempfile::tempdir().unwrap();
        save(directory.path(), &layout, &parameters).unwrap();
        let (read, report) = load(directory.path(), &config, Head::Pretraining, 9).unwrap();
        assert!(read == parameters && report == LoadReport::default());
    }

    #[test]
    fn the_bytes_are_those_of_the_safetensors_crate() {
        let (_, layout, parameters) = small();
        let bytes: Vec<u8> = parameters.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensors = layout.entries().iter().map(|entry| {
            let data = &bytes[4 * entry.range.start..4 * entry.range.end];
            (&entry.name, TensorView::new(Dtype::F32, entry.shape.clone(), data).unwrap())
        });
        let format = [("format".to_string(), "pt".to_string())].into_iter().collect();
        let expected = safetensors::serialize(tensors, Some(format)).unwrap();
        let mut written = Vec::new();
        write_safetensors(&layout, &parameters, &mut written).unwrap();
        assert!(written == expected);
        assert_eq!(digest(&layout, &parameters), Digest::of(&expected));
    }

    #[test]
    fn a_damaged_file_is_named_and_nothing_panics() {
        let (config, layout, parameters) = small();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.safetensors");
        let mut whole = Vec::new();
        write_safetensors(&layout, &parameters, &mut whole).unwrap();
        let mut lying = whole.clone();
        lying[0] ^= 0x40; // the length of the header
        let mut lying_offset = whole.clone();
        let at = lying_offset.windows(14).position(|w| w == b"data_offsets\":").unwrap() + 15;
        lying_offset[at] = b'9';
        for bytes in [&whole[..whole.len() - 1], &whole[..5], &[], &lying, &lying_offset] {
            std::fs::write(&path, bytes).unwrap();
            let error =
                load(directory.path(), &config, Head::Pretraining, 0).unwrap_err().to_string();
            assert!(error.contains("model.safetensors"), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        let error = load(directory.path(), &config, Head::Pretraining, 0).unwrap_err().to_string();
        assert!(error.contains("no model.safetensors"), "{error}");
    }

    #[test]
    fn other_shapes_and_types_are_named() {
        let (config, layout, parameters) = small();
        let directory = tempfile::tempdir().unwrap();
        save(directory.path(), &layout, &parameters).unwrap();
        let wider = Config { intermediate_size: 33, ..config.clone() };
        let error = load(directory.path(), &wider, Head::Pretraining, 0).unwrap_err().to_string();
        assert!(
            error.contains("intermediate.dense.weight") && error.contains("[33, 8]"),
            "{error}"
        );
        let deeper = Config { num_hidden_layers: 2, ..config.clone() };
        let error = load(directory.path(), &deeper, Head::Pretraining, 0).unwrap_err().to_string();
        assert!(error.contains("no tensor for `bert.encoder.layer.1"), "{error}");

        let integers = vec![0u8; 4 * 20 * 8];
        let view = TensorView::new(Dtype::I32, vec![20, 8], &integers).unwrap();
        let bytes =
            safetensors::serialize([("bert.embeddings.word_embeddings.weight", view)], None)
                .unwrap();
        std::fs::write(directory.path().join("model.safetensors"), bytes).unwrap();
        let error = load(directory.path(), &config, Head::Pretraining, 0).unwrap_err().to_string();
        assert!(error.contains("word_embeddings") && error.contains("I32"), "{error}");
    }
}
