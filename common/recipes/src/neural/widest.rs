//! Loops in the widest vectors of the machine: the instruction set is chosen at run time.

/// Of this a closure can be the owner once only.
pub struct Once;

/// Compiles a block once for each instruction set, and runs the best that the machine has.
///
/// What the block calls must be `#[inline(always)]`: the rest is compiled for the oldest processor, which does
/// a fused multiplication by calling a function. That the block uses up [`Once`] makes its closure one that can be
/// called once only. Any other is called through a function of the compiler's own, which is not inlined.
macro_rules! widest {
    ($block:block) => {{
        let once = $crate::neural::widest::Once;
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                let _once = once;
                $block
            },
        )
    }};
}
pub(crate) use widest;

/// Numbers that all vector registers of the machine hold.
pub fn n_registered() -> usize {
    struct Count;
    impl pulp::WithSimd for Count {
        type Output = usize;
        fn with_simd<S: pulp::Simd>(self, _: S) -> usize {
            S::REGISTER_COUNT * S::F32_LANES
        }
    }
    pulp::Arch::new().dispatch(Count)
}
