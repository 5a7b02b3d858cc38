//! All extreme equilibria of a two-player game, exactly.
//!
//! Each player's mixed strategies, scaled by the opponent's payoff, are a polytope; an equilibrium
//! is a pair of vertices at which every pure strategy is unplayed or a best reply (von Stengel,
//! "Computing equilibria for two-person games", 2002, section 2). Vertices are found by walking from
//! one feasible basis to all its neighbours, degenerate ones included. Only for small games.

use std::collections::{BTreeMap, BTreeSet};

use num_traits::Zero;

use crate::rational::{Rational, exact};

mod tableau;

use tableau::Tableau;

/// Most strategies of both players together.
pub(super) const MAX_STRATEGIES: usize = 14;

/// Most vertices that are looked at for a player: C(rows + columns, rows), each a basis of long whole numbers.
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
/// first x_i ≥ 0, then the constraints. All entries are positive, so there is no unbounded ray.
fn vertices(constraints: &[Vec<Rational>], dimension: usize) -> Vec<(Vec<Rational>, u32)> {
    let start = Tableau::origin(constraints, dimension);
    let mut seen = BTreeSet::from([start.free_mask()]);
    let mut open = vec![start];
    // By tight inequalities, which tell vertices apart: the least choice of them that determines it.
    let mut found: BTreeMap<u32, (u32, Vec<Rational>)> = BTreeMap::new();
    while let Some(tableau) = open.pop() {
        let choice = tableau.free_mask();
        let first = found
            .entry(tableau.tight_mask())
            .or_insert_with(|| (choice, tableau.point(dimension)));
        first.0 = first.0.min(choice);
        for (row, column) in tableau.neighbours() {
            if seen.insert(tableau.mask_after(row, column)) {
                open.push(tableau.pivoted(row, column));
            }
        }
    }
    let mut vertices = found
        .into_iter()
        .filter(|(_, (_, point))| !point.iter().all(Zero::is_zero))
        .map(|(tight, (choice, point))| (choice, (point, tight)))
        .collect::<Vec<_>>();
    vertices.sort_by_key(|(choice, _)| *choice);
    vertices.into_iter().map(|(_, vertex)| vertex).collect()
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
