//! The sum of three embeddings (BERT paper, figure 2): for token t at position p of its sequence,
//!
//! ```text
//! y[t] = word[input_ids[t]] + position[p] + token_type[token_type_ids[t]]
//! ```
//!
//! Shapes: ids `[batch, seq]`, tables `[vocab_size, hidden]`, `[max_position_embeddings, hidden]`,
//! `[type_vocab_size, hidden]`, y `[batch, seq, hidden]`. Rows of padding may be left out: token t has
//! the flat index `row_ids[t]` into `[batch, seq]`, and p is that index modulo seq. Nothing is saved.
//!
//! Backward adds dy to the rows that were read. Order of summation: the gradients of words and
//! positions in token order (a task owns a range of rows of the table and looks at every token); the
//! gradients of segments by chunks of 64 tokens, then chunks in order. Ids must be in range; `data/`
//! checks them.

use super::super::graph::{Graph, GraphError, Integers, Parameter, RowCount, Tensor};
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand, Shape,
};
use crate::system::threads::{SplitOutput, for_each_range};
use crate::tensor::dropout::DropoutKey;
use crate::tensor::kernels::{ROW_CHUNK, add, add_chunks};

/// Indices of the operands.
const INPUT_IDS: usize = 0;
const TOKEN_TYPE_IDS: usize = 1;
const ROW_IDS: usize = 2;
const WORD: usize = 3;
const POSITION: usize = 4;
const TOKEN_TYPE: usize = 5;

impl Reference for Embedding {
    fn reference_forward(
        &self,
        inputs: &[ReferenceOperand],
        _dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let [input_ids, token_type_ids, row_ids] =
            [INPUT_IDS, TOKEN_TYPE_IDS, ROW_IDS].map(|index| inputs[index].integers()); // [tokens]
        let [word, position, token_type] =
            [WORD, POSITION, TOKEN_TYPE].map(|index| inputs[index].floats()); // [table rows, hidden]
        let mut y = Vec::new(); // [tokens, hidden]
        for t in 0..self.tokens {
            let p = row_ids[t] as usize % self.seq;
            for c in 0..self.hidden {
                y.push(
                    word[input_ids[t] as usize * self.hidden + c]
                        + position[p * self.hidden + c]
                        + token_type[token_type_ids[t] as usize * self.hidden + c],
                );
            }
        }
        y
    }

    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        _dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>> {
        let [input_ids, token_type_ids, row_ids] =
            [INPUT_IDS, TOKEN_TYPE_IDS, ROW_IDS].map(|index| inputs[index].integers()); // [tokens]
        let [mut d_word, mut d_position, mut d_token_type] =
            [WORD, POSITION, TOKEN_TYPE].map(|index| vec![0.0; inputs[index].floats().len()]); // likewise
        for t in 0..self.tokens {
            let p = row_ids[t] as usize % self.seq;
            for c in 0..self.hidden {
                let dy = output_gradient[t * self.hidden + c];
                d_word[input_ids[t] as usize * self.hidden + c] += dy;
                d_position[p * self.hidden + c] += dy;
                d_token_type[token_type_ids[t] as usize * self.hidden + c] += dy;
            }
        }
        vec![vec![], vec![], vec![], d_word, d_position, d_token_type]
    }
}

/// Word + position + segment embeddings.
pub struct Embedding {
    tokens: usize,
    seq: usize,
    hidden: usize,
    types: usize,
}

/// The ids to embed, each `[batch, seq]`. Only the first `rows` entries are tokens.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddingIds {
    /// Ids of the word pieces.
    pub input_ids: Integers,
    /// 0 for sentence A, 1 for sentence B.
    pub token_type_ids: Integers,
    /// `row_ids[t]` is token t's flat index into `[batch, seq]`.
    pub row_ids: Integers,
}

/// The embedding tables.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddingTables<'a> {
    /// `[vocab_size, hidden]`.
    pub word: &'a Parameter,
    /// `[max_position_embeddings, hidden]`.
    pub position: &'a Parameter,
    /// `[type_vocab_size, hidden]`.
    pub token_type: &'a Parameter,
}

/// Pushes the embeddings of the first `rows` tokens of `ids`; y is `[batch, seq, hidden]`.
///
/// # Errors
/// When the tables' widths differ, or `seq` is longer than the position table.
pub fn embedding_sum(
    g: &mut Graph<'_>,
    [batch, seq]: [usize; 2],
    ids: EmbeddingIds,
    rows: RowCount,
    tables: EmbeddingTables<'_>,
) -> Result<Tensor, GraphError> {
    const NAME: &str = "embedding_sum";
    let EmbeddingIds { input_ids, token_type_ids, row_ids } = ids;
    let EmbeddingTables { word, position, token_type } = tables;
    let hidden = word.shape.columns();
    for table in [position, token_type] {
        let fits = table.shape.columns() == hidden;
        g.check(fits, NAME, "an embedding table", table.shape, format!("[…, {hidden}]"))?;
    }
    let positions = position.shape.rows();
    g.check(seq <= positions, NAME, "the sequence", seq, format!("at most {positions}"))?;
    for ids in [input_ids, token_type_ids, row_ids] {
        g.check(ids.length == batch * seq, NAME, "the ids", ids.length, batch * seq)?;
    }
    let types = token_type.shape.rows();
    g.push_with_rows(
        Embedding { tokens: batch * seq, seq, hidden, types },
        &[
            input_ids.into(),
            token_type_ids.into(),
            row_ids.into(),
            word.into(),
            position.into(),
            token_type.into(),
        ],
        Shape::new(&[batch, seq, hidden]),
        Some(rows),
    )
}

impl Operation for Embedding {
    fn name(&self) -> &'static str {
        "embedding_sum"
    }

    fn output(&self) -> usize {
        self.tokens * self.hidden
    }

    fn scratch(&self, _threads: usize) -> usize {
        self.tokens.div_ceil(ROW_CHUNK) * self.types * self.hidden
    }

    fn forward(&self, pass: Forward<'_>) {
        let [ids, types, row_ids] =
            [INPUT_IDS, TOKEN_TYPE_IDS, ROW_IDS].map(|index| pass.inputs.integers(index)); // [tokens]
        let word = pass.inputs.floats(WORD); // [vocab_size, hidden]
        let position = pass.inputs.floats(POSITION); // [max_position_embeddings, hidden]
        let token_type = pass.inputs.floats(TOKEN_TYPE); // [type_vocab_size, hidden]
        let width = self.hidden;
        let tokens = pass.output.len() / width;
        let row = |index: usize| index * width..(index + 1) * width;

        // 1. y[t] = word[id] + position[p] + token_type[type]
        let outputs = [SplitOutput::new(pass.output, width)]; // [tokens, hidden]
        for_each_range(tokens, outputs, &mut [], 0, |range, [y], _| {
            for (t, y) in range.zip(y.chunks_exact_mut(width)) {
                y.copy_from_slice(&word[row(ids[t] as usize)]);
                add(&position[row(row_ids[t] as usize % self.seq)], y);
                add(&token_type[row(types[t] as usize)], y);
            }
        });
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let [ids, types, row_ids] =
            [INPUT_IDS, TOKEN_TYPE_IDS, ROW_IDS].map(|index| pass.inputs.integers(index)); // [tokens]
        let dy = &*pass.output_gradient; // [tokens, hidden]
        let width = self.hidden;

        // 1. d_word[id] += dy[t]
        if let Some(d_word) = pass.gradients.take(WORD) {
            let d_word = d_word.to_add(); // [vocab_size, hidden]
            let rows = d_word.len() / width;
            for_each_range(rows, [SplitOutput::new(d_word, width)], &mut [], 0, |range, [d], _| {
                for (dy, &id) in dy.chunks_exact(width).zip(ids) {
                    let id = id as usize;
                    if range.contains(&id) {
                        add(dy, &mut d[(id - range.start) * width..][..width]);
                    }
                }
            });
        }

        // 2. d_position[p] += dy[t]
        if let Some(d_position) = pass.gradients.take(POSITION) {
            let d_position = &mut d_position.to_add()[..self.seq * width]; // [seq, hidden]
            let outputs = [SplitOutput::new(d_position, width)];
            for_each_range(self.seq, outputs, &mut [], 0, |range, [d], _| {
                for (dy, &row_id) in dy.chunks_exact(width).zip(row_ids) {
                    let position = row_id as usize % self.seq;
                    if range.contains(&position) {
                        add(dy, &mut d[(position - range.start) * width..][..width]);
                    }
                }
            });
        }

        // 3. d_token_type[type] += Σ dy[t]: by chunk, then the chunks in order
        if let Some(d_type) = pass.gradients.take(TOKEN_TYPE) {
            let chunks = (dy.len() / width).div_ceil(ROW_CHUNK);
            let table = self.types * width;
            let partial = &mut pass.scratch[..chunks * table]; // [chunks, type_vocab_size, hidden]
            let outputs = [SplitOutput::new(partial, table)];
            for_each_range(chunks, outputs, &mut [], 0, |range, [partial], _| {
                for (chunk, partial) in range.zip(partial.chunks_exact_mut(table)) {
                    partial.fill(0.0);
                    let first = chunk * ROW_CHUNK;
                    let rows = dy[first * width..].chunks_exact(width).take(ROW_CHUNK);
                    for (dy, &id) in rows.zip(&types[first..]) {
                        add(dy, &mut partial[id as usize * width..][..width]);
                    }
                }
            });
            add_chunks(partial, d_type.to_add()); // [type_vocab_size, hidden]
        }
    }

    fn cases() -> Vec<Case> {
        [(1, 1, 1, 1), (2, 3, 5, 2), (13, 11, 19, 2)]
            .into_iter()
            .map(|(batch, seq, hidden, types)| {
                let (tokens, vocabulary) = (batch * seq, 7u32);
                Case {
                    operation: Box::new(Self { tokens, seq, hidden, types }),
                    inputs: vec![
                        CaseInput::Integers(
                            (0..tokens as u32).map(|i| i * i % vocabulary).collect(),
                        ),
                        CaseInput::Integers((0..tokens).map(|i| (i / 2 % types) as u32).collect()),
                        CaseInput::Integers((0..tokens as u32).map(|t| 2 * t).collect()),
                        CaseInput::Random(vocabulary as usize * hidden),
                        // A table longer than the sequence: the rows beyond get no gradient.
                        CaseInput::Random((seq + 2) * hidden),
                        CaseInput::Random(types * hidden),
                    ],
                }
            })
            .collect()
    }
}
