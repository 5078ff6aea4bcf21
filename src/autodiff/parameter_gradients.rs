//! The gradients of parameters: which operation writes a range of the flat buffer first, and how the flat
//! buffer is split into ranges.

use super::graph::{GraphError, Operand};
use super::operation::{Gradient, MAX_OPERANDS};
use std::ops::Range;

/// Whether an operation before has written the gradient of `range`. Adds `range` to `written`.
///
/// # Errors
/// [`GraphError::OverlappingParameters`] when `range` overlaps another one in part.
pub(super) fn note_written(
    written: &mut Vec<Range<usize>>,
    range: &Range<usize>,
) -> Result<bool, GraphError> {
    if written.contains(range) {
        return Ok(true);
    }
    let overlaps = |other: &&Range<usize>| other.start < range.end && range.start < other.end;
    if let Some(other) = written.iter().find(overlaps) {
        return Err(GraphError::OverlappingParameters(range.clone(), other.clone()));
    }
    written.push(range.clone());
    Ok(false)
}

/// Splits the flat gradient buffer: every operand that is a parameter gets its range in `targets`.
pub(super) fn cut_parameters<'a>(
    operands: &[Operand],
    accumulate: &[bool; MAX_OPERANDS],
    gradients: &'a mut [f32],
    targets: &mut [Option<Gradient<'a>>; MAX_OPERANDS],
) {
    let mut rest = gradients;
    let mut cut = 0;
    loop {
        // The next range in the order of the flat buffer.
        let next = operands
            .iter()
            .enumerate()
            .filter_map(|(index, operand)| match operand {
                Operand::Parameter(p) if targets[index].is_none() => Some((index, p.range.clone())),
                _ => None,
            })
            .min_by_key(|(_, range)| range.start);
        let Some((index, range)) = next else { return };
        let (data, behind) = rest[range.start - cut..].split_at_mut(range.len());
        targets[index] = Some(Gradient { data, accumulate: accumulate[index] });
        (rest, cut) = (behind, range.end);
    }
}
