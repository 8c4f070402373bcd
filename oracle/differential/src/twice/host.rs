//! The host: imports of any type, whose answers depend on nothing but the seed and what they are asked, and which write
//! down all that they see.

use super::runtime::{
    Caller, Extern, ExternType, Func, FuncType, Global, Memory, Module, Ref, Result, Store,
    StoreLimits, Table, Val,
};
use super::values::{self, HostError};
use super::wasi::Program;
use crate::case::Mode;
use crate::rng::Rng;
use crc32fast::Hasher;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What a store holds.
pub(super) struct State {
    pub(super) limits: StoreLimits,
    pub(super) seed: u64,
    /// The host call that fails.
    pub(super) fail_at: Option<u64>,
    pub(super) reenters: bool,
    /// Whether a host function is calling back.
    pub(super) nested: bool,
    pub(super) calls: u64,
    pub(super) log: Hasher,
    /// Of the fuel left at each call, if fuel is counted.
    pub(super) fuel: Option<Hasher>,
    /// How long host functions wait, if they do.
    pub(super) waits: Option<Rng>,
    pub(super) program: Option<Program>,
}

/// Pending so many times.
struct Wait(u32);

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Answers a call. What is returned wants to be called back, before the answer is looked at.
fn answer(
    caller: &mut Caller<'_, State>,
    index: usize,
    name: &str,
    ty: &FuncType,
    params: &[Val],
    results: &mut [Val],
) -> Result<Option<Func>> {
    let mut rng = {
        let fuel = caller.get_fuel();
        let state = caller.data_mut();
        if let Some(log) = &mut state.fuel {
            log.update(&fuel.expect("fuel is counted").to_le_bytes());
        }
        state.calls += 1;
        state.log.update(&index.to_le_bytes());
        Rng::new(state.seed ^ state.calls.wrapping_mul(0xd6e8_feb8_6659_fd93))
    };
    for param in params {
        let bytes = values::told(&mut *caller, param).to_bytes();
        caller.data_mut().log.update(&bytes);
    }
    if caller.data().program.is_some() {
        super::wasi::call(caller, name, params, results)?;
        return Ok(None);
    }
    let state = caller.data();
    if state.fail_at == Some(state.calls) {
        return Err(HostError(format!("refused in call {}", state.calls)).into());
    }
    let references = params.iter().find(|p| matches!(p, Val::ExternRef(_)));
    for (ty, result) in ty.results().zip(results) {
        *result = match references {
            Some(given) if given.matches_ty(&*caller, &ty)? && rng.chance(1, 2) => *given,
            _ => values::any(&mut *caller, &ty, &mut rng),
        };
    }
    touch_memory(caller, &mut rng);
    let state = caller.data();
    if state.reenters && !state.nested && state.calls.is_multiple_of(3) {
        return Ok(caller.get_export("reenter").and_then(Extern::into_func));
    }
    Ok(None)
}

/// Reads somewhere in the guest's memory, and writes there.
fn touch_memory(caller: &mut Caller<'_, State>, rng: &mut Rng) {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return;
    };
    let bytes = memory.data_mut(&mut *caller);
    if bytes.len() < 4096 {
        return;
    }
    let at = rng.below(4096) as usize;
    let seen = bytes[at];
    bytes[at] = seen.wrapping_mul(3).wrapping_add(1);
    let state = caller.data_mut();
    state.log.update(&[seen]);
}

fn function(
    store: &mut Store<State>,
    ty: FuncType,
    index: usize,
    name: String,
    asynchronous: bool,
) -> Func {
    let types = ty.clone();
    if !asynchronous {
        return Func::new(store, ty, move |mut caller, params, results| {
            if let Some(back) = answer(&mut caller, index, &name, &types, params, results)? {
                caller.data_mut().nested = true;
                let outcome = back.call(&mut caller, &[], &mut []);
                caller.data_mut().nested = false;
                outcome?;
            }
            Ok(())
        });
    }
    let name = std::sync::Arc::<str>::from(name);
    Func::new_async(store, ty, move |mut caller, params, results| {
        let types = types.clone();
        let name = name.clone();
        Box::new(async move {
            if let Some(waits) = &mut caller.data_mut().waits {
                let polls = waits.below(4);
                Wait(polls).await;
            }
            let back = answer(&mut caller, index, &name, &types, params, results)?;
            if let Some(back) = back {
                caller.data_mut().nested = true;
                let outcome = back.call_async(&mut caller, &[], &mut []).await;
                caller.data_mut().nested = false;
                outcome?;
            }
            Ok(())
        })
    })
}

/// Something for each import of a module.
pub(super) fn imports(
    store: &mut Store<State>,
    module: &Module,
    mode: &Mode,
) -> Result<Vec<Extern>> {
    let mut rng = Rng::new(store.data().seed ^ 0x1a2b);
    let mut made = Vec::new();
    for (index, import) in module.imports().enumerate() {
        made.push(match import.ty() {
            ExternType::Func(ty) => {
                // A synchronous host function on a fiber cannot call back, so those that may are asynchronous there.
                let asynchronous =
                    mode.fiber && (mode.pending || store.data().reenters || index % 2 == 0);
                let name = import.name().to_owned();
                Extern::Func(function(store, ty, index, name, asynchronous))
            }
            ExternType::Global(ty) => {
                let value = values::any(&mut *store, ty.content(), &mut rng);
                Extern::Global(Global::new(&mut *store, ty, value)?)
            }
            ExternType::Memory(ty) => Extern::Memory(Memory::new(&mut *store, ty)?),
            ExternType::Table(ty) => {
                let null = Ref::null(ty.element().heap_type());
                Extern::Table(Table::new(&mut *store, ty, null)?)
            }
            ExternType::Tag(_) => unreachable!("no generated module has tags"),
        });
    }
    Ok(made)
}
