//! Traps: the guest's faults, by their names and messages.

use std::fmt;

macro_rules! traps {
    ($($name:ident = $message:literal,)*) => {
        /// The reason why a guest was stopped.
        ///
        /// A trap surfaces as an [`Error`](crate::Error): `err.downcast_ref::<Trap>()` finds it. Variants that name
        /// component-model rules are part of the compatible interface and are raised once components are supported.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Trap {
            $(#[doc = $message] $name,)*
        }

        impl Trap {
            /// The trap with this number, in declaration order; `None` for any other number.
            pub fn from_u8(byte: u8) -> Option<Self> {
                const ALL: &[Trap] = &[$(Trap::$name),*];
                ALL.get(usize::from(byte)).copied()
            }

            /// The message without its `wasm trap: ` prefix.
            fn message(self) -> &'static str {
                match self {
                    $(Trap::$name => $message,)*
                }
            }
        }
    };
}

traps! {
    StackOverflow = "call stack exhausted",
    MemoryOutOfBounds = "out of bounds memory access",
    HeapMisaligned = "unaligned atomic",
    TableOutOfBounds = "undefined element: out of bounds table access",
    IndirectCallToNull = "uninitialized element",
    BadSignature = "indirect call type mismatch",
    IntegerOverflow = "integer overflow",
    IntegerDivisionByZero = "integer divide by zero",
    BadConversionToInteger = "invalid conversion to integer",
    UnreachableCodeReached = "wasm `unreachable` instruction executed",
    Interrupt = "interrupt",
    OutOfFuel = "all fuel consumed by WebAssembly",
    AtomicWaitNonSharedMemory = "atomic wait on non-shared memory",
    NullReference = "null reference",
    ArrayOutOfBounds = "out of bounds array access",
    AllocationTooLarge = "allocation size too large",
    CastFailure = "cast failure",
    CannotEnterComponent = "cannot enter component instance",
    NoAsyncResult = "async-lifted export failed to produce a result",
    UnhandledTag = "unhandled tag",
    ContinuationAlreadyConsumed = "continuation already consumed",
    DisabledOpcode = "pulley opcode disabled at compile time was executed",
    AsyncDeadlock = "deadlock detected: event loop cannot make further progress",
    CannotLeaveComponent = "cannot leave component instance",
    CannotBlockSyncTask = "cannot block a synchronous task before returning",
    InvalidChar = "invalid `char` bit pattern",
    DebugAssertStringEncodingFinished = "should have finished string encoding",
    DebugAssertEqualCodeUnits = "code units should be equal",
    DebugAssertPointerAligned = "pointer should be aligned",
    DebugAssertUpperBitsUnset = "upper bits should be unset",
    StringOutOfBounds = "string content out-of-bounds",
    ListOutOfBounds = "list content out-of-bounds",
    InvalidDiscriminant = "invalid variant discriminant",
    UnalignedPointer = "unaligned pointer",
    TaskCancelNotCancelled = "`task.cancel` called by task which has not been cancelled",
    TaskCancelOrReturnTwice = "`task.return` or `task.cancel` called more than once for current task",
    SubtaskCancelAfterTerminal = "`subtask.cancel` called after terminal status delivered",
    TaskReturnInvalid = "invalid `task.return` signature and/or options for current task",
    WaitableSetDropHasWaiters = "cannot drop waitable set with waiters",
    SubtaskDropNotResolved = "cannot drop a subtask which has not yet resolved",
    ThreadNewIndirectInvalidType = "start function does not match expected type (currently only `(i32) -> ()` is supported)",
    ThreadNewIndirectUninitialized = "the start function index points to an uninitialized function",
    BackpressureOverflow = "backpressure counter overflow",
    UnsupportedCallbackCode = "unsupported callback code",
    CannotResumeThread = "cannot resume thread which is not suspended",
    ConcurrentFutureStreamOp = "cannot have concurrent operations active on a future/stream",
    ReferenceCountOverflow = "reference count overflow",
    StreamOpTooBig = "stream read/write count too large",
    WaitableSyncAndAsync = "waitable cannot be used synchronously while added to a waitable set",
    UncaughtException = "uncaught exception propagated out of component",
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wasm trap: {}", self.message())
    }
}

impl std::error::Error for Trap {}
