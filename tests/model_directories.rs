//! Model directories of other programs in the forms that transformers reads: stored decoders, several
//! weight files, settings that are null or left out. The answers are those of transformers 5.24, or an
//! error that names what is at fault.

use cloze::model::Head;
use cloze::tasks::Model;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Shape and bytes of float32 tensors by name.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/hugging_face").join(name)
}

/// A copy of a fixture.
fn copy(name: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, directory.path().join(path.file_name().unwrap())).unwrap();
    }
    directory
}

fn read_tensors(directory: &Path) -> Tensors {
    let bytes = fs::read(directory.join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = file.tensors().into_iter().filter(|(_, tensor)| tensor.dtype() == Dtype::F32);
    floats.map(|(name, tensor)| (name, (tensor.shape().to_vec(), tensor.data().to_vec()))).collect()
}

fn write_tensors(path: &Path, tensors: &Tensors) {
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A copy of a fixture with changed tensors.
fn with_tensors(name: &str, change: impl FnOnce(&mut Tensors)) -> TempDir {
    let directory = copy(name);
    let mut tensors = read_tensors(directory.path());
    change(&mut tensors);
    write_tensors(&directory.path().join("model.safetensors"), &tensors);
    directory
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn bytes(floats: &[f32]) -> Vec<u8> {
    floats.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn error(directory: &Path) -> String {
    Model::open(directory).err().expect("refused").to_string()
}

/// The masked-LM logits at the `[MASK]` of the sentence pair of the fixtures.
fn mask_logits(model: &Model<'_>) -> Vec<f32> {
    let pair = ("the cat [MASK] on the mat.", Some("a quick fox ran."));
    let sequence = model.sequence(pair.0, pair.1).unwrap();
    let position = sequence.input_ids.iter().position(|&id| id == 4).unwrap() as u32;
    model.masked_lm_logits(&[sequence], &[vec![position]]).unwrap()[0].row(0).to_vec()
}

const BIAS: &str = "cls.predictions.bias";
const DECODER_BIAS: &str = "cls.predictions.decoder.bias";
const DECODER_WEIGHT: &str = "cls.predictions.decoder.weight";
const WORD_EMBEDDINGS: &str = "bert.embeddings.word_embeddings.weight";

#[test]
fn the_bias_of_the_decoder_counts_where_it_differs() {
    let tied = Model::open(fixture("gamma_beta")).unwrap();
    let difference: Vec<f32> = (0..21).map(|i| i as f32 / 4.0 - 2.0).collect();
    let directory = with_tensors("gamma_beta", |tensors| {
        let (shape, old) = tensors[BIAS].clone();
        let new: Vec<f32> = floats(&old).iter().zip(&difference).map(|(a, b)| a + b).collect();
        tensors.insert(DECODER_BIAS.into(), (shape, bytes(&new)));
    });
    let untied = Model::open(directory.path()).unwrap();
    let shifted = mask_logits(&tied).into_iter().zip(&difference).map(|(a, b)| a + b);
    for (got, expected) in mask_logits(&untied).into_iter().zip(shifted) {
        assert!((got - expected).abs() < 1e-5, "{got} for {expected}");
    }
    assert_eq!(untied.report().ignored, [BIAS]);

    // Equal, or alone: nothing is left out.
    for keep in [true, false] {
        let directory = with_tensors("gamma_beta", |tensors| {
            let bias = tensors[BIAS].clone();
            tensors.insert(DECODER_BIAS.into(), bias);
            if !keep {
                tensors.remove(BIAS);
            }
        });
        let model = Model::open(directory.path()).unwrap();
        assert_eq!(mask_logits(&model), mask_logits(&tied));
        assert!(model.report().ignored.is_empty() && model.report().initialized.is_empty());
    }
}

#[test]
fn a_decoder_that_is_not_the_word_embeddings_is_refused() {
    let change = |tensors: &mut Tensors| tensors.get_mut(DECODER_WEIGHT).unwrap().1[3] ^= 1;
    let directory = with_tensors("gamma_beta", change);
    let message = error(directory.path());
    for words in ["model.safetensors`", DECODER_WEIGHT, WORD_EMBEDDINGS, "differs"] {
        assert!(message.contains(words), "`{words}` is not in: {message}");
    }
    // Alone, it stands for the word embeddings.
    let directory = with_tensors("gamma_beta", |tensors| drop(tensors.remove(WORD_EMBEDDINGS)));
    let model = Model::open(directory.path()).unwrap();
    assert_eq!(mask_logits(&model), mask_logits(&Model::open(fixture("gamma_beta")).unwrap()));
    // A head that has no decoder does not ask for one.
    let directory = with_tensors("gamma_beta", change);
    let config = Model::open(fixture("gamma_beta")).unwrap().bert().config.clone();
    cloze::model::Bert::from_directory(directory.path(), config, Head::None, 0).unwrap();
}

/// What `config.json` says, and whether the decoder is there and differs. transformers 5.24.0 shares one table in
/// the six cases that are used here; with `false`, or where the two differ, it has a decoder of its own (without
/// one in the file, a random one).
#[test]
fn a_decoder_is_used_or_refused_as_the_config_says() {
    let expected = mask_logits(&Model::open(fixture("gamma_beta")).unwrap());
    for tied in [None, Some(true), Some(false)] {
        for decoder in ["none", "equal", "other"] {
            let directory = with_tensors("gamma_beta", |tensors| match decoder {
                "none" => drop(tensors.remove(DECODER_WEIGHT)),
                "equal" => {
                    drop(tensors.insert(DECODER_WEIGHT.into(), tensors[WORD_EMBEDDINGS].clone()))
                }
                _ => tensors.get_mut(DECODER_WEIGHT).unwrap().1[3] ^= 1,
            });
            let path = directory.path().join("config.json");
            let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            match tied {
                Some(tied) => config["tie_word_embeddings"] = tied.into(),
                None => drop(config.as_object_mut().unwrap().remove("tie_word_embeddings")),
            }
            fs::write(&path, config.to_string()).unwrap();
            let words = match (tied, decoder) {
                (Some(false), _) => ["tie_word_embeddings", "tied to the word embeddings"],
                (_, "other") => [DECODER_WEIGHT, "tied to the word embeddings"],
                _ => {
                    let model = Model::open(directory.path()).unwrap();
                    assert_eq!(mask_logits(&model), expected, "{tied:?}, {decoder}");
                    continue;
                }
            };
            let message = error(directory.path());
            assert!(
                words.iter().all(|word| message.contains(word)),
                "{tied:?}, {decoder}: {message}"
            );
        }
    }
}

/// `gamma_beta` in two files with an index.
fn in_two_files() -> TempDir {
    let directory = copy("gamma_beta");
    let tensors = read_tensors(directory.path());
    fs::remove_file(directory.path().join("model.safetensors")).unwrap();
    let mut weight_map = serde_json::Map::new();
    for (number, wanted) in [(1, true), (2, false)] {
        let file = format!("model-0000{number}-of-00002.safetensors");
        let part = tensors.iter().filter(|(name, _)| name.contains("encoder") == wanted);
        let part: Tensors = part.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        weight_map.extend(part.keys().map(|name| (name.clone(), json!(file))));
        write_tensors(&directory.path().join(file), &part);
    }
    let index = json!({"metadata": {"total_size": 1}, "weight_map": weight_map});
    fs::write(directory.path().join(INDEX), index.to_string()).unwrap();
    directory
}

const INDEX: &str = "model.safetensors.index.json";
const SECOND: &str = "model-00002-of-00002.safetensors";

#[test]
fn weights_in_several_files_are_read() {
    let directory = in_two_files();
    let [one, two] =
        [fixture("gamma_beta"), directory.path().into()].map(|path| Model::open(path).unwrap());
    assert_eq!(one.bert().parameters, two.bert().parameters);
    assert_eq!(one.report(), two.report());
}

#[test]
fn an_index_that_does_not_fit_its_files_is_named() {
    let refused = |change: &dyn Fn(&Path), words: &[&str]| {
        let directory = in_two_files();
        change(directory.path());
        let message = error(directory.path());
        for words in words {
            assert!(message.contains(words), "`{words}` is not in: {message}");
        }
    };
    let index = |path: &Path, change: &dyn Fn(&mut Value)| {
        let mut value = serde_json::from_slice(&fs::read(path.join(INDEX)).unwrap()).unwrap();
        change(&mut value);
        fs::write(path.join(INDEX), value.to_string()).unwrap();
    };
    let missing = |path: &Path| fs::remove_file(path.join(SECOND)).unwrap();
    refused(&missing, &[INDEX, SECOND, "is missing"]);
    let cut = |path: &Path| fs::write(path.join(SECOND), [0; 20]).unwrap();
    refused(&cut, &[SECOND, "is not a whole safetensors file"]);
    let wrong = |path: &Path| {
        index(path, &|value| {
            value["weight_map"][WORD_EMBEDDINGS] = "model-00001-of-00002.safetensors".into();
        });
    };
    refused(&wrong, &[INDEX, WORD_EMBEDDINGS, "model-00001"]);
    let outside = |path: &Path| {
        index(path, &|value| value["weight_map"][WORD_EMBEDDINGS] = "../x.safetensors".into());
    };
    refused(&outside, &[INDEX, "`../x.safetensors`"]);
    let text = |path: &Path| fs::write(path.join(INDEX), "[]").unwrap();
    refused(&text, &[INDEX, "not an index"]);
}

/// A copy of a fixture with a changed `config.json`.
fn with_config(name: &str, change: impl FnOnce(&mut Value)) -> TempDir {
    let directory = copy(name);
    let path = directory.path().join("config.json");
    let mut config = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut config);
    fs::write(path, config.to_string()).unwrap();
    directory
}

#[test]
fn a_configuration_without_an_id_of_pad_is_read() {
    let directory = with_config("gamma_beta", |config| config["pad_token_id"] = Value::Null);
    let [one, two] =
        [fixture("gamma_beta"), directory.path().into()].map(|path| Model::open(path).unwrap());
    assert_eq!(mask_logits(&one), mask_logits(&two));
}

#[test]
fn models_of_other_types_are_named_by_their_type() {
    let directory = with_config("gamma_beta", |config| {
        *config = json!({"model_type": "distilbert", "dim": 8, "n_layers": 2, "vocab_size": 21});
    });
    let message = error(directory.path());
    assert!(message.contains("model_type is distilbert, but only bert is supported"), "{message}");
}

#[test]
fn a_task_without_its_head_is_refused_in_one_line() {
    let refused = |result: Result<(), cloze::tasks::TaskError>, head: &str, lacks: &str| {
        let message = result.unwrap_err().to_string();
        let expected = format!("this model has no {head}: its weights have no `{lacks}`");
        assert!(message.starts_with(&expected) && !message.contains('\n'), "{message}");
    };
    let fill = |model: &Model<'_>| model.fill_mask(&["the [MASK]"], 1).map(drop);
    let next = |model: &Model<'_>| model.next_sentence(&[("the cat", "a dog")]).map(drop);
    let bare = Model::open(fixture("bare")).unwrap();
    refused(fill(&bare), "masked-LM head", "cls.predictions.transform.dense.weight");
    refused(next(&bare), "next-sentence head", "cls.seq_relationship.weight");
    bare.encode(&["the cat"]).unwrap();
    let masked_lm = Model::open(fixture("masked_lm")).unwrap();
    fill(&masked_lm).unwrap();
    refused(next(&masked_lm), "next-sentence head", "bert.pooler.dense.weight");
    // The pooler would be random numbers too.
    assert_eq!(masked_lm.encode(&["the cat"]).unwrap()[0].pooler_output, None);
    // A next-sentence head is of no use without the pooler.
    let directory = with_tensors("gamma_beta", |tensors| {
        tensors.retain(|name, _| !name.contains("pooler"));
    });
    let model = Model::open(directory.path()).unwrap();
    fill(&model).unwrap();
    refused(next(&model), "next-sentence head", "bert.pooler.dense.weight");
}
