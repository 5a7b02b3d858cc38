//! Drawings of a graph: text for a terminal, Graphviz for a page. Variants that differ only in who ruled are
//! drawn once, with their number.

use std::{collections::BTreeMap, fmt::Write};

use bitcoin::Amount;

use super::{Node, NodeId, NodeOutput, Purpose, Source, TxGraph};

/// Transactions that are drawn as one.
struct Family {
    first: NodeId,
    count: usize,
    least_vbytes: u64,
    most_vbytes: u64,
}

impl TxGraph {
    /// One paragraph per transaction: who may publish it when, what it weighs, what it pays.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (base, family) in self.families() {
            let Some(node) = self.node(family.first) else {
                continue;
            };
            let _ = writeln!(text, "{}", self.headline(base, &family, node));
            for input in &node.inputs {
                let from = self.source_name(&input.source);
                let _ = writeln!(text, "    spends {from}");
            }
            for output in &node.outputs {
                let _ = writeln!(
                    text,
                    "    {:>14}  {}",
                    sat(output.value),
                    self.describe(output)
                );
            }
        }
        text
    }

    /// Graphviz source. `dot -Tsvg` makes a picture of it.
    pub fn to_dot(&self) -> String {
        let mut dot = String::from(
            "digraph contract {\n  rankdir=LR;\n  node [shape=box, fontname=\"monospace\", fontsize=10];\n",
        );
        let families = self.families();
        for (base, family) in &families {
            let Some(node) = self.node(family.first) else {
                continue;
            };
            let mut label = self.headline(base, family, node).replace(": ", "\\n");
            for output in node.outputs.iter().filter(|o| o.value > Amount::ZERO) {
                let _ = write!(label, "\\l{}  {}", sat(output.value), self.describe(output));
            }
            let _ = writeln!(dot, "  \"{base}\" [label=\"{label}\\l\"];");
        }
        for (base, family) in &families {
            let Some(node) = self.node(family.first) else {
                continue;
            };
            let mut parents: Vec<&str> = node
                .inputs
                .iter()
                .filter_map(|input| match input.source {
                    Source::Output { node, .. } => self.node(node).map(|n| n.name.base),
                    Source::External { .. } => None,
                })
                .collect();
            parents.dedup();
            for parent in parents {
                let _ = writeln!(
                    dot,
                    "  \"{parent}\" -> \"{base}\" [label=\"{}\"];",
                    when(node)
                );
            }
        }
        dot.push_str("}\n");
        dot
    }

    fn families(&self) -> Vec<(&'static str, Family)> {
        let mut order: Vec<(&'static str, Family)> = Vec::new();
        let mut index: BTreeMap<&'static str, usize> = BTreeMap::new();
        for (id, node) in self.nodes() {
            let vbytes = self.vsize(node);
            match index.get(node.name.base) {
                Some(i) => {
                    let family = &mut order[*i].1;
                    family.count += 1;
                    family.least_vbytes = family.least_vbytes.min(vbytes);
                    family.most_vbytes = family.most_vbytes.max(vbytes);
                }
                None => {
                    index.insert(node.name.base, order.len());
                    let family = Family {
                        first: id,
                        count: 1,
                        least_vbytes: vbytes,
                        most_vbytes: vbytes,
                    };
                    order.push((node.name.base, family));
                }
            }
        }
        order
    }

    fn headline(&self, base: &str, family: &Family, node: &Node) -> String {
        let mut line = match family.count {
            1 => format!("{base}: {}", node.meaning),
            n => format!("{base} (one of {n}): {}", node.meaning),
        };
        if let Some(signing) = node.signing {
            let movers = match signing.movers.len() {
                n if n > 3 => format!("any of {n} parties"),
                _ => self.parties(signing.movers).join(", "),
            };
            let _ = write!(line, "; by {movers}");
        }
        match when(node) {
            w if w.is_empty() => {}
            w => drop(write!(line, "; {w}")),
        }
        if family.least_vbytes == family.most_vbytes {
            let _ = write!(line, "; {} vB", family.most_vbytes);
        } else {
            let _ = write!(
                line,
                "; {} to {} vB",
                family.least_vbytes, family.most_vbytes
            );
        }
        line
    }

    fn source_name(&self, source: &Source) -> String {
        match source {
            Source::Output { node, vout } => {
                format!(
                    "{}:{vout}",
                    self.node(*node)
                        .map(|n| n.name.to_string())
                        .unwrap_or_default()
                )
            }
            Source::External { outpoint, prevout } => {
                format!("{outpoint} ({})", sat(prevout.value))
            }
        }
    }

    fn describe(&self, output: &NodeOutput) -> String {
        let descriptor = || {
            self.script(output.script)
                .map(|s| s.descriptor.clone())
                .unwrap_or_default()
        };
        match output.purpose {
            Purpose::Contract(_) => format!("contract {}", descriptor()),
            Purpose::Locked => format!("contract {}", descriptor()),
            Purpose::Stake(role, _) => format!("stake of {} {}", self.party(role), descriptor()),
            Purpose::Payout(role) => format!("to {}", self.party(role)),
            Purpose::Fund => "to the common fund".into(),
            Purpose::Change(role) => format!("change of {}", self.party(role)),
            Purpose::Anchor => "anchor".into(),
            Purpose::Data => "data".into(),
        }
    }
}

/// The timelocks of a transaction in words.
fn when(node: &Node) -> String {
    match (node.lock_height, TxGraph::relative_lock_blocks(node)) {
        (0, 0) => String::new(),
        (height, 0) => format!("above height {height}"),
        (0, blocks) => format!("after {blocks} blocks"),
        (height, blocks) => format!("above height {height} and after {blocks} blocks"),
    }
}

fn sat(amount: Amount) -> String {
    format!("{} sat", amount.to_sat())
}
