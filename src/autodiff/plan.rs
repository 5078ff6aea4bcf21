//! The plan: a compiled graph with a buffer for every value, replayed for each batch.
//!
//! Time runs through the forward pass (operation i at time i), then through the backward pass
//! (operation i at time 2n − 1 − i). The live range of a buffer is from its first use to its last. Buffers
//! with disjoint live ranges share memory. Passes then allocate nothing, and their memory is known
//! before the first of them.

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

/// A buffer's place: which of the shared blocks, and how many of its elements.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    block: usize,
    length: usize,
}

/// Where an operation finds its buffers.
#[derive(Clone, Copy, Debug)]
struct Places {
    output: Place,
    saved: Place,
    scratch: Place,
    backward_scratch: Place,
    /// `None` when no loss depends on this operation.
    gradient: Option<Place>,
    /// For each operand that is a tensor or a parameter: whether an operation that runs earlier in the
    /// backward pass has already written its gradient.
    accumulate: [bool; MAX_OPERANDS],
}

/// A compiled graph with its memory, replayed for every batch of its shape.
pub struct Plan {
    mode: Mode,
    nodes: Vec<Node>,
    places: Vec<Places>,
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
    /// [`GraphError::Memory`] when there is not that much, [`GraphError::OverlappingParameters`] when
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
            for (place, operand) in node.operands.iter().enumerate() {
                if let Operand::Tensor(Tensor { node: source, .. }) = operand {
                    last_use[*source] = last_use[*source].max(i);
                    if active[i] {
                        if node.operation.backward_reads(place) {
                            last_use[*source] = last_use[*source].max(backward_time(i));
                        }
                        accumulate[i][place] = written[*source];
                        written[*source] = true;
                        first_gradient[*source] = first_gradient[*source].min(backward_time(i));
                    }
                }
                if let (true, Operand::Parameter(parameter)) = (active[i], operand) {
                    accumulate[i][place] = note_written(&mut written_parameters, &parameter.range)?;
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
        let place =
            |index: usize| Place { block: assigned[index], length: live_ranges[index].length };
        let places = indices
            .iter()
            .zip(accumulate)
            .map(|(&(output, saved, scratch, backward), accumulate)| Places {
                output: place(output),
                saved: place(saved),
                scratch: place(scratch),
                backward_scratch: backward.map_or(Place::default(), |(scratch, _)| place(scratch)),
                gradient: backward.map(|(_, gradient)| place(gradient)),
                accumulate,
            })
            .collect();
        let elements = [&blocks, &integers, &floats].into_iter().flatten();
        memory::check(elements.fold(0, |sum, &length| sum.saturating_add(length)))?;
        Ok(Self {
            mode,
            profile: Profile::new(nodes.iter().map(costs).collect()),
            nodes,
            places,
            blocks: blocks.into_iter().map(|length| vec![0.0; length]).collect(),
            integers: integers.into_iter().map(|length| vec![0; length]).collect(),
            floats: floats.into_iter().map(|length| vec![0.0; length]).collect(),
            row_counts: vec![usize::MAX; row_counts],
        })
    }

    /// The place of integers given from outside, to be filled before a pass.
    pub fn integers_mut(&mut self, integers: Integers) -> &mut [u32] {
        &mut self.integers[integers.slot]
    }

    /// The place of floats given from outside, to be filled before a pass.
    pub fn floats_mut(&mut self, floats: Floats) -> &mut [f32] {
        &mut self.floats[floats.slot]
    }

    /// Says how many rows are computed from the next pass on; more than there are means all.
    pub fn set_row_count(&mut self, count: RowCount, rows: usize) {
        self.row_counts[count.slot] = rows;
    }

    /// Elements of the rows of `node` that are computed.
    fn computed(&self, node: usize) -> usize {
        let Node { shape, rows, .. } = &self.nodes[node];
        let rows = rows.map_or(usize::MAX, |count| self.row_counts[count.slot]);
        shape.rows().min(rows) * shape.columns()
    }

    /// The value of a kept tensor after a pass.
    ///
    /// # Panics
    /// When the tensor was not [kept](Graph::keep): its memory may hold something else.
    pub fn value(&self, tensor: Tensor) -> &[f32] {
        assert!(self.nodes[tensor.node].kept, "only kept tensors can be read after a pass");
        self.slice(self.places[tensor.node].output)
    }

    /// Bytes of all buffers together.
    pub fn bytes(&self) -> usize {
        let elements = |buffers: &[Vec<f32>]| buffers.iter().map(Vec::len).sum::<usize>();
        let integers: usize = self.integers.iter().map(Vec::len).sum();
        4 * (elements(&self.blocks) + elements(&self.floats) + integers)
    }

    fn slice(&self, place: Place) -> &[f32] {
        &self.blocks[place.block][..place.length]
    }

    fn inputs<'a>(
        &'a self,
        node: usize,
        parameters: &'a [f32],
        backward: bool,
    ) -> OperandValues<'a> {
        let mut items = [OperandValue::Floats(&[]); MAX_OPERANDS];
        let node = &self.nodes[node];
        for (place, (item, operand)) in items.iter_mut().zip(&node.operands).enumerate() {
            *item = match operand {
                Operand::Tensor(_) if backward && !node.operation.backward_reads(place) => continue,
                Operand::Tensor(tensor) => {
                    let value = self.slice(self.places[tensor.node].output);
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

    /// Takes a buffer out of the plan, so that it can be written while the plan's others are read.
    fn lend(&mut self, place: Place) -> Vec<f32> {
        if place.length == 0 { Vec::new() } else { take(&mut self.blocks[place.block]) }
    }

    fn give_back(&mut self, place: Place, buffer: Vec<f32>) {
        if place.length > 0 {
            self.blocks[place.block] = buffer;
        }
    }

    /// Computes every operation in order.
    pub fn forward(&mut self, parameters: &[f32], dropout_key: DropoutKey) {
        for node in 0..self.nodes.len() {
            let start = Instant::now();
            self.forward_one(node, parameters, dropout_key);
            self.profile.forward(node, start.elapsed());
        }
    }

    /// What each operation has cost since the plan was made or [`Profile::reset`].
    pub fn profile(&mut self) -> &mut Profile {
        &mut self.profile
    }

    fn forward_one(&mut self, node: usize, parameters: &[f32], dropout_key: DropoutKey) {
        let Places { output, saved, scratch, gradient, .. } = self.places[node];
        let mut buffers = [output, saved, scratch].map(|place| self.lend(place));
        let [output_buffer, saved_buffer, scratch_buffer] = &mut buffers;
        self.nodes[node].operation.forward(Forward {
            inputs: self.inputs(node, parameters, false),
            output: &mut output_buffer[..self.computed(node)],
            saved: &mut saved_buffer[..saved.length],
            scratch: &mut scratch_buffer[..scratch.length],
            training: gradient.is_some(),
            dropout_key,
        });
        for (place, buffer) in [output, saved, scratch].into_iter().zip(buffers) {
            self.give_back(place, buffer);
        }
    }

    /// Writes the gradient of the sum of the losses to `gradients` (in the layout of `parameters`).
    /// The gradient of every parameter that a loss depends on is computed from zero and replaces
    /// what was there; other elements are left as they are. `dropout_key` must be that of the
    /// forward pass.
    ///
    /// # Panics
    /// In a plan for evaluation.
    pub fn backward(&mut self, parameters: &[f32], gradients: &mut [f32], dropout_key: DropoutKey) {
        assert!(self.mode == Mode::Training, "a plan for evaluation has no backward pass");
        for node in 0..self.nodes.len() {
            if let (true, Some(place)) = (self.nodes[node].loss, self.places[node].gradient) {
                let gradient = &mut self.blocks[place.block][..place.length];
                gradient.fill(0.0);
                gradient[0] = 1.0;
            }
        }
        for node in (0..self.nodes.len()).rev() {
            if let Some(gradient) = self.places[node].gradient {
                let start = Instant::now();
                self.backward_one(node, gradient, parameters, gradients, dropout_key);
                self.profile.backward(node, start.elapsed());
            }
        }
    }

    fn backward_one(
        &mut self,
        node: usize,
        gradient: Place,
        parameters: &[f32],
        gradients: &mut [f32],
        dropout_key: DropoutKey,
    ) {
        let Places { saved, backward_scratch: scratch, accumulate, .. } = self.places[node];
        let mut buffers = [gradient, saved, scratch].map(|place| self.lend(place));
        // The gradients of operands that are tensors are lent, those of parameters are cut from the
        // flat buffer.
        let mut lent: [Option<(Place, Vec<f32>)>; MAX_OPERANDS] = [const { None }; MAX_OPERANDS];
        let mut lengths = [0; MAX_OPERANDS];
        for place in 0..self.nodes[node].operands.len() {
            if let Operand::Tensor(tensor) = &self.nodes[node].operands[place]
                && let Some(target) = self.places[tensor.node].gradient
            {
                lengths[place] = self.computed(tensor.node);
                lent[place] = Some((target, self.lend(target)));
            }
        }
        let mut targets = [const { None }; MAX_OPERANDS];
        cut_parameters(&self.nodes[node].operands, &accumulate, gradients, &mut targets);
        for (place, lent) in lent.iter_mut().enumerate() {
            if let Some((_, buffer)) = lent {
                let data = &mut buffer[..lengths[place]];
                targets[place] = Some(Gradient { data, accumulate: accumulate[place] });
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
        for (place, buffer) in lent.into_iter().flatten() {
            self.give_back(place, buffer);
        }
        for (place, buffer) in [gradient, saved, scratch].into_iter().zip(buffers) {
            self.give_back(place, buffer);
        }
    }
}

/// What one operation has to do. Parameters are left out of the bytes: few are touched more than
/// once, and of an embedding table only some rows.
fn costs(node: &Node) -> Costs {
    let operation = &node.operation;
    let tensors = |backward: bool| -> usize {
        let read = node.operands.iter().enumerate().map(|(place, operand)| match operand {
            Operand::Tensor(tensor) if !backward || operation.backward_reads(place) => {
                tensor.shape.elements()
            }
            _ => 0,
        });
        read.sum()
    };
    let (output, saved) = (operation.output(), operation.saved());
    Costs {
        name: operation.name(),
        flop: operation.flop(),
        // Backward reads the gradient of its output, and writes one for each operand.
        bytes: [tensors(false) + output + saved, tensors(true) + output + saved + tensors(false)]
            .map(|elements| 4 * elements as u64),
    }
}

/// Which operations a loss depends on.
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
    /// One line an operation: name, shape, bytes of output and saved values, place in the model.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>4}  {:<22} {:<20} {:>12} {:>12}  scope",
            "", "operation", "shape", "output", "saved"
        )?;
        for (i, (node, places)) in self.nodes.iter().zip(&self.places).enumerate() {
            let saved = if places.gradient.is_some() { 4 * places.saved.length } else { 0 };
            writeln!(
                f,
                "{i:>4}  {:<22} {:<20} {:>12} {saved:>12}  {}",
                node.operation.name(),
                node.shape.to_string(),
                4 * places.output.length,
                node.scope,
            )?;
        }
        writeln!(f, "{} bytes in {} shared blocks", self.bytes(), self.blocks.len())
    }
}
