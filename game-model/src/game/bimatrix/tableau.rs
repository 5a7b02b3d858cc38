//! A polytope's basis in whole numbers.
//!
//! Fractions would be shortened after every product, and that was most of the time that solving took: here one
//! determinant stands below all entries, and each pivot divides by the one before it without a rest (Edmonds; Azulay and
//! Pique, "A revised simplex method with integer Q-matrices", 2001).

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed, Zero};

use crate::rational::Rational;

/// For each basic variable i: `det`·x_i + Σ_j `rows[i][j]`·x_j = `rows[i].last()`, j over the free variables, which are 0.
///
/// Variables are numbered: first the coordinates, then each constraint's slack (in units of its own denominator).
#[derive(Clone)]
pub(super) struct Tableau {
    det: BigInt,
    rows: Vec<Vec<BigInt>>,
    basic: Vec<usize>,
    free: Vec<usize>,
}

impl Tableau {
    /// All coordinates 0, all slacks open.
    pub(super) fn origin(constraints: &[Vec<Rational>], dimension: usize) -> Self {
        let row = |row: &Vec<Rational>| {
            let scale = row
                .iter()
                .fold(BigInt::one(), |all, value| all.lcm(value.denom()));
            let whole = row
                .iter()
                .map(|value| value.numer() * (&scale / value.denom()));
            let mut whole = whole.collect::<Vec<_>>();
            whole.push(scale);
            whole
        };
        Self {
            det: BigInt::one(),
            rows: constraints.iter().map(row).collect(),
            basic: (dimension..dimension + constraints.len()).collect(),
            free: (0..dimension).collect(),
        }
    }

    /// A bit for each free variable: the tight inequalities that determine the point.
    pub(super) fn free_mask(&self) -> u32 {
        self.free
            .iter()
            .fold(0, |mask, variable| mask | 1 << variable)
    }

    /// A bit for each variable that is 0: all tight inequalities.
    pub(super) fn tight_mask(&self) -> u32 {
        let zero = |row: &usize| self.value(*row).is_zero();
        let rows = (0..self.rows.len()).filter(zero);
        rows.fold(self.free_mask(), |mask, row| mask | 1 << self.basic[row])
    }

    /// The coordinates.
    pub(super) fn point(&self, dimension: usize) -> Vec<Rational> {
        let mut point = vec![Rational::zero(); dimension];
        for (row, variable) in self.basic.iter().enumerate() {
            if let Some(coordinate) = point.get_mut(*variable) {
                *coordinate = Rational::new(self.value(row).clone(), self.det.clone());
            }
        }
        point
    }

    /// Exchanges (row, column) that lead to a feasible basis: along an edge, or at the same point.
    pub(super) fn neighbours(&self) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        for column in 0..self.free.len() {
            let entry = |row: usize| &self.rows[row][column];
            let rows = 0..self.rows.len();
            let resting = rows
                .clone()
                .filter(|row| self.value(*row).is_zero() && !entry(*row).is_zero());
            all.extend(resting.clone().map(|row| (row, column)));
            if resting.clone().any(|row| entry(row).is_positive()) {
                // No step along this edge: it leads to other bases of the same point only.
                continue;
            }
            let mut nearest: Vec<usize> = Vec::new();
            for row in rows.filter(|row| entry(*row).is_positive()) {
                let Some(best) = nearest.first() else {
                    nearest.push(row);
                    continue;
                };
                let (here, there) = (
                    self.value(row) * entry(*best),
                    self.value(*best) * entry(row),
                );
                if here < there {
                    nearest.clear();
                }
                if here <= there {
                    nearest.push(row);
                }
            }
            all.extend(nearest.into_iter().map(|row| (row, column)));
        }
        all
    }

    /// [`Self::free_mask`] after an exchange.
    pub(super) fn mask_after(&self, row: usize, column: usize) -> u32 {
        self.free_mask() ^ (1 << self.free[column]) ^ (1 << self.basic[row])
    }

    /// The basis in which a basic variable and a free one have changed places.
    pub(super) fn pivoted(&self, row: usize, column: usize) -> Self {
        let mut next = self.clone();
        let (pivot_row, pivot) = (&self.rows[row], &self.rows[row][column]);
        for (r, changed) in next.rows.iter_mut().enumerate() {
            if r == row {
                changed[column] = self.det.clone();
                continue;
            }
            let factor = &self.rows[r][column];
            for (c, value) in changed.iter_mut().enumerate() {
                *value = if c == column {
                    -factor
                } else {
                    (pivot * &*value - factor * &pivot_row[c]) / &self.det
                };
            }
        }
        next.det = pivot.clone();
        if next.det.is_negative() {
            next.det = -next.det;
            for value in next.rows.iter_mut().flatten() {
                *value = -std::mem::take(value);
            }
        }
        std::mem::swap(&mut next.basic[row], &mut next.free[column]);
        next
    }

    /// A basic variable's value times the determinant.
    fn value(&self, row: usize) -> &BigInt {
        &self.rows[row][self.free.len()]
    }
}
