//! Splitting work over threads: the one file that names rayon.
//!
//! Every helper gives each task its own part of the outputs and lets it fold its inputs in index
//! order, so that how many tasks there are never reaches a result.

use super::memory;
use std::error::Error;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// Bytes of the stack of a thread.
const STACK: usize = 2 << 20;

/// A pool of worker threads.
pub struct Pool(rayon::ThreadPool);

/// A pool that the operating system would not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {threads} threads: {source}; try a smaller 'threads'")]
pub struct PoolError {
    threads: usize,
    source: Box<dyn Error + Send + Sync>,
}

impl Pool {
    /// A pool of `threads` threads; 0 means one for each core.
    ///
    /// # Errors
    /// [`PoolError`] when the threads cannot be started.
    pub fn new(threads: usize) -> Result<Self, PoolError> {
        // Where stacks take all the memory that is allowed, the threads that have started cannot allocate and
        // end the process. So what cannot fit is refused before the first thread starts.
        let needed = threads.saturating_mul(STACK) as u64;
        if memory::address_space().is_some_and(|left| needed > left / 2) {
            let source = "their stacks need more memory than `ulimit -v` allows".into();
            return Err(PoolError { threads, source });
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .stack_size(STACK)
            .build()
            .map(Self)
            .map_err(|source| PoolError { threads, source: source.into() })
    }

    /// Runs `work` with this pool as the current one.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.0.install(work)
    }
}

/// The number of threads of the current pool.
pub fn count() -> usize {
    rayon::current_num_threads()
}

/// How long a thread waits for its next task before it sleeps. On a virtual machine, to wake takes longer than many
/// operations.
const LONGEST_WAIT: Duration = Duration::from_micros(300);

/// A loop that waits without sleeping.
struct Waiting {
    rounds: u32,
    end: Option<Instant>,
}

impl Waiting {
    fn new() -> Self {
        Self { rounds: 0, end: None }
    }

    /// Waits for some nanoseconds. Returns false after [`LONGEST_WAIT`].
    fn goes_on(&mut self) -> bool {
        // To read the clock takes longer than a round.
        const ROUNDS_PER_READING: u32 = 64;
        std::hint::spin_loop();
        self.rounds += 1;
        if !self.rounds.is_multiple_of(ROUNDS_PER_READING) {
            return true;
        }
        // Where there are more threads than cores, another one may have the work that this one waits for.
        std::thread::yield_now();
        let now = Instant::now();
        now < *self.end.get_or_insert(now + LONGEST_WAIT)
    }
}

/// Runs `work`, which hands many short tasks to the current pool, and keeps the pool's other threads awake until
/// it ends. A thread that has no task for 0.3 ms sleeps even so. Calls may be nested: each wakes the threads that sleep.
pub fn awake<R>(work: impl FnOnce() -> R) -> R {
    /// Says that the work has ended, also when it panics.
    struct Ended(Arc<AtomicBool>);

    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    let Some(worker) = rayon::current_thread_index().filter(|_| count() > 1) else {
        return work();
    };
    let ended = Arc::new(AtomicBool::new(false));
    let _end = Ended(ended.clone());
    rayon::spawn_broadcast(move |thread| {
        let mut waiting = Waiting::new();
        while thread.index() != worker && !ended.load(Ordering::Acquire) {
            // Takes a task from another thread, if there is one.
            if rayon::yield_now() == Some(rayon::Yield::Executed) {
                waiting = Waiting::new();
            } else if !waiting.goes_on() {
                break;
            }
        }
    });
    work()
}

/// Runs two closures, in parallel when a thread is free.
pub fn join<A: Send, B: Send>(
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    // What another thread has done of `b`.
    const STARTED: u8 = 1;
    const FINISHED: u8 = 2;
    let state = AtomicU8::new(0);
    rayon::join(
        || {
            let a = a();
            // Without this loop rayon would let the thread sleep too early.
            let mut waiting = Waiting::new();
            while state.load(Ordering::Acquire) == STARTED && waiting.goes_on() {}
            a
        },
        || {
            state.store(STARTED, Ordering::Release);
            let b = b();
            state.store(FINISHED, Ordering::Release);
            b
        },
    )
}

/// `items.iter().map(map)`, in parallel, results in order.
pub fn map<T: Sync, R: Send>(items: &[T], map: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    use rayon::prelude::*;
    items.par_iter().map(map).collect()
}

/// Runs `work` on every item, in parallel: items own what they change.
pub fn for_each<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync + Send) {
    use rayon::prelude::*;
    items.into_par_iter().for_each(work);
}

/// An output buffer split among tasks: item `i` owns `data[i·stride .. (i + 1)·stride]` (the last item
/// may own less) or, when items differ in size,
/// `data[bounds[i]·stride .. bounds[i + 1]·stride]`.
pub struct SplitOutput<'a> {
    data: &'a mut [f32],
    stride: usize,
    bounds: &'a [u32],
}

impl<'a> SplitOutput<'a> {
    /// Splits `data`: every item owns `stride` elements.
    pub fn new(data: &'a mut [f32], stride: usize) -> Self {
        Self { data, stride, bounds: &[] }
    }

    /// Splits `data`: item `i` owns `data[bounds[i]·stride .. bounds[i + 1]·stride]`.
    pub fn between(bounds: &'a [u32], data: &'a mut [f32], stride: usize) -> Self {
        Self { data, stride, bounds }
    }

    fn split(self, item: usize) -> (Self, Self) {
        let Self { data, stride, bounds } = self;
        let (strides, right_bounds) = match bounds {
            [] => (item, bounds),
            [first, ..] => ((bounds[item] - first) as usize, &bounds[item..]),
        };
        let (left, right) = data.split_at_mut((strides * stride).min(data.len()));
        (Self { data: left, stride, bounds }, Self { data: right, stride, bounds: right_bounds })
    }
}

/// Splits `0 .. items` into one range for each thread and runs `work(range, outputs, scratch)` on each.
/// `outputs` are the parts that the range's items own; `scratch` is a region of `scratch_per_task`
/// elements. There are at most as many tasks as such regions in `scratch`. Nothing is allocated.
///
/// # Panics
/// When `scratch` is shorter than `scratch_per_task`.
pub fn for_each_range<const N: usize, F>(
    items: usize,
    outputs: [SplitOutput<'_>; N],
    scratch: &mut [f32],
    scratch_per_task: usize,
    work: F,
) where
    F: Fn(Range<usize>, [&mut [f32]; N], &mut [f32]) + Sync,
{
    let room = scratch.len().checked_div(scratch_per_task).unwrap_or(usize::MAX);
    assert!(room > 0, "scratch is smaller than one task needs");
    let tasks = count().min(items).min(room);
    if tasks > 0 {
        split(0..items, outputs, scratch, scratch_per_task, tasks, &work);
    }
}

fn split<const N: usize, F>(
    range: Range<usize>,
    outputs: [SplitOutput<'_>; N],
    scratch: &mut [f32],
    scratch_per_task: usize,
    tasks: usize,
    work: &F,
) where
    F: Fn(Range<usize>, [&mut [f32]; N], &mut [f32]) + Sync,
{
    if tasks == 1 {
        let scratch = &mut scratch[..scratch_per_task];
        return work(range, outputs.map(|output| output.data), scratch);
    }
    let left_tasks = tasks / 2;
    let left_items = range.len() * left_tasks / tasks;
    let middle = range.start + left_items;
    let (left_scratch, right_scratch) = scratch.split_at_mut(left_tasks * scratch_per_task);
    let mut right = [const { None }; N];
    let mut slot = right.iter_mut();
    let left = outputs.map(|output| {
        let (left, right) = output.split(left_items);
        *slot.next().expect("one slot an output") = Some(right);
        left
    });
    let right = right.map(|output| output.expect("filled above"));
    join(
        || split(range.start..middle, left, left_scratch, scratch_per_task, left_tasks, work),
        || {
            let tasks = tasks - left_tasks;
            split(middle..range.end, right, right_scratch, scratch_per_task, tasks, work);
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_with_threads_awake_ends_also_when_it_is_nested_or_panics() {
        let sum = |items: usize| {
            let mut sums = vec![0.0; items];
            for_each_range(
                items,
                [SplitOutput::new(&mut sums, 1)],
                &mut [],
                0,
                |range, [sums], _| {
                    range.zip(sums).for_each(|(i, sum)| *sum = i as f32);
                },
            );
            sums.iter().sum::<f32>()
        };
        assert_eq!(awake(|| sum(64)), 2016.0, "outside of a pool");
        for threads in [1, 2, 3, 5] {
            let pool = Pool::new(threads).unwrap();
            for _ in 0..50 {
                let sums = pool.run(|| {
                    let nested = awake(|| join(|| awake(|| sum(64)), || awake(|| sum(64))));
                    // The threads have gone to sleep when they are needed again.
                    let later = awake(|| {
                        std::thread::sleep(2 * LONGEST_WAIT);
                        sum(64)
                    });
                    (nested, later)
                });
                assert_eq!(sums, ((2016.0, 2016.0), 2016.0));
            }
            let panicking = || pool.run(|| awake(|| join(|| sum(64), || panic!("on purpose"))));
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(panicking));
            assert!(panicked.is_err());
            assert_eq!(pool.run(|| awake(|| sum(64))), 2016.0, "after a panic");
        }
    }

    #[test]
    fn every_item_is_visited_once_with_its_own_output() {
        for threads in [1, 2, 3, 5] {
            Pool::new(threads).unwrap().run(|| {
                for items in [0, 1, 2, 7, 64] {
                    // The second output's last item is cut short.
                    let (mut a, mut b) =
                        (vec![0.0; items], vec![0.0; (items * 3).saturating_sub(1)]);
                    let mut scratch = vec![0.0; 4 * threads];
                    // Item i of the third owns i elements.
                    let bounds: Vec<u32> =
                        (0..=items as u32).map(|i| i * i.saturating_sub(1) / 2).collect();
                    let mut c = vec![0.0; bounds[items] as usize];
                    let outputs = [
                        SplitOutput::new(&mut a, 1),
                        SplitOutput::new(&mut b, 3),
                        SplitOutput::between(&bounds, &mut c, 1),
                    ];
                    for_each_range(items, outputs, &mut scratch, 4, |range, [a, b, c], scratch| {
                        assert_eq!(scratch.len(), 4);
                        let mut c = c.iter_mut();
                        for i in range.clone() {
                            c.by_ref().take(i).for_each(|c| *c = i as f32);
                        }
                        assert!(c.next().is_none());
                        for (i, a) in range.clone().zip(a) {
                            *a += i as f32 + 1.0;
                        }
                        for (i, b) in (range.start * 3..).zip(b) {
                            *b += i as f32 + 1.0;
                        }
                    });
                    assert!(a.iter().enumerate().all(|(i, &a)| a == i as f32 + 1.0));
                    assert!(b.iter().enumerate().all(|(i, &b)| b == i as f32 + 1.0));
                    let expected = (0..items).flat_map(|i| vec![i as f32; i]).collect::<Vec<_>>();
                    assert_eq!(c, expected);
                }
            });
        }
    }
}
