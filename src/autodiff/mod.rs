//! Reverse-mode automatic differentiation over a graph that is built once and replayed.
//!
//! Read in this order:
//! - [`Graph`]: the operations of a model and their operands.
//! - [`ops`]: one file per operation, forward and backward side by side, with the equations.
//! - [`Plan`]: gives every value its memory; `forward` and `backward` replay the graph.
//! - [`Layout`]: parameters, gradients and optimizer moments as flat buffers with named ranges.
//!
//! Every operation is checked: the line of `ops` that compiles a file in also lists its cases for the
//! gradient check.

mod graph;
mod live_ranges;
mod operation;
pub mod ops;
mod parameter_gradients;
mod parameters;
mod plan;
mod profile;

pub use graph::{Floats, Graph, GraphError, Integers, Operand, Parameter, RowCount, Tensor};
pub use operation::{
    Backward, Case, CaseInput, Forward, Gradient, Gradients, MAX_OPERANDS, OperandValue,
    OperandValues, Operation, Reference, ReferenceOperand, Shape,
};
pub use parameters::{Entry, Layout};
pub use plan::{Mode, Plan};
pub use profile::{Profile, Row};
