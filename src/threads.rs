//! Threads for computing side by side. They save time and nothing else, so a machine that gives none goes on without.

use std::sync::Once;

/// Starts the threads that parallel work runs on, or makes do with the one there is. To be called before parallel work;
/// without it a machine that gives no thread would end the process.
pub fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The pool of the whole process can be tried once only, so another one is tried first.
        let mut tried = Vec::new();
        let all = rayon::ThreadPoolBuilder::new().spawn_handler(|thread| {
            tried.push(std::thread::Builder::new().spawn(|| thread.run())?);
            Ok(())
        });
        let enough = all.build().is_ok();
        // Those that did start leave, and their stacks are free, before memory is asked for.
        for thread in tried {
            let _ = thread.join();
        }
        let pool = match enough {
            true => rayon::ThreadPoolBuilder::new(),
            false => rayon::ThreadPoolBuilder::new()
                .num_threads(1)
                .use_current_thread(),
        };
        // Should this fail, the pool is there already.
        let _ = pool.build_global();
    });
}
