//! Access to the guest's memory. Every pointer and length is the guest's word and is checked: out of bounds is `fault`,
//! not aligned is `inval`.

use super::errno::{Answer, Errno};
use super::types::IOVEC_SIZE;

/// At most so many bytes are moved by one call; the rest is for the guest's next one.
pub(crate) const MAX_IO: usize = 256 << 10;
/// So many buffers of a vectored call are looked at; the rest is for the guest's next one.
const MAX_IOVECS: u32 = 1024;
/// No system takes a longer path.
const MAX_PATH: u32 = 4096;

/// The bytes of the guest's memory.
#[derive(Debug)]
pub(crate) struct GuestMemory<'a>(pub(crate) &'a mut [u8]);

/// Buffers of a vectored call: validated, and cut to [`MAX_IO`] in total.
#[derive(Debug)]
pub(crate) struct Buffers {
    parts: Vec<(u32, u32)>,
    total: usize,
}

impl Buffers {
    /// How many bytes they hold together.
    pub(crate) fn total(&self) -> usize {
        self.total
    }
}

impl GuestMemory<'_> {
    /// The bytes at `ptr`.
    pub(crate) fn slice(&self, ptr: u32, len: u32) -> Answer<&[u8]> {
        let start = ptr as usize;
        let end = start.checked_add(len as usize).ok_or(Errno::FAULT)?;
        self.0.get(start..end).ok_or(Errno::FAULT)
    }

    /// The bytes at `ptr`, to be written.
    pub(crate) fn slice_mut(&mut self, ptr: u32, len: u32) -> Answer<&mut [u8]> {
        let start = ptr as usize;
        let end = start.checked_add(len as usize).ok_or(Errno::FAULT)?;
        self.0.get_mut(start..end).ok_or(Errno::FAULT)
    }

    /// Whether a value of `size` and `align` could be written at `ptr`: asked before what cannot be undone.
    pub(crate) fn check(&self, ptr: u32, size: u32, align: u32) -> Answer {
        if !ptr.is_multiple_of(align) {
            return Err(Errno::INVAL);
        }
        self.slice(ptr, size).map(drop)
    }

    fn array<const N: usize>(&self, ptr: u32, align: u32) -> Answer<[u8; N]> {
        if !ptr.is_multiple_of(align) {
            return Err(Errno::INVAL);
        }
        let size = u32::try_from(N).map_err(|_| Errno::FAULT)?;
        let bytes = self.slice(ptr, size)?;
        bytes.try_into().map_err(|_| Errno::FAULT)
    }

    pub(crate) fn u8(&self, ptr: u32) -> Answer<u8> {
        self.array::<1>(ptr, 1).map(|[byte]| byte)
    }

    pub(crate) fn u16(&self, ptr: u32) -> Answer<u16> {
        self.array(ptr, 2).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&self, ptr: u32) -> Answer<u32> {
        self.array(ptr, 4).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&self, ptr: u32) -> Answer<u64> {
        self.array(ptr, 8).map(u64::from_le_bytes)
    }

    /// Writes a value with its alignment.
    pub(crate) fn put(&mut self, ptr: u32, align: u32, value: &[u8]) -> Answer {
        let size = u32::try_from(value.len()).map_err(|_| Errno::FAULT)?;
        self.check(ptr, size, align)?;
        self.slice_mut(ptr, size)?.copy_from_slice(value);
        Ok(())
    }

    pub(crate) fn put_u16(&mut self, ptr: u32, value: u16) -> Answer {
        self.put(ptr, 2, &value.to_le_bytes())
    }

    pub(crate) fn put_u32(&mut self, ptr: u32, value: u32) -> Answer {
        self.put(ptr, 4, &value.to_le_bytes())
    }

    /// A count of bytes. It is below 4 GiB: they lie in a 32-bit memory.
    pub(crate) fn put_size(&mut self, ptr: u32, value: usize) -> Answer {
        self.put_u32(ptr, u32::try_from(value).map_err(|_| Errno::FAULT)?)
    }

    pub(crate) fn put_u64(&mut self, ptr: u32, value: u64) -> Answer {
        self.put(ptr, 8, &value.to_le_bytes())
    }

    /// A path: text without zero bytes, of a length that systems take.
    pub(crate) fn path(&self, ptr: u32, len: u32) -> Answer<String> {
        let bytes = self.slice(ptr, len)?;
        if len > MAX_PATH {
            return Err(Errno::NAMETOOLONG);
        }
        if bytes.contains(&0) {
            return Err(Errno::INVAL);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Errno::ILSEQ)?;
        Ok(text.to_owned())
    }

    /// The buffers of a vectored call.
    pub(crate) fn buffers(&self, ptr: u32, count: u32) -> Answer<Buffers> {
        let size = count.checked_mul(IOVEC_SIZE).ok_or(Errno::FAULT)?;
        self.check(ptr, size, 4)?;
        let mut buffers = Buffers {
            parts: Vec::new(),
            total: 0,
        };
        for i in 0..count.min(MAX_IOVECS) {
            let at = ptr + i * IOVEC_SIZE;
            let (start, len) = (self.u32(at)?, self.u32(at + 4)?);
            self.slice(start, len)?;
            let left = MAX_IO - buffers.total;
            let len = len.min(u32::try_from(left).map_err(|_| Errno::FAULT)?);
            if len > 0 {
                buffers.parts.push((start, len));
                buffers.total += len as usize;
            }
        }
        Ok(buffers)
    }

    /// What the guest wants to write.
    pub(crate) fn gather(&self, buffers: &Buffers) -> Answer<Vec<u8>> {
        let mut data = Vec::with_capacity(buffers.total);
        for &(start, len) in &buffers.parts {
            data.extend_from_slice(self.slice(start, len)?);
        }
        Ok(data)
    }

    /// Gives the guest what was read.
    pub(crate) fn scatter(&mut self, buffers: &Buffers, mut data: &[u8]) -> Answer {
        for &(start, len) in &buffers.parts {
            if data.is_empty() {
                break;
            }
            let part = data.len().min(len as usize);
            self.slice_mut(start, len)?[..part].copy_from_slice(&data[..part]);
            data = &data[part..];
        }
        Ok(())
    }
}
