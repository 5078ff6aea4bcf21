//! Weights on disk, in Hugging Face's form: `model.safetensors` with the names of the head's class.
//!
//! Reading accepts the forms in which BERT checkpoints are found: names with and without the prefix
//! `bert.`, `gamma` and `beta` as old checkpoints name the parameters of LayerNorm, half precision,
//! several files with an index, and a second copy of the tied decoder.

use super::config::Config;
use super::head::Head;
use super::parameters::{encoder_layout, initialize, layout};
use super::weight_files::{StoredTensor, WeightFiles};
use super::weights_error::WeightsError;
use crate::autodiff::{Entry, Layout};
use crate::system::digest::{Digest, Sha256};
use crate::system::files::{self, FileError};
use crate::system::memory;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

/// What was found when weights were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Parameters of the head and the pooler that the file did not have and that were initialised.
    pub initialized: Vec<String>,
    /// Tensors of the file that no parameter of the model corresponds to.
    pub ignored: Vec<String>,
}

/// Reads the weights of `directory` into the flat buffer of
/// [`layout(config, head)`](super::layout): `model.safetensors`, or the files that
/// `model.safetensors.index.json` names. The embeddings and the encoder's layers must be there; the
/// parameters of the pooler and of `head` that the files lack are drawn from `seed`.
///
/// The decoder of the masked-LM head may be stored beside the word embeddings that it is tied to. As
/// in transformers, either of the two stands for both, a decoder's bias that differs from
/// `cls.predictions.bias` is the one that counts, and a decoder's weight that differs from the word
/// embeddings is not tied to them: no layout here has such a decoder, so it is an error.
///
/// # Errors
/// [`WeightsError`], naming the file and the tensor.
pub fn load(
    directory: &Path,
    config: &Config,
    head: Head,
    seed: u64,
) -> Result<(Vec<f32>, LoadReport), WeightsError> {
    let files = WeightFiles::read(directory)?;
    let tensors = files.tensors()?;
    let (layout, encoder) = (layout(config, head), encoder_layout(config));
    let mut found: HashMap<String, &StoredTensor<'_>> = HashMap::new();
    let mut report = LoadReport::default();
    for (name, tensor) in &tensors {
        match parameter_name(name, &layout) {
            Some(parameter) => {
                if found.insert(parameter.clone(), tensor).is_some() {
                    let path = tensor.path.to_path_buf();
                    return Err(WeightsError::Twice { path, name: parameter });
                }
            }
            None if is_decoder(name) || name.ends_with("embeddings.position_ids") => {}
            None => report.ignored.push(name.clone()),
        }
    }
    if head.has_masked_lm() {
        let entry = |name| layout.get(name).expect("of every masked-LM head");
        if let Some(decoder) = tensors.get(DECODER_BIAS)
            && let Some(bias) = found.insert(BIAS.into(), decoder)
            && !equal(bias, decoder, entry(BIAS))?
        {
            report.ignored.push(BIAS.into());
        }
        if let Some(decoder) = tensors.get(DECODER_WEIGHT) {
            let embeddings = *found.entry(WORD_EMBEDDINGS.into()).or_insert(decoder);
            if !equal(embeddings, decoder, entry(WORD_EMBEDDINGS))? {
                let (path, decoder) = (decoder.path.to_path_buf(), DECODER_WEIGHT);
                return Err(WeightsError::Untied { path, decoder, tied_to: WORD_EMBEDDINGS });
            }
        }
    }

    // Errors are found before memory is allocated.
    for entry in layout.entries() {
        match found.get(&entry.name) {
            Some(tensor) => tensor.check(entry)?,
            None if encoder.get(&entry.name).is_none() => {}
            None => {
                let path = files.path().to_path_buf();
                return Err(WeightsError::NoTensor { path, name: entry.name.clone() });
            }
        }
    }
    memory::check(layout.len())?;
    let mut parameters = initialize(&layout, config, seed, |name| !found.contains_key(name));
    for entry in layout.entries() {
        match found.get(&entry.name) {
            Some(tensor) => tensor.read(&mut parameters[entry.range.clone()])?,
            None => report.initialized.push(entry.name.clone()),
        }
    }
    Ok((parameters, report))
}

const WORD_EMBEDDINGS: &str = "bert.embeddings.word_embeddings.weight";
const BIAS: &str = "cls.predictions.bias";
const DECODER_WEIGHT: &str = "cls.predictions.decoder.weight";
const DECODER_BIAS: &str = "cls.predictions.decoder.bias";

/// Whether `name` is a tensor of the decoder, which a layout has under the names that it is tied to.
fn is_decoder(name: &str) -> bool {
    [DECODER_WEIGHT, DECODER_BIAS].contains(&name)
}

/// Whether two stored tensors, both of the shape of `entry`, hold the same numbers.
fn equal(a: &StoredTensor<'_>, b: &StoredTensor<'_>, entry: &Entry) -> Result<bool, WeightsError> {
    a.check(entry)?;
    b.check(entry)?;
    Ok(a.same_numbers(b))
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

/// Writes the bytes of `model.safetensors` for flat `parameters`. Tensors are sorted by name, as the
/// safetensors crate sorts tensors of one type. Needs little memory, whatever the size of the model.
///
/// # Errors
/// The errors of `out`.
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
    // transformers refuses a file without this key.
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
    use safetensors::tensor::TensorView;

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
