//! Durations in words.

/// `1 h 02 min`, `3 min 05 s`, `7 s`.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        assert_eq!([7.2, 185.0, 3720.0].map(duration), ["7 s", "3 min 05 s", "1 h 02 min"]);
    }
}
