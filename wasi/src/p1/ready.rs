//! Waiting until the system says that a descriptor can be read or written.

#![expect(
    unsafe_code,
    reason = "tokio wants a promise about descriptors that it watches"
)]

use super::errno::Answer;
use super::runtime::handle;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
pub(crate) use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Waits for readiness, and says whether nobody will write any more. Dropping the future leaves nothing behind: a duplicate
/// is what was registered.
pub(crate) async fn wait(fd: BorrowedFd<'_>, interest: Interest) -> Answer<bool> {
    match register(fd, interest)? {
        // The registration ends here, and what it remembers with it.
        Some(registered) => Ok(registered.ready(interest).await?.ready().is_read_closed()),
        // Nobody waits for what the system cannot watch: a disk, the null device.
        None => Ok(false),
    }
}

/// A registration with the runtime; none if the system cannot watch the descriptor.
fn register(fd: BorrowedFd<'_>, interest: Interest) -> Answer<Option<AsyncFd<OwnedFd>>> {
    let duplicate = fd.try_clone_to_owned()?;
    let runtime = handle();
    let _context = runtime.enter();
    // SAFETY: an `OwnedFd` is one open descriptor, always the same, until it is dropped, which `AsyncFd` alone does.
    let registered = unsafe { AsyncFd::register_with_interest(duplicate, interest) };
    match registered {
        Ok(registered) => Ok(Some(registered)),
        Err(error) => {
            let error: io::Error = error.into_parts().1;
            if error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()) {
                Ok(None)
            } else {
                Err(error.into())
            }
        }
    }
}
