//! Compiling one plain function for every instruction set in [`Simd`](super::Simd).

/// Compiles a function for every instruction set in [`Simd`] and calls the version for this machine.
macro_rules! vectorized {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($arg: $type),*) $(-> $ret)? {
            #[inline(always)]
            fn portable($($arg: $type),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512($($arg: $type),*) $(-> $ret)? { portable($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) $(-> $ret)? { portable($($arg),*) }
                // SAFETY: `Simd::current` returns only an instruction set that the CPU has.
                #[allow(unsafe_code)]
                match $crate::tensor::kernels::Simd::current() {
                    $crate::tensor::kernels::Simd::Avx512 => return unsafe { avx512($($arg),*) },
                    $crate::tensor::kernels::Simd::Avx2 => return unsafe { avx2($($arg),*) },
                    _ => {}
                }
            }
            portable($($arg),*)
        }
    )*};
}
pub(crate) use vectorized;
