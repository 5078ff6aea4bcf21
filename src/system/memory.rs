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

/// Bytes of memory that this process has now, on Linux.
pub fn resident() -> Option<u64> {
    kilobytes("/proc/self/status", "VmRSS:")
}

/// The most bytes of memory that this process has had, on Linux.
pub fn peak() -> Option<u64> {
    kilobytes("/proc/self/status", "VmHWM:")
}

/// Bytes that can be taken without swapping, as Linux estimates it, or as a container or `ulimit -v`
/// allows.
fn available() -> Option<u64> {
    let there = kilobytes("/proc/meminfo", "MemAvailable:")?;
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let container = container.and_then(|text| text.trim().parse().ok()).unwrap_or(u64::MAX);
    Some(there.min(container).min(address_space().unwrap_or(u64::MAX)))
}

/// What `ulimit -v` leaves; `None` without a limit.
fn address_space() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(kilobytes("/proc/self/status", "VmSize:")?))
}

/// Bytes, from a line such as `VmSize:  123 kB`.
fn kilobytes(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
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
