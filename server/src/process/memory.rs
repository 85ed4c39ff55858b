//! How much memory the machine has.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

fn read() -> System {
    let only = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    System::new_with_specifics(only)
}

/// All of it, in bytes; 0 where the system does not tell.
pub(crate) fn total() -> u64 {
    read().total_memory()
}

/// What programs can still have, in bytes; 0 where the system does not tell.
pub(crate) fn free() -> u64 {
    read().available_memory()
}
