//! Function types.
//!
//! A function type whose parts are all implemented is interned in its engine, so that copies are cheap and comparing is
//! comparing two ids. One that mentions what is not implemented keeps its structure: it can be described, compared and
//! printed, and whatever would have to run it gets an error from [`FuncType::register`].

use super::{Finality, ValType};
use crate::engine::{Engine, RegisteredType};
use crate::error::{OutOfMemory, Result, bail, ensure};
use crate::wasm::WasmFuncType;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The type of a function: what it takes and what it returns.
///
/// There is no `==`: use [`FuncType::matches`] for subtyping, or [`FuncType::eq`] where exact equality is meant.
#[derive(Clone)]
pub struct FuncType {
    engine: Engine,
    repr: Repr,
}

#[derive(Clone)]
enum Repr {
    /// Final, without a supertype, and of implemented value types only.
    Registered(RegisteredType),
    Described(Arc<Description>),
}

struct Description {
    params: Box<[ValType]>,
    results: Box<[ValType]>,
    finality: Finality,
    supertype: Option<FuncType>,
}

impl FuncType {
    /// A final function type without a supertype.
    ///
    /// Functions have at most 1,000 parameters and 1,000 results. A type with more can be described, but whatever would
    /// make a function of it, as [`Func::try_new`](crate::Func::try_new), is an error.
    pub fn new(
        engine: &Engine,
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> FuncType {
        Self::describe(
            engine,
            Description {
                params: params.into_iter().collect(),
                results: results.into_iter().collect(),
                finality: Finality::Final,
                supertype: None,
            },
        )
    }

    /// As [`FuncType::new`].
    ///
    /// # Errors
    ///
    /// None today: where the host has no memory left, the process ends as elsewhere in Rust.
    pub fn try_new(
        engine: &Engine,
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Result<FuncType, OutOfMemory> {
        Result::Ok(Self::new(engine, params, results))
    }

    /// A function type with everything that can be declared of it.
    ///
    /// # Errors
    ///
    /// The supertype is final, or of another engine, or the new type does not match it.
    pub fn with_finality_and_supertype(
        engine: &Engine,
        finality: Finality,
        supertype: Option<&Self>,
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Result<Self> {
        let ty = Self::describe(
            engine,
            Description {
                params: params.into_iter().collect(),
                results: results.into_iter().collect(),
                finality,
                supertype: supertype.cloned(),
            },
        );
        let all = ty.params().chain(ty.results());
        for part in all {
            ensure!(
                part.comes_from_same_engine(engine),
                "type used with wrong engine"
            );
        }
        if let Some(supertype) = supertype {
            ensure!(
                Engine::same(&supertype.engine, engine),
                "type used with wrong engine"
            );
            ensure!(
                supertype.finality().is_non_final(),
                "cannot create a subtype of a final supertype"
            );
            ensure!(
                ty.matches(supertype),
                "function type must match its supertype: found {ty}, expected {supertype}"
            );
        }
        Ok(ty)
    }

    /// Interns what can be interned.
    fn describe(engine: &Engine, description: Description) -> FuncType {
        let registered = (description.finality.is_final() && description.supertype.is_none())
            .then(|| {
                let lower = |types: &[ValType]| types.iter().map(|t| t.to_wasm().ok()).collect();
                let params: Option<Box<[_]>> = lower(&description.params);
                let results: Option<Box<[_]>> = lower(&description.results);
                let ty = WasmFuncType {
                    params: params?,
                    results: results?,
                };
                engine.types().register(&ty).ok()
            })
            .flatten();
        FuncType {
            engine: engine.clone(),
            repr: match registered {
                Some(ty) => Repr::Registered(ty),
                None => Repr::Described(Arc::new(description)),
            },
        }
    }

    /// The engine that the type belongs to.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether other types may declare this one as their supertype.
    pub fn finality(&self) -> Finality {
        match &self.repr {
            Repr::Registered(_) => Finality::Final,
            Repr::Described(d) => d.finality,
        }
    }

    /// The declared supertype.
    pub fn supertype(&self) -> Option<Self> {
        match &self.repr {
            Repr::Registered(_) => None,
            Repr::Described(d) => d.supertype.clone(),
        }
    }

    /// The type of the `i`th parameter, if there is one.
    pub fn param(&self, i: usize) -> Option<ValType> {
        match &self.repr {
            Repr::Registered(ty) => ty.ty().params.get(i).map(|&t| ValType::from_wasm(t)),
            Repr::Described(d) => d.params.get(i).cloned(),
        }
    }

    /// The parameters' types.
    pub fn params(&self) -> impl ExactSizeIterator<Item = ValType> + '_ {
        let len = match &self.repr {
            Repr::Registered(ty) => ty.ty().params.len(),
            Repr::Described(d) => d.params.len(),
        };
        (0..len).map(|i| self.param(i).expect("the index is below the length"))
    }

    /// The type of the `i`th result, if there is one.
    pub fn result(&self, i: usize) -> Option<ValType> {
        match &self.repr {
            Repr::Registered(ty) => ty.ty().results.get(i).map(|&t| ValType::from_wasm(t)),
            Repr::Described(d) => d.results.get(i).cloned(),
        }
    }

    /// The results' types.
    pub fn results(&self) -> impl ExactSizeIterator<Item = ValType> + '_ {
        let len = match &self.repr {
            Repr::Registered(ty) => ty.ty().results.len(),
            Repr::Described(d) => d.results.len(),
        };
        (0..len).map(|i| self.result(i).expect("the index is below the length"))
    }

    /// Whether a function of this type can stand where one of type `other` is expected: it takes at least as much and
    /// returns at most as much. Types of different engines never match.
    pub fn matches(&self, other: &FuncType) -> bool {
        Engine::same(&self.engine, &other.engine)
            && (self.same_registration(other)
                || self.params().len() == other.params().len()
                    && self.results().len() == other.results().len()
                    && self
                        .params()
                        .zip(other.params())
                        .all(|(mine, others)| others.matches(&mine))
                    && self
                        .results()
                        .zip(other.results())
                        .all(|(mine, others)| mine.matches(&others)))
    }

    /// Whether two types are exactly the same.
    pub fn eq(a: &FuncType, b: &FuncType) -> bool {
        let same_supertype = || match (a.supertype(), b.supertype()) {
            (Some(a), Some(b)) => FuncType::eq(&a, &b),
            (None, None) => true,
            _ => false,
        };
        Engine::same(&a.engine, &b.engine)
            && (a.same_registration(b)
                || a.finality() == b.finality()
                    && same_supertype()
                    && same_types(a.params(), b.params())
                    && same_types(a.results(), b.results()))
    }

    /// Whether this is `other` or declares it, directly or not, as its supertype.
    pub(super) fn is_subtype_of(&self, other: &FuncType) -> bool {
        FuncType::eq(self, other) || self.supertype().is_some_and(|s| s.is_subtype_of(other))
    }

    fn same_registration(&self, other: &FuncType) -> bool {
        matches!((&self.repr, &other.repr), (Repr::Registered(a), Repr::Registered(b)) if a == b)
    }

    /// Whether the type, parts included, can be used with this engine.
    pub(crate) fn comes_from_same_engine(&self, engine: &Engine) -> bool {
        Engine::same(&self.engine, engine)
    }

    /// The interned form.
    ///
    /// # Errors
    ///
    /// The type mentions something that is not implemented, or has too many parameters or results, or the engine has no
    /// type ids left.
    pub(crate) fn register(&self) -> Result<RegisteredType> {
        match &self.repr {
            Repr::Registered(ty) => Ok(ty.clone()),
            Repr::Described(_) => self.engine.types().register(&self.to_wasm()?),
        }
    }

    /// The type in the engine's vocabulary.
    ///
    /// # Errors
    ///
    /// The type mentions something that is not implemented.
    pub(crate) fn to_wasm(&self) -> Result<WasmFuncType> {
        let description = match &self.repr {
            Repr::Registered(ty) => return Ok(ty.ty().clone()),
            Repr::Described(d) => d,
        };
        if description.finality.is_non_final() || description.supertype.is_some() {
            bail!("declared subtyping of function types is not implemented yet");
        }
        Ok(WasmFuncType {
            params: lower(&description.params)?,
            results: lower(&description.results)?,
        })
    }

    /// The public form of an interned type. `ty` must be of this engine.
    pub(crate) fn from_registered(engine: &Engine, ty: RegisteredType) -> FuncType {
        FuncType {
            engine: engine.clone(),
            repr: Repr::Registered(ty),
        }
    }

    /// The public form of an engine's type.
    pub(crate) fn from_wasm(engine: &Engine, ty: &WasmFuncType) -> FuncType {
        if let Result::Ok(ty) = engine.types().register(ty) {
            return Self::from_registered(engine, ty);
        }
        let raise = |types: &[_]| types.iter().map(|&t| ValType::from_wasm(t)).collect();
        FuncType {
            engine: engine.clone(),
            repr: Repr::Described(Arc::new(Description {
                params: raise(&ty.params),
                results: raise(&ty.results),
                finality: Finality::Final,
                supertype: None,
            })),
        }
    }
}

fn lower(types: &[ValType]) -> Result<Box<[crate::wasm::WasmVal]>> {
    types.iter().map(ValType::to_wasm).collect()
}

fn same_types(
    a: impl ExactSizeIterator<Item = ValType>,
    b: impl ExactSizeIterator<Item = ValType>,
) -> bool {
    a.len() == b.len() && a.zip(b).all(|(a, b)| ValType::eq(&a, &b))
}

impl Hash for FuncType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.params().len().hash(state);
        self.params().for_each(|ty| ty.hash(state));
        self.results().for_each(|ty| ty.hash(state));
        self.finality().hash(state);
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(type (func")?;
        if self.params().len() > 0 {
            f.write_str(" (param")?;
            self.params().try_for_each(|ty| write!(f, " {ty}"))?;
            f.write_str(")")?;
        }
        if self.results().len() > 0 {
            f.write_str(" (result")?;
            self.results().try_for_each(|ty| write!(f, " {ty}"))?;
            f.write_str(")")?;
        }
        f.write_str("))")
    }
}

impl fmt::Debug for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
