//! Random bytes.

use super::Guest;
use super::errno::{Answer, Errno};
use super::runtime::give_way;

/// Made between two chances for others to run: a guest may ask for gigabytes.
const CHUNK: u32 = 64 << 10;

/// `random_get`.
pub(super) async fn get(guest: &mut dyn Guest, buf: u32, len: u32) -> Answer {
    guest.split().0.slice(buf, len)?;
    let mut done = 0;
    while done < len {
        if done > 0 {
            give_way().await;
        }
        let part = (len - done).min(CHUNK);
        let (mut memory, ctx) = guest.split();
        let at = buf.checked_add(done).ok_or(Errno::FAULT)?;
        ctx.ctx.random.fill_bytes(memory.slice_mut(at, part)?);
        done += part;
    }
    Ok(())
}
