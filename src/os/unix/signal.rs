//! Fault signals: asking one handler first, then whoever was there before.
//!
//! A signal that the handler does not want must behave as if this file did not exist: the handler that was installed
//! before is called, and where there was none the process dies of that very signal.

use super::ucontext;
use crate::os::{Fault, FaultHandler, FaultKind};
use libc::{c_int, c_void, sigaction, siginfo_t, ucontext_t};
use std::io;
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The signals that processors' faults become.
const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// A handler and what each of [`SIGNALS`] did before.
struct Chain {
    handler: FaultHandler,
    previous: [sigaction; SIGNALS.len()],
}

/// Set before the handler is installed and never changed: reading it takes no lock.
static CHAIN: OnceLock<Chain> = OnceLock::new();

/// Whether the handlers are installed. Held while signal dispositions are read and changed.
static INSTALLED: Mutex<bool> = Mutex::new(false);

/// Installs `handler` for memory, instruction and arithmetic faults of the process. Only the first call has an effect:
/// the process has one handler.
///
/// # Errors
///
/// The system refuses.
pub(crate) fn install_signal_handlers(handler: FaultHandler) -> io::Result<()> {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*installed {
        install(&CHAIN, handler, on_signal)?;
        *installed = true;
    }
    Ok(())
}

/// The signature of a handler that wants to know all about a signal.
type Entry = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// Links `entry`, which must serve `chain`, into the process's handlers.
///
/// The previous handlers are read before ours go in, so that a fault on another thread meanwhile finds them. The caller
/// holds [`INSTALLED`]; a handler that another library installs between the two calls is lost.
fn install(chain: &OnceLock<Chain>, handler: FaultHandler, entry: Entry) -> io::Result<()> {
    let mut previous = [const { MaybeUninit::uninit() }; SIGNALS.len()];
    for (signal, previous) in SIGNALS.into_iter().zip(&mut previous) {
        // SAFETY: without a new action the call only writes the old one to the place it is given.
        if unsafe { sigaction(signal, ptr::null(), previous.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // SAFETY: every call above succeeded, so each has written its structure.
    let previous = previous.map(|action| unsafe { action.assume_init() });
    chain.get_or_init(|| Chain { handler, previous });

    // SAFETY: all fields of the structure are integers, or optional pointers, for which zeros are valid.
    let mut action: sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = entry as *const () as usize;
    // The guest's stack may be unusable; and a fault inside a handler must not be swallowed by a blocked signal.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    for signal in SIGNALS {
        // SAFETY: `entry` is an async-signal-safe function of the signature that SA_SIGINFO asks for.
        if unsafe { sigaction(signal, &raw const action, ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel calls this function, with pointers that are valid until it returns.
    unsafe { dispatch(&CHAIN, signal, info, context) }
}

/// Asks the chain's handler, then the previous one. Async-signal-safe.
///
/// # Safety
///
/// The arguments are those of a signal handler installed with SA_SIGINFO.
unsafe fn dispatch(
    chain: &OnceLock<Chain>,
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    let Some(chain) = chain.get() else { return };
    // SAFETY: the kernel keeps both structures valid, and for this handler alone, until it returns.
    let handled = unsafe { resolve(chain.handler, signal, &*info, &mut *context.cast()) };
    if !handled {
        // SAFETY: the arguments are handed on as they came.
        unsafe { call_previous(chain, signal, info, context) };
    }
}

/// Asks a handler about a fault and, if it wants it, sends the thread where it says.
///
/// # Safety
///
/// `info` belongs to `signal`, and `context` to the thread that the signal interrupted.
unsafe fn resolve(
    handler: FaultHandler,
    signal: c_int,
    info: &siginfo_t,
    context: &mut ucontext_t,
) -> bool {
    if sent_by_process(info) {
        return false;
    }
    let kind = match signal {
        libc::SIGSEGV | libc::SIGBUS => FaultKind::Memory,
        libc::SIGILL => FaultKind::Illegal,
        libc::SIGFPE => FaultKind::Arithmetic,
        _ => return false,
    };
    // A general protection fault (a non-canonical address, say) comes without its address.
    let known = kind == FaultKind::Memory && info.si_code != SI_KERNEL;
    // SAFETY: the kernel fills in the address of every memory fault.
    let address = known.then(|| unsafe { info.si_addr() }.addr());
    let ucontext::Registers {
        pc,
        sp,
        fp,
        numbered: registers,
    } = ucontext::registers(context);
    let fault = Fault {
        pc,
        sp,
        fp,
        registers,
        address,
        kind,
    };
    let Some(to) = handler(&fault) else {
        return false;
    };
    ucontext::redirect(context, to);
    true
}

/// `si_code` of a fault about which the kernel knows no more.
const SI_KERNEL: c_int = 0x80;

/// Whether a process sent the signal, so that no instruction of the interrupted thread is to blame.
fn sent_by_process(info: &siginfo_t) -> bool {
    info.si_code <= 0
}

/// Does what would have happened without us.
///
/// # Safety
///
/// The arguments are those of a signal handler installed with SA_SIGINFO.
unsafe fn call_previous(chain: &Chain, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let Some(i) = SIGNALS.iter().position(|&s| s == signal) else {
        return;
    };
    let previous = &chain.previous[i];
    // SAFETY: the caller passes a valid `info`.
    let sent = sent_by_process(unsafe { &*info });
    match previous.sa_sigaction {
        // A fault cannot be ignored: the kernel kills by it all the same.
        libc::SIG_IGN if sent => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: all-zero is the default action, without flags; changing a disposition is async-signal-safe.
            unsafe {
                let default: sigaction = mem::zeroed();
                sigaction(signal, &raw const default, ptr::null_mut());
            }
            // A fault happens again once the handler returns; a signal that was sent must be sent again.
            if sent {
                // SAFETY: `raise` is async-signal-safe.
                unsafe { libc::raise(signal) };
            }
        }
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: whoever installed this handler promised that it has the signature SA_SIGINFO asks for.
            let handler = unsafe { mem::transmute::<usize, Entry>(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: as above, for handlers installed without SA_SIGINFO.
            let handler = unsafe { mem::transmute::<usize, extern "C" fn(c_int)>(handler) };
            handler(signal);
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::{Chain, INSTALLED, dispatch, install};
    use crate::os::{Continue, Fault, FaultKind, Reservation, ensure_signal_stack, page_size};
    use libc::{c_int, c_void, siginfo_t};
    use std::arch::naked_asm;
    use std::cell::Cell;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The tests' own link in the chain: it works before and behind the one that other tests install.
    static TEST_CHAIN: OnceLock<Chain> = OnceLock::new();
    static FAULTS: AtomicUsize = AtomicUsize::new(0);

    thread_local! {
        static LAST: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    extern "C" fn on_test_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: the kernel, or the handler installed after this one, passes a signal handler's arguments.
        unsafe { dispatch(&TEST_CHAIN, signal, info, context) }
    }

    fn recover(fault: &Fault) -> Option<Continue> {
        let sites = [
            (load as *const () as usize, FaultKind::Memory),
            (illegal as *const () as usize, FaultKind::Illegal),
            (divide as *const () as usize, FaultKind::Arithmetic),
        ];
        // Each function below faults within 16 bytes of its start, and its recovery follows right there.
        let (start, kind) = sites
            .into_iter()
            .find(|&(start, _)| (start..start + 16).contains(&fault.pc))?;
        assert_eq!(fault.kind, kind);
        LAST.with(|last| last.set(Some(*fault)));
        FAULTS.fetch_add(1, Ordering::Relaxed);
        Some(Continue {
            pc: start + 16,
            sp: fault.sp,
            fp: fault.fp,
        })
    }

    /// Reads a byte, with the direction flag set; -1 after a fault.
    #[unsafe(naked)]
    extern "C" fn load(_address: *const u8) -> i64 {
        naked_asm!(
            "2:",
            "std",
            "movzx eax, byte ptr [rdi]",
            "cld",
            "ret",
            ".skip 16 - (. - 2b), 0xcc",
            "mov rax, -1",
            "ret",
        )
    }

    #[unsafe(naked)]
    extern "C" fn illegal() -> i64 {
        naked_asm!(
            "2:",
            "ud2",
            ".skip 16 - (. - 2b), 0xcc",
            "mov rax, -2",
            "ret",
        )
    }

    #[unsafe(naked)]
    extern "C" fn divide(_by: u32) -> i64 {
        naked_asm!(
            "2:",
            "xor edx, edx",
            "mov eax, 1",
            "div edi",
            "ret",
            ".skip 16 - (. - 2b), 0xcc",
            "mov rax, -3",
            "ret",
        )
    }

    /// The direction flag must be clear whenever Rust code runs.
    #[unsafe(naked)]
    extern "C" fn flags() -> u64 {
        naked_asm!("pushfq", "pop rax", "ret")
    }

    fn prepare() {
        ensure_signal_stack().unwrap();
        let _changing = INSTALLED.lock().unwrap();
        if TEST_CHAIN.get().is_none() {
            install(&TEST_CHAIN, recover, on_test_signal).unwrap();
        }
    }

    #[test]
    fn faults_continue_where_the_handler_says() {
        prepare();
        let space = Reservation::new(2 * page_size()).unwrap();
        space.make_accessible(0..page_size()).unwrap();
        assert_eq!(load(space.base()), 0);
        let address = space.base().wrapping_add(page_size() + 5);
        assert_eq!(load(address), -1);
        assert_eq!(flags() & (1 << 10), 0, "direction flag");
        let fault = LAST.with(Cell::take).unwrap();
        assert_eq!(fault.address, Some(address.addr()));
        assert_eq!(fault.pc, load as *const () as usize + 1, "{fault:x?}");
        assert!(fault.sp.abs_diff((&raw const fault).addr()) < 1 << 20);

        // Non-canonical: the kernel does not tell the address.
        assert_eq!(load(std::ptr::without_provenance(1 << 63)), -1);
        assert_eq!(LAST.with(Cell::take).unwrap().address, None);

        assert_eq!(illegal(), -2);
        assert_eq!(LAST.with(Cell::take).unwrap().address, None);
        assert_eq!(divide(1), 1);
        assert_eq!(divide(0), -3);
        assert!(FAULTS.load(Ordering::Relaxed) >= 4);
    }

    #[test]
    fn faults_on_many_threads() {
        prepare();
        let threads = (0..8).map(|_| {
            std::thread::spawn(|| {
                ensure_signal_stack().unwrap();
                (0..1000).all(|_| illegal() == -2 && divide(0) == -3)
            })
        });
        for thread in threads.collect::<Vec<_>>() {
            assert!(thread.join().unwrap());
        }
    }
}
