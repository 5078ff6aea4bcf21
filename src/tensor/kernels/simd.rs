//! The instruction sets that kernels are compiled for, and the choice among them at run time.

use std::ffi::OsString;
use std::sync::OnceLock;

/// The environment variable that chooses an instruction set.
const VARIABLE: &str = "CLOZE_SIMD";

/// An instruction set that is not known, or that this machine does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{VARIABLE} is {asked:?}, but this CPU has {}; unset it, or give one of these",
    named(Simd::available())
)]
pub struct SimdError {
    asked: OsString,
}

/// The names of `sets`, as a list in words.
fn named(sets: &[Simd]) -> String {
    let names: Vec<&str> = sets.iter().map(|simd| simd.name()).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simd {
    /// Plain loops with the instructions that every CPU of this architecture has. On x86-64 they lack fused
    /// multiply-add; `mul_add` is then computed in software: slowly, but to the same bits.
    Portable,
    /// aarch64, where every CPU has it: [`Simd::Portable`] with the matrix product in NEON registers.
    Neon,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
}

impl Simd {
    /// The best instruction set of this machine, or the one that the environment variable
    /// `CLOZE_SIMD` (`portable`, `neon`, `avx2`, `avx512`) asks for. When it asks for one that is not there,
    /// this is another one: [`Simd::check`] says so, and whatever trains or opens a model calls it first.
    pub fn current() -> Self {
        static CURRENT: OnceLock<Simd> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let asked = std::env::var(VARIABLE).unwrap_or_default();
            let named = Self::available().iter().find(|simd| simd.name() == asked);
            *named.unwrap_or(Self::available().last().expect("plain loops are always there"))
        })
    }

    /// Checks that the instruction set that `CLOZE_SIMD` asks for, if it asks for one, is the one in use.
    /// The variable is for comparing instruction sets, so none must pass for another.
    ///
    /// # Errors
    /// [`SimdError`].
    pub fn check() -> Result<(), SimdError> {
        match std::env::var_os(VARIABLE) {
            Some(asked) if !asked.is_empty() && asked != Self::current().name() => {
                Err(SimdError { asked })
            }
            _ => Ok(()),
        }
    }

    /// The instruction sets of this machine, the best one last.
    pub fn available() -> &'static [Self] {
        if cfg!(target_arch = "aarch64") {
            return &[Self::Portable, Self::Neon];
        }
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return &[Self::Portable, Self::Avx2, Self::Avx512];
            }
            if avx2 {
                return &[Self::Portable, Self::Avx2];
            }
        }
        &[Self::Portable]
    }

    /// Whether this machine has a fused multiply-add (one rounding), which the determinism contract
    /// requires.
    pub fn has_fma() -> bool {
        // Every instruction set but the portable one has it.
        Self::available().len() > 1
    }

    /// `portable`, `neon`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}
