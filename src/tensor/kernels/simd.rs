//! The instruction sets that kernels are compiled for, and the choice among them at run time.

use std::ffi::OsString;
use std::sync::OnceLock;

/// The environment variable that chooses an instruction set.
const VARIABLE: &str = "CLOZE_SIMD";

/// An instruction set that is not known, or that this machine does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{VARIABLE} is {asked:?}, but it is one of portable, avx2 and avx512, and this CPU has {}; unset it, \
     or give one that this CPU has", Simd::detect().name()
)]
pub struct SimdError {
    asked: OsString,
}

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Simd {
    /// The instructions that every CPU of this architecture has. On x86-64 they lack fused multiply-add;
    /// `mul_add` is then computed in software: slowly, but to the same bits.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
}

impl Simd {
    /// The best instruction set of this machine, or the one that the environment variable
    /// `CLOZE_SIMD` (`portable`, `avx2`, `avx512`) asks for. When it asks for one that is not there,
    /// this is another one: [`Simd::check`] says so, and whatever trains or opens a model calls it first.
    pub fn current() -> Self {
        static CURRENT: OnceLock<Simd> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let best = Self::detect();
            match std::env::var(VARIABLE).as_deref() {
                Ok("portable") => Self::Portable,
                Ok("avx2") => Self::Avx2.min(best),
                _ => best,
            }
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

    /// The best instruction set of this machine.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return Self::Avx512;
            }
            if avx2 {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// Whether this machine has a fused multiply-add (one rounding), which the determinism contract
    /// requires.
    pub fn has_fma() -> bool {
        cfg!(target_arch = "aarch64") || Self::detect() >= Self::Avx2
    }

    /// `portable`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}
