//! Struct, array, exception and continuation types.
//!
//! They can be described, compared and printed; no value of them can exist yet, and whatever would make one is refused
//! by the conversion in [`RefType`](super::RefType). Equality is structural, as the specification's is for types that
//! do not refer to themselves, which cannot be built here.

use super::{Finality, FuncType, Mutability, RefType, TagType, ValType};
use crate::engine::Engine;
use crate::error::{Result, ensure};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a field or array element holds: a value, or a packed integer.
#[derive(Debug, Clone, Hash)]
pub enum StorageType {
    /// An integer of 8 bits.
    I8,
    /// An integer of 16 bits.
    I16,
    /// A value.
    ValType(ValType),
}

impl StorageType {
    /// Whether this is [`StorageType::I8`].
    #[inline]
    pub fn is_i8(&self) -> bool {
        matches!(self, StorageType::I8)
    }

    /// Whether this is [`StorageType::I16`].
    #[inline]
    pub fn is_i16(&self) -> bool {
        matches!(self, StorageType::I16)
    }

    /// Whether this is a value type.
    #[inline]
    pub fn is_val_type(&self) -> bool {
        matches!(self, StorageType::ValType(_))
    }

    /// The value type, if this is one.
    #[inline]
    pub fn as_val_type(&self) -> Option<&ValType> {
        match self {
            StorageType::ValType(ty) => Some(ty),
            StorageType::I8 | StorageType::I16 => None,
        }
    }

    /// The value type.
    ///
    /// # Panics
    ///
    /// If this is a packed integer.
    pub fn unwrap_val_type(&self) -> &ValType {
        self.as_val_type().expect("expected a value type")
    }

    /// The type of the value that reading yields.
    pub fn unpack(&self) -> &ValType {
        self.as_val_type().unwrap_or(&ValType::I32)
    }

    /// Whether this is a subtype of `other`, or the same.
    pub fn matches(&self, other: &Self) -> bool {
        match (self, other) {
            (StorageType::I8, StorageType::I8) | (StorageType::I16, StorageType::I16) => true,
            (StorageType::ValType(a), StorageType::ValType(b)) => a.matches(b),
            _ => false,
        }
    }

    /// Whether two types are exactly the same.
    pub fn eq(a: &Self, b: &Self) -> bool {
        a.matches(b) && b.matches(a)
    }

    fn comes_from_same_engine(&self, engine: &Engine) -> bool {
        self.as_val_type()
            .is_none_or(|ty| ty.comes_from_same_engine(engine))
    }
}

impl From<ValType> for StorageType {
    #[inline]
    fn from(ty: ValType) -> Self {
        StorageType::ValType(ty)
    }
}

impl From<RefType> for StorageType {
    #[inline]
    fn from(ty: RefType) -> Self {
        StorageType::ValType(ty.into())
    }
}

impl fmt::Display for StorageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageType::I8 => f.write_str("i8"),
            StorageType::I16 => f.write_str("i16"),
            StorageType::ValType(ty) => fmt::Display::fmt(ty, f),
        }
    }
}

/// The type of a struct's field or an array's elements.
#[derive(Debug, Clone, Hash)]
pub struct FieldType {
    mutability: Mutability,
    element_type: StorageType,
}

impl FieldType {
    /// A field type of its parts.
    #[inline]
    pub fn new(mutability: Mutability, element_type: StorageType) -> Self {
        FieldType {
            mutability,
            element_type,
        }
    }

    /// Whether the field can be written.
    #[inline]
    pub fn mutability(&self) -> Mutability {
        self.mutability
    }

    /// What the field holds.
    #[inline]
    pub fn element_type(&self) -> &StorageType {
        &self.element_type
    }

    /// Whether this is a subtype of `other`, or the same. Fields that can be written have no subtypes but themselves.
    pub fn matches(&self, other: &Self) -> bool {
        match (self.mutability, other.mutability) {
            (Mutability::Const, Mutability::Const) => {
                self.element_type.matches(&other.element_type)
            }
            (Mutability::Var, Mutability::Var) => {
                StorageType::eq(&self.element_type, &other.element_type)
            }
            _ => false,
        }
    }

    /// Whether two types are exactly the same.
    pub fn eq(a: &Self, b: &Self) -> bool {
        a.matches(b) && b.matches(a)
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mutability.is_var() {
            write!(f, "(mut {})", self.element_type)
        } else {
            fmt::Display::fmt(&self.element_type, f)
        }
    }
}

/// What struct and array types have in common. An array has exactly one field.
struct Description<T> {
    finality: Finality,
    supertype: Option<T>,
    fields: Box<[FieldType]>,
}

macro_rules! aggregate {
    ($ty:ident) => {
        impl $ty {
            /// The engine that the type belongs to.
            pub fn engine(&self) -> &Engine {
                &self.engine
            }

            /// Whether other types may declare this one as their supertype.
            pub fn finality(&self) -> Finality {
                self.description.finality
            }

            /// The declared supertype.
            pub fn supertype(&self) -> Option<Self> {
                self.description.supertype.clone()
            }

            /// Whether two types are exactly the same. Types of different engines never are.
            pub fn eq(a: &$ty, b: &$ty) -> bool {
                let (x, y) = (&a.description, &b.description);
                let same_supertype = || match (&x.supertype, &y.supertype) {
                    (Some(x), Some(y)) => $ty::eq(x, y),
                    (None, None) => true,
                    _ => false,
                };
                Engine::same(&a.engine, &b.engine)
                    && (Arc::ptr_eq(x, y)
                        || x.finality == y.finality
                            && same_supertype()
                            && x.fields.len() == y.fields.len()
                            && x.fields
                                .iter()
                                .zip(&y.fields)
                                .all(|(x, y)| FieldType::eq(x, y)))
            }

            /// Whether this is `other` or declares it, directly or not, as its supertype.
            pub(super) fn is_subtype_of(&self, other: &$ty) -> bool {
                $ty::eq(self, other)
                    || (self.description.supertype.as_ref())
                        .is_some_and(|supertype| supertype.is_subtype_of(other))
            }

            fn describe(
                engine: &Engine,
                finality: Finality,
                supertype: Option<&Self>,
                fields: Box<[FieldType]>,
            ) -> Self {
                $ty {
                    engine: engine.clone(),
                    description: Arc::new(Description {
                        finality,
                        supertype: supertype.cloned(),
                        fields,
                    }),
                }
            }

            fn check(self) -> Result<Self> {
                let same =
                    |field: &FieldType| field.element_type.comes_from_same_engine(&self.engine);
                ensure!(
                    self.description.fields.iter().all(same),
                    "type used with wrong engine"
                );
                if let Some(supertype) = &self.description.supertype {
                    ensure!(
                        Engine::same(&supertype.engine, &self.engine),
                        "type used with wrong engine"
                    );
                    ensure!(
                        supertype.finality().is_non_final(),
                        "cannot create a subtype of a final supertype"
                    );
                    ensure!(
                        self.matches(supertype),
                        "type must match its supertype: found {self}, expected {supertype}"
                    );
                }
                Ok(self)
            }
        }

        impl Hash for $ty {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.description.finality.hash(state);
                self.description.fields.hash(state);
            }
        }

        impl fmt::Debug for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

/// The type of a garbage-collected struct. Values of such types are not implemented yet.
#[derive(Clone)]
pub struct StructType {
    engine: Engine,
    description: Arc<Description<StructType>>,
}

aggregate!(StructType);

impl StructType {
    /// A final struct type without a supertype.
    ///
    /// # Errors
    ///
    /// A field's type is of another engine.
    pub fn new(engine: &Engine, fields: impl IntoIterator<Item = FieldType>) -> Result<Self> {
        Self::with_finality_and_supertype(engine, Finality::Final, None, fields)
    }

    /// A struct type with everything that can be declared of it.
    ///
    /// # Errors
    ///
    /// The supertype is final, a part is of another engine, or the new type does not match its supertype.
    pub fn with_finality_and_supertype(
        engine: &Engine,
        finality: Finality,
        supertype: Option<&Self>,
        fields: impl IntoIterator<Item = FieldType>,
    ) -> Result<Self> {
        Self::describe(engine, finality, supertype, fields.into_iter().collect()).check()
    }

    /// The type of the `i`th field, if there is one.
    pub fn field(&self, i: usize) -> Option<FieldType> {
        self.description.fields.get(i).cloned()
    }

    /// The fields' types.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = FieldType> + '_ {
        self.description.fields.iter().cloned()
    }

    /// Whether a struct of this type can stand where one of type `other` is expected: it has at least `other`'s
    /// fields. Types of different engines never match.
    pub fn matches(&self, other: &StructType) -> bool {
        Engine::same(&self.engine, &other.engine)
            && self.fields().len() >= other.fields().len()
            && self
                .fields()
                .zip(other.fields())
                .all(|(a, b)| a.matches(&b))
    }
}

impl fmt::Display for StructType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(struct")?;
        self.fields()
            .try_for_each(|ty| write!(f, " (field {ty})"))?;
        f.write_str(")")
    }
}

/// The type of a garbage-collected array. Values of such types are not implemented yet.
#[derive(Clone)]
pub struct ArrayType {
    engine: Engine,
    description: Arc<Description<ArrayType>>,
}

aggregate!(ArrayType);

impl ArrayType {
    /// A final array type without a supertype.
    pub fn new(engine: &Engine, field_type: FieldType) -> Self {
        Self::describe(engine, Finality::Final, None, Box::new([field_type]))
    }

    /// An array type with everything that can be declared of it.
    ///
    /// # Errors
    ///
    /// The supertype is final, a part is of another engine, or the new type does not match its supertype.
    pub fn with_finality_and_supertype(
        engine: &Engine,
        finality: Finality,
        supertype: Option<&Self>,
        field_type: FieldType,
    ) -> Result<Self> {
        Self::describe(engine, finality, supertype, Box::new([field_type])).check()
    }

    fn field(&self) -> &FieldType {
        &self.description.fields[0]
    }

    /// The type of the elements, with their mutability.
    pub fn field_type(&self) -> FieldType {
        self.field().clone()
    }

    /// Whether elements can be written.
    pub fn mutability(&self) -> Mutability {
        self.field().mutability
    }

    /// What the elements hold.
    pub fn element_type(&self) -> StorageType {
        self.field().element_type.clone()
    }

    /// Whether an array of this type can stand where one of type `other` is expected. Types of different engines never
    /// match.
    pub fn matches(&self, other: &ArrayType) -> bool {
        Engine::same(&self.engine, &other.engine) && self.field().matches(other.field())
    }
}

impl fmt::Display for ArrayType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(array (field {}))", self.field())
    }
}

/// The type of an exception. Exceptions are not implemented yet.
#[derive(Debug, Clone, Hash)]
pub struct ExnType {
    func_ty: FuncType,
}

impl ExnType {
    /// An exception that carries these values.
    ///
    /// # Errors
    ///
    /// A value's type is of another engine.
    pub fn new(engine: &Engine, fields: impl IntoIterator<Item = ValType>) -> Result<ExnType> {
        let func_ty =
            FuncType::with_finality_and_supertype(engine, Finality::Final, None, fields, [])?;
        Ok(ExnType { func_ty })
    }

    /// The type of the exceptions that a tag throws.
    ///
    /// # Errors
    ///
    /// The tag's function type has results.
    pub fn from_tag_type(tag: &TagType) -> Result<ExnType> {
        ensure!(
            tag.ty().results().len() == 0,
            "cannot create an exception type from a tag type with results in the signature"
        );
        Ok(ExnType {
            func_ty: tag.ty().clone(),
        })
    }

    /// The type of the tag that throws such exceptions.
    pub fn tag_type(&self) -> TagType {
        TagType::new(self.func_ty.clone())
    }

    /// The type of the `i`th value it carries, if there is one.
    pub fn field(&self, i: usize) -> Option<FieldType> {
        self.func_ty.param(i).map(immutable)
    }

    /// The types of the values it carries.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = FieldType> + '_ {
        self.func_ty.params().map(immutable)
    }

    /// The engine that the type belongs to.
    pub fn engine(&self) -> &Engine {
        self.func_ty.engine()
    }

    /// Whether two types are the same; exception types have no other subtypes.
    pub fn matches(&self, other: &ExnType) -> bool {
        FuncType::eq(&self.func_ty, &other.func_ty)
    }
}

fn immutable(ty: ValType) -> FieldType {
    FieldType::new(Mutability::Const, ty.into())
}

impl fmt::Display for ExnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(exn {}", self.func_ty)?;
        self.fields()
            .try_for_each(|ty| write!(f, " (field {ty})"))?;
        f.write_str(")")
    }
}

/// The type of a continuation. Continuations are not implemented yet: no value of this type can be made.
#[derive(Debug, Clone, Hash)]
pub struct ContType {
    func_ty: FuncType,
}

impl ContType {
    /// The engine that the type belongs to.
    pub fn engine(&self) -> &Engine {
        self.func_ty.engine()
    }

    /// Whether two types are the same; continuation types have no other subtypes.
    pub fn matches(&self, other: &ContType) -> bool {
        FuncType::eq(&self.func_ty, &other.func_ty)
    }
}

impl fmt::Display for ContType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(cont {})", self.func_ty)
    }
}
