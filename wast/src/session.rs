//! A script under way: its directives.
//!
//! Both ways of running share every line but two: [`Session::instantiate`] and [`Session::call`] pick the function of
//! tussah's that the way is about.

use crate::refusal;
use crate::report::{Mismatch, Outcome};
use crate::runner::Prepare;
use crate::traps;
use crate::values;
use crate::world::World;
use tussah::{
    Engine, Error, Instance, Module, ThrownException, Trap, UnknownImportError, Val, WasmFeatures,
};
use wast::token::Id;
use wast::{QuoteWat, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

/// Where guests run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// On the runner's stack, through the synchronous functions.
    OnThisStack,
    /// On fibers, through the asynchronous ones.
    OnFibers,
}

/// A script under way.
pub(crate) struct Session<'e> {
    way: Way,
    engine: &'e Engine,
    features: WasmFeatures,
    prepare: &'e Prepare,
    /// The store and `spectest`; or why they could not be made, which every directive that needs them says.
    world: Result<World, String>,
}

impl<'e> Session<'e> {
    pub(crate) fn new(
        way: Way,
        engine: &'e Engine,
        features: WasmFeatures,
        prepare: &'e Prepare,
    ) -> Self {
        Session {
            way,
            engine,
            features,
            prepare,
            world: World::new(engine, features).map_err(|e| format!("{e:#}")),
        }
    }

    /// Runs a directive.
    pub(crate) async fn run(&mut self, directive: WastDirective<'_>) -> Outcome {
        let prepare = self.prepare;
        let prepared = prepare(&mut self.world()?.store);
        prepared.map_err(|e| Mismatch::new("a prepared store", error_text(&e)))?;
        match directive {
            WastDirective::Module(module) => self.module(module).await,
            WastDirective::ModuleDefinition(module) => self.define(module).map(drop),
            WastDirective::ModuleInstance {
                instance, module, ..
            } => self.make_instance(instance, module).await,
            WastDirective::Register { name, module, .. } => {
                let world = self.world()?;
                let instance = world.instance(module)?;
                world
                    .register(name, instance)
                    .map_err(|e| Mismatch::new(format!("to register `{name}`"), error_text(&e)))
            }
            WastDirective::Invoke(invoke) => match self.call(&invoke).await? {
                Ok(_) => Ok(()),
                Err(error) => Err(Mismatch::new("that it returns", error_text(&error))),
            },
            WastDirective::AssertReturn { exec, results, .. } => {
                self.assert_return(exec, results).await
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let expected = format!("the trap \"{message}\"");
                self.assert_error(exec, expected, |error| traps::is_named(error, message))
                    .await
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let expected = format!("the trap \"{message}\"");
                let exec = WastExecute::Invoke(call);
                self.assert_error(exec, expected, |error| {
                    is_trap(error, Trap::StackOverflow) && traps::is_named(error, message)
                })
                .await
            }
            WastDirective::AssertException { exec, .. } => {
                self.assert_error(exec, "an exception".to_string(), |error| {
                    error.is::<ThrownException>()
                })
                .await
            }
            WastDirective::AssertSuspension { exec, message, .. } => {
                let expected = format!("an unhandled suspension \"{message}\"");
                self.assert_error(exec, expected, |error| is_trap(error, Trap::UnhandledTag))
                    .await
            }
            WastDirective::AssertUnlinkable {
                module, message, ..
            } => self.assert_unlinkable(module, message).await,
            WastDirective::AssertMalformed {
                module, message, ..
            } => self.assert_refused("a malformed", module, message),
            WastDirective::AssertInvalid {
                module, message, ..
            } => self.assert_refused("an invalid", module, message),
            WastDirective::AssertMalformedCustom {
                module, message, ..
            } => assert_custom(module, "malformed", message),
            WastDirective::AssertInvalidCustom {
                module, message, ..
            } => assert_custom(module, "invalid", message),
            WastDirective::Thread(_) => Err(Mismatch::new(
                "a thread",
                "the directive `thread`, which needs the threads proposal and is not implemented",
            )),
            WastDirective::Wait { .. } => Err(Mismatch::new(
                "the end of a thread",
                "the directive `wait`, which needs the threads proposal and is not implemented",
            )),
        }
    }

    fn world(&mut self) -> Outcome<&mut World> {
        self.world
            .as_mut()
            .map_err(|why| Mismatch::new("a store with `spectest`", why.as_str()))
    }

    /// Compiles a module that should be good.
    fn compile(&self, module: &mut QuoteWat<'_>) -> Outcome<Module> {
        refusal::encode(module)
            .and_then(|binary| {
                Module::from_binary(self.engine, &binary).map_err(|e| format!("{e:#}"))
            })
            .map_err(|why| Mismatch::new("a valid module", why))
    }

    /// Keeps a module for instantiation. One that fails leaves none behind, so that nobody mistakes an older one for it.
    fn define(&mut self, mut module: QuoteWat<'_>) -> Outcome<Module> {
        let id = module.name();
        let compiled = self.compile(&mut module);
        let world = self.world()?;
        world.module = compiled.as_ref().ok().cloned();
        if let Some(id) = id {
            world.modules.remove(id.name());
            world.instances.remove(id.name());
            if let Some(compiled) = &world.module {
                world
                    .modules
                    .insert(id.name().to_string(), compiled.clone());
            }
        }
        compiled
    }

    async fn module(&mut self, module: QuoteWat<'_>) -> Outcome {
        let id = module.name();
        self.world()?.instance = None;
        let compiled = self.define(module)?;
        self.instance_of(id, &compiled).await
    }

    async fn make_instance(&mut self, id: Option<Id<'_>>, module: Option<Id<'_>>) -> Outcome {
        let world = self.world()?;
        world.instance = None;
        if let Some(id) = id {
            world.instances.remove(id.name());
        }
        let module = world.module(module)?;
        self.instance_of(id, &module).await
    }

    async fn instance_of(&mut self, id: Option<Id<'_>>, module: &Module) -> Outcome {
        let instance = self
            .instantiate(module)
            .await?
            .map_err(|e| Mismatch::new("an instance", error_text(&e)))?;
        let world = self.world()?;
        world.instance = Some(instance);
        if let Some(id) = id {
            world.instances.insert(id.name().to_string(), instance);
        }
        Ok(())
    }

    /// The one place where instances are made.
    async fn instantiate(&mut self, module: &Module) -> Outcome<tussah::Result<Instance>> {
        let way = self.way;
        let World { store, linker, .. } = self.world()?;
        Ok(match way {
            Way::OnThisStack => linker.instantiate(store, module),
            Way::OnFibers => linker.instantiate_async(store, module).await,
        })
    }

    /// The one place where functions are called.
    async fn call(&mut self, invoke: &WastInvoke<'_>) -> Outcome<tussah::Result<Vec<Val>>> {
        let way = self.way;
        let world = self.world()?;
        let instance = world.instance(invoke.module)?;
        let Some(func) = instance.get_func(&mut world.store, invoke.name) else {
            return Err(Mismatch::new(
                format!("an exported function \"{}\"", invoke.name),
                "none",
            ));
        };
        let mut args = Vec::with_capacity(invoke.args.len());
        for arg in &invoke.args {
            let WastArg::Core(arg) = arg else {
                return Err(Mismatch::new("an argument", "a component's value"));
            };
            args.push(values::argument(&mut world.store, arg)?);
        }
        let mut results = vec![Val::I32(0); func.ty(&world.store).results().len()];
        let outcome = match way {
            Way::OnThisStack => func.call(&mut world.store, &args, &mut results),
            Way::OnFibers => func.call_async(&mut world.store, &args, &mut results).await,
        };
        Ok(outcome.map(|()| results))
    }

    /// Does what an assertion is about. A module that has no results may be it, too.
    async fn execute(&mut self, exec: WastExecute<'_>) -> Outcome<tussah::Result<Vec<Val>>> {
        match exec {
            WastExecute::Invoke(invoke) => self.call(&invoke).await,
            WastExecute::Wat(wat) => {
                let module = self.compile(&mut QuoteWat::Wat(wat))?;
                Ok(self.instantiate(&module).await?.map(|_| Vec::new()))
            }
            WastExecute::Get { module, global, .. } => {
                let world = self.world()?;
                let instance = world.instance(module)?;
                match instance.get_global(&mut world.store, global) {
                    Some(global) => Ok(Ok(vec![global.get(&mut world.store)])),
                    None => Err(Mismatch::new(
                        format!("an exported global \"{global}\""),
                        "none",
                    )),
                }
            }
        }
    }

    async fn assert_return(
        &mut self,
        exec: WastExecute<'_>,
        patterns: Vec<WastRet<'_>>,
    ) -> Outcome {
        let found = self.execute(exec).await?;
        let patterns: Vec<_> = patterns
            .into_iter()
            .map(|pattern| match pattern {
                WastRet::Core(pattern) => Ok(pattern),
                _ => Err(Mismatch::new("a result", "a component's value")),
            })
            .collect::<Result<_, _>>()?;
        let found = found
            .map_err(|error| Mismatch::new(values::patterns(&patterns), error_text(&error)))?;
        let world = self.world()?;
        let matches = found.len() == patterns.len()
            && found
                .iter()
                .zip(&patterns)
                .all(|(value, pattern)| values::matches(&world.store, value, pattern));
        if matches {
            return Ok(());
        }
        Err(Mismatch::new(
            values::patterns(&patterns),
            values::describe(&world.store, &found, &patterns),
        ))
    }

    async fn assert_error(
        &mut self,
        exec: WastExecute<'_>,
        expected: String,
        is_it: impl Fn(&Error) -> bool,
    ) -> Outcome {
        let is_module = matches!(exec, WastExecute::Wat(_));
        match self.execute(exec).await? {
            Err(error) if is_it(&error) => Ok(()),
            Err(error) => Err(Mismatch::new(expected, error_text(&error))),
            Ok(_) if is_module => Err(Mismatch::new(expected, "that it was instantiated")),
            Ok(values) => {
                let world = self.world()?;
                let values = values::describe(&world.store, &values, &[]);
                Err(Mismatch::new(
                    expected,
                    format!("that it returned {values}"),
                ))
            }
        }
    }

    async fn assert_unlinkable(&mut self, module: Wat<'_>, message: &str) -> Outcome {
        let expected = format!("that linking fails with \"{message}\"");
        let module = self.compile(&mut QuoteWat::Wat(module))?;
        let Err(error) = self.instantiate(&module).await? else {
            return Err(Mismatch::new(expected, "that it was linked"));
        };
        let is_it = if message == "unknown import" {
            error.is::<UnknownImportError>()
        } else {
            // A trap comes from what was linked already.
            !error.is::<Trap>() && format!("{error:#}").contains(message)
        };
        if is_it {
            return Ok(());
        }
        Err(Mismatch::new(expected, error_text(&error)))
    }

    /// `what` a module is: malformed, or invalid. Identifiers that mean nothing are the text format's affair here, and make
    /// an invalid module elsewhere.
    fn assert_refused(&self, what: &str, mut module: QuoteWat<'_>, message: &str) -> Outcome {
        let expected = format!("{what} module: \"{message}\"");
        refusal::no_component(&module, &expected)?;
        match refusal::encode(&mut module) {
            Err(reason) => refusal::for_this(&reason, message, &expected),
            Ok(binary) => {
                refusal::of_binary(self.engine, self.features, &binary, message, &expected)
            }
        }
    }
}

/// Custom sections are read by the text format's annotations only; a module without them would be good.
fn assert_custom(mut module: QuoteWat<'_>, what: &str, message: &str) -> Outcome {
    match refusal::encode(&mut module) {
        Err(_) => Ok(()),
        Ok(_) => Err(Mismatch::new(
            format!("{what} annotations: \"{message}\""),
            "that they are accepted",
        )),
    }
}

fn is_trap(error: &Error, trap: Trap) -> bool {
    error.downcast_ref::<Trap>() == Some(&trap)
}

/// What a failed call came to, without the lines of its backtrace.
fn error_text(error: &Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(trap) => format!("the trap \"{trap}\""),
        None => format!("an error: {error:#}"),
    }
}

/// The directive's name in scripts.
pub(crate) fn keyword(directive: &WastDirective<'_>) -> &'static str {
    match directive {
        WastDirective::Module(_) => "module",
        WastDirective::ModuleDefinition(_) => "module definition",
        WastDirective::ModuleInstance { .. } => "module instance",
        WastDirective::AssertMalformed { .. } => "assert_malformed",
        WastDirective::AssertInvalid { .. } => "assert_invalid",
        WastDirective::AssertInvalidCustom { .. } => "assert_invalid_custom",
        WastDirective::AssertMalformedCustom { .. } => "assert_malformed_custom",
        WastDirective::Register { .. } => "register",
        WastDirective::Invoke(_) => "invoke",
        WastDirective::AssertTrap { .. } => "assert_trap",
        WastDirective::AssertReturn { .. } => "assert_return",
        WastDirective::AssertExhaustion { .. } => "assert_exhaustion",
        WastDirective::AssertUnlinkable { .. } => "assert_unlinkable",
        WastDirective::AssertException { .. } => "assert_exception",
        WastDirective::AssertSuspension { .. } => "assert_suspension",
        WastDirective::Thread(_) => "thread",
        WastDirective::Wait { .. } => "wait",
    }
}
