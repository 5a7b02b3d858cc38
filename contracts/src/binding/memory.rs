//! A record that lasts as long as its process.

use std::collections::BTreeMap;

use super::{BindError, Bindings, Mark};

/// Bindings that are forgotten when the process ends: for tests, simulations and contracts that do not outlive it. It
/// is not `Clone`: two copies would not know of each other.
#[derive(Debug, Default)]
pub struct MemoryBindings(BTreeMap<Mark, [u8; 32]>);

impl Bindings for MemoryBindings {
    fn bind(&mut self, mark: Mark, id: [u8; 32]) -> Result<(), BindError> {
        if let Some(bound_to) = self.0.get(&mark) {
            return Err(BindError::Used {
                mark,
                bound_to: *bound_to,
            });
        }
        self.0.insert(mark, id);
        Ok(())
    }

    fn bound(&self, mark: &Mark) -> Option<[u8; 32]> {
        self.0.get(mark).copied()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::MemoryBindings;
    use crate::binding::conformance::{self, Reopen};

    impl Reopen for MemoryBindings {
        type Store = MemoryBindings;

        fn store(&mut self) -> Result<&mut MemoryBindings, String> {
            Ok(self)
        }

        fn reopen(&mut self) -> Result<(), String> {
            Ok(())
        }
    }

    #[test]
    fn what_is_kept_in_memory_conforms() {
        conformance::check(&mut MemoryBindings::default()).unwrap();
    }
}
