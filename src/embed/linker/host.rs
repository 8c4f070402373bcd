//! Defining host functions in a linker.

#![expect(
    unsafe_code,
    reason = "raw host functions are promised to keep to their types"
)]

use super::Linker;
use super::definition::Definition;
use crate::ValRaw;
use crate::embed::host::{AsyncHostFn, Caller, HostFunc, IntoFunc};
use crate::embed::typed::{WasmRet, WasmTyList};
use crate::embed::types::FuncType;
use crate::embed::val::Val;
use crate::error::Result;
use std::mem::MaybeUninit;
use std::sync::Arc;

impl<T> Linker<T> {
    /// Defines a host function whose type is known at run time only; see [`Func::new`](crate::Func::new).
    ///
    /// # Errors
    ///
    /// The names are taken, the type is of another engine or not implemented, or there is no memory for code.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self>
    where
        T: 'static,
    {
        let func = HostFunc::new::<T>(&self.engine, ty, func)?;
        self.insert_host(module, name, func)
    }

    /// As [`Linker::func_new`], of a function that takes and gives unchecked values; see
    /// [`Func::new_unchecked`](crate::Func::new_unchecked).
    ///
    /// # Errors
    ///
    /// As for [`Linker::func_new`].
    ///
    /// # Safety
    ///
    /// The function reads as many values as the type has parameters, of their types, and writes as many as it has
    /// results, of theirs.
    pub unsafe fn func_new_unchecked(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &mut [MaybeUninit<ValRaw>]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self>
    where
        T: 'static,
    {
        let func = HostFunc::new_unchecked::<T>(&self.engine, ty, func)?;
        self.insert_host(module, name, func)
    }

    /// As [`Linker::func_new`], of a function that may wait. Instances that import it are for async use.
    ///
    /// # Errors
    ///
    /// As for [`Linker::func_new`].
    pub fn func_new_async<F>(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: F,
    ) -> Result<&mut Self>
    where
        F: for<'a> Fn(
                Caller<'a, T>,
                &'a [Val],
                &'a mut [Val],
            ) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
            + Send
            + Sync
            + 'static,
        T: Send + 'static,
    {
        let func = HostFunc::new_async::<T, F>(&self.engine, ty, func)?;
        self.insert_host(module, name, func)
    }

    /// Defines a host function whose type follows from the closure's; see [`Func::wrap`](crate::Func::wrap).
    ///
    /// # Errors
    ///
    /// The names are taken, or there is no memory for code.
    pub fn func_wrap<Params, Args>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<T, Params, Args>,
    ) -> Result<&mut Self>
    where
        T: 'static,
    {
        let func = HostFunc::wrap::<T, Params, Args>(&self.engine, func)?;
        self.insert_host(module, name, func)
    }

    /// As [`Linker::func_wrap`], of a function that may wait: it takes a [`Caller`] and the parameters as a tuple.
    /// Instances that import it are for async use.
    ///
    /// ```
    /// use tussah::{Caller, Engine, Linker};
    ///
    /// # fn main() -> tussah::Result<()> {
    /// let mut linker = Linker::<u64>::new(&Engine::default());
    /// linker.func_wrap_async("host", "add_later", |mut caller: Caller<'_, u64>, (n,): (u64,)| {
    ///     Box::new(async move {
    ///         std::future::ready(()).await;
    ///         *caller.data_mut() += n;
    ///     })
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Linker::func_wrap`].
    pub fn func_wrap_async<F, Params: WasmTyList, Args: WasmRet>(
        &mut self,
        module: &str,
        name: &str,
        func: F,
    ) -> Result<&mut Self>
    where
        F: for<'a> Fn(Caller<'a, T>, Params) -> Box<dyn Future<Output = Args> + Send + 'a>
            + Send
            + Sync
            + 'static,
        T: Send + 'static,
    {
        let func = HostFunc::wrap_async::<T, F, Params, Args>(&self.engine, func)?;
        self.insert_host(module, name, func)
    }

    /// As [`Linker::func_wrap_async`], without a box per call: the future lies on the fiber's stack.
    ///
    /// # Errors
    ///
    /// As for [`Linker::func_wrap`].
    pub fn func_wrap_async_unboxed<F, Params, Args>(
        &mut self,
        module: &str,
        name: &str,
        func: F,
    ) -> Result<&mut Self>
    where
        F: for<'a> AsyncHostFn<'a, T, Params, Args> + Send + Sync + 'static,
        Params: WasmTyList + Send + 'static,
        Args: WasmRet + 'static,
        T: Send + 'static,
    {
        let func = HostFunc::wrap_async_unboxed::<T, F, Params, Args>(&self.engine, func)?;
        self.insert_host(module, name, func)
    }

    fn insert_host(&mut self, module: &str, name: &str, func: HostFunc) -> Result<&mut Self> {
        self.insert(module, name, Definition::HostFunc(Arc::new(func)))
    }
}
