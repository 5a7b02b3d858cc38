//! `narthex game solve`, and nodes as JSON.

use std::{io::Write, process::ExitCode};

use clap::Args;
use narthex::game_model::game::{
    Equilibrium, Game, Inequality, Node, Rival, Solution, Verdict, inequalities, rival, rounded,
    solve,
};
use serde_json::{Value, json};

use super::{CaseArgs, stakes::Beside};

/// Options of `narthex game solve`.
#[derive(Args)]
pub(crate) struct SolveArgs {
    #[command(flatten)]
    case: CaseArgs,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl SolveArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (params, economics, game) = self.case.game()?;
        let solution = solve(&game);
        let conditions = inequalities(&params, &economics)?;
        // Where honest play is no equilibrium, or not the only one that is left, nobody asks for more of them.
        let unique = solution.verdict.honest_play_pays();
        let other = unique.then(|| rival(&game, &solution)).flatten();
        let beside = Beside::new(&params, &economics)?;
        let status = ExitCode::from(match solution.verdict {
            Verdict::Unique => 0,
            Verdict::NotUnique { .. } | Verdict::Deviates(_) => super::NO,
            Verdict::Undecided { .. } => super::UNDECIDED,
        });
        let mut out = crate::cli::output::out();
        if self.json {
            let equilibria = solution.equilibria.iter().map(|e| as_json(&game, e));
            let mut line = json!({
                "honest_play_pays": solution.verdict.honest_play_pays(),
                "verdict": solution.verdict,
                "deviations": solution.deviations,
                "equilibria": equilibria.collect::<Vec<_>>(),
                "open": solution.open,
                "conditions": conditions.iter().map(condition).collect::<Vec<_>>(),
                "other_subgame_perfect": other,
            });
            if let (Value::Object(line), Value::Object(more)) = (&mut line, beside.json()) {
                line.extend(more);
            }
            writeln!(out, "{line}")?;
            return Ok(status);
        }
        write_solution(&mut out, &game, &solution)?;
        if let Some(other) = &other {
            write_rival(&mut out, other)?;
        }
        write_conditions(&mut out, &conditions)?;
        beside.write(&mut out)?;
        Ok(status)
    }
}

fn write_solution(out: &mut impl Write, game: &Game, solution: &Solution) -> anyhow::Result<()> {
    match &solution.verdict {
        Verdict::Unique => writeln!(
            out,
            "honest play is the only equilibrium that is left when dominated actions go"
        )?,
        Verdict::NotUnique { other } => {
            writeln!(
                out,
                "honest play is an equilibrium, and not the only one: {other}"
            )?;
        }
        Verdict::Deviates(_) => writeln!(out, "honest play is no equilibrium")?,
        Verdict::Undecided { why } => writeln!(out, "undecided: {why}")?,
    }
    for deviation in &solution.deviations {
        writeln!(out, "  {deviation}")?;
    }
    const SHOWN: usize = 3;
    for (number, equilibrium) in (1..).zip(&solution.equilibria).take(SHOWN) {
        let payoffs = game.players.iter().zip(&equilibrium.payoffs);
        let payoffs = payoffs.map(|(player, p)| format!("{player} {}", rounded(p, 2)));
        writeln!(
            out,
            "equilibrium {number}: {} sat",
            payoffs.collect::<Vec<_>>().join(", ")
        )?;
        for (set, probabilities) in &equilibrium.behaviour {
            let info = &game.infosets[*set];
            let played = info.actions.iter().zip(probabilities);
            let played = played.filter(|(_, p)| **p != Default::default());
            let played =
                played.map(
                    |(action, p)| match p == &narthex::game_model::game::exact(1) {
                        true => action.clone(),
                        false => format!("{action} ({})", rounded(p, 4)),
                    },
                );
            writeln!(
                out,
                "  {}: {}",
                info.name,
                played.collect::<Vec<_>>().join(" or ")
            )?;
        }
    }
    let more = solution.equilibria.len().saturating_sub(SHOWN);
    if more > 0 {
        writeln!(out, "… and {more} more; --json has all")?;
    }
    for open in &solution.open {
        writeln!(out, "open: {open}")?;
    }
    Ok(())
}

fn write_rival(out: &mut impl Write, other: &Rival) -> anyhow::Result<()> {
    writeln!(
        out,
        "it is not the only subgame-perfect one; elimination argues another away: {} → {}",
        other.at, other.action
    )?;
    for (at, action) in &other.others {
        writeln!(out, "  {at} → {action}")?;
    }
    Ok(())
}

fn write_conditions(out: &mut impl Write, conditions: &[Inequality]) -> anyhow::Result<()> {
    writeln!(
        out,
        "sufficient conditions (of the hardened template; f: the fee of S4 or TxD, the lower one; h: those of TxV0 and S4'):"
    )?;
    for c in conditions {
        let mark = if c.holds() { "holds" } else { "FAILS" };
        let (left, right) = (rounded(&c.left, 2), rounded(&c.right, 2));
        writeln!(
            out,
            "  {mark}  {:38} {:48} {left} > {right}",
            c.name, c.formula
        )?;
    }
    Ok(())
}

fn condition(c: &Inequality) -> Value {
    let mut value = json!(c);
    value["holds"] = json!(c.holds());
    value
}

fn as_json(game: &Game, equilibrium: &Equilibrium) -> Value {
    let strings = |values: &[narthex::game_model::game::Rational]| {
        values.iter().map(|v| v.to_string()).collect::<Vec<_>>()
    };
    let behaviour = equilibrium.behaviour.iter().map(|(set, probabilities)| {
        let info = &game.infosets[*set];
        let each = info.actions.iter().zip(strings(probabilities));
        let each = each.map(|(action, p)| (action.clone(), json!(p)));
        (info.name.clone(), Value::Object(each.collect()))
    });
    json!({
        "payoffs_sat": strings(&equilibrium.payoffs),
        "behaviour": Value::Object(behaviour.collect()),
    })
}

/// One line a node, in preorder; children by index.
pub(super) fn write_nodes(out: &mut impl Write, game: &Game) -> anyhow::Result<()> {
    for (index, node) in game.nodes.iter().enumerate() {
        let line = match node {
            Node::Decision { infoset, children } => {
                let info = &game.infosets[*infoset];
                json!({
                    "node": index,
                    "player": game.players[info.player],
                    "infoset": info.name,
                    "actions": info.actions,
                    "honest": info.honest.map(|a| &info.actions[a]),
                    "children": children,
                })
            }
            Node::Chance { name, branches } => {
                let each = branches.iter().map(|(label, p, child)| {
                    json!({ "label": label, "probability": p.to_string(), "child": child })
                });
                json!({ "node": index, "nature": name, "branches": each.collect::<Vec<_>>() })
            }
            Node::End { name, payoffs } => {
                let each = game.players.iter().zip(payoffs);
                let each = each.map(|(player, p)| (player.to_string(), json!(p.to_string())));
                json!({ "node": index, "end": name, "payoffs_sat": Value::Object(each.collect()) })
            }
        };
        writeln!(out, "{line}")?;
    }
    Ok(())
}
