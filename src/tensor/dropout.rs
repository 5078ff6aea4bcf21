//! Dropout masks as a pure function of (seed, dropout site, step, row, column). A site is the number of
//! one dropout in the model.
//!
//! Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) turns a
//! counter into 128 random bits, eight elements' worth. Nothing is stored: the backward pass computes
//! the mask again.

use super::kernels::{LANES, vectorized};

/// Elements that [`LANES`] counters give random bits for: 8 each.
const GROUP: usize = 8 * LANES;

/// Identifies a forward pass of a run: everything that a dropout mask depends on except the site and
/// the element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropoutKey {
    /// The run's seed.
    pub seed: u64,
    /// The optimizer step, from 0.
    pub step: u32,
    /// The index of this pass's first sequence in the batch of the step. It is not 0 when a step has
    /// several micro-batches.
    pub first_sequence: usize,
}

/// Inverted dropout (Srivastava et al., 2014): an element is dropped with probability `rate`; other
/// elements are scaled by 1 / (1 − rate). `rate` is rounded to a multiple of 2⁻¹⁶.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// An element is dropped when its 16 bits are below this.
    threshold: u32,
    /// The factor of kept elements.
    scale: f32,
    /// The number of this dropout in the model.
    site: u32,
}

impl Dropout {
    /// Dropout with probability `rate` in `0.0 ..1.0`, or `None` when the rounded rate is 0. `site` is
    /// the number of this dropout in the model, so that each dropout has its own masks.
    pub fn new(rate: f32, site: u32) -> Option<Self> {
        let threshold = (rate.clamp(0.0, 0.999) * 65536.0).round() as u32;
        let scale = 65536.0 / (65536 - threshold) as f32;
        (threshold > 0).then_some(Self { threshold, scale, site })
    }

    /// Fills `factors` with the factors of the elements of row `row`: 0 or 1 / (1 − rate). `row` counts
    /// over the whole batch of the step; `factors` is as long as a row.
    pub fn factors(&self, key: &DropoutKey, row: usize, factors: &mut [f32]) {
        fill(
            [key.seed as u32, (key.seed >> 32) as u32],
            [row as u32, self.site, key.step],
            (self.threshold, self.scale),
            factors,
        );
    }
}

/// The multipliers of Philox4x32.
const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// The constants that are added to the key after every round.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Counters of four words, in `[word, lane]`. A word is the lower half of its 64 bits. The upper half is
/// ignored, so that products need not be masked.
type Counters = [[u64; LANES]; 4];

/// Philox4x32-10: each counter becomes 128 random bits under one key.
#[inline(always)]
fn philox(counters: &mut Counters, mut key: [u32; 2]) {
    for _ in 0..10 {
        let [first, second, third, fourth] = &mut *counters;
        for lane in 0..LANES {
            let a = (first[lane] & 0xFFFF_FFFF) * MULTIPLIERS[0];
            let b = (third[lane] & 0xFFFF_FFFF) * MULTIPLIERS[1];
            first[lane] = (b >> 32) ^ second[lane] ^ u64::from(key[0]);
            second[lane] = b;
            third[lane] = (a >> 32) ^ fourth[lane] ^ u64::from(key[1]);
            fourth[lane] = a;
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
}

/// The factors of one group: element `e` uses half-word `e / 16` of counter `first + e % 16`.
#[inline(always)]
fn fill_group(
    key: [u32; 2],
    first: u64,
    counter: [u32; 3],
    (threshold, scale): (u32, f32),
    factors: &mut [f32; GROUP],
) {
    let [b, c, d] = counter.map(|word| [u64::from(word); LANES]);
    let mut words = [std::array::from_fn(|lane| first + lane as u64), b, c, d];
    philox(&mut words, key);
    for slot in 0..8 {
        let shift = 16 * (slot % 2);
        for lane in 0..LANES {
            let bits = (words[slot / 2][lane] as u32 >> shift) & 0xFFFF;
            factors[slot * LANES + lane] = if bits < threshold { 0.0 } else { scale };
        }
    }
}

vectorized! {
    /// Fills `factors` group by group. The last group may be cut short.
    fn fill(key: [u32; 2], counter: [u32; 3], kept: (u32, f32), factors: &mut [f32]) {
        let (groups, rest) = factors.as_chunks_mut::<GROUP>();
        let mut first = 0;
        for group in groups {
            fill_group(key, first, counter, kept, group);
            first += LANES as u64;
        }
        if !rest.is_empty() {
            let mut group = [0.0; GROUP];
            fill_group(key, first, counter, kept, &mut group);
            rest.copy_from_slice(&group[..rest.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_answers() {
        // The known-answer test of the authors' library (kat_vectors, philox4x32 10).
        let answer = |word: u32| {
            let mut counters = [[u64::from(word); LANES]; 4];
            philox(&mut counters, [word; 2]);
            counters.map(|words| words.map(|word| word as u32))
        };
        let expected = [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8];
        assert_eq!(answer(0), expected.map(|word| [word; LANES]));
        let expected = [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD];
        assert_eq!(answer(0xFFFF_FFFF), expected.map(|word| [word; LANES]));
    }

    #[test]
    fn masks_depend_on_seed_step_site_and_row_and_drop_the_rate() {
        let factors = |seed, step, site, row| {
            let key = DropoutKey { seed, step, first_sequence: 0 };
            let mut factors = vec![0.0; 300];
            Dropout::new(0.1, site).unwrap().factors(&key, row, &mut factors);
            factors
        };
        let base = factors(1, 2, 3, 4);
        assert_eq!(base, factors(1, 2, 3, 4));
        for other in
            [factors(9, 2, 3, 4), factors(1, 9, 3, 4), factors(1, 2, 9, 4), factors(1, 2, 3, 9)]
        {
            assert_ne!(base, other);
        }
        let dropped: usize =
            (0..1000).map(|row| factors(0, 0, 0, row).iter().filter(|&&f| f == 0.0).count()).sum();
        // 300,000 draws: standard deviation 164; six of them.
        assert!(dropped.abs_diff(30_000) < 1000, "{dropped}");
        assert!(Dropout::new(0.0, 0).is_none());
    }

    #[test]
    fn a_prefix_of_a_row_is_a_prefix_of_its_mask() {
        let key = DropoutKey { seed: 5, step: 6, first_sequence: 0 };
        let dropout = Dropout::new(0.5, 1).unwrap();
        let (mut long, mut short) = (vec![0.0; 200], vec![0.0; 137]);
        dropout.factors(&key, 3, &mut long);
        dropout.factors(&key, 3, &mut short);
        assert_eq!(long[..137], short);
    }
}
