//! Threads for computing side by side. They save time and nothing else, so a machine that gives none goes on without.

use std::sync::Once;

/// Starts the threads that parallel work runs on, or makes do with the one there is. To be called before parallel work;
/// without it a machine that gives no thread would end the process.
pub fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The pool of the whole process can be tried once only, so another one is tried first.
        let all = rayon::ThreadPoolBuilder::new();
        let pool = match all.build() {
            Ok(_) => rayon::ThreadPoolBuilder::new(),
            Err(_) => rayon::ThreadPoolBuilder::new()
                .num_threads(1)
                .use_current_thread(),
        };
        // Should this fail, the pool is there already.
        let _ = pool.build_global();
    });
}
