//! Fuel and epochs: how guests are interrupted.

use super::{Config, OperatorCost};

impl Config {
    /// Whether guests consume fuel, and trap or yield when they run out of it. Off by default.
    ///
    /// Fuel is exact and deterministic. It changes generated code, and costs more at run time than epochs do.
    pub fn consume_fuel(&mut self, enable: bool) -> &mut Self {
        self.tunables.consume_fuel = enable;
        self
    }

    /// How much fuel each operator consumes: nothing for `nop`, `drop` and structured control flow, one unit for
    /// others by default, and one per byte or element for bulk operations.
    ///
    /// Tables are implemented that give one cost to all operators of the first group, one to all others, one to all
    /// bytes and one to all elements; `Engine::new` refuses other ones.
    pub fn operator_cost(&mut self, cost: OperatorCost) -> &mut Self {
        self.operator_cost = Some(Box::new(cost));
        self
    }

    /// Whether guests check the engine's epoch, and trap or yield when it passes their deadline. Off by default.
    ///
    /// Epochs are advanced by [`Engine::increment_epoch`](crate::Engine::increment_epoch). They change generated code.
    pub fn epoch_interruption(&mut self, enable: bool) -> &mut Self {
        self.tunables.epoch_interruption = enable;
        self
    }
}
