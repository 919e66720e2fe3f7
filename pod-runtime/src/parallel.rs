//! The same work for many things, on all processors.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

/// For fewer it is not worth a thread.
const FEW: usize = 8;

/// What `work` makes of each item, in their order. The calling thread has its part of it.
pub fn parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let size = items.len().div_ceil(threads).max(FEW);
    let work_on = |part: &[T]| part.iter().map(&work).collect::<Vec<R>>();
    let mut parts = items.chunks(size);
    let own = parts.next().unwrap_or_default();
    thread::scope(|scope| {
        let work_on = &work_on;
        let others: Vec<_> = parts.map(|part| scope.spawn(move || work_on(part))).collect();
        let mut made = work_on(own);
        for other in others {
            made.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        made
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_worked_on_and_they_keep_their_order() {
        for count in [0, 1, FEW, FEW + 1, 1000] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(parallel(&items, |item| item + 1), (1..=count).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "the last")]
    fn a_panic_is_passed_on() {
        parallel(&[0; 100], |_| ());
        let items: Vec<usize> = (0..100).collect();
        parallel(&items, |item| assert!(*item < 99, "the last"));
    }
}
