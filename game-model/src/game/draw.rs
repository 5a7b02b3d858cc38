//! Games as text and as Graphviz source.

use std::fmt::Write;

use super::tree::{Game, Node, NodeId};
use crate::rational::{Rational, rounded};

impl Game {
    /// The tree, one line a node, children indented; an honest action is marked with `*`.
    pub fn to_text(&self) -> String {
        let mut out = format!("{}\n", self.title);
        // Explicit stack: a game may be as deep as its panel is large.
        let mut open = vec![(0, 0, String::new())];
        while let Some((node, depth, label)) = open.pop() {
            let indent = "  ".repeat(depth);
            let line = match &self.nodes[node] {
                Node::Decision { infoset, .. } => self.infosets[*infoset].name.clone(),
                Node::Chance { name, .. } => format!("nature: {name}"),
                Node::End { name, payoffs } => format!("{name}  {}", self.shown(payoffs)),
            };
            let arrow = if label.is_empty() { "" } else { " → " };
            let _ = writeln!(out, "{indent}{label}{arrow}{line}");
            let children = self.children(node).enumerate().collect::<Vec<_>>();
            for (index, child) in children.into_iter().rev() {
                open.push((child, depth + 1, self.label(node, index)));
            }
        }
        out
    }

    /// Graphviz source; nodes of one information set have the same text, honest actions are bold.
    pub fn to_dot(&self) -> String {
        let mut out =
            String::from("digraph game {\n  rankdir=LR; node [shape=box, fontsize=10];\n");
        let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        for (node, kind) in self.nodes.iter().enumerate() {
            let (text, shape) = match kind {
                Node::Decision { infoset, .. } => (self.infosets[*infoset].name.clone(), "box"),
                Node::Chance { name, .. } => (name.clone(), "diamond"),
                Node::End { name, payoffs } => {
                    (format!("{name}\\n{}", self.shown(payoffs)), "plaintext")
                }
            };
            let text = escape(&text).replace("\\\\n", "\\n");
            let _ = writeln!(out, "  n{node} [label=\"{text}\", shape={shape}];");
            for (index, child) in self.children(node).enumerate() {
                let label = self.label(node, index);
                let style = if label.starts_with('*') {
                    ", style=bold"
                } else {
                    ""
                };
                let label = escape(&label);
                let _ = writeln!(out, "  n{node} -> n{child} [label=\"{label}\"{style}];");
            }
        }
        out.push_str("}\n");
        out
    }

    fn label(&self, node: NodeId, index: usize) -> String {
        match &self.nodes[node] {
            Node::Decision { infoset, .. } => {
                let set = &self.infosets[*infoset];
                let mark = if set.honest == Some(index) { "*" } else { "" };
                format!("{mark}{}", set.actions[index])
            }
            Node::Chance { branches, .. } => {
                let (label, p, _) = &branches[index];
                format!("{label} ({})", rounded(p, 4))
            }
            Node::End { .. } => String::new(),
        }
    }

    fn shown(&self, payoffs: &[Rational]) -> String {
        let each = self
            .players
            .iter()
            .zip(payoffs)
            .map(|(player, payoff)| format!("{player} {}", rounded(payoff, 2)));
        format!("[{}]", each.collect::<Vec<_>>().join(", "))
    }
}
