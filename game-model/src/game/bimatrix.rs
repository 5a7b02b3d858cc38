//! All extreme equilibria of a two-player game, exactly.
//!
//! Each player's mixed strategies, scaled by the opponent's payoff, are a polytope; an equilibrium
//! is a pair of vertices at which every pure strategy is unplayed or a best reply (von Stengel,
//! "Computing equilibria for two-person games", 2002, section 2). Vertices are found from every
//! choice of tight inequalities, so degenerate games are no special case. Only for small games.

use num_traits::{One, Zero};

use crate::rational::{Rational, exact};

/// Most strategies of both players together.
pub(super) const MAX_STRATEGIES: usize = 14;

/// Most vertices that are looked at for a player: C(rows + columns, rows), each a system of equations over long fractions.
const MAX_VERTICES: usize = 2_100;

/// A mixed strategy: one probability a pure strategy.
pub(super) type Mixed = Vec<Rational>;

/// The extreme equilibria of the game in which player 1 gets `first[i][j]` and player 2
/// `second[i][j]`. `None` if there are more than [`MAX_STRATEGIES`], or more than [`MAX_VERTICES`] to look at.
pub(super) fn equilibria(
    first: &[Vec<Rational>],
    second: &[Vec<Rational>],
) -> Option<Vec<(Mixed, Mixed)>> {
    let rows = first.len();
    let columns = first.first().map_or(0, Vec::len);
    if rows + columns > MAX_STRATEGIES {
        return None;
    }
    let vertices_at_most = (0..rows).fold(1, |ways, i| ways * (rows + columns - i) / (i + 1));
    if vertices_at_most > MAX_VERTICES {
        return None;
    }
    // x against player 2's payoffs: Σ_i x_i second[i][j] ≤ 1; y against player 1's.
    let transposed = (0..columns)
        .map(|j| (0..rows).map(|i| second[i][j].clone()).collect())
        .collect::<Vec<Vec<_>>>();
    let x = vertices(&positive(&transposed), rows);
    let y = vertices(&positive(first), columns);
    let mut found = Vec::new();
    for (x, x_tight) in &x {
        for (y, y_tight) in &y {
            // x: bit i for x_i = 0, then bit j for reply j. y: bit j for y_j = 0, then reply i.
            let of_y = (y_tight >> columns) | ((y_tight & ((1 << columns) - 1)) << rows);
            if x_tight | of_y == (1 << (rows + columns)) - 1 {
                found.push((normalised(x), normalised(y)));
            }
        }
    }
    Some(found)
}

/// Equilibria do not change when a constant is added to a player's payoffs.
fn positive(payoffs: &[Vec<Rational>]) -> Vec<Vec<Rational>> {
    let least = payoffs.iter().flatten().min().cloned().unwrap_or_default();
    let shift = exact(1) - least;
    let row = |row: &Vec<Rational>| row.iter().map(|p| p + &shift).collect();
    payoffs.iter().map(row).collect()
}

fn normalised(point: &[Rational]) -> Mixed {
    let sum: Rational = point.iter().sum();
    point.iter().map(|p| p / &sum).collect()
}

/// Vertices but the origin of { x ≥ 0, constraints · x ≤ 1 }, with a bit per tight inequality:
/// first x_i ≥ 0, then the constraints.
fn vertices(constraints: &[Vec<Rational>], dimension: usize) -> Vec<(Vec<Rational>, u32)> {
    let total = dimension + constraints.len();
    let mut found: Vec<(Vec<Rational>, u32)> = Vec::new();
    for choice in 0_u32..1 << total {
        if choice.count_ones() as usize != dimension {
            continue;
        }
        let Some(point) = solve(constraints, dimension, choice) else {
            continue;
        };
        if point.iter().all(Zero::is_zero) || found.iter().any(|(known, _)| *known == point) {
            continue;
        }
        if let Some(tight) = tight(constraints, &point) {
            found.push((point, tight));
        }
    }
    found
}

/// The inequalities that are tight at a point; `None` if one is broken.
fn tight(constraints: &[Vec<Rational>], point: &[Rational]) -> Option<u32> {
    let mut bits = 0;
    for (i, value) in point.iter().enumerate() {
        if *value < Rational::zero() {
            return None;
        }
        bits |= u32::from(value.is_zero()) << i;
    }
    for (j, row) in constraints.iter().enumerate() {
        let left: Rational = row.iter().zip(point).map(|(a, b)| a * b).sum();
        if left > Rational::one() {
            return None;
        }
        bits |= u32::from(left.is_one()) << (point.len() + j);
    }
    Some(bits)
}

/// The point at which the chosen inequalities are equations; `None` if there is not exactly one.
fn solve(constraints: &[Vec<Rational>], dimension: usize, choice: u32) -> Option<Vec<Rational>> {
    let chosen = |bit: usize| choice >> bit & 1 == 1;
    // Coordinates that are 0 drop out of the system.
    let free = (0..dimension).filter(|i| !chosen(*i)).collect::<Vec<_>>();
    let mut rows = constraints
        .iter()
        .enumerate()
        .filter(|(j, _)| chosen(dimension + j))
        .map(|(_, row)| {
            let left = free.iter().map(|i| row[*i].clone());
            left.chain([Rational::one()]).collect::<Vec<_>>()
        })
        .collect::<Vec<_>>();
    for column in 0..free.len() {
        let pivot = (column..rows.len()).find(|r| !rows[*r][column].is_zero())?;
        rows.swap(column, pivot);
        let scale = rows[column][column].clone();
        for value in &mut rows[column] {
            *value /= &scale;
        }
        let pivot_row = rows[column].clone();
        for (r, row) in rows.iter_mut().enumerate() {
            let factor = row[column].clone();
            if r == column || factor.is_zero() {
                continue;
            }
            for (value, above) in row.iter_mut().zip(&pivot_row) {
                *value -= &factor * above;
            }
        }
    }
    let mut point = vec![Rational::zero(); dimension];
    for (row, i) in free.iter().enumerate() {
        point[*i] = rows[row][free.len()].clone();
    }
    Some(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[&[i64]]) -> Vec<Vec<Rational>> {
        let row = |row: &&[i64]| row.iter().map(|v| exact(*v)).collect();
        rows.iter().map(row).collect()
    }

    fn over(num: i64, den: i64) -> Rational {
        Rational::new(num.into(), den.into())
    }

    #[test]
    fn battle_of_the_sexes_has_three() {
        let a = matrix(&[&[3, 0], &[0, 2]]);
        let b = matrix(&[&[2, 0], &[0, 3]]);
        let found = equilibria(&a, &b).unwrap();
        assert_eq!(found.len(), 3);
        assert!(found.contains(&(vec![over(3, 5), over(2, 5)], vec![over(2, 5), over(3, 5)])));
    }

    #[test]
    fn matching_pennies_has_one() {
        let a = matrix(&[&[1, -1], &[-1, 1]]);
        let b = matrix(&[&[-1, 1], &[1, -1]]);
        let half = vec![over(1, 2), over(1, 2)];
        assert_eq!(equilibria(&a, &b).unwrap(), [(half.clone(), half)]);
    }

    #[test]
    fn a_degenerate_game_has_its_extreme_points() {
        // Column 2 is weakly dominated; player 1 is indifferent against column 1.
        let a = matrix(&[&[1, 1], &[1, 0]]);
        let b = matrix(&[&[0, 0], &[1, 1]]);
        let found = equilibria(&a, &b).unwrap();
        for (x, y) in &found {
            let against = |i: usize| &a[i][0] * &y[0] + &a[i][1] * &y[1];
            let best = against(0).max(against(1));
            assert!((0..2).all(|i| x[i].is_zero() || against(i) == best));
        }
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn too_large_a_game_is_left_alone() {
        let a = vec![vec![exact(0); 8]; 8];
        assert_eq!(equilibria(&a, &a), None);
    }
}
