//! References of proposals that are not implemented: garbage collection and exceptions.
//!
//! The types exist so that code that names them compiles; there are no values of them, so their methods are never run.

use super::rooting::{GcRefImpl, GcRoot};
use super::{OwnedRooted, Rooted};
use crate::Result;
use crate::embed::types::{ArrayType, ExnType, HeapType, StructType};
use crate::embed::{AsContext, AsContextMut, Store, StoreContextMut, Tag, Val};

macro_rules! uninhabited {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}

        impl GcRefImpl for $name {
            fn root(self) -> GcRoot {
                match self {}
            }

            fn with_root(self, _: GcRoot) -> Self {
                match self {}
            }
        }
    )*};
}

uninhabited! {
    /// A reference into the guest's garbage-collected heap. Not implemented yet: there is no value of this type.
    AnyRef;
    /// A reference that can be compared by identity. Not implemented yet: there is no value of this type.
    EqRef;
    /// A reference to a struct. Not implemented yet: there is no value of this type.
    StructRef;
    /// A reference to an array. Not implemented yet: there is no value of this type.
    ArrayRef;
    /// A reference to an exception. Not implemented yet: there is no value of this type.
    ExnRef;
}

/// A reference to a continuation. Not implemented yet: there is no value of this type.
#[derive(Debug, Clone, Copy)]
pub enum ContRef {}

macro_rules! upcasts {
    ($($from:ident => $to:ident $method:ident;)*) => {$(
        impl From<Rooted<$from>> for Rooted<$to> {
            fn from(reference: Rooted<$from>) -> Self {
                match *reference {}
            }
        }

        impl From<OwnedRooted<$from>> for OwnedRooted<$to> {
            fn from(reference: OwnedRooted<$from>) -> Self {
                match *reference {}
            }
        }

        impl Rooted<$from> {
            /// The same reference as one of a supertype.
            pub fn $method(self) -> Rooted<$to> {
                match *self {}
            }
        }

        impl OwnedRooted<$from> {
            /// The same reference as one of a supertype.
            pub fn $method(self) -> OwnedRooted<$to> {
                match *self {}
            }
        }
    )*};
}

upcasts! {
    EqRef => AnyRef to_anyref;
    StructRef => AnyRef to_anyref;
    StructRef => EqRef to_eqref;
    ArrayRef => AnyRef to_anyref;
    ArrayRef => EqRef to_eqref;
}

/// Methods of uninhabited references: signatures only.
macro_rules! methods {
    ($($name:ident {$(
        $(#[$doc:meta])* $method:ident($context:ident $(, $arg:ident: $ty:ty)*) -> $result:ty;
    )*})*) => {$(
        impl $name {$(
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// There is no value to call this on.
            pub fn $method(&self, store: impl $context $(, $arg: $ty)*) -> Result<$result> {
                let _ = (&store $(, &$arg)*);
                match *self {}
            }
        )*}
    )*};
}

methods! {
    AnyRef {
        /// The reference as a raw value.
        to_raw(AsContextMut) -> u32;
        /// What it refers to.
        ty(AsContext) -> HeapType;
        /// Whether it refers to a value of this type.
        matches_ty(AsContext, ty: &HeapType) -> bool;
        /// Whether it can be compared by identity.
        is_eqref(AsContext) -> bool;
        /// The reference as one that can be compared by identity.
        as_eqref(AsContextMut) -> Option<Rooted<EqRef>>;
        /// The reference as one that can be compared by identity.
        unwrap_eqref(AsContextMut) -> Rooted<EqRef>;
        /// Whether it is an integer of 31 bits.
        is_i31(AsContext) -> bool;
        /// The integer of 31 bits.
        as_i31(AsContext) -> Option<I31>;
        /// The integer of 31 bits.
        unwrap_i31(AsContext) -> I31;
        /// Whether it refers to a struct.
        is_struct(AsContext) -> bool;
        /// The reference as one to a struct.
        as_struct(AsContext) -> Option<Rooted<StructRef>>;
        /// The reference as one to a struct.
        unwrap_struct(AsContext) -> Rooted<StructRef>;
        /// Whether it refers to an array.
        is_array(AsContext) -> bool;
        /// The reference as one to an array.
        as_array(AsContext) -> Option<Rooted<ArrayRef>>;
        /// The reference as one to an array.
        unwrap_array(AsContext) -> Rooted<ArrayRef>;
    }
    EqRef {
        /// What it refers to.
        ty(AsContext) -> HeapType;
        /// Whether it refers to a value of this type.
        matches_ty(AsContext, ty: &HeapType) -> bool;
        /// Whether it is an integer of 31 bits.
        is_i31(AsContext) -> bool;
        /// The integer of 31 bits.
        as_i31(AsContext) -> Option<I31>;
        /// The integer of 31 bits.
        unwrap_i31(AsContext) -> I31;
        /// Whether it refers to a struct.
        is_struct(AsContext) -> bool;
        /// The reference as one to a struct.
        as_struct(AsContext) -> Option<Rooted<StructRef>>;
        /// The reference as one to a struct.
        unwrap_struct(AsContext) -> Rooted<StructRef>;
        /// Whether it refers to an array.
        is_array(AsContext) -> bool;
        /// The reference as one to an array.
        as_array(AsContext) -> Option<Rooted<ArrayRef>>;
        /// The reference as one to an array.
        unwrap_array(AsContext) -> Rooted<ArrayRef>;
    }
    StructRef {
        /// The struct's type.
        ty(AsContext) -> StructType;
        /// Whether the struct is of this type.
        matches_ty(AsContext, ty: &StructType) -> bool;
        /// A field's value.
        field(AsContextMut, index: usize) -> Val;
        /// Writes a field.
        set_field(AsContextMut, index: usize, value: Val) -> ();
    }
    ArrayRef {
        /// The array's type.
        ty(AsContext) -> ArrayType;
        /// Whether the array is of this type.
        matches_ty(AsContext, ty: &ArrayType) -> bool;
        /// Number of elements.
        len(AsContext) -> u32;
        /// An element's value.
        get(AsContextMut, index: u32) -> Val;
        /// Writes an element.
        set(AsContextMut, index: u32, value: Val) -> ();
    }
    ExnRef {
        /// The reference as a raw value.
        to_raw(AsContextMut) -> u32;
        /// The exception's type.
        ty(AsContext) -> ExnType;
        /// Whether the exception is of this type.
        matches_ty(AsContext, ty: &HeapType) -> bool;
        /// A field's value.
        field(AsContextMut, index: usize) -> Val;
        /// The tag it was thrown with.
        tag(AsContextMut) -> Tag;
    }
}

/// An integer of 31 bits, as garbage-collected references may hold it in place.
///
/// The numbers exist; references to them are not implemented yet.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct I31(u32);

impl I31 {
    const BITS: u32 = 31;
    const MASK: u32 = (1 << Self::BITS) - 1;

    /// The integer, if its value fits without a sign.
    #[inline]
    pub fn new_u32(value: u32) -> Option<Self> {
        (value <= Self::MASK).then_some(I31(value))
    }

    /// The integer, if its value fits with a sign.
    #[inline]
    pub fn new_i32(value: i32) -> Option<Self> {
        let wrapped = Self::wrapping_i32(value);
        (wrapped.get_i32() == value).then_some(wrapped)
    }

    /// The integer without its topmost bit.
    #[inline]
    pub fn wrapping_u32(value: u32) -> Self {
        I31(value & Self::MASK)
    }

    /// The integer without its topmost bit.
    #[inline]
    pub fn wrapping_i32(value: i32) -> Self {
        Self::wrapping_u32(value.cast_unsigned())
    }

    /// The value, zero-extended.
    #[inline]
    pub fn get_u32(&self) -> u32 {
        self.0
    }

    /// The value, sign-extended.
    #[inline]
    pub fn get_i32(&self) -> i32 {
        let shift = u32::BITS - Self::BITS;
        (self.0 << shift).cast_signed() >> shift
    }
}

impl std::fmt::Debug for I31 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("I31")
            .field("as_u32", &self.get_u32())
            .field("as_i32", &self.get_i32())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::I31;

    #[test]
    fn thirty_one_bits() {
        let top = 1_u32 << 30;
        assert_eq!(I31::new_u32(top * 2 - 1).unwrap().get_i32(), -1);
        assert_eq!(I31::new_u32(top * 2), None);
        let smallest = -top.cast_signed();
        assert_eq!(I31::new_i32(smallest).unwrap().get_i32(), smallest);
        assert_eq!(I31::new_i32(smallest - 1), None);
        assert_eq!(I31::new_i32(top.cast_signed()), None);
        assert_eq!(I31::wrapping_u32(u32::MAX).get_u32(), top * 2 - 1);
        assert_eq!(I31::wrapping_i32(-5).get_i32(), -5);
    }
}

macro_rules! throwing {
    ($($store:ty;)*) => {$(
        impl<T> $store {
            /// Would leave an exception for the guest that is called next or returned to. There is none yet.
            ///
            /// # Errors
            ///
            /// Always [`ThrownException`](crate::ThrownException).
            pub fn throw<R>(&mut self, exception: Rooted<ExnRef>) -> Result<R> {
                match *exception {}
            }

            /// The exception that a call has failed with. There is none yet.
            pub fn take_pending_exception(&mut self) -> Option<Rooted<ExnRef>> {
                None
            }
        }
    )*};
}

throwing! {
    Store<T>;
    StoreContextMut<'_, T>;
}
