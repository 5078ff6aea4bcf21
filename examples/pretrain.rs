//! The training loop on one page, from text to a filled blank: `cargo run --release --example pretrain`.
//!
//! Every step of pretraining, with the shapes beside the lines. `cloze::pretrain(text)…run()` does the same in one
//! call, and gives the same bits. The text is the built-in stories; any text with documents separated by blank lines
//! will do. In some seconds the model learns which kind of word fits between its neighbours. `cloze pretrain` takes two
//! minutes for the same text and learns which word.
//!
//! The book (docs/README.md) has a chapter for each part.

use cloze::autodiff::Mode;
use cloze::data::stories::STORIES;
use cloze::data::{
    Batch, Corpus, MaskSettings, PairSettings, Sampler, SentenceEncoder, Storage, TokenStore,
};
use cloze::model::{BatchShape, Bert, Config, Initialization, PretrainingPlan, weights};
use cloze::tensor::dropout::DropoutKey;
use cloze::tokenizer::{Tokenizer, TokenizerOptions, TrainerOptions, WordCounts, learn};
use cloze::train::gradient_tree::{clip_factor, global_norm};
use cloze::train::optimizer::{AdamW, Moments, groups};
use cloze::train::schedule::Schedule;
use std::sync::Arc;

const SEED: u64 = 1;
const STEPS: u64 = 300;
const LAYERS: usize = 2;
const HIDDEN: usize = 128; // H: the width of a hidden state
const BATCH: usize = 16; // B: sequences of a step
const SEQ: usize = 48; // T: tokens of a sequence
const MASKS: usize = 10; // M: masked positions of a sequence, at most

pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Chapters 2 and 3. Text to pieces: V entries, learned from the text itself.
    let options = TokenizerOptions::default();
    let mut words = WordCounts::new();
    words.add_text(&options.normalizer(), STORIES);
    let vocabulary = learn(&words, &TrainerOptions::default().with_vocab_size(1024))?; // V = 1006
    let tokenizer = Tokenizer::new(vocabulary, options);
    let vocabulary = tokenizer.vocabulary();

    // Chapters 4 and 5. Pieces to instances: [CLS] A [SEP] B [SEP], with some tokens masked.
    let corpus = Corpus::from_text("the stories", STORIES);
    let store = {
        let encoder = SentenceEncoder::of(&tokenizer);
        TokenStore::build(&corpus, &encoder, Storage::Memory, &mut |_, _| {})?
    };
    let documents = (0..store.documents() as u32).collect();
    let pairs = PairSettings::default().with_max_seq_length(SEQ);
    let masks = MaskSettings::default().with_max_predictions_per_seq(MASKS);
    let mut sampler =
        Sampler::new(Arc::new(store), documents, pairs, masks, vocabulary, SEED, "the stories")?;

    // Chapters 6 to 9. The model: N parameters in one flat buffer, and the plan of a step.
    let mut config = Config::new(LAYERS, HIDDEN, vocabulary.len());
    (config.hidden_dropout_prob, config.attention_probs_dropout_prob) = (0.0, 0.0);
    let mut bert = Bert::with_initialization(config, Initialization::Mimetic, SEED)?; // chapter 12
    let length = bert.layout.len(); // N
    let shape =
        BatchShape { batch_size: BATCH, max_seq_length: SEQ, max_predictions_per_seq: MASKS };
    let mut plan = PretrainingPlan::new(&bert, shape, Mode::Training, true, false)?;

    // Chapter 11. The optimizer: two moments for each parameter.
    let adamw = AdamW { bias_correction: true, ..AdamW::default() };
    let schedule = Schedule { learning_rate: 2e-3, num_train_steps: STEPS, num_warmup_steps: 30 };
    let groups = groups(&bert.layout, |_| true); // with weight decay, and without
    let mut moments = Moments::new(length); // m [N], v [N]
    let mut gradient = vec![0.0; length]; // [N]

    println!("{length} parameters, {} pieces", vocabulary.len());
    let mut batch = Batch::new(BATCH, SEQ, MASKS);
    for step in 0..STEPS {
        // 1. A batch: input_ids, token_type_ids, attention_mask [B, T];
        //    masked_lm_positions, masked_lm_ids [B·M]; next_sentence_labels [B].
        batch.clear(vocabulary.pad_id());
        while !batch.is_full() {
            batch.push(&sampler.next_instance());
        }
        let masked: f32 = batch.masked_lm_weights.iter().sum(); // masked tokens of the batch
        plan.load(&batch, 1.0 / masked, 1.0 / BATCH as f32); // these factors make sums to means

        // 2. Forward: ids [B, T] ─► embeddings [B, T, H] ─► layers [B, T, H]
        //      ─► at masked positions [B·M, H] ─► logits [B·M, V] ─► loss [1]
        //      ─► at [CLS]            [B, H]   ─► logits [B, 2]   ─► loss [1]
        let dropout = DropoutKey { seed: SEED, step: step as u32, first_sequence: 0 };
        let losses = plan.forward(&bert.parameters, dropout);

        // 3. Backward (chapter 10): the gradient of the sum of both losses, [N].
        plan.backward(&bert.parameters, &mut gradient, dropout);

        // 4. Update: clip the gradient to norm 1, then one step of AdamW.
        let factor = clip_factor(global_norm(&gradient), 1.0);
        let rate = schedule.learning_rate(step);
        adamw.step(&groups, &gradient, factor, rate, &mut moments, &mut bert.parameters);

        if step % 50 == 0 || step + 1 == STEPS {
            let (masked_lm, next) = (losses.masked_lm_loss, losses.next_sentence_loss);
            println!("step {step:>3}  rate {rate:.5}  masked words {masked_lm:.3}  next {next:.3}");
        }
    }
    println!("SHA-256 of the weights: {}", weights::digest(&bert.layout, &bert.parameters));

    // Chapter 13. The same functions, without dropout and without a backward pass.
    let model = cloze::Model::new(bert, tokenizer);
    for filled in model.fill_mask(&["The quick brown fox [MASK] over the lazy dog."], 3)? {
        for prediction in &filled.masks[0].predictions {
            println!("{:5.1} %  {}", 100.0 * prediction.probability, prediction.token);
        }
    }
    Ok(())
}
