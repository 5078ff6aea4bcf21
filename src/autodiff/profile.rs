//! The time that each operation of a plan takes. Measuring costs two clock readings per operation, so it
//! is always on. No result depends on it.

use super::graph::{Node, Operand};
use std::time::Duration;

/// The work of one operation, forward and backward.
#[derive(Clone, Debug)]
pub(super) struct Costs {
    /// Its name.
    pub name: &'static str,
    /// Floating-point operations of its matrix products.
    pub flop: [u64; 2],
    /// Bytes of tensors that it reads and writes.
    pub bytes: [u64; 2],
}

impl Costs {
    /// The work of one operation. The bytes leave parameters out: most are read once, and a lookup reads
    /// only some rows of an embedding table.
    pub(super) fn of(node: &Node) -> Self {
        let operation = &node.operation;
        let tensors = |backward: bool| -> usize {
            let read = node.operands.iter().enumerate().map(|(index, operand)| match operand {
                Operand::Tensor(tensor) if !backward || operation.backward_reads(index) => {
                    tensor.shape.elements()
                }
                _ => 0,
            });
            read.sum()
        };
        let (output, saved) = (operation.output(), operation.saved());
        Self {
            name: operation.name(),
            flop: operation.flop(),
            // Backward reads the gradient of its output, and writes one for each operand.
            bytes: [
                tensors(false) + output + saved,
                tensors(true) + output + saved + tensors(false),
            ]
            .map(|elements| 4 * elements as u64),
        }
    }
}

/// The costs of a plan's operations and the time spent in each.
#[derive(Clone, Debug)]
pub struct Profile {
    costs: Vec<Costs>,
    times: Vec<[Duration; 2]>,
    /// Passes, forward and backward.
    passes: [u32; 2],
}

/// All operations of one name in one direction.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Row {
    /// Name of the operation.
    pub operation: &'static str,
    /// `forward` or `backward`.
    pub pass: &'static str,
    /// Mean milliseconds per step.
    pub ms: f64,
    /// Floating-point operations of matrix products per step.
    pub flop: u64,
    /// Bytes of tensors read and written per step.
    pub bytes: u64,
}

impl Profile {
    pub(super) fn new(costs: Vec<Costs>) -> Self {
        Self { times: vec![[Duration::ZERO; 2]; costs.len()], costs, passes: [0; 2] }
    }

    pub(super) fn forward(&mut self, node: usize, time: Duration) {
        self.times[node][0] += time;
        self.passes[0] += u32::from(node == 0);
    }

    pub(super) fn backward(&mut self, node: usize, time: Duration) {
        self.times[node][1] += time;
        self.passes[1] += u32::from(node == 0);
    }

    /// Sets all times to zero.
    pub fn reset(&mut self) {
        self.times.fill([Duration::ZERO; 2]);
        self.passes = [0; 2];
    }

    /// One row for each name and direction that has taken time, in the order of the graph. Divides by
    /// `steps`, the number of steps since the last reset; each step has the same number of passes.
    pub fn rows(&self, steps: usize) -> Vec<Row> {
        let steps = steps.max(1);
        let mut rows: Vec<Row> = Vec::new();
        for (direction, pass) in ["forward", "backward"].into_iter().enumerate() {
            for (costs, time) in self.costs.iter().zip(&self.times) {
                if time[direction].is_zero() {
                    continue;
                }
                let same = |row: &Row| row.operation == costs.name && row.pass == pass;
                let index = rows.iter().position(same).unwrap_or_else(|| {
                    rows.push(Row { operation: costs.name, pass, ms: 0.0, flop: 0, bytes: 0 });
                    rows.len() - 1
                });
                let row = &mut rows[index];
                let passes = u64::from(self.passes[direction]) / steps as u64;
                row.ms += 1e3 * time[direction].as_secs_f64() / steps as f64;
                row.flop += passes * costs.flop[direction];
                row.bytes += passes * costs.bytes[direction];
            }
        }
        rows
    }
}
