//! Hardware faults in wasm code become traps; everybody else's stay theirs.

use super::{ExecCore, Raised, capture, tls};
use crate::Result;
use crate::abi::decode_trap;
use crate::code::{self, FuelPlace};
use crate::os::{self, Continue, Fault, FaultKind};
use crate::wasm::Trap;
use std::ptr;
use std::sync::OnceLock;

/// Addresses below this are what a Spectre guard or a null function reference yields.
const NULL_PAGE: usize = 4096;

/// Installs the process's fault handlers, once.
///
/// # Errors
///
/// The operating system refused; every later call fails the same way.
pub(crate) fn init_process() -> Result<()> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    DONE.get_or_init(|| os::install_signal_handlers(on_fault).map_err(|e| e.to_string()))
        .clone()
        .map_err(|e| crate::format_err!("failed to install signal handlers: {e}"))
}

/// Decides whether a fault is a wasm trap, and where to go on if so. Runs inside the signal handler, but what it
/// interrupted was wasm code: no lock of the host is held by this thread in that case.
fn on_fault(fault: &Fault) -> Option<Continue> {
    let exec = tls::get().exec;
    if exec.is_null() {
        return None;
    }
    // SAFETY: this thread executes the code at this pc, so its image is alive.
    let image = unsafe { code::find_image(fault.pc) }?;
    let trap = decode_trap(image.trap_at(fault.pc)?)?;
    // SAFETY: the thread runs wasm code of this store, so the store is alive and nobody else uses it; `enter` put the
    // pointer there and takes it away.
    let exec: &mut ExecCore = unsafe { &mut *exec };
    if fault.kind == FaultKind::Memory {
        let address = fault.address?;
        let ours = match trap {
            Trap::MemoryOutOfBounds => {
                address < NULL_PAGE || exec.memory_ranges.iter().any(|r| r.contains(&address))
            }
            _ => address < NULL_PAGE,
        };
        if !ours {
            return None;
        }
    }
    if let Some(site) = image.fuel_at(fault.pc) {
        let found = match site.place {
            FuelPlace::Register(number) => fault.registers[usize::from(number)].cast_signed(),
            FuelPlace::Frame(offset) => {
                let slot = fault.fp.wrapping_add_signed(offset as isize);
                // SAFETY: the compiler put the count at this distance from the frame pointer of the function at this pc.
                unsafe { ptr::with_exposed_provenance::<isize>(slot).read() }
            }
        };
        exec.vm.fuel = (found as i64).wrapping_add(i64::from(site.owed));
    }
    let mut frames = std::mem::take(&mut exec.frames);
    frames.clear();
    // SAFETY: pc and fp are those of wasm code of this store; the buffer was allocated to the limit, so nothing is
    // allocated here.
    unsafe {
        capture(
            exec,
            Some((fault.pc, fault.fp)),
            exec.frame_limit,
            &mut frames,
        )
    };
    exec.frames = frames;
    exec.raised = Some(Raised::Trap(trap));
    let vm = &exec.vm.exec;
    Some(Continue {
        pc: vm.entry_handler,
        sp: vm.entry_sp,
        fp: vm.entry_fp,
    })
}
