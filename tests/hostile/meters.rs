//! Tests in two editions: without anything that interrupts a guest, and with fuel and epochs.

use tussah::{Config, Engine, Instance, Module, Result, Store};

/// Whether guests are interrupted by fuel and epochs: then each function has more code, and the compiler more to keep track of.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Meters {
    Off,
    On,
}

impl Meters {
    pub(crate) fn config(self) -> Config {
        let mut config = Config::new();
        let on = self == Meters::On;
        config.consume_fuel(on).epoch_interruption(on);
        config
    }

    pub(crate) fn engine(self) -> Engine {
        Engine::new(&self.config()).unwrap()
    }

    /// A store from which no guest here takes everything.
    pub(crate) fn store(self, engine: &Engine) -> Store<()> {
        let mut store = Store::new(engine, ());
        if self == Meters::On {
            store.set_fuel(u64::MAX).unwrap();
            store.set_epoch_deadline(1);
        }
        store
    }

    /// Compiles a module and calls its `f`.
    pub(crate) fn run(self, wasm: &[u8], arg: i32) -> Result<i32> {
        self.run_in(&self.engine(), wasm, arg)
    }

    pub(crate) fn run_in(self, engine: &Engine, wasm: &[u8], arg: i32) -> Result<i32> {
        let module = Module::new(engine, wasm)?;
        let mut store = self.store(engine);
        let instance = Instance::new(&mut store, &module, &[])?;
        instance
            .get_typed_func::<i32, i32>(&mut store, "f")?
            .call(&mut store, arg)
    }

    pub(crate) fn compile(self, wasm: &[u8]) -> Result<Module> {
        Module::new(&self.engine(), wasm)
    }
}

/// Tests that run alone, once without and once with meters, each time within the same bounds.
macro_rules! bombs {
    ($($seconds:literal s, $mib:literal mib => fn $name:ident($meters:ident) $body:block)+) => {
        $(fn $name($meters: crate::meters::Meters) $body)+

        mod unmetered {
            use crate::meters::Meters;
            use crate::support::alone;
            alone! { $($seconds s, $mib mib => fn $name() { super::$name(Meters::Off) })+ }
        }

        mod metered {
            use crate::meters::Meters;
            use crate::support::alone;
            alone! { $($seconds s, $mib mib => fn $name() { super::$name(Meters::On) })+ }
        }
    };
}

pub(crate) use bombs;
