//! Work on all cores, for the few places that have enough of it.
//!
//! A pool of threads would be started by every run and wait busily in between, which costs a short
//! run more than it gains. These threads live as long as one call.

use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Stack of a thread that parses: enough for the deepest nesting of all but pathological files,
/// which get a stack of their own.
pub const STACK: usize = 16 << 20;

/// How many threads can run at once.
pub fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(2, NonZero::get))
}

/// Hands `items` to `work`, `size` at a time, on this thread and as many others as have a core;
/// the answers are in the order of the chunks. Each thread makes one state with `start`.
pub fn map_chunks<T: Sync, S, R: Send>(
    items: &[T],
    size: usize,
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &[T]) -> R + Sync,
) -> Vec<R> {
    let chunks: Vec<&[T]> = items.chunks(size.max(1)).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        let mut answers = Vec::new();
        let mut state = None;
        while let Some((at, chunk)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            chunks.get(at).map(|chunk| (at, *chunk))
        } {
            answers.push((at, work(state.get_or_insert_with(&start), chunk)));
        }
        answers
    };
    let mut answers = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores().min(chunks.len()))
            .filter_map(|_| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, take).ok())
            .collect();
        let mut answers = take();
        for other in others {
            match other.join() {
                Ok(more) => answers.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        answers
    });
    answers.sort_unstable_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Does `here` on this thread and `there` on another one meanwhile, where there is a core for it.
pub fn both<A, B: Send>(here: impl FnOnce() -> A, there: impl Fn() -> B + Sync) -> (A, B) {
    if cores() == 1 {
        return (here(), there());
    }
    std::thread::scope(|scope| {
        let other = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, &there);
        let here = here();
        match other {
            Ok(other) => (here, other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))),
            Err(_) => (here, there()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{both, map_chunks};

    #[test]
    fn both_are_done() {
        let (here, there) = both(|| std::thread::current().id(), || "there".to_owned());
        assert_eq!((here, there.as_str()), (std::thread::current().id(), "there"));
        let panicked = std::panic::catch_unwind(|| both(|| 1, || panic!("there")));
        assert!(panicked.is_err());
    }

    #[test]
    fn answers_are_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();
        let doubled =
            map_chunks(&items, 7, || (), |(), chunk| chunk.iter().map(|n| n * 2).collect::<Vec<_>>());
        assert_eq!(doubled.concat(), items.iter().map(|n| n * 2).collect::<Vec<_>>());
        assert_eq!(doubled.len(), 143);
        assert!(map_chunks(&[] as &[u8], 7, || (), |(), chunk| chunk.len()).is_empty());
    }

    #[test]
    #[should_panic(expected = "seven")]
    fn a_panic_on_another_thread_is_not_lost() {
        map_chunks(&[0_u8; 64], 1, || (), |(), _| panic!("seven"));
    }
}
