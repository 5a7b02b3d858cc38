//! A graph as text.

use std::fmt::Write;

use super::{
    super::{Node, NodeId, NodeOutput, Purpose, Source, TxGraph},
    Detail,
    family::Family,
    grouped,
    payments::Table,
};

impl TxGraph {
    /// One paragraph per transaction: who may publish it when, what it weighs, what it pays. Of variants that are
    /// drawn as one, each kind is shown by its first.
    pub fn to_text(&self, detail: Detail) -> String {
        let mut text = String::new();
        for family in self.families(detail) {
            let Some(node) = self.node(family.first()) else {
                continue;
            };
            let _ = writeln!(text, "{}", self.headline(&family, node));
            let kinds = Table::of(self, &family).kinds;
            for (id, count) in &kinds {
                let name = self.node(*id).map(|n| n.name.to_string());
                if family.members.len() > 1 {
                    let name = name.unwrap_or_default();
                    let _ = match count {
                        1 => writeln!(text, "  {name}"),
                        n => writeln!(text, "  {name}, one of {n} that pay alike"),
                    };
                }
                self.coins(&mut text, *id);
            }
        }
        text
    }

    fn coins(&self, text: &mut String, id: NodeId) {
        let Some(node) = self.node(id) else {
            return;
        };
        for input in &node.inputs {
            let from = self.source_name(&input.source);
            let _ = writeln!(text, "    spends {from}");
        }
        for output in &node.outputs {
            let value = grouped(output.value);
            let _ = writeln!(text, "    {value:>17} sat  {}", self.describe(output));
        }
    }

    fn headline(&self, family: &Family, node: &Node) -> String {
        let mut line = match family.members.len() {
            1 => format!("{}: {}", family.name, node.meaning),
            n => format!("{} (one of {n}): {}", family.name, node.meaning),
        };
        let moved = family.moved_by(self);
        if node.signing.is_some() && !family.broadcasters.is_empty() {
            let _ = write!(line, "; by {}", moved.join("; "));
        } else if !moved.is_empty() {
            let _ = write!(line, "; {}", moved.join("; "));
        }
        let _ = write!(line, "; {}", family.size());
        line
    }

    fn source_name(&self, source: &Source) -> String {
        match source {
            Source::Output { node, vout } => {
                let name = self.node(*node).map(|n| n.name.to_string());
                format!("{}:{vout}", name.unwrap_or_default())
            }
            Source::External { outpoint, prevout } => {
                format!("{outpoint} ({} sat)", grouped(prevout.value))
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
            Purpose::Contract(_) | Purpose::Locked => format!("contract {}", descriptor()),
            Purpose::Held { owner, what, .. } => {
                format!("{what} of {} {}", self.party(owner), descriptor())
            }
            Purpose::Payout(party) => format!("to {}", self.party(party)),
            Purpose::Fund => "to the common fund".into(),
            Purpose::Change(party) => format!("change of {}", self.party(party)),
            Purpose::Anchor => "anchor".into(),
            Purpose::Data => "data".into(),
        }
    }
}
