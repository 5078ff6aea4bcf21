//! The trait [`Operation`], which every file in [`ops`](super::ops) implements, and the types that its
//! functions take.

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

/// The values of all operands, by index.
#[derive(Clone, Copy, Debug)]
pub struct OperandValues<'a> {
    pub(crate) items: [OperandValue<'a>; MAX_OPERANDS],
}

impl<'a> OperandValues<'a> {
    /// The floats of operand `index`; empty when it holds integers, when there is no such operand, or in a
    /// backward pass that [does not read](Operation::backward_reads) it.
    ///
    /// # Panics
    /// When `index` is not below [`MAX_OPERANDS`].
    pub fn floats(&self, index: usize) -> &'a [f32] {
        match self.items[index] {
            OperandValue::Floats(values) => values,
            OperandValue::Integers(_) => &[],
        }
    }

    /// The integers of operand `index`; empty when it holds floats, or when there is no such operand.
    ///
    /// # Panics
    /// When `index` is not below [`MAX_OPERANDS`].
    pub fn integers(&self, index: usize) -> &'a [u32] {
        match self.items[index] {
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
    /// The result. Its previous content is undefined.
    pub output: &'a mut [f32],
    /// Kept for the backward pass: [`Operation::saved`] elements. When no backward pass follows,
    /// [`Operation::saved_in_evaluation`] elements of scratch. The previous content is undefined.
    pub saved: &'a mut [f32],
    /// Scratch: [`Operation::scratch`] elements. The content is undefined.
    pub scratch: &'a mut [f32],
    /// Whether a backward pass follows. Without one, nothing needs to be saved.
    pub training: bool,
    /// What dropout masks depend on.
    pub dropout_key: DropoutKey,
}

/// The buffer for the gradient of one operand.
#[derive(Debug)]
pub struct Gradient<'a> {
    /// The gradient, in the operand's shape.
    pub data: &'a mut [f32],
    /// Whether to add to the content. Otherwise the content is undefined and must be replaced.
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

    /// Writes factor·`values`, which have the shape of the gradient, or adds them to the content.
    pub fn write_scaled(self, factor: f32, values: &[f32]) {
        for (to, value) in self.data.iter_mut().zip(values) {
            let before = if self.accumulate { *to } else { 0.0 };
            *to = factor.mul_add(*value, before);
        }
    }
}

/// What a backward pass reads and writes.
#[derive(Debug)]
pub struct Backward<'a> {
    /// The operands' values.
    pub inputs: OperandValues<'a>,
    /// The gradient of the loss with respect to the output. May be overwritten: no later operation reads
    /// it.
    pub output_gradient: &'a mut [f32],
    /// The values that forward saved. May be overwritten.
    pub saved: &'a mut [f32],
    /// Scratch: [`Operation::scratch`] elements. The content is undefined.
    pub scratch: &'a mut [f32],
    /// The same dropout key as in forward.
    pub dropout_key: DropoutKey,
    /// The buffers for the operands' gradients.
    pub gradients: Gradients<'a>,
}

/// The buffers for the gradients of the operands, by index.
#[derive(Debug)]
pub struct Gradients<'a> {
    pub(crate) items: [Option<Gradient<'a>>; MAX_OPERANDS],
}

impl<'a> Gradients<'a> {
    /// The buffer for the gradient of operand `index`; `None` when the gradient is not needed or was taken
    /// before.
    ///
    /// # Panics
    /// When `index` is not below [`MAX_OPERANDS`].
    pub fn take(&mut self, index: usize) -> Option<Gradient<'a>> {
        self.items[index].take()
    }
}

/// The value of one operand, as the `f64` reference reads it.
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

/// One test case of the gradient check.
pub struct Case {
    /// The operation, with its sizes.
    pub operation: Box<dyn Operation>,
    /// Its operands, in order.
    pub inputs: Vec<CaseInput>,
}

/// An operation in `f64` and plain loops: the definition to read first, and the oracle of the checks.
pub trait Reference {
    /// The output, computed from the inputs. It is shorter than [`Operation::output`] when a [`Case`]
    /// leaves rows out.
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
/// Matrices are `[rows, columns]`, row-major; the leading dimensions of a tensor are multiplied into
/// rows. A pass may compute fewer rows than the shape has; the lengths of the slices say how many. A task
/// owns its outputs and folds its inputs in index order, so the result does not depend on the number of
/// threads.
pub trait Operation: Reference + Send + Sync {
    /// The name that people read in a printed plan.
    fn name(&self) -> &'static str;

    /// The number of elements of the output.
    fn output(&self) -> usize;

    /// The number of elements that forward keeps for backward.
    fn saved(&self) -> usize {
        0
    }

    /// The number of elements of [`Forward::saved`] when no backward pass follows.
    fn saved_in_evaluation(&self) -> usize {
        self.saved()
    }

    /// The number of elements of scratch that forward and backward need with `threads` threads.
    fn scratch(&self, _threads: usize) -> usize {
        0
    }

    /// Whether backward reads the value of operand `index`. If it does not, the plan may reuse the
    /// memory of that value.
    fn backward_reads(&self, _index: usize) -> bool {
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

    /// The cases of the gradient check, with odd sizes and size 1 among them.
    fn cases() -> Vec<Case>
    where
        Self: Sized;
}
