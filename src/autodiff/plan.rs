//! The plan: a compiled graph with a buffer for every value, replayed for each batch.
//!
//! Time runs through the forward pass (operation i at time i), then through the backward pass
//! (operation i at time 2n − 1 − i). The live range of a buffer is from its first use to its last. Buffers
//! with disjoint live ranges share memory. A pass then allocates nothing, and its memory is known before
//! the first pass.

use super::graph::{Floats, Graph, GraphError, Integers, Node, Operand, RowCount, Tensor};
use super::live_ranges::{LiveRange, share};
use super::operation::{
    Backward, Forward, Gradient, Gradients, MAX_OPERANDS, OperandValue, OperandValues,
};
use super::parameter_gradients::{cut_parameters, note_written};
use super::profile::{Costs, Profile};
use crate::system::{memory, threads};
use crate::tensor::dropout::DropoutKey;
use std::fmt;
use std::mem::take;
use std::ops::Range;
use std::time::Instant;

/// Whether a backward pass will follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forward and backward.
    Training,
    /// Forward only; nothing is kept for a backward pass.
    Evaluation,
}

/// The memory of one buffer: the first `length` elements of a shared block.
#[derive(Clone, Copy, Debug, Default)]
struct Allocation {
    block: usize,
    length: usize,
}

/// The buffers of an operation.
#[derive(Clone, Copy, Debug)]
struct Allocations {
    output: Allocation,
    saved: Allocation,
    scratch: Allocation,
    backward_scratch: Allocation,
    /// The gradient of the output; `None` when no loss depends on this operation.
    gradient: Option<Allocation>,
    /// For each operand that is a tensor or a parameter: whether an operation that runs earlier in the
    /// backward pass has already written its gradient.
    accumulate: [bool; MAX_OPERANDS],
}

/// A compiled graph with its memory, replayed for every batch of its shape.
pub struct Plan {
    mode: Mode,
    nodes: Vec<Node>,
    allocations: Vec<Allocations>,
    blocks: Vec<Vec<f32>>,
    integers: Vec<Vec<u32>>,
    floats: Vec<Vec<f32>>,
    row_counts: Vec<usize>,
    profile: Profile,
}

impl Plan {
    /// Gives every value of `graph` its memory, for the threads of the current pool.
    ///
    /// # Errors
    /// [`GraphError::Memory`] when the machine has too little memory, [`GraphError::OverlappingParameters`] when
    /// a training graph reads parameter ranges that overlap without being equal.
    pub fn new(graph: Graph<'_>, mode: Mode) -> Result<Self, GraphError> {
        let Graph { nodes, integers, floats, row_counts, .. } = graph;
        let n = nodes.len();
        let training = mode == Mode::Training;
        let active = if training { active(&nodes) } else { vec![false; n] };
        let backward_time = |node: usize| 2 * n - 1 - node;
        let mut live_ranges = Vec::new();
        let add = |live_ranges: &mut Vec<LiveRange>, start, end, length| {
            live_ranges.push(LiveRange { start, end, length });
            live_ranges.len() - 1
        };

        // Values live until their last reader, forward or backward.
        let mut last_use: Vec<usize> =
            (0..n).map(|i| if nodes[i].kept { 2 * n } else { i }).collect();
        let mut first_gradient: Vec<usize> =
            (0..n).map(|i| if nodes[i].loss { n } else { 2 * n }).collect();
        let mut accumulate = vec![[false; MAX_OPERANDS]; n];
        let mut written: Vec<bool> = nodes.iter().map(|node| node.loss).collect();
        let mut written_parameters: Vec<Range<usize>> = Vec::new();
        for (i, node) in nodes.iter().enumerate().rev() {
            for (index, operand) in node.operands.iter().enumerate() {
                if let Operand::Tensor(Tensor { node: source, .. }) = operand {
                    last_use[*source] = last_use[*source].max(i);
                    if active[i] {
                        if node.operation.backward_reads(index) {
                            last_use[*source] = last_use[*source].max(backward_time(i));
                        }
                        accumulate[i][index] = written[*source];
                        written[*source] = true;
                        first_gradient[*source] = first_gradient[*source].min(backward_time(i));
                    }
                }
                if let (true, Operand::Parameter(parameter)) = (active[i], operand) {
                    accumulate[i][index] = note_written(&mut written_parameters, &parameter.range)?;
                }
            }
        }
        let threads = threads::count();
        let mut indices = Vec::with_capacity(n);
        for (i, node) in nodes.iter().enumerate() {
            let operation = &node.operation;
            let saved = if active[i] { operation.saved() } else { operation.saved_in_evaluation() };
            let (back, scratch) = (backward_time(i), operation.scratch(threads));
            indices.push((
                add(&mut live_ranges, i, last_use[i], operation.output()),
                add(&mut live_ranges, i, if active[i] { back } else { i }, saved),
                add(&mut live_ranges, i, i, scratch),
                active[i].then(|| {
                    let gradient =
                        add(&mut live_ranges, first_gradient[i], back, operation.output());
                    (add(&mut live_ranges, back, back, scratch), gradient)
                }),
            ));
        }
        let (assigned, blocks) = share(&live_ranges);
        let allocation =
            |i: usize| Allocation { block: assigned[i], length: live_ranges[i].length };
        let allocations = indices
            .iter()
            .zip(accumulate)
            .map(|(&(output, saved, scratch, backward), accumulate)| Allocations {
                output: allocation(output),
                saved: allocation(saved),
                scratch: allocation(scratch),
                backward_scratch: backward
                    .map_or(Allocation::default(), |(scratch, _)| allocation(scratch)),
                gradient: backward.map(|(_, gradient)| allocation(gradient)),
                accumulate,
            })
            .collect();
        let elements = [&blocks, &integers, &floats].into_iter().flatten();
        memory::check(elements.fold(0, |sum, &length| sum.saturating_add(length)))?;
        Ok(Self {
            mode,
            profile: Profile::new(nodes.iter().map(Costs::of).collect()),
            nodes,
            allocations,
            blocks: blocks.into_iter().map(|length| vec![0.0; length]).collect(),
            integers: integers.into_iter().map(|length| vec![0; length]).collect(),
            floats: floats.into_iter().map(|length| vec![0.0; length]).collect(),
            row_counts: vec![usize::MAX; row_counts],
        })
    }

    /// The buffer of an input of integers, to be filled before a pass.
    pub fn integers_mut(&mut self, integers: Integers) -> &mut [u32] {
        &mut self.integers[integers.slot]
    }

    /// The buffer of an input of floats, to be filled before a pass.
    pub fn floats_mut(&mut self, floats: Floats) -> &mut [f32] {
        &mut self.floats[floats.slot]
    }

    /// Sets how many rows are computed from the next pass on. A number above the rows of a tensor means
    /// all of them.
    pub fn set_row_count(&mut self, count: RowCount, rows: usize) {
        self.row_counts[count.slot] = rows;
    }

    /// The number of elements of `node`'s output that a pass computes: whole rows.
    fn computed(&self, node: usize) -> usize {
        let Node { shape, rows, .. } = &self.nodes[node];
        let rows = rows.map_or(usize::MAX, |count| self.row_counts[count.slot]);
        shape.rows().min(rows) * shape.columns()
    }

    /// The value of a kept tensor after a pass.
    ///
    /// # Panics
    /// When the tensor was not [kept](Graph::keep): a later operation may have overwritten its memory.
    pub fn value(&self, tensor: Tensor) -> &[f32] {
        assert!(self.nodes[tensor.node].kept, "only kept tensors can be read after a pass");
        self.slice(self.allocations[tensor.node].output)
    }

    /// Bytes of all buffers together.
    pub fn bytes(&self) -> usize {
        let elements = |buffers: &[Vec<f32>]| buffers.iter().map(Vec::len).sum::<usize>();
        let integers: usize = self.integers.iter().map(Vec::len).sum();
        4 * (elements(&self.blocks) + elements(&self.floats) + integers)
    }

    fn slice(&self, allocation: Allocation) -> &[f32] {
        &self.blocks[allocation.block][..allocation.length]
    }

    /// The values of the operands of `node`. In a backward pass, tensors that it does not read are
    /// empty.
    fn inputs<'a>(
        &'a self,
        node: usize,
        parameters: &'a [f32],
        backward: bool,
    ) -> OperandValues<'a> {
        let mut items = [OperandValue::Floats(&[]); MAX_OPERANDS];
        let node = &self.nodes[node];
        for (index, (item, operand)) in items.iter_mut().zip(&node.operands).enumerate() {
            *item = match operand {
                Operand::Tensor(_) if backward && !node.operation.backward_reads(index) => continue,
                Operand::Tensor(tensor) => {
                    let value = self.slice(self.allocations[tensor.node].output);
                    OperandValue::Floats(&value[..self.computed(tensor.node)])
                }
                Operand::Parameter(parameter) => {
                    OperandValue::Floats(&parameters[parameter.range.clone()])
                }
                Operand::Integers(integers) => {
                    OperandValue::Integers(&self.integers[integers.slot])
                }
                Operand::Floats(floats) => OperandValue::Floats(&self.floats[floats.slot]),
            };
        }
        OperandValues { items }
    }

    /// Takes a block out of the plan, so that it can be written while other blocks are read.
    fn lend(&mut self, allocation: Allocation) -> Vec<f32> {
        if allocation.length == 0 { Vec::new() } else { take(&mut self.blocks[allocation.block]) }
    }

    /// Puts a block that was lent back into the plan.
    fn give_back(&mut self, allocation: Allocation, block: Vec<f32>) {
        if allocation.length > 0 {
            self.blocks[allocation.block] = block;
        }
    }

    /// Computes every operation in order. `parameters` are flat, in the layout of the graph.
    pub fn forward(&mut self, parameters: &[f32], dropout_key: DropoutKey) {
        threads::awake(|| {
            for node in 0..self.nodes.len() {
                let start = Instant::now();
                self.forward_one(node, parameters, dropout_key);
                self.profile.forward(node, start.elapsed());
            }
        });
    }

    /// The time that each operation has taken since the plan was made or [`Profile::reset`].
    pub fn profile(&mut self) -> &mut Profile {
        &mut self.profile
    }

    fn forward_one(&mut self, node: usize, parameters: &[f32], dropout_key: DropoutKey) {
        let Allocations { output, saved, scratch, gradient, .. } = self.allocations[node];
        let mut buffers = [output, saved, scratch].map(|allocation| self.lend(allocation));
        let [output_buffer, saved_buffer, scratch_buffer] = &mut buffers;
        self.nodes[node].operation.forward(Forward {
            inputs: self.inputs(node, parameters, false),
            output: &mut output_buffer[..self.computed(node)],
            saved: &mut saved_buffer[..saved.length],
            scratch: &mut scratch_buffer[..scratch.length],
            training: gradient.is_some(),
            dropout_key,
        });
        for (allocation, buffer) in [output, saved, scratch].into_iter().zip(buffers) {
            self.give_back(allocation, buffer);
        }
    }

    /// Writes the gradient of the sum of the losses to `gradients` (in the layout of `parameters`).
    /// The gradient of every parameter that a loss depends on is computed from zero and replaces the
    /// previous content; other elements do not change. `dropout_key` must be that of the forward pass.
    ///
    /// # Panics
    /// In a plan for evaluation.
    pub fn backward(&mut self, parameters: &[f32], gradients: &mut [f32], dropout_key: DropoutKey) {
        assert!(self.mode == Mode::Training, "a plan for evaluation has no backward pass");
        for node in 0..self.nodes.len() {
            let gradient = self.allocations[node].gradient;
            if let (true, Some(Allocation { block, length })) = (self.nodes[node].loss, gradient) {
                let gradient = &mut self.blocks[block][..length];
                gradient.fill(0.0);
                gradient[0] = 1.0;
            }
        }
        for node in (0..self.nodes.len()).rev() {
            if let Some(gradient) = self.allocations[node].gradient {
                let start = Instant::now();
                self.backward_one(node, gradient, parameters, gradients, dropout_key);
                self.profile.backward(node, start.elapsed());
            }
        }
    }

    fn backward_one(
        &mut self,
        node: usize,
        gradient: Allocation,
        parameters: &[f32],
        gradients: &mut [f32],
        dropout_key: DropoutKey,
    ) {
        let Allocations { saved, backward_scratch: scratch, accumulate, .. } =
            self.allocations[node];
        let mut buffers = [gradient, saved, scratch].map(|allocation| self.lend(allocation));
        // Gradients of tensors are lent blocks; gradients of parameters are ranges of the flat buffer.
        let mut lent: [Option<(Allocation, Vec<f32>)>; MAX_OPERANDS] =
            [const { None }; MAX_OPERANDS];
        let mut lengths = [0; MAX_OPERANDS];
        for index in 0..self.nodes[node].operands.len() {
            if let Operand::Tensor(tensor) = &self.nodes[node].operands[index]
                && let Some(target) = self.allocations[tensor.node].gradient
            {
                lengths[index] = self.computed(tensor.node);
                lent[index] = Some((target, self.lend(target)));
            }
        }
        let mut targets = [const { None }; MAX_OPERANDS];
        cut_parameters(&self.nodes[node].operands, &accumulate, gradients, &mut targets);
        for (index, lent) in lent.iter_mut().enumerate() {
            if let Some((_, buffer)) = lent {
                let data = &mut buffer[..lengths[index]];
                targets[index] = Some(Gradient { data, accumulate: accumulate[index] });
            }
        }
        let [gradient_buffer, saved_buffer, scratch_buffer] = &mut buffers;
        self.nodes[node].operation.backward(Backward {
            inputs: self.inputs(node, parameters, true),
            output_gradient: &mut gradient_buffer[..self.computed(node)],
            saved: &mut saved_buffer[..saved.length],
            scratch: &mut scratch_buffer[..scratch.length],
            dropout_key,
            gradients: Gradients { items: targets },
        });
        for (allocation, buffer) in lent.into_iter().flatten() {
            self.give_back(allocation, buffer);
        }
        for (allocation, buffer) in [gradient, saved, scratch].into_iter().zip(buffers) {
            self.give_back(allocation, buffer);
        }
    }
}

/// For each operation, whether a loss depends on it.
fn active(nodes: &[Node]) -> Vec<bool> {
    let mut active: Vec<bool> = nodes.iter().map(|node| node.loss).collect();
    for (i, node) in nodes.iter().enumerate().rev() {
        for operand in &node.operands {
            if let (true, Operand::Tensor(tensor)) = (active[i], operand) {
                active[tensor.node] = true;
            }
        }
    }
    active
}

impl fmt::Display for Plan {
    /// One line per operation: name, shape, bytes of output and saved values, part of the model.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>4}  {:<22} {:<20} {:>12} {:>12}  scope",
            "", "operation", "shape", "output", "saved"
        )?;
        for (i, (node, allocations)) in self.nodes.iter().zip(&self.allocations).enumerate() {
            let saved =
                if allocations.gradient.is_some() { 4 * allocations.saved.length } else { 0 };
            writeln!(
                f,
                "{i:>4}  {:<22} {:<20} {:>12} {saved:>12}  {}",
                node.operation.name(),
                node.shape.to_string(),
                4 * allocations.output.length,
                node.scope,
            )?;
        }
        writeln!(f, "{} bytes in {} shared blocks", self.bytes(), self.blocks.len())
    }
}
