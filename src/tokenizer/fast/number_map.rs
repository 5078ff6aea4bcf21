//! Hash maps with short keys: numbers, characters and pairs of them.
//!
//! With the standard hasher, learning 8,192 pieces from 14 MB of text takes 1.7 to 2 times as long. The
//! fixed state means no defence against chosen keys, which only cost time. No result depends on the
//! order of iteration.

use foldhash::fast::FixedState;
use std::collections::HashMap;

/// A map from numbers, characters, or pairs of them.
pub(in crate::tokenizer) type NumberMap<K, V> = HashMap<K, V, FixedState>;
