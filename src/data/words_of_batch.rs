//! The arrays of a batch as one row of 32-bit words, to be sent to another process.

/// An array of a batch.
pub(crate) enum Field<'b> {
    Integers(&'b mut Vec<u32>),
    Floats(&'b mut Vec<f32>),
}

/// Appends all fields to `words`.
pub(crate) fn write_fields<const N: usize>(fields: [Field<'_>; N], words: &mut Vec<u32>) {
    for field in fields {
        match field {
            Field::Integers(values) => words.extend(&*values),
            Field::Floats(values) => words.extend(values.iter().map(|value| value.to_bits())),
        }
    }
}

/// Fills all fields, which have their lengths, from `words`.
///
/// # Panics
/// When there are more or fewer words than the fields hold.
pub(crate) fn read_fields<const N: usize>(fields: [Field<'_>; N], words: &[u32]) {
    let mut rest = words;
    for field in fields {
        let length = match &field {
            Field::Integers(values) => values.len(),
            Field::Floats(values) => values.len(),
        };
        let (mine, others) = rest.split_at(length);
        rest = others;
        match field {
            Field::Integers(values) => values.copy_from_slice(mine),
            Field::Floats(values) => {
                values
                    .iter_mut()
                    .zip(mine)
                    .for_each(|(value, &word)| *value = f32::from_bits(word));
            }
        }
    }
    assert!(rest.is_empty(), "there are more words than the fields hold");
}
