//! Code that is ready to run, and what is known of each of its instructions.

use super::region::{self, CodeMemory};
use super::{Artifact, CodeTables, Dwarf, FuelSite, FuncLoc, Text, TrampolineCode, frames_offset};
use crate::abi::builtins::HOST_WORD;
use crate::abi::{ColdEntry, VmctxLayout};
use crate::entity::PrimaryMap;
use crate::error::{Context, Result};
use crate::os::{self, UNWINDER_TAKES_SECTIONS};
use crate::wasm::{DefinedFuncIndex, ModuleInfo};
use std::ops::Range;
use std::sync::Arc;

/// Executable code. Handles are cheap to copy; when the last one is dropped the code is gone.
#[derive(Clone, Debug)]
pub(crate) struct Image(Arc<ImageInner>);

/// What the handles of an image share.
#[derive(Debug)]
pub(crate) struct ImageInner {
    memory: CodeMemory,
    len: usize,
    /// Bytes of `.eh_frame` behind the text; announced to the unwinder if there are any.
    frames: usize,
    /// Each function's code, sorted by start.
    functions: Box<[(DefinedFuncIndex, FuncLoc)]>,
    tables: CodeTables,
}

impl Image {
    /// Maps `text` executable, and announces `frames` to the system's unwinder. `functions` are in index order.
    ///
    /// # Errors
    ///
    /// There is no room for more code, or a function is not inside the text.
    pub(crate) fn publish(
        text: &[u8],
        functions: impl IntoIterator<Item = FuncLoc>,
        tables: CodeTables,
        frames: &[u8],
    ) -> Result<Image> {
        let frames = if UNWINDER_TAKES_SECTIONS { frames } else { &[] };
        let memory = CodeMemory::publish(text, &[], frames)?;
        Image::over(memory, text.len(), functions, tables, frames.len())
    }

    /// The image in `memory`: bytes of text, and of what describes its frames.
    fn over(
        memory: CodeMemory,
        text: usize,
        functions: impl IntoIterator<Item = FuncLoc>,
        tables: CodeTables,
        frames: usize,
    ) -> Result<Image> {
        let len = u32::try_from(text)
            .with_context(|| format!("{text} bytes of code are too many for one image"))?;
        let mut functions: Box<[_]> = (0..)
            .zip(functions)
            .map(|(index, loc)| (DefinedFuncIndex::from_u32(index), loc))
            .collect();
        for &(index, loc) in &functions {
            crate::ensure!(
                loc.start.checked_add(loc.len).is_some_and(|end| end <= len),
                "the code of {index:?} is not inside the text"
            );
        }
        functions.sort_unstable_by_key(|&(_, loc)| loc.start);
        let image = Arc::new(ImageInner {
            memory,
            len: text,
            frames,
            functions,
            tables,
        });
        image.memory.register(Arc::as_ptr(&image));
        if image.frames > 0 {
            // SAFETY: the compiler made this section, or what read it has checked its structure; it lies in memory that
            // is never written before the image's drop, which takes it back.
            unsafe { os::register_frames(image.frames_base()) };
        }
        Ok(Image(image))
    }

    /// Where the text begins.
    pub(crate) fn base(&self) -> *const u8 {
        self.0.memory.base()
    }

    /// The address of an offset in the text.
    ///
    /// # Panics
    ///
    /// If the offset is not inside the text.
    pub(crate) fn address_of(&self, offset: u32) -> *const u8 {
        let offset = offset as usize;
        assert!(offset < self.0.len, "{offset:#x} is outside the text");
        self.base().wrapping_add(offset)
    }

    /// The machine code.
    pub(crate) fn text(&self) -> &[u8] {
        // SAFETY: the memory holds this many bytes, readable and never written until the last handle is dropped.
        unsafe { std::slice::from_raw_parts(self.base(), self.0.len) }
    }

    /// The `.eh_frame` section.
    pub(crate) fn frames(&self) -> &[u8] {
        // SAFETY: as in `text`; the section follows it.
        unsafe { std::slice::from_raw_parts(self.0.frames_base(), self.0.frames) }
    }

    /// The addresses of the text.
    pub(crate) fn range(&self) -> Range<usize> {
        self.0.range()
    }

    /// The tables over the text.
    pub(crate) fn tables(&self) -> &CodeTables {
        &self.0.tables
    }

    /// The trap code of the instruction at `pc`.
    #[cfg(test)]
    pub(crate) fn trap_at(&self, pc: usize) -> Option<u8> {
        self.0.trap_at(pc)
    }

    /// The byte offset in the wasm binary of the operator whose code covers `pc`. For a return address, pass the byte
    /// before it.
    pub(crate) fn wasm_offset_at(&self, pc: usize) -> Option<u32> {
        self.0.wasm_offset_at(pc)
    }

    /// The function whose code covers `pc`. For a return address, pass the byte before it.
    pub(crate) fn func_at(&self, pc: usize) -> Option<DefinedFuncIndex> {
        self.0.func_at(pc)
    }
}

impl Drop for ImageInner {
    fn drop(&mut self) {
        if self.frames > 0 {
            // SAFETY: `over` announced it, and nobody runs this code any more.
            unsafe { os::deregister_frames(self.frames_base()) };
        }
    }
}

impl ImageInner {
    /// Where the `.eh_frame` section begins.
    fn frames_base(&self) -> *const u8 {
        self.memory.base().wrapping_add(frames_offset(self.len))
    }

    fn range(&self) -> Range<usize> {
        let base = self.memory.base().addr();
        base..base + self.len
    }

    /// The offset of a pc in the text.
    fn offset_of(&self, pc: usize) -> Option<u32> {
        let range = self.range();
        range.contains(&pc).then_some(())?;
        u32::try_from(pc - range.start).ok()
    }

    /// As [`Image::trap_at`]. Async-signal-safe.
    pub(crate) fn trap_at(&self, pc: usize) -> Option<u8> {
        self.tables.trap_at(self.offset_of(pc)?)
    }

    /// As [`Image::wasm_offset_at`]. Async-signal-safe.
    pub(crate) fn wasm_offset_at(&self, pc: usize) -> Option<u32> {
        self.tables.wasm_offset_at(self.offset_of(pc)?)
    }

    /// As [`Image::func_at`]. Async-signal-safe.
    pub(crate) fn func_at(&self, pc: usize) -> Option<DefinedFuncIndex> {
        Some(self.function_at(pc)?.0)
    }

    fn function_at(&self, pc: usize) -> Option<(DefinedFuncIndex, FuncLoc)> {
        let offset = self.offset_of(pc)?;
        let after = self
            .functions
            .partition_point(|&(_, loc)| loc.start <= offset);
        let (index, loc) = *self.functions.get(after.checked_sub(1)?)?;
        (offset - loc.start < loc.len).then_some((index, loc))
    }

    /// Where the function whose code covers `pc` keeps the count of fuel for cold builtins, relative to its frame
    /// pointer. For a return address, pass the byte before it.
    pub(crate) fn fuel_slot_at(&self, pc: usize) -> Option<isize> {
        let slot = self.function_at(pc)?.1.fuel_slot;
        (slot != 0).then_some(slot as isize)
    }

    /// The count of fuel at the faulting instruction at `pc`. Async-signal-safe.
    pub(crate) fn fuel_at(&self, pc: usize) -> Option<FuelSite> {
        self.tables.fuel_at(self.offset_of(pc)?)
    }
}

/// The image whose code is at `pc`. Async-signal-safe.
///
/// # Safety
///
/// If there is an image at `pc`, it stays alive as long as the answer is used: this thread is running its code, or has
/// a frame of it on a stack, or holds a handle.
pub(crate) unsafe fn find_image<'a>(pc: usize) -> Option<&'a ImageInner> {
    // SAFETY: the caller's promise.
    unsafe { region::find_image(pc) }
}

/// A module whose code is ready to run.
#[derive(Debug)]
pub(crate) struct CompiledModule {
    /// Set if native debuggers are told of the code; goes before the code does.
    #[cfg(feature = "debug-builtins")]
    pub(crate) debugger: Option<os::DebuggerFile>,
    pub(crate) info: ModuleInfo,
    pub(crate) layout: VmctxLayout,
    pub(crate) image: Image,
    pub(crate) functions: PrimaryMap<DefinedFuncIndex, FuncLoc>,
    pub(crate) dwarf: Dwarf,
}

/// Whether a file can be mapped from this offset on.
fn is_page(offset: u64) -> bool {
    offset.is_multiple_of(os::page_size() as u64)
}

impl CompiledModule {
    /// Makes an artifact's code executable; `host` becomes its host word. The trampolines that came along are left over.
    ///
    /// # Errors
    ///
    /// The module's context would be too large, or there is no room for more code.
    pub(crate) fn publish(
        artifact: Artifact,
        host: ColdEntry,
    ) -> Result<(CompiledModule, TrampolineCode)> {
        let Artifact {
            module: info,
            text,
            functions,
            tables,
            dwarf,
            trampolines,
        } = artifact;
        let layout = VmctxLayout::new(&info)
            .context("the module's imports and definitions need more than 1 GiB per instance")?;
        let word: [u8; HOST_WORD] = (host as usize).to_ne_bytes();
        let Text {
            bytes,
            frames,
            file,
        } = text;
        crate::ensure!(
            bytes.len() >= HOST_WORD,
            "the text is too short for the host's word"
        );
        let frames: &[u8] = if UNWINDER_TAKES_SECTIONS {
            &frames
        } else {
            &[]
        };
        let memory = match file {
            Some((file, offset)) if is_page(offset) => {
                // SAFETY: whoever made the artifact promised that the file stays as it is.
                unsafe { CodeMemory::map(&file, offset, bytes.len(), &word, frames.len()) }?
            }
            _ => CodeMemory::publish(&bytes, &word, frames)?,
        };
        let locations = functions.values().copied();
        let image = Image::over(memory, bytes.len(), locations, tables, frames.len())?;
        let module = CompiledModule {
            info,
            layout,
            image,
            functions,
            dwarf,
            #[cfg(feature = "debug-builtins")]
            debugger: None,
        };
        Ok((module, trampolines))
    }

    /// Tells native debuggers where the functions are and what they are called.
    #[cfg(feature = "debug-builtins")]
    pub(crate) fn announce(&mut self) {
        let module = self.info.name.as_deref().unwrap_or("<unknown>");
        let symbols = self.functions.iter().map(|(defined, loc)| {
            let func = self.info.func_index(defined);
            let name = match self.info.func_name(func) {
                Some(name) => format!("{module}!{:#}", rustc_demangle::demangle(name)),
                None => format!("{module}!<wasm function {}>", func.as_u32()),
            };
            (loc.start, loc.len, name.into())
        });
        let file = super::object_file(&self.image, symbols);
        self.debugger = Some(os::DebuggerFile::announce(file));
    }

    /// The entry point of a function's code.
    pub(crate) fn function_address(&self, function: DefinedFuncIndex) -> *const u8 {
        self.image.address_of(self.functions[function].start)
    }
}

#[cfg(test)]
mod tests {
    use super::{Image, find_image};
    use crate::code::{CodeTables, FuelPlace, FuelSite, FuncLoc};
    use crate::entity::EntityRef;

    fn function((start, len): (u32, u32)) -> FuncLoc {
        FuncLoc {
            start,
            len,
            wasm_offset: 0,
            fuel_slot: -8,
        }
    }

    fn tables() -> CodeTables {
        let site = FuelSite {
            offset: 6,
            place: FuelPlace::Register(3),
            owed: 9,
        };
        CodeTables::new(
            &[(1, 3), (6, 9)],
            &[(0, 100), (5, u32::MAX), (6, 200)],
            &[site],
        )
    }

    #[test]
    fn an_image_answers_for_its_addresses() {
        // Out of order, and with a gap between them.
        let text = [0xc3; 16];
        let image = Image::publish(&text, [(8, 4), (0, 6)].map(function), tables(), &[]).unwrap();
        assert_eq!(image.text(), text);
        assert_eq!(image.range().len(), 16);
        let at = |offset| image.address_of(offset).addr();
        assert_eq!(at(0), image.base().addr());
        let functions = [0, 5, 6, 7, 8, 11, 12].map(|o| image.func_at(at(o)).map(|f| f.index()));
        assert_eq!(
            functions,
            [Some(1), Some(1), None, None, Some(0), Some(0), None]
        );
        let traps = [0, 1, 2, 6].map(|o| image.trap_at(at(o)));
        assert_eq!(traps, [None, Some(3), None, Some(9)]);
        let offsets = [0, 4, 5, 6, 15].map(|o| image.wasm_offset_at(at(o)));
        assert_eq!(offsets, [Some(100), Some(100), None, Some(200), Some(200)]);
        let fuel = [5, 6].map(|o| find(&image, at(o)).fuel_at(at(o)).map(|site| site.owed));
        assert_eq!(fuel, [None, Some(9)]);
        let slots = [0, 6, 8].map(|o| find(&image, at(o)).fuel_slot_at(at(o)));
        assert_eq!(slots, [Some(-8), None, Some(-8)]);
        for outside in [0, at(0) - 1, image.range().end] {
            assert_eq!(image.func_at(outside), None);
            assert_eq!(image.trap_at(outside), None);
            assert_eq!(image.wasm_offset_at(outside), None);
        }
    }

    fn find(image: &Image, pc: usize) -> &super::ImageInner {
        assert!(image.range().contains(&pc));
        // SAFETY: the handle is held.
        unsafe { find_image(pc) }.unwrap()
    }

    #[test]
    fn code_runs_and_is_found_until_the_last_handle_is_dropped() {
        // `mov eax, 7; ret`
        let code = [0xb8, 7, 0, 0, 0, 0xc3];
        let image = Image::publish(&code, [(0, 6)].map(function), tables(), &[]).unwrap();
        let copy = image.clone();
        drop(image);
        // SAFETY: these bytes are a function of this signature.
        let function: extern "C" fn() -> i32 = unsafe { std::mem::transmute(copy.base()) };
        #[cfg(target_arch = "x86_64")]
        assert_eq!(function(), 7);
        let pc = copy.base().addr() + 1;
        // SAFETY: `copy` keeps the image alive.
        unsafe {
            let found = find_image(pc).unwrap();
            assert_eq!(found.trap_at(pc), Some(3));
            assert_eq!(found.range(), copy.range());
            assert_eq!(found.trap_at(pc + 8), None, "behind the text");
        }
    }

    #[test]
    fn many_images_on_many_threads() {
        let threads = (0..4u8).map(|n| {
            std::thread::spawn(move || {
                for i in 0..50usize {
                    let text = vec![n; 1 + i * 3001];
                    let image = Image::publish(&text, [], CodeTables::default(), &[]).unwrap();
                    assert_eq!(image.text(), text);
                }
            })
        });
        for thread in threads.collect::<Vec<_>>() {
            thread.join().unwrap();
        }
    }

    #[test]
    fn functions_outside_the_text_are_refused() {
        for range in [(0, 5), (4, 1), (u32::MAX, 2)] {
            let error =
                Image::publish(&[0; 4], [function(range)], CodeTables::default(), &[]).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the code of dfunc0 is not inside the text"
            );
        }
        let image = Image::publish(&[], [], CodeTables::default(), &[]).unwrap();
        assert!(image.text().is_empty() && image.range().is_empty());
    }
}
