//! Hash maps whose keys are numbers or a few of them: one multiplication a number, where the standard
//! hash takes twenty times as long. Not to resist an attacker. Such a map is never iterated where order
//! reaches a result.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from numbers, characters, or pairs of them.
pub(in crate::tokenizer) type NumberMap<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;

/// The multiplier: 2⁶⁴ ÷ golden ratio, made odd (Knuth, TAOCP vol. 3, 6.4).
const MULTIPLIER: u128 = 0x9e37_79b9_7f4a_7c15;

/// Hashes numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::tokenizer) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    /// Both halves of the product, so that low and high bits of the hash depend on all of the number.
    #[inline]
    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0.rotate_left(32) ^ number) * MULTIPLIER;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    #[inline]
    fn write_u128(&mut self, number: u128) {
        self.write_u64(number as u64);
        self.write_u64((number >> 64) as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::Hash;

    fn hash(key: impl Hash) -> u64 {
        let mut hasher = NumberHasher::default();
        key.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn small_numbers_are_spread_over_low_and_high_bits() {
        let hashes: Vec<u64> =
            (0..200u32).flat_map(|a| (0..200).map(move |b| hash((a, b)))).collect();
        for shift in [0, 48] {
            let places: HashSet<u64> = hashes.iter().map(|hash| hash >> shift & 0xffff).collect();
            // 65,536 × (1 − e^(−40,000 ÷ 65,536)) = 29,900 of random ones.
            assert!(places.len() > 28_000, "{shift}: {}", places.len());
        }
        let words: HashSet<u64> = (0..128).map(|bit| hash(1u128 << bit)).collect();
        assert_eq!(words.len(), 128);
        assert_ne!(hash((1u32, 2u32)), hash((2u32, 1u32)));
    }
}
