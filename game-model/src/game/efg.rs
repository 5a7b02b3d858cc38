//! Games as files for Gambit.

use std::fmt::Write;

use super::tree::{Game, Node, NodeId};
use crate::rational::Rational;

impl Game {
    /// The game in Gambit's extensive-form format (`EFG 2 R`), with payoffs and probabilities as
    /// exact fractions.
    pub fn to_efg(&self) -> String {
        let mut out = format!("EFG 2 R {} {{ ", quoted(&self.title));
        for player in &self.players {
            let _ = write!(out, "{} ", quoted(&player.to_string()));
        }
        out.push_str("}\n\"\"\n");
        let mut chance = 0;
        let mut outcome = 0;
        for node in 0..self.nodes.len() {
            self.write_node(&mut out, node, &mut chance, &mut outcome);
        }
        out
    }

    fn write_node(&self, out: &mut String, node: NodeId, chance: &mut u32, outcome: &mut u32) {
        // Writing to a string can't fail.
        let _ = match &self.nodes[node] {
            Node::Decision { infoset, .. } => {
                let set = &self.infosets[*infoset];
                // Gambit numbers information sets by player.
                let number = self.infosets[..=*infoset]
                    .iter()
                    .filter(|other| other.player == set.player)
                    .count();
                let actions = set.actions.iter().map(|a| quoted(a)).collect::<Vec<_>>();
                writeln!(
                    out,
                    "p \"\" {} {number} {} {{ {} }} 0",
                    set.player + 1,
                    quoted(&set.name),
                    actions.join(" ")
                )
            }
            Node::Chance { name, branches } => {
                *chance += 1;
                let branches = branches
                    .iter()
                    .map(|(label, p, _)| format!("{} {}", quoted(label), number(p)))
                    .collect::<Vec<_>>();
                writeln!(
                    out,
                    "c \"\" {chance} {} {{ {} }} 0",
                    quoted(&format!("{name} {chance}")),
                    branches.join(" ")
                )
            }
            Node::End { name, payoffs } => {
                *outcome += 1;
                let payoffs = payoffs.iter().map(number).collect::<Vec<_>>();
                writeln!(
                    out,
                    "t \"\" {outcome} {} {{ {} }}",
                    quoted(&format!("{name} #{outcome}")),
                    payoffs.join(" ")
                )
            }
        };
    }
}

fn number(value: &Rational) -> String {
    value.to_string()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
