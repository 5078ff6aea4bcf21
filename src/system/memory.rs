//! The memory of the machine and of this process. A run that cannot fit is refused with a message before it
//! starts; otherwise the operating system would kill it later.

use std::fs;

/// A run needs more memory than is available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} MB of memory would be needed, but {} MB are available; make the model, the batch or the sequences \
     smaller", needed / 1_000_000, available / 1_000_000
)]
pub struct OutOfMemory {
    /// Bytes that the run would need.
    pub needed: u64,
    /// Bytes that are available.
    pub available: u64,
}

/// Checks that `elements` values of `f32` fit into memory. Outside Linux the available memory is unknown;
/// there, only more than 2⁴⁶ bytes are refused.
///
/// # Errors
/// [`OutOfMemory`] when they do not fit.
pub fn check(elements: usize) -> Result<(), OutOfMemory> {
    const NO_COMPUTER: u64 = 1 << 46;
    let needed = (elements as u64).saturating_mul(4);
    let available = available().unwrap_or(NO_COMPUTER);
    if needed > available { Err(OutOfMemory { needed, available }) } else { Ok(()) }
}

/// Bytes of memory that this process uses now (resident); `None` outside Linux.
pub fn resident() -> Option<u64> {
    kilobytes("/proc/self/status", "VmRSS:")
}

/// The peak of [`resident`] since the process started; `None` outside Linux.
pub fn peak() -> Option<u64> {
    kilobytes("/proc/self/status", "VmHWM:")
}

/// The smallest of three limits: Linux's estimate of the bytes available without swapping, the limit of
/// the container, and the rest of `ulimit -v`.
fn available() -> Option<u64> {
    let machine = kilobytes("/proc/meminfo", "MemAvailable:")?;
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let container = container.and_then(|text| text.trim().parse().ok()).unwrap_or(u64::MAX);
    Some(machine.min(container).min(address_space().unwrap_or(u64::MAX)))
}

/// Bytes that `ulimit -v` still allows; `None` without a limit.
pub(super) fn address_space() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(kilobytes("/proc/self/status", "VmSize:")?))
}

/// The value of `name` in `file`, in bytes, from a line such as `VmSize:  123 kB`.
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
