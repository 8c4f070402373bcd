//! Types of which only null is a reference: the bottoms of the hierarchies, for typed calls.

use crate::embed::{Ref, Val};
use std::convert::Infallible;

macro_rules! nulls {
    ($($(#[$doc:meta])* $name:ident $reference:ident $value:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            never: Infallible,
        }

        impl $name {
            /// The null reference.
            #[inline]
            pub fn null() -> Option<Self> {
                None
            }

            /// The null reference as a [`Ref`].
            #[inline]
            pub fn null_ref() -> Ref {
                Ref::$reference(None)
            }

            /// The null reference as a [`Val`].
            #[inline]
            pub fn null_val() -> Val {
                Val::$value(None)
            }

            /// There is no such value, so this is never reached.
            #[allow(dead_code, reason = "one macro makes all three")]
            pub(crate) fn absurd(self) -> ! {
                match self.never {}
            }
        }
    )*};
}

nulls! {
    /// A null function reference, statically known to be one: `Option<NoFunc>` is the type of `nullfuncref` parameters
    /// and results. There is no value of the type itself.
    NoFunc Func FuncRef;
    /// A null host reference, statically known to be one: `Option<NoExtern>` is the type of `nullexternref` parameters
    /// and results. There is no value of the type itself.
    NoExtern Extern ExternRef;
    /// A null reference of the `any` hierarchy, statically known to be one. There is no value of the type itself.
    NoneRef Any AnyRef;
}
