//! Names that code written for the ecosystem's crate uses. Preview 2 itself is not here.

pub mod pipe {
    //! The pipes of [`crate::pipe`].

    pub use crate::pipe::{MemoryInputPipe, MemoryOutputPipe};
}
