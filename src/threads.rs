//! Threads for computing side by side. They save time and nothing else, so a machine that gives none goes on without.

use std::sync::Once;

/// What a thread's stack takes, as the standard library has it, in bytes.
const STACK_BYTES: usize = 2 << 20;
/// What the computation itself should find left, in bytes.
const SPARE_BYTES: usize = 64 << 20;

/// Whether the system gives the memory for as many threads as rayon starts unless told otherwise.
fn room_for_stacks() -> bool {
    let said = std::env::var("RAYON_NUM_THREADS").ok();
    let said = said.and_then(|text| text.parse().ok()).filter(|n| *n > 0);
    let threads = said.or_else(|| std::thread::available_parallelism().map(Into::into).ok());
    let stacks = threads.unwrap_or(1).checked_mul(STACK_BYTES);
    let bytes = stacks.and_then(|bytes: usize| bytes.checked_add(SPARE_BYTES));
    bytes.is_some_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok())
}

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
        // Asked for first: a machine that gives stacks until nothing is left has nothing left for those that started.
        let enough = room_for_stacks() && all.build().is_ok();
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

/// Threads that parallel work runs on.
pub fn cores() -> usize {
    rayon::current_num_threads()
}
