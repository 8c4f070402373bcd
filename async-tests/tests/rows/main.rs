//! A test for each way in which an async runtime is faked easily: what the sentence at the head of a file claims, its tests
//! would see broken.

mod row01_start_on_fiber_not_blocking;
mod row02_future_is_not_a_thread;
mod row03_fuel_and_epochs_reach_loops_and_bulk;
mod row03_growth_and_callbacks;
mod row04_fuel_exact;
mod row04_traps_exact;
mod row05_epoch_yield_returns_pending;
mod row06_trap_runs_host_destructors;
mod row07_host_segfault_still_kills;
mod row08_migrating_executor;
mod row09_cancel_after_kth_poll;
mod row10_forgotten_future;
mod row11_stack_overflow_everywhere;
mod row12_send_is_honest;
