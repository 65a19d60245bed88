//! A 128-bit register as elements.

/// An element type.
pub(crate) trait Lane: Copy {
    /// The elements of one register; element 0 is the most significant.
    type Array: AsRef<[Self]> + AsMut<[Self]> + Copy;
    /// The elements of `v`.
    fn split(v: u128) -> Self::Array;
    /// The register that holds `a`.
    fn join(a: Self::Array) -> u128;
}

macro_rules! lanes {
    ($($t:ident $n:literal;)*) => { $(
        impl Lane for $t {
            type Array = [$t; $n];
            #[inline(always)]
            fn split(v: u128) -> [$t; $n] {
                const S: usize = size_of::<$t>();
                let bytes = v.to_be_bytes();
                std::array::from_fn(|i| $t::from_be_bytes(std::array::from_fn(|k| bytes[S * i + k])))
            }
            #[inline(always)]
            #[allow(clippy::modulo_one, reason = "S is 1 for bytes")]
            fn join(a: [$t; $n]) -> u128 {
                const S: usize = size_of::<$t>();
                u128::from_be_bytes(std::array::from_fn(|k| a[k / S].to_be_bytes()[k % S]))
            }
        }
    )* };
}
lanes! {
    u8 16; i8 16;
    u16 8; i16 8;
    u32 4; i32 4;
    u64 2; i64 2;
    u128 1;
}

/// `f` of each element.
#[inline(always)]
pub(crate) fn map<T: Lane>(a: u128, f: impl Fn(T) -> T) -> u128 {
    let mut a = T::split(a);
    a.as_mut().iter_mut().for_each(|x| *x = f(*x));
    T::join(a)
}
/// `f` of each pair of elements.
#[inline(always)]
pub(crate) fn map2<T: Lane>(a: u128, b: u128, mut f: impl FnMut(T, T) -> T) -> u128 {
    let (mut a, b) = (T::split(a), T::split(b));
    a.as_mut().iter_mut().zip(b.as_ref()).for_each(|(x, y)| *x = f(*x, *y));
    T::join(a)
}
/// `f` of each triple of elements.
#[inline(always)]
pub(crate) fn map3<T: Lane>(a: u128, b: u128, c: u128, mut f: impl FnMut(T, T, T) -> T) -> u128 {
    let (mut a, b, c) = (T::split(a), T::split(b), T::split(c));
    a.as_mut().iter_mut().zip(b.as_ref()).zip(c.as_ref()).for_each(|((x, y), z)| *x = f(*x, *y, *z));
    T::join(a)
}
