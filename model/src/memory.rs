//! Memory for large tensors, which may not be had: then there is an error and the process goes on.
//!
//! Must not know what the tensors are for.

use std::alloc::{self, Layout};

use candle_core::{DType, Device, Error, Result, Shape, Tensor};
use half::f16;
use half::vec::HalfBitsVecExt;

/// A tensor of zeros whose memory the system gives when it is first used. `Tensor::zeros` would write every `f16`, and
/// ends the process where there is no memory.
pub(crate) fn zeros(shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
    let shape = shape.into();
    let dims = shape.dims().iter();
    let count = dims
        .copied()
        .try_fold(1, usize::checked_mul)
        .ok_or_else(|| none(usize::MAX))?;
    let bytes = count.saturating_mul(dtype.size_in_bytes());
    match dtype {
        DType::F16 => {
            let zeros: Vec<u16> = zeroed(count).ok_or_else(|| none(bytes))?;
            let zeros: Vec<f16> = zeros.reinterpret_into();
            Tensor::from_vec(zeros, shape, &Device::Cpu)
        }
        _ => {
            let zeros: Vec<f32> = zeroed(count).ok_or_else(|| none(bytes))?;
            Tensor::from_vec(zeros, shape, &Device::Cpu)
        }
    }
}

/// Numbers for which zeros in all their bytes are a value.
trait Number: Copy {}

impl Number for u16 {}

impl Number for f32 {}

/// What `vec![0; count]` is, but `None` where it would end the process.
fn zeroed<T: Number>(count: usize) -> Option<Vec<T>> {
    let layout = Layout::array::<T>(count).ok()?;
    if layout.size() == 0 {
        return Some(Vec::new());
    }
    // SAFETY: the size has been checked not to be 0. Where the pointer is not null, which is checked, it has the layout of a
    // vector with this capacity, and all numbers are initialized: zeros are values of a `Number`.
    unsafe {
        let numbers = alloc::alloc_zeroed(layout).cast::<T>();
        (!numbers.is_null()).then(|| Vec::from_raw_parts(numbers, count, count))
    }
}

/// Room for `more` numbers behind those of a list.
pub(crate) fn reserve(numbers: &mut Vec<f32>, more: usize) -> Result<()> {
    let reserved = numbers.try_reserve_exact(more);
    reserved.map_err(|_| none(more.saturating_mul(size_of::<f32>())))
}

fn none(bytes: usize) -> Error {
    Error::Msg(format!("the system gives no {} MiB", bytes.div_ceil(1 << 20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_an_error() {
        for dtype in [DType::F16, DType::F32] {
            // More than the addresses of a process.
            let error = zeros((1 << 20, 1 << 20, 1 << 12), dtype).unwrap_err().to_string();
            assert!(error.contains("the system gives no"), "{error}");
            let error = zeros((usize::MAX, 2), dtype).unwrap_err().to_string();
            assert!(error.contains("the system gives no"), "{error}");
            let few = zeros((2, 3), dtype).unwrap();
            assert_eq!((few.dims(), few.dtype()), (&[2, 3][..], dtype));
            assert_eq!(
                few.to_dtype(DType::F32)
                    .unwrap()
                    .sum_all()
                    .unwrap()
                    .to_scalar::<f32>()
                    .unwrap(),
                0.0
            );
        }
        assert!(reserve(&mut Vec::new(), usize::MAX / 8).is_err());
    }
}
