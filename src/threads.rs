//! Threads for computing side by side. They save time and nothing else, so a machine that gives none goes on without.

use std::sync::Once;

/// Starts the threads that parallel work runs on, or makes do with the one there is. To be called before parallel work;
/// without it a machine that gives no thread would end the process.
pub fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if rayon::ThreadPoolBuilder::new().build_global().is_err() {
            // Should this fail as well, the threads are there already.
            let _ = rayon::ThreadPoolBuilder::new()
                .num_threads(1)
                .use_current_thread()
                .build_global();
        }
    });
}
