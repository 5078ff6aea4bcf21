//! The parameters of a BERT: names as Hugging Face writes them, shapes, and first values.

use super::config::Config;
use super::head::Head;
use crate::autodiff::Layout;
use crate::system::threads;
use crate::tensor::kernels::vectorized;
use crate::tensor::math;
use crate::tensor::random::{Generator, Purpose};

/// The standard deviation of the normal distribution cut at ±2.
pub(super) const TRUNCATED_DEVIATION: f64 = 0.879_625_7;

/// The prefix of the names of the parameters of layer `layer`, counted from 0.
pub(super) fn layer(layer: usize) -> String {
    format!("bert.encoder.layer.{layer}")
}

/// Adds a dense layer: weight `[outputs, inputs]`, bias `[outputs]`.
fn linear(layout: &mut Layout, name: &str, inputs: usize, outputs: usize) {
    layout.add(format!("{name}.weight"), &[outputs, inputs]);
    layout.add(format!("{name}.bias"), &[outputs]);
}

/// Adds a LayerNorm: weight and bias `[hidden]`.
fn layer_norm(layout: &mut Layout, name: &str, hidden: usize) {
    layout.add(format!("{name}.weight"), &[hidden]);
    layout.add(format!("{name}.bias"), &[hidden]);
}

/// The parameters of embeddings and encoder layers, which every BERT has, in the order of the flat
/// buffer: from the input to the output.
pub(super) fn encoder_layout(config: &Config) -> Layout {
    let (hidden, intermediate) = (config.hidden_size, config.intermediate_size);
    let mut layout = Layout::default();
    let embeddings = "bert.embeddings";
    layout.add(format!("{embeddings}.word_embeddings.weight"), &[config.vocab_size, hidden]);
    let positions = config.max_position_embeddings;
    layout.add(format!("{embeddings}.position_embeddings.weight"), &[positions, hidden]);
    let types = config.type_vocab_size;
    layout.add(format!("{embeddings}.token_type_embeddings.weight"), &[types, hidden]);
    layer_norm(&mut layout, "bert.embeddings.LayerNorm", hidden);
    for index in 0..config.num_hidden_layers {
        let name = layer(index);
        // Adjacent, so that one matrix product computes queries, keys and values.
        for part in ["query", "key", "value"] {
            layout.add(format!("{name}.attention.self.{part}.weight"), &[hidden, hidden]);
        }
        for part in ["query", "key", "value"] {
            layout.add(format!("{name}.attention.self.{part}.bias"), &[hidden]);
        }
        linear(&mut layout, &format!("{name}.attention.output.dense"), hidden, hidden);
        layer_norm(&mut layout, &format!("{name}.attention.output.LayerNorm"), hidden);
        linear(&mut layout, &format!("{name}.intermediate.dense"), hidden, intermediate);
        linear(&mut layout, &format!("{name}.output.dense"), intermediate, hidden);
        layer_norm(&mut layout, &format!("{name}.output.LayerNorm"), hidden);
    }
    layout
}

/// All parameters of a BERT with the head `head`, in the order of the flat buffer: from the input to
/// the output. The decoder of the masked-LM head is tied to the word embeddings and has only a bias
/// of its own. Names are those of Hugging Face's class, where `BertModel` alone leaves out the
/// prefix `bert.`; transformers reads both.
pub fn layout(config: &Config, head: Head) -> Layout {
    let hidden = config.hidden_size;
    let mut layout = encoder_layout(config);
    if head.has_pooler() {
        linear(&mut layout, "bert.pooler.dense", hidden, hidden);
    }
    if head.has_masked_lm() {
        linear(&mut layout, "cls.predictions.transform.dense", hidden, hidden);
        layer_norm(&mut layout, "cls.predictions.transform.LayerNorm", hidden);
        layout.add("cls.predictions.bias", &[config.vocab_size]);
    }
    if head.has_next_sentence() {
        linear(&mut layout, "cls.seq_relationship", hidden, 2);
    }
    if let Some(num_labels) = head.num_labels() {
        linear(&mut layout, "classifier", hidden, num_labels);
    }
    if head == Head::QuestionAnswering {
        linear(&mut layout, "qa_outputs", hidden, 2);
    }
    layout
}

/// The first values of the parameters for which `wanted(name)` is true, in the layout's order; the
/// others are 0. Weights are drawn from a normal distribution with standard deviation
/// `initializer_range`, truncated at two standard deviations; weights of LayerNorm are 1, biases 0
/// (`create_initializer` of Google's `modeling.py`). The values of a parameter are a function of
/// `seed` and of its index in the layout alone.
pub fn initialize(
    layout: &Layout,
    config: &Config,
    seed: u64,
    wanted: impl Fn(&str) -> bool,
) -> Vec<f32> {
    draw(layout, seed, |name| wanted(name).then_some(config.initializer_range))
}

/// As [`initialize`], with `scale(name)` in place of `initializer_range`; a parameter without a scale is 0.
pub(super) fn draw(layout: &Layout, seed: u64, scale: impl Fn(&str) -> Option<f32>) -> Vec<f32> {
    let mut parameters = vec![0.0; layout.len()];
    let (mut rest, mut parts) = (parameters.as_mut_slice(), Vec::new());
    for (index, entry) in layout.entries().iter().enumerate() {
        let (values, behind) = rest.split_at_mut(entry.range.len());
        rest = behind;
        if let Some(scale) = scale(&entry.name)
            && !entry.name.ends_with("bias")
        {
            parts.push((index, entry, scale, values));
        }
    }
    threads::for_each(parts, |(index, entry, scale, values)| {
        if entry.name.ends_with("LayerNorm.weight") {
            return values.fill(1.0);
        }
        let mut generator = Generator::new(seed, Purpose::Initialization, 0, index as u64);
        truncated_normal(&mut generator, scale, values);
    });
    parameters
}

vectorized! {
    /// Normal numbers truncated at ±2, times `scale`, by rejection: x is uniform in ±2 and accepted
    /// with probability exp(−x²/2).
    pub(super) fn truncated_normal(generator: &mut Generator, scale: f32, values: &mut [f32]) {
        const STEP: f32 = 1.0 / (1 << 24) as f32;
        for value in values {
            *value = scale * loop {
                let x = (generator.next_u32() >> 8) as f32 * (4.0 * STEP) - 2.0;
                let u = (generator.next_u32() >> 8) as f32 * STEP;
                if u < math::exp(-0.5 * x * x) {
                    break x;
                }
            };
        }
    }
}

/// Whether weight decay applies: not to biases and LayerNorm (`exclude_from_weight_decay` of
/// Google's `optimization.py`).
pub fn decays(name: &str) -> bool {
    !name.ends_with("bias") && !name.contains("LayerNorm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_truncated_normal_has_its_moments() {
        let mut generator = Generator::new(1, Purpose::Testing, 0, 0);
        let mut draws = vec![0.0; 200_000];
        truncated_normal(&mut generator, 1.0, &mut draws);
        let draws: Vec<f64> = draws.into_iter().map(f64::from).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / draws.len() as f64;
        assert!(draws.iter().all(|x| x.abs() <= 2.0));
        // Variance of the normal cut at ±2 is 0.7737; standard errors are 0.002 and 0.0018.
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((variance - 0.7737).abs() < 0.01, "{variance}");
    }

    #[test]
    fn bert_base_has_its_published_number_of_parameters() {
        // 110 M of the paper; 110,106,428 of transformers' BertForPreTraining.
        assert_eq!(
            layout(&Config::named("base", 30_522).unwrap(), Head::Pretraining).len(),
            110_106_428
        );
    }
}
