//! The gradients of parameters: which operation writes a range first, and the ranges cut from the flat
//! buffer.

use super::graph::{GraphError, Operand};
use super::operation::{Gradient, MAX_OPERANDS};
use std::ops::Range;

/// Whether the gradient of `range` has been written already; notes that it is written now.
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

/// Cuts the flat gradient buffer into the ranges of the operands that are parameters.
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
            .filter_map(|(place, operand)| match operand {
                Operand::Parameter(p) if targets[place].is_none() => Some((place, p.range.clone())),
                _ => None,
            })
            .min_by_key(|(_, range)| range.start);
        let Some((place, range)) = next else { return };
        let (data, behind) = rest[range.start - cut..].split_at_mut(range.len());
        targets[place] = Some(Gradient { data, accumulate: accumulate[place] });
        (rest, cut) = (behind, range.end);
    }
}
