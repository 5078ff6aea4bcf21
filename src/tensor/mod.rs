//! The ground floor: storage, matrix products, vector kernels, math functions, random numbers.

pub mod random;
