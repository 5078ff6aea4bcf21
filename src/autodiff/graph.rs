//! The graph: the operations of a model and their operands, for one shape of batch.
//!
//! A model is ordinary functions that push operations (`let h = linear(g, x, &w, &b)?`). Shape errors
//! surface here, while building. [`Plan`](super::Plan) then gives every value its memory.

use super::operation::{MAX_OPERANDS, Operation, Shape};
use super::parameters::Layout;
use crate::system::memory::OutOfMemory;
use std::ops::Range;

/// A mistake in building a graph.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphError {
    /// Operands whose shapes do not fit together.
    #[error("{operation} in `{scope}`: {what} is {got}, but {expected} is needed")]
    Shape {
        /// The operation.
        operation: &'static str,
        /// The part of the model.
        scope: String,
        /// The operand.
        what: &'static str,
        /// Its shape.
        got: String,
        /// The shape that would fit.
        expected: String,
    },
    /// The layout has no parameter of this name.
    #[error("the model has no parameter `{0}`")]
    NoParameter(String),
    /// Stacked parameters that are not adjacent in the flat buffer, or differ in width.
    #[error("parameters {0:?} do not lie side by side with equal widths")]
    NotAdjacent(Vec<String>),
    /// One operation has the same tensor or parameter twice among its operands. Both gradients would
    /// be written to one buffer.
    #[error("{0} in `{1}` has the same operand twice")]
    SameOperand(&'static str, String),
    /// Two ranges of parameters that overlap in part. A backward pass either stores a range or adds to
    /// it; it cannot do both within one range.
    #[error(
        "parameters {0:?} and {1:?} of the flat buffer overlap in part; every operation must use them \
         either separately or stacked in the same way"
    )]
    OverlappingParameters(Range<usize>, Range<usize>),
    /// The plan needs more memory than the machine has.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}

/// A tensor of the graph: the output of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub(super) node: usize,
    /// Its shape.
    pub shape: Shape,
    /// The number of its rows that a pass computes; all when `None`.
    pub rows: Option<RowCount>,
}

/// The number of rows of a tensor that a pass computes, set before the pass. Operations see only that
/// many first rows, so padding after them costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowCount {
    pub(super) slot: usize,
}

/// A parameter, or several adjacent ones, as an operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The elements of the flat buffer that it owns.
    pub range: Range<usize>,
    /// Its shape.
    pub shape: Shape,
}

/// An input of integers, filled before each pass: ids, positions, labels, masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integers {
    pub(super) slot: usize,
    /// The number of elements.
    pub length: usize,
}

/// An input of floats, filled before each pass, without a gradient: weights of examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floats {
    pub(super) slot: usize,
    /// The number of elements.
    pub length: usize,
}

/// An operand of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// The output of an earlier operation.
    Tensor(Tensor),
    /// A parameter.
    Parameter(Parameter),
    /// An input of integers.
    Integers(Integers),
    /// An input of floats.
    Floats(Floats),
}

impl From<Tensor> for Operand {
    fn from(tensor: Tensor) -> Self {
        Self::Tensor(tensor)
    }
}

impl From<&Parameter> for Operand {
    fn from(parameter: &Parameter) -> Self {
        Self::Parameter(parameter.clone())
    }
}

impl From<Integers> for Operand {
    fn from(integers: Integers) -> Self {
        Self::Integers(integers)
    }
}

impl From<Floats> for Operand {
    fn from(floats: Floats) -> Self {
        Self::Floats(floats)
    }
}

pub(super) struct Node {
    pub(super) scope: String,
    pub(super) operation: Box<dyn Operation>,
    pub(super) operands: Vec<Operand>,
    pub(super) shape: Shape,
    pub(super) rows: Option<RowCount>,
    pub(super) kept: bool,
    pub(super) loss: bool,
}

/// A graph under construction.
pub struct Graph<'a> {
    layout: &'a Layout,
    scope: String,
    dropout_sites: u32,
    pub(super) nodes: Vec<Node>,
    pub(super) integers: Vec<usize>,
    pub(super) floats: Vec<usize>,
    pub(super) row_counts: usize,
}

impl<'a> Graph<'a> {
    /// An empty graph over the parameters of `layout`.
    pub fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            scope: String::new(),
            dropout_sites: 0,
            nodes: Vec::new(),
            integers: Vec::new(),
            floats: Vec::new(),
            row_counts: 0,
        }
    }

    /// Names the part of the model that the next operations belong to. The name appears in errors and in
    /// the printed plan.
    pub fn enter(&mut self, scope: impl Into<String>) {
        self.scope = scope.into();
    }

    /// The name that [`Graph::enter`] set last.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The parameter called `name`.
    ///
    /// # Errors
    /// [`GraphError::NoParameter`].
    pub fn parameter(&self, name: &str) -> Result<Parameter, GraphError> {
        let entry = self.layout.get(name).ok_or_else(|| GraphError::NoParameter(name.into()))?;
        Ok(Parameter { range: entry.range.clone(), shape: Shape::new(&entry.shape) })
    }

    /// Several parameters that are adjacent in the flat buffer, as one: matrices `[m, n]` stacked to `[Σm, n]`,
    /// vectors joined.
    ///
    /// # Errors
    /// [`GraphError::NoParameter`], [`GraphError::NotAdjacent`].
    pub fn stacked(&self, names: &[String]) -> Result<Parameter, GraphError> {
        let parts = names.iter().map(|n| self.parameter(n)).collect::<Result<Vec<_>, _>>()?;
        let fits = parts.windows(2).all(|pair| {
            pair[0].range.end == pair[1].range.start
                && pair[0].shape.dimensions()[1..] == pair[1].shape.dimensions()[1..]
        });
        let [first, .., last] = parts.as_slice() else {
            return Err(GraphError::NotAdjacent(names.to_vec()));
        };
        if !fits {
            return Err(GraphError::NotAdjacent(names.to_vec()));
        }
        let mut dimensions = first.shape.dimensions().to_vec();
        dimensions[0] = parts.iter().map(|part| part.shape.dimensions()[0]).sum();
        Ok(Parameter { range: first.range.start..last.range.end, shape: Shape::new(&dimensions) })
    }

    /// Declares an input of `length` integers, to be filled before each pass.
    pub fn integers(&mut self, length: usize) -> Integers {
        self.integers.push(length);
        Integers { slot: self.integers.len() - 1, length }
    }

    /// Declares an input of `length` floats, to be filled before each pass.
    pub fn floats(&mut self, length: usize) -> Floats {
        self.floats.push(length);
        Floats { slot: self.floats.len() - 1, length }
    }

    /// Declares a number of rows, to be set before a pass. Until it is set, passes compute all rows.
    pub fn row_count(&mut self) -> RowCount {
        self.row_counts += 1;
        RowCount { slot: self.row_counts - 1 }
    }

    /// A new number for a dropout of this graph, so that its mask differs from all others.
    pub fn dropout_site(&mut self) -> u32 {
        self.dropout_sites += 1;
        self.dropout_sites
    }

    /// Appends a row-wise operation: its output has as many rows as its first operand. Returns the
    /// output.
    ///
    /// # Errors
    /// [`GraphError::SameOperand`].
    ///
    /// # Panics
    /// With more than [`MAX_OPERANDS`] operands, or a shape that is not the operation's output.
    pub fn push(
        &mut self,
        operation: impl Operation + 'static,
        operands: &[Operand],
        shape: Shape,
    ) -> Result<Tensor, GraphError> {
        let rows = match operands.first() {
            Some(Operand::Tensor(tensor)) => tensor.rows,
            _ => None,
        };
        self.push_with_rows(operation, operands, shape, rows)
    }

    /// [`Graph::push`] for an operation that is not row-wise: `rows` is the number of rows of the output
    /// that a pass computes.
    ///
    /// # Errors
    /// [`GraphError::SameOperand`].
    ///
    /// # Panics
    /// As [`Graph::push`].
    pub fn push_with_rows(
        &mut self,
        operation: impl Operation + 'static,
        operands: &[Operand],
        shape: Shape,
        rows: Option<RowCount>,
    ) -> Result<Tensor, GraphError> {
        assert!(operands.len() <= MAX_OPERANDS && shape.elements() == operation.output());
        let twice = |(i, operand): (usize, &Operand)| {
            matches!(operand, Operand::Tensor(_) | Operand::Parameter(_))
                && operands[..i].contains(operand)
        };
        if operands.iter().enumerate().any(twice) {
            return Err(GraphError::SameOperand(operation.name(), self.scope.clone()));
        }
        self.nodes.push(Node {
            scope: self.scope.clone(),
            operation: Box::new(operation),
            operands: operands.to_vec(),
            shape,
            rows,
            kept: false,
            loss: false,
        });
        Ok(Tensor { node: self.nodes.len() - 1, shape, rows })
    }

    /// Keeps the value of `tensor` after a pass, so that [`Plan::value`](super::Plan::value) can read it.
    pub fn keep(&mut self, tensor: Tensor) {
        self.nodes[tensor.node].kept = true;
    }

    /// Adds the first element of `tensor` to the loss of the graph, and [keeps](Graph::keep) the tensor.
    pub fn add_loss(&mut self, tensor: Tensor) {
        self.nodes[tensor.node].loss = true;
        self.keep(tensor);
    }

    /// Returns a shape error of `operation` in the current part of the model, unless `fits`.
    ///
    /// # Errors
    /// [`GraphError::Shape`].
    pub fn check(
        &self,
        fits: bool,
        operation: &'static str,
        what: &'static str,
        got: impl ToString,
        expected: impl ToString,
    ) -> Result<(), GraphError> {
        if fits {
            return Ok(());
        }
        Err(GraphError::Shape {
            operation,
            scope: self.scope.clone(),
            what,
            got: got.to_string(),
            expected: expected.to_string(),
        })
    }
}
