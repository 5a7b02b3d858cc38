//! Prefix sums of weights that are taken out one by one (Fenwick, 1994): O(log n) each.

/// Weights by index.
pub(crate) struct Fenwick {
    /// `tree[i]` holds the sum of the weights of the `i & −i` indices that end at `i`, counted from 1.
    tree: Vec<u128>,
    total: u128,
}

impl Fenwick {
    /// The sum of all weights must be below 2¹²⁸: callers bound theirs.
    pub(crate) fn new(weights: &[u128]) -> Fenwick {
        let mut tree = vec![0; weights.len() + 1];
        for (i, weight) in (1usize..).zip(weights) {
            tree[i] += weight;
            let parent = i + (i & i.wrapping_neg());
            if parent < tree.len() {
                tree[parent] += tree[i];
            }
        }
        Fenwick {
            tree,
            total: weights.iter().sum(),
        }
    }

    pub(crate) fn total(&self) -> u128 {
        self.total
    }

    /// The index whose share of `[0, total)` holds `x`, which must be below the total.
    pub(crate) fn find(&self, mut x: u128) -> usize {
        let mut at = 0;
        let mut step = self.tree.len().next_power_of_two() / 2;
        while step > 0 {
            if let Some(sum) = self.tree.get(at + step).filter(|sum| **sum <= x) {
                x -= sum;
                at += step;
            }
            step /= 2;
        }
        at
    }

    /// Takes the weight at an index out; `weight` is what it was.
    pub(crate) fn remove(&mut self, index: usize, weight: u128) {
        self.total -= weight;
        let mut i = index + 1;
        while let Some(sum) = self.tree.get_mut(i) {
            *sum -= weight;
            i += i & i.wrapping_neg();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fenwick;

    #[test]
    fn finds_what_a_scan_finds() {
        let mut weights = vec![5u128, 0, 1, 7, 0, 0, 2, 9, 1, 3, 4];
        let mut sums = Fenwick::new(&weights);
        for removed in [3, 0, 10, 8, 7, 2] {
            assert_eq!(sums.total(), weights.iter().sum::<u128>());
            for x in 0..sums.total() {
                let mut rest = x;
                let scan = weights.iter().position(|w| {
                    let here = rest < *w;
                    rest = rest.saturating_sub(*w);
                    here
                });
                assert_eq!(Some(sums.find(x)), scan, "{x} in {weights:?}");
            }
            sums.remove(removed, weights[removed]);
            weights[removed] = 0;
        }
    }
}
