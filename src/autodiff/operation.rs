//! What an operation is: the trait that every file in [`ops`](super::ops) implements.

use crate::tensor::dropout::DropoutKey;
use std::fmt;

/// The most operands an operation can have.
pub const MAX_OPERANDS: usize = 6;

/// A shape of up to four dimensions, row-major.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    dimensions: [usize; 4],
    rank: usize,
}

impl Shape {
    /// The shape with these dimensions.
    ///
    /// # Panics
    /// With more than four.
    pub fn new(dimensions: &[usize]) -> Self {
        let mut padded = [1; 4];
        padded[..dimensions.len()].copy_from_slice(dimensions);
        Self { dimensions: padded, rank: dimensions.len() }
    }

    /// The dimensions.
    pub fn dimensions(&self) -> &[usize] {
        &self.dimensions[..self.rank]
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.dimensions().iter().product()
    }

    /// The last dimension: the width of a row. 1 for a scalar.
    pub fn columns(&self) -> usize {
        self.dimensions().last().copied().unwrap_or(1)
    }

    /// All dimensions but the last, multiplied: the number of rows.
    pub fn rows(&self) -> usize {
        self.elements().checked_div(self.columns()).unwrap_or(0)
    }

    /// The same rows with another width.
    pub fn with_columns(&self, columns: usize) -> Self {
        let mut shape = *self;
        shape.dimensions[self.rank.max(1) - 1] = columns;
        shape
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dimensions())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The value of one operand, as the fast passes read it.
#[derive(Clone, Copy, Debug)]
pub enum OperandValue<'a> {
    /// A tensor, a parameter, or numbers from outside such as weights.
    Floats(&'a [f32]),
    /// Ids, positions, labels, masks.
    Integers(&'a [u32]),
}

/// The values of all operands, by their place.
#[derive(Clone, Copy, Debug)]
pub struct OperandValues<'a> {
    pub(crate) items: [OperandValue<'a>; MAX_OPERANDS],
}

impl<'a> OperandValues<'a> {
    /// The floats of operand `place` (empty when the operation said that backward does not read it).
    pub fn floats(&self, place: usize) -> &'a [f32] {
        match self.items[place] {
            OperandValue::Floats(values) => values,
            OperandValue::Integers(_) => &[],
        }
    }

    /// The integers of operand `place`.
    pub fn integers(&self, place: usize) -> &'a [u32] {
        match self.items[place] {
            OperandValue::Integers(values) => values,
            OperandValue::Floats(_) => &[],
        }
    }
}

/// What a forward pass reads and writes.
#[derive(Debug)]
pub struct Forward<'a> {
    /// The operands' values.
    pub inputs: OperandValues<'a>,
    /// The result; its content before is undefined.
    pub output: &'a mut [f32],
    /// Kept for the backward pass: [`Operation::saved`] elements, content before undefined; where none
    /// follows, [`Operation::saved_in_evaluation`] elements that are free to use.
    pub saved: &'a mut [f32],
    /// Free to use: [`Operation::scratch`] elements.
    pub scratch: &'a mut [f32],
    /// Whether a backward pass follows. Where it does not, gradients need not be prepared.
    pub training: bool,
    /// What dropout masks depend on.
    pub dropout_key: DropoutKey,
}

/// Where the gradient of one operand goes.
#[derive(Debug)]
pub struct Gradient<'a> {
    /// The gradient, in the operand's shape.
    pub data: &'a mut [f32],
    /// Whether to add to what is there (else the content is undefined and must be replaced).
    pub accumulate: bool,
}

impl<'a> Gradient<'a> {
    /// The gradient as a buffer to add to. It is filled with zeros first unless it accumulates.
    pub fn to_add(self) -> &'a mut [f32] {
        if !self.accumulate {
            self.data.fill(0.0);
        }
        self.data
    }
}

/// What a backward pass reads and writes.
#[derive(Debug)]
pub struct Backward<'a> {
    /// The operands' values.
    pub inputs: OperandValues<'a>,
    /// The gradient of the loss with respect to the output. May be overwritten: nobody reads it
    /// after this.
    pub output_gradient: &'a mut [f32],
    /// What forward saved. May be overwritten.
    pub saved: &'a mut [f32],
    /// Free to use.
    pub scratch: &'a mut [f32],
    /// The same dropout key as in forward.
    pub dropout_key: DropoutKey,
    /// Where the operands' gradients go.
    pub gradients: Gradients<'a>,
}

/// Where the gradients of the operands go, by their place.
#[derive(Debug)]
pub struct Gradients<'a> {
    pub(crate) items: [Option<Gradient<'a>>; MAX_OPERANDS],
}

impl<'a> Gradients<'a> {
    /// Where the gradient of operand `place` goes; `None` when it is not needed or has been taken.
    pub fn take(&mut self, place: usize) -> Option<Gradient<'a>> {
        self.items[place].take()
    }
}

/// The operands of the `f64` reference, by their place.
#[derive(Clone, Debug)]
pub enum ReferenceOperand {
    /// Floats, in double precision.
    Floats(Vec<f64>),
    /// Integers.
    Integers(Vec<u32>),
}

impl ReferenceOperand {
    /// The floats.
    ///
    /// # Panics
    /// When these are integers.
    pub fn floats(&self) -> &[f64] {
        match self {
            Self::Floats(values) => values,
            Self::Integers(_) => panic!("an operand of floats is expected here"),
        }
    }

    /// The integers.
    ///
    /// # Panics
    /// When these are floats.
    pub fn integers(&self) -> &[u32] {
        match self {
            Self::Integers(values) => values,
            Self::Floats(_) => panic!("an operand of integers is expected here"),
        }
    }
}

/// One operand of a [`Case`].
#[derive(Clone, Debug)]
pub enum CaseInput {
    /// This many random floats, approximately standard normal. Their gradient is checked.
    Random(usize),
    /// Given floats without a gradient, such as weights.
    Fixed(Vec<f32>),
    /// Given integers.
    Integers(Vec<u32>),
}

/// A case to check an operation on.
pub struct Case {
    /// The operation, with its sizes.
    pub operation: Box<dyn Operation>,
    /// Its operands, in order.
    pub inputs: Vec<CaseInput>,
}

/// An operation in `f64` and plain loops: the definition to read first, and the oracle of the checks.
pub trait Reference {
    /// The output, computed from the inputs. It may be shorter than [`Operation::output`] where a
    /// [`Case`] leaves rows out.
    fn reference_forward(&self, inputs: &[ReferenceOperand], dropout_key: &DropoutKey) -> Vec<f64>;

    /// The gradient of every operand in its shape, given the gradient of the output; empty for
    /// operands without a gradient.
    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>>;
}

/// An operation of the graph, with its sizes fixed: equations, forward and backward.
///
/// Matrices are `[rows, columns]`, row-major; leading dimensions of tensors are multiplied into
/// rows. A pass may compute fewer rows than the shape has; the lengths of the slices say how many. A task
/// owns its outputs and folds its inputs in index order, so that the result does not depend on the number
/// of threads.
pub trait Operation: Reference + Send + Sync {
    /// The name that people read in a printed plan.
    fn name(&self) -> &'static str;

    /// The number of elements of the output.
    fn output(&self) -> usize;

    /// The number of elements that forward keeps for backward.
    fn saved(&self) -> usize {
        0
    }

    /// The number of elements of [`Forward::saved`] where no backward pass follows.
    fn saved_in_evaluation(&self) -> usize {
        self.saved()
    }

    /// The number of elements of scratch that forward and backward need with `threads` threads.
    fn scratch(&self, _threads: usize) -> usize {
        0
    }

    /// Whether backward reads the value of operand `place`. If it does not, the plan may reuse the
    /// memory of that value.
    fn backward_reads(&self, _place: usize) -> bool {
        true
    }

    /// Floating-point operations of the matrix products, forward and backward; two for each fused
    /// multiply-add. Other operations are not counted.
    fn flop(&self) -> [u64; 2] {
        [0, 0]
    }

    /// Computes the output from the inputs.
    fn forward(&self, pass: Forward<'_>);

    /// Adds to (or stores) the gradients of the operands, given the gradient of the output.
    fn backward(&self, pass: Backward<'_>);

    /// Cases to check on: odd sizes and size 1 among them.
    fn cases() -> Vec<Case>
    where
        Self: Sized;
}
