//! Section 2: the call hook.

use super::{block_on, wt};
use Event::{CallingHost, CallingWasm, ReturningFromHost, ReturningFromWasm};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

/// What can be compared, which the hook's argument cannot.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Event {
    CallingWasm,
    ReturningFromWasm,
    CallingHost,
    ReturningFromHost,
}

impl From<wt::CallHook> for Event {
    fn from(hook: wt::CallHook) -> Event {
        // Exhaustive: a new transition would break embedders' matches.
        match hook {
            wt::CallHook::CallingWasm => CallingWasm,
            wt::CallHook::ReturningFromWasm => ReturningFromWasm,
            wt::CallHook::CallingHost => CallingHost,
            wt::CallHook::ReturningFromHost => ReturningFromHost,
        }
    }
}

type Seen = Vec<Event>;

const ROUND_TRIP: [Event; 4] = [
    CallingWasm,
    CallingHost,
    ReturningFromHost,
    ReturningFromWasm,
];

#[expect(dead_code, reason = "checked by the compiler, never run")]
fn of_stores<T: 'static, H, A>(store: &mut wt::Store<T>, hook: H, handler: A)
where
    H: FnMut(wt::StoreContextMut<'_, T>, wt::CallHook) -> wt::Result<()> + Send + Sync + 'static,
    A: wt::CallHookHandler<T> + Send + Sync + 'static,
{
    store.call_hook(hook);
    store.call_hook_async(handler);
}

#[test]
fn signatures() {
    sigs! {
        wt::CallHook::entering_host => fn(&wt::CallHook) -> bool;
        wt::CallHook::exiting_host => fn(&wt::CallHook) -> bool;
    }
    bounds! {
        wt::CallHook => [Copy + Clone + std::fmt::Debug + Send + Sync];
    }
    for (hook, entering_host) in [
        (wt::CallHook::CallingWasm, false),
        (wt::CallHook::CallingHost, true),
        (wt::CallHook::ReturningFromHost, false),
        (wt::CallHook::ReturningFromWasm, true),
    ] {
        assert_eq!(hook.entering_host(), entering_host, "{hook:?}");
        assert_eq!(hook.exiting_host(), !entering_host, "{hook:?}");
    }
}

/// `run` calls the import `h`; `go` does nothing.
fn guest<T: 'static>(
    store: &mut wt::Store<T>,
    host: wt::Func,
) -> (wt::TypedFunc<(), ()>, wt::TypedFunc<(), ()>) {
    let wat =
        r#"(module (import "" "h" (func $h)) (func (export "run") call $h) (func (export "go")))"#;
    let module = wt::Module::new(store.engine(), wat).unwrap();
    let instance = wt::Instance::new(&mut *store, &module, &[host.into()]).unwrap();
    let run = instance.get_typed_func(&mut *store, "run").unwrap();
    (run, instance.get_typed_func(&mut *store, "go").unwrap())
}

fn recording() -> wt::Store<Seen> {
    let mut store = wt::Store::new(&wt::Engine::default(), Seen::new());
    store.call_hook(|mut store, hook| {
        store.data_mut().push(hook.into());
        Ok(())
    });
    store
}

#[test]
fn every_transition_is_told() {
    let mut store = recording();
    let host = wt::Func::wrap(&mut store, || {});
    let (run, go) = guest(&mut store, host);
    assert!(store.data().is_empty(), "nothing has been called");
    go.call(&mut store, ()).unwrap();
    assert_eq!(
        std::mem::take(store.data_mut()),
        [CallingWasm, ReturningFromWasm]
    );
    run.call(&mut store, ()).unwrap();
    assert_eq!(std::mem::take(store.data_mut()), ROUND_TRIP);
    block_on(run.call_async(&mut store, ())).0.unwrap();
    assert_eq!(std::mem::take(store.data_mut()), ROUND_TRIP);
    // A host function that the host calls is called as if by a guest.
    host.call(&mut store, &[], &mut []).unwrap();
    assert_eq!(std::mem::take(store.data_mut()), ROUND_TRIP);
}

#[test]
fn nested_calls_and_start_functions_are_told() {
    let mut store = recording();
    let engine = store.engine().clone();
    let inner = wt::Module::new(&engine, r#"(module (func (export "f")))"#).unwrap();
    let inner = wt::Instance::new(&mut store, &inner, &[]).unwrap();
    let inner = inner.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    let host = wt::Func::wrap(&mut store, move |mut caller: wt::Caller<'_, Seen>| {
        inner.call(&mut caller, ())
    });
    let wat = r#"(module (import "" "h" (func $h)) (start $h))"#;
    let module = wt::Module::new(&engine, wat).unwrap();
    wt::Instance::new(&mut store, &module, &[host.into()]).unwrap();
    let nested = [
        CallingWasm,
        CallingHost,
        CallingWasm,
        ReturningFromWasm,
        ReturningFromHost,
        ReturningFromWasm,
    ];
    assert_eq!(*store.data(), nested);
}

/// What happens when the hook errs at one of the transitions.
#[test]
fn a_hooks_error_ends_the_call() {
    for (at, called, expected) in [
        (CallingWasm, false, &ROUND_TRIP[..1]),
        (
            CallingHost,
            false,
            &[CallingWasm, CallingHost, ReturningFromWasm][..],
        ),
        (ReturningFromHost, true, &ROUND_TRIP[..]),
        (ReturningFromWasm, true, &ROUND_TRIP[..]),
    ] {
        let mut store = wt::Store::new(&wt::Engine::default(), (Seen::new(), false));
        store.call_hook(move |mut store, hook| {
            store.data_mut().0.push(hook.into());
            wt::ensure!(Event::from(hook) != at, "refused at {hook:?}");
            Ok(())
        });
        let host = wt::Func::wrap(&mut store, |mut caller: wt::Caller<'_, (Seen, bool)>| {
            caller.data_mut().1 = true;
        });
        let (run, _) = guest(&mut store, host);
        let error = run.call(&mut store, ()).unwrap_err();
        assert!(
            format!("{error:#}").contains(&format!("refused at {at:?}")),
            "{error:?}"
        );
        assert_eq!(store.data().1, called, "{at:?}");
        assert_eq!(store.data().0, expected, "{at:?}");
    }
}

/// Traps and errors of the host pass the hook like results do.
#[test]
fn failures_are_told_too() {
    let mut store = recording();
    let host = wt::Func::wrap(&mut store, || -> wt::Result<()> { wt::bail!("host error") });
    let (run, _) = guest(&mut store, host);
    let error = run.call(&mut store, ()).unwrap_err();
    assert!(format!("{error:#}").contains("host error"));
    assert_eq!(*store.data(), ROUND_TRIP);
}

/// Yields before it answers, and counts.
struct Slow(Arc<Mutex<Seen>>);

/// Spelled as `#[async_trait]` expands it.
impl wt::CallHookHandler<u8> for Slow {
    fn handle_call_event<'life0, 'life1, 'async_trait>(
        &'life0 self,
        mut store: wt::StoreContextMut<'life1, u8>,
        hook: wt::CallHook,
    ) -> Pin<Box<dyn Future<Output = wt::Result<()>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            super::store::yield_times(1).await;
            *store.data_mut() += 1;
            self.0.lock().unwrap().push(hook.into());
            wt::ensure!(*store.data() < 7, "enough");
            Ok(())
        })
    }
}

#[test]
fn a_hook_may_wait() {
    let seen = Arc::default();
    let mut store = wt::Store::new(&wt::Engine::default(), 0_u8);
    let host = wt::Func::wrap(&mut store, || {});
    let (run, _) = guest(&mut store, host);
    store.call_hook_async(Slow(Arc::clone(&seen)));
    let error = run.call(&mut store, ()).unwrap_err();
    assert!(format!("{error:#}").contains("`*_async` functions are used instead"));
    let (result, polls) = block_on(run.call_async(&mut store, ()));
    result.unwrap();
    assert_eq!((polls, *store.data()), (5, 4));
    assert_eq!(*seen.lock().unwrap(), ROUND_TRIP);
    let error = block_on(run.call_async(&mut store, ())).0.unwrap_err();
    assert!(format!("{error:#}").contains("enough"));

    // A call that is dropped while the hook waits leaves the hook in place.
    *store.data_mut() = 0;
    {
        let mut call = std::pin::pin!(run.call_async(&mut store, ()));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending());
    }
    *store.data_mut() = 0;
    block_on(run.call_async(&mut store, ())).0.unwrap();
    assert_eq!(*store.data(), 4);
}
