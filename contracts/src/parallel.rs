//! Work on many signatures side by side, or one after the other where no threads are wanted (feature `parallel`).
//!
//! Whoever uses it writes what rayon takes; both ways keep the order of the items, so results are the same, byte for byte.

#[cfg(feature = "parallel")]
pub(crate) use rayon::prelude::*;
#[cfg(not(feature = "parallel"))]
pub(crate) use serial::*;

/// What is used of rayon, under its names, on the thread that asks.
#[cfg(any(test, not(feature = "parallel")))]
mod serial {
    pub(crate) trait IntoParallelIterator: IntoIterator + Sized {
        fn into_par_iter(self) -> Self::IntoIter {
            self.into_iter()
        }
    }
    impl<I: IntoIterator> IntoParallelIterator for I {}

    // For slices alone, so that whatever leads to one (a vector, one that is wiped) is taken by reference too.
    pub(crate) trait IntoParallelRefIterator<T> {
        fn par_iter(&self) -> std::slice::Iter<'_, T>;
    }
    impl<T> IntoParallelRefIterator<T> for [T] {
        fn par_iter(&self) -> std::slice::Iter<'_, T> {
            self.iter()
        }
    }
}

#[cfg(all(test, feature = "parallel"))]
mod tests {
    /// The same chains of calls as the ceremony makes, once with threads and once without.
    macro_rules! squares {
        ($way:path) => {{
            use $way::*;
            let (items, seeds): (Vec<u64>, Vec<u64>) = (0..999).map(|n| (n, n * 7)).unzip();
            let pairs: Result<Vec<u64>, String> = items
                .par_iter()
                .zip(seeds.par_iter())
                .enumerate()
                .map(|(i, (item, seed))| Ok(item * seed + i as u64))
                .collect();
            let kept: Vec<u64> = items
                .into_par_iter()
                .filter(|n| n % 3 == 0)
                .map(|n| n * n)
                .collect();
            (pairs, kept)
        }};
    }

    #[test]
    fn both_ways_keep_the_order() {
        assert_eq!(squares!(rayon::prelude), squares!(super::serial));
    }
}
