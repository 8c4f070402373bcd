//! Core dumps of guests, in memory and in the format of `tool-conventions/Coredump.md`.
//!
//! The format is a wasm module: memories, globals and data segments are sections of their own kinds, the rest is in
//! custom sections.

#![expect(unsafe_code, reason = "reads what machine code writes")]

use super::{AsContextMut, FrameInfo, Global, Instance, Memory, Module, WasmBacktrace};
use crate::store::{GlobalEntity, GlobalId, InstanceId, MemoryId, StoreCore, StoreId};
use crate::wasm::{MemoryDesc, WasmHeap, WasmVal};
use std::fmt;
use std::sync::Arc;

/// What a store held when a guest of it trapped.
///
/// Errors carry one if [`Config::coredump_on_trap`](crate::Config::coredump_on_trap) is on: find it by
/// [`Error::downcast_ref`](crate::Error::downcast_ref). It names memories and globals but does not copy them, so
/// [`WasmCoreDump::serialize`] belongs right behind the trap. Locals and operands are not recovered.
pub struct WasmCoreDump {
    store: StoreId,
    modules: Vec<Module>,
    instances: Vec<Instance>,
    memories: Vec<Memory>,
    globals: Vec<Global>,
    trace: WasmBacktrace,
}

impl WasmCoreDump {
    /// What there is in a store, and the frames of the trap.
    pub(crate) fn new(core: &StoreCore, trace: WasmBacktrace) -> WasmCoreDump {
        let mut modules: Vec<Module> = Vec::new();
        for instance in &core.instances {
            let known = |m: &Module| Arc::ptr_eq(m.loaded(), &instance.module);
            if !modules.iter().any(known) {
                modules.push(Module::from_loaded(Arc::clone(&instance.module)));
            }
        }
        let ids = |count: usize| 0..count;
        let instance = |i| Instance::from_id(core.id, InstanceId::new(i));
        let memory = |i| Memory::from_id(core.id, MemoryId::new(i));
        let global = |i| Global::from_id(core.id, GlobalId::new(i));
        WasmCoreDump {
            store: core.id,
            modules,
            instances: ids(core.instances.len()).map(instance).collect(),
            memories: ids(core.memories.len()).map(memory).collect(),
            globals: ids(core.globals.len()).map(global).collect(),
            trace,
        }
    }

    /// The frames, innermost first.
    pub fn frames(&self) -> &[FrameInfo] {
        self.trace.frames()
    }

    /// The modules that had instances in the store.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// All instances of the store.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// All globals of the store, those that the host made included.
    pub fn globals(&self) -> &[Global] {
        &self.globals
    }

    /// All memories of the store, those that the host made included.
    pub fn memories(&self) -> &[Memory] {
        &self.memories
    }

    /// The dump as bytes, with the contents that memories and globals have now. `name` is what the program is called.
    ///
    /// References are written as null. Where a module has several instances, frames name the last one.
    ///
    /// # Panics
    ///
    /// The store is another one.
    pub fn serialize(&self, mut store: impl AsContextMut, name: &str) -> Vec<u8> {
        let store = store.as_context_mut();
        let core = store.0.core();
        assert!(self.store == core.id, "object used with the wrong store");
        self.encode(core, name)
    }

    fn encode(&self, core: &StoreCore, name: &str) -> Vec<u8> {
        let mut out = b"\0asm\x01\0\0\0".to_vec();
        let module_of = |module: &Module| self.modules.iter().position(|m| Module::same(m, module));

        custom(&mut out, "core", |body| {
            body.push(0);
            string(body, name);
        });
        section(&mut out, 5, |body| {
            unsigned(body, self.memories.len() as u64);
            for memory in &core.memories[..self.memories.len()] {
                let desc = memory.memory.desc();
                let pages = memory.memory.byte_len() as u64 / desc.page_size();
                memory_type(body, desc, pages);
            }
        });
        section(&mut out, 6, |body| {
            unsigned(body, self.globals.len() as u64);
            for entity in &core.globals[..self.globals.len()] {
                global(body, entity);
            }
        });
        section(&mut out, 11, |body| {
            segments(body, core, self.memories.len())
        });
        custom(&mut out, "coremodules", |body| {
            unsigned(body, self.modules.len() as u64);
            for (i, module) in self.modules.iter().enumerate() {
                body.push(0);
                match module.name() {
                    Some(name) => string(body, name),
                    None => string(body, &format!("<module {i}>")),
                }
            }
        });
        custom(&mut out, "coreinstances", |body| {
            unsigned(body, self.instances.len() as u64);
            for instance in &core.instances[..self.instances.len()] {
                body.push(0);
                let module = module_of(Module::from_loaded_ref(&instance.module));
                unsigned(body, module.unwrap_or(0) as u64);
                unsigned(body, instance.memories.len() as u64);
                for memory in &instance.memories {
                    unsigned(body, memory.index() as u64);
                }
                unsigned(body, instance.globals.len() as u64);
                for global in &instance.globals {
                    unsigned(body, global.index() as u64);
                }
            }
        });
        custom(&mut out, "corestack", |body| {
            body.push(0);
            string(body, "main");
            unsigned(body, self.frames().len() as u64);
            for frame in self.frames() {
                let of_module = core.instances[..self.instances.len()]
                    .iter()
                    .rposition(|i| Arc::ptr_eq(&i.module, frame.module().loaded()));
                body.push(0);
                unsigned(body, of_module.unwrap_or(0) as u64);
                unsigned(body, u64::from(frame.func_index()));
                unsigned(body, frame.func_offset().unwrap_or(0) as u64);
                // Neither locals nor operands.
                body.extend_from_slice(&[0, 0]);
            }
        });
        out
    }
}

impl fmt::Display for WasmCoreDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "wasm core dump of a store with")?;
        for module in &self.modules {
            writeln!(f, "  module {}", module.name().unwrap_or("<unknown>"))?;
        }
        writeln!(
            f,
            "  {} instances, {} memories, {} globals",
            self.instances.len(),
            self.memories.len(),
            self.globals.len()
        )?;
        self.trace.fmt(f)
    }
}

impl fmt::Debug for WasmCoreDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<wasm core dump>")
    }
}

fn memory_type(out: &mut Vec<u8>, desc: &MemoryDesc, pages: u64) {
    let custom_pages = desc.page_size_log2 != 16;
    let flags = [desc.max.is_some(), desc.shared, desc.memory64, custom_pages];
    out.push((0..).zip(flags).map(|(bit, on)| u8::from(on) << bit).sum());
    unsigned(out, pages);
    if let Some(max) = desc.max {
        unsigned(out, max);
    }
    if custom_pages {
        unsigned(out, u64::from(desc.page_size_log2));
    }
}

fn global(out: &mut Vec<u8>, entity: &GlobalEntity) {
    // SAFETY: globals live as long as their store, and no guest writes it while the store is borrowed.
    let bytes = unsafe { entity.vm.read() }.bytes;
    let low = u64::from_le_bytes(*bytes.first_chunk().expect("16 bytes"));
    let heap = |heap| match heap {
        WasmHeap::Extern | WasmHeap::NoExtern => 0x6f,
        _ => 0x70,
    };
    let (ty, op) = match entity.desc.content {
        WasmVal::I32 => (0x7f, 0x41),
        WasmVal::I64 => (0x7e, 0x42),
        WasmVal::F32 => (0x7d, 0x43),
        WasmVal::F64 => (0x7c, 0x44),
        WasmVal::V128 => (0x7b, 0xfd),
        // Nullable, whatever it was: what it referred to is gone.
        WasmVal::Ref(ty) => (heap(ty.heap), 0xd0),
    };
    out.extend_from_slice(&[ty, u8::from(entity.desc.mutable), op]);
    match entity.desc.content {
        WasmVal::I32 => {
            let low = i32::from_le_bytes(*bytes.first_chunk().expect("16 bytes"));
            signed(out, i64::from(low));
        }
        WasmVal::I64 => signed(out, low.cast_signed()),
        WasmVal::F32 => out.extend_from_slice(&bytes[..4]),
        WasmVal::F64 => out.extend_from_slice(&bytes[..8]),
        WasmVal::V128 => {
            out.push(0x0c);
            out.extend_from_slice(&bytes);
        }
        WasmVal::Ref(_) => out.push(ty),
    }
    out.push(0x0b);
}

/// The memories' contents, in chunks without the zeros around them.
fn segments(out: &mut Vec<u8>, core: &StoreCore, memories: usize) {
    /// Readers admit 100,000.
    const MAX_SEGMENTS: usize = 50_000;
    const PAGE: usize = 4096;
    let memories = &core.memories[..memories];
    let total: usize = memories.iter().map(|m| m.memory.byte_len()).sum();
    let size = (total / MAX_SEGMENTS).next_multiple_of(PAGE).max(PAGE);
    let mut count = 0;
    let mut body = Vec::new();
    for (index, memory) in memories.iter().enumerate() {
        let (base, len) = (memory.memory.base(), memory.memory.byte_len());
        // SAFETY: a memory has this many bytes, and no guest writes them while the store is borrowed.
        let bytes = unsafe { std::slice::from_raw_parts(base.cast_const(), len) };
        for (i, chunk) in bytes.chunks(size).enumerate() {
            let Some(first) = chunk.iter().position(|&byte| byte != 0) else {
                continue;
            };
            let last = chunk.iter().rposition(|&byte| byte != 0).unwrap_or(first);
            let at = (i * size + first) as u64;
            body.push(2);
            unsigned(&mut body, index as u64);
            if memory.memory.desc().memory64 {
                body.push(0x42);
                signed(&mut body, at.cast_signed());
            } else {
                body.push(0x41);
                // An address of 32 bits, read as a signed number.
                signed(&mut body, (at.cast_signed() << 32) >> 32);
            }
            body.push(0x0b);
            unsigned(&mut body, (last - first + 1) as u64);
            body.extend_from_slice(&chunk[first..=last]);
            count += 1;
        }
    }
    unsigned(out, count);
    out.append(&mut body);
}

fn custom(out: &mut Vec<u8>, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
    section(out, 0, |body| {
        string(body, name);
        write(body);
    });
}

fn section(out: &mut Vec<u8>, id: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    write(&mut body);
    out.push(id);
    unsigned(out, body.len() as u64);
    out.append(&mut body);
}

fn string(out: &mut Vec<u8>, text: &str) {
    unsigned(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

fn signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        let sign = byte & 0x40 != 0;
        if (value == 0 && !sign) || (value == -1 && sign) {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}
