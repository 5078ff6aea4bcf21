//! How much memory there is, so that what cannot fit is refused with a message before it starts,
//! rather than ended by the operating system in the middle.

use std::fs;

/// More memory than there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} MB of memory would be needed, but {} MB are there; make the model, the batch or the sequences \
     smaller", needed / 1_000_000, available / 1_000_000
)]
pub struct OutOfMemory {
    /// Bytes that would be needed.
    pub needed: u64,
    /// Bytes that are there.
    pub available: u64,
}

/// Checks that `elements` floats fit into memory. Where the operating system does not say how much
/// there is (outside Linux), only what no computer has is refused.
///
/// # Errors
/// [`OutOfMemory`].
pub fn check(elements: usize) -> Result<(), OutOfMemory> {
    const NO_COMPUTER: u64 = 1 << 46;
    let needed = (elements as u64).saturating_mul(4);
    let available = available().unwrap_or(NO_COMPUTER);
    if needed > available { Err(OutOfMemory { needed, available }) } else { Ok(()) }
}

/// Bytes that can be taken without swapping, as Linux estimates it, or as a container allows.
fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse().ok()).unwrap_or(u64::MAX);
    Some((kilobytes * 1024).min(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_computer_has_is_refused() {
        check(1000).unwrap();
        let error = check(usize::MAX / 2).unwrap_err().to_string();
        assert!(error.contains("MB of memory would be needed"), "{error}");
    }
}
