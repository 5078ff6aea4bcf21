//! Sharing memory among buffers: buffers that are never in use at the same time share a block.

/// When a buffer is in use, and how long it is.
pub(super) struct LiveRange {
    /// The time of its first use.
    pub(super) start: usize,
    /// The time of its last use.
    pub(super) end: usize,
    /// Elements.
    pub(super) length: usize,
}

/// Assigns to each buffer a block that is free during its whole live range. Returns the block of each
/// buffer and the length of each block, in elements.
pub(super) fn share(live_ranges: &[LiveRange]) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> =
        (0..live_ranges.len()).filter(|&i| live_ranges[i].length > 0).collect();
    order.sort_by_key(|&i| (live_ranges[i].start, std::cmp::Reverse(live_ranges[i].length), i));
    let mut assigned = vec![0; live_ranges.len()];
    let mut blocks: Vec<usize> = Vec::new();
    let mut busy_until: Vec<usize> = Vec::new();
    for i in order {
        let range = &live_ranges[i];
        // The smallest free block that is large enough, else the largest free block, which grows.
        let best = (0..blocks.len()).filter(|&b| busy_until[b] < range.start).min_by_key(|&b| {
            let fits = blocks[b] >= range.length;
            (!fits, if fits { blocks[b] } else { usize::MAX - blocks[b] })
        });
        let block = best.unwrap_or_else(|| {
            blocks.push(0);
            busy_until.push(0);
            blocks.len() - 1
        });
        blocks[block] = blocks[block].max(range.length);
        busy_until[block] = range.end;
        assigned[i] = block;
    }
    (assigned, blocks)
}
