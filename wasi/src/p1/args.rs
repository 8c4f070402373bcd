//! Arguments, environment, and signals to oneself.

use super::errno::{Answer, Errno};
use super::memory::GuestMemory;

/// The bytes of all strings, each with the zero that ends it.
fn total(strings: &[String]) -> usize {
    strings.iter().map(|string| string.len() + 1).sum()
}

/// `args_sizes_get`, `environ_sizes_get`.
pub(super) fn sizes(
    mut memory: GuestMemory<'_>,
    strings: &[String],
    count: u32,
    size: u32,
) -> Answer {
    memory.put_size(count, strings.len())?;
    memory.put_size(size, total(strings))
}

/// `args_get`, `environ_get`: an array of pointers, and the strings one behind the other.
pub(super) fn get(
    mut memory: GuestMemory<'_>,
    strings: &[String],
    mut pointers: u32,
    mut buf: u32,
) -> Answer {
    for string in strings {
        memory.put_u32(pointers, buf)?;
        let len = u32::try_from(string.len()).map_err(|_| Errno::FAULT)?;
        let end = len.checked_add(1).ok_or(Errno::FAULT)?;
        let room = memory.slice_mut(buf, end)?;
        room[..string.len()].copy_from_slice(string.as_bytes());
        room[string.len()] = 0;
        buf = buf.checked_add(end).ok_or(Errno::FAULT)?;
        pointers = pointers.checked_add(4).ok_or(Errno::FAULT)?;
    }
    Ok(())
}

/// `proc_raise`: signals exist as numbers, and none is delivered. The function is gone from later versions.
pub(super) fn raise(signal: u32) -> Answer {
    match signal {
        1..=30 => Err(Errno::NOTSUP),
        _ => Err(Errno::INVAL),
    }
}
