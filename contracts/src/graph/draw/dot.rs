//! A graph as Graphviz source: a box for each family with who gets what, lines in the colour of who may draw them.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    super::{NodeId, Purpose, Source, TxGraph},
    Detail, colour,
    family::{Family, gather},
    html::{Cell, Look, Side, marked, wrapped},
    payments::Table,
};
use crate::party::PartySet;

/// Characters of a line of prose in a box. Boxes stand side by side: narrow ones keep the letters large when the
/// picture is fitted to a page.
const PROSE: usize = 25;

/// A line is drawn in the colours of so many at most.
const MOST_COLOURS: usize = 3;

/// Families that come to the same: one box.
struct Panel {
    families: Vec<Family>,
    table: Table,
    meaning: &'static str,
    depth: usize,
}

impl Panel {
    fn id(&self) -> String {
        let first = self.families.first().map(Family::first);
        format!("tx{}", first.unwrap_or(TxGraph::FUNDING).0)
    }

    /// About how wide the box is, in characters.
    fn width(&self) -> usize {
        let longest = |lines: &mut dyn Iterator<Item = &String>| {
            lines.map(|line| line.chars().count()).max().unwrap_or(0)
        };
        let columns = self.table.rows.first().map_or(0, |row| row.cells.len());
        let columns = (0..columns).map(|i| {
            let rows = self.table.rows.iter().filter_map(|row| row.cells.get(i));
            let head = self.table.heads.get(i).into_iter();
            longest(&mut rows.chain(head).flatten()) + 1
        });
        let label = longest(&mut self.table.rows.iter().map(|row| &row.label));
        PROSE.max(label + 3 + columns.sum::<usize>())
    }

    fn html(&self, graph: &TxGraph) -> String {
        let columns = self.table.rows.first().map_or(1, |row| row.cells.len());
        let room = self.width();
        let mut rows = String::new();
        let mut wide = |lines: &[String], look| {
            let (side, columns) = (Side::Left, columns + 1);
            let cell = Cell {
                lines,
                side,
                columns,
                look,
            };
            if !lines.is_empty() {
                let _ = writeln!(rows, "    <TR>{}</TR>", cell.html());
            }
        };
        for family in &self.families {
            let name = match family.members.len() {
                1 => family.name.clone(),
                n => format!("{} ({n} variants)", family.name),
            };
            wide(&[name], Look::Bold);
            let broadcasters = if family.broadcasters.is_empty() {
                ""
            } else {
                "by "
            };
            let mut facts = family.moved_by(graph);
            // A number stays with its unit.
            facts.push(family.size().replace(' ', "\u{a0}"));
            let facts = format!("{broadcasters}{}", facts.join(", "));
            wide(&wrapped(&facts, room), Look::Pale);
        }
        wide(&wrapped(self.meaning, room), Look::Plain);
        if !self.table.heads.is_empty() {
            let head = |lines: &Vec<String>| {
                let (side, columns, look) = (Side::Right, 1, Look::Pale);
                Cell {
                    lines,
                    side,
                    columns,
                    look,
                }
                .html()
            };
            let heads = self.table.heads.iter().map(head).collect::<String>();
            let _ = writeln!(rows, "    <TR><TD></TD>{heads}</TR>");
        }
        for row in &self.table.rows {
            let cell = |lines: &[String], side| {
                let (columns, look) = (1, Look::Plain);
                Cell {
                    lines,
                    side,
                    columns,
                    look,
                }
                .html()
            };
            let cells = row.cells.iter().map(|lines| cell(lines, Side::Right));
            let cells = cells.collect::<String>();
            let label = marked(&row.colours, &row.label);
            let _ = writeln!(rows, "    <TR>{label}{cells}</TR>");
        }
        boxed(&rows)
    }
}

fn boxed(rows: &str) -> String {
    format!(
        "<<TABLE BORDER=\"1\" COLOR=\"#777777\" BGCOLOR=\"white\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"1\">\n{rows}  </TABLE>>"
    )
}

impl TxGraph {
    /// Graphviz source. `dot -Tsvg` makes a picture of it: fitted to 1,200 px, the contracts of this project have
    /// letters of 11 px or more.
    pub fn to_dot(&self, detail: Detail) -> String {
        let panels = self.panels(detail);
        let direction = direction(&panels);
        let mut dot = format!(
            "digraph contract {{\n  rankdir={direction}; ranksep=0.25; nodesep=0.1; bgcolor=\"white\";\n  \
             node [shape=plain, fontname=\"Helvetica,Arial,sans-serif\", fontsize=9];\n  \
             edge [arrowsize=0.6, penwidth=1.4];\n"
        );
        let mut home = BTreeMap::new();
        for panel in &panels {
            let _ = writeln!(dot, "  {} [label={}];", panel.id(), panel.html(self));
            let members = panel.families.iter().flat_map(|f| &f.members);
            home.extend(members.map(|id| (*id, panel)));
        }
        let _ = writeln!(dot, "  legend [label={}];", self.legend());
        for panel in &panels {
            let broadcasters = panel.families.iter().flat_map(|f| f.broadcasters.iter());
            let colour = line(broadcasters.collect());
            for parent in self.parents(panel) {
                if let Some(from) = home.get(&parent) {
                    let (from, to) = (from.id(), panel.id());
                    let _ = writeln!(dot, "  {from} -> {to} [color=\"{colour}\"];");
                }
            }
        }
        dot.push_str("}\n");
        dot
    }

    fn panels(&self, detail: Detail) -> Vec<Panel> {
        let families = self.families(detail);
        let groups = match detail {
            Detail::Every => (0..families.len()).map(|i| vec![i]).collect(),
            Detail::Grouped => gather(0..families.len(), |i| {
                let fate = families.get(i).and_then(|f| self.fate(f));
                // The funding has none, and is like nothing else.
                Some((fate.is_none().then_some(i), fate))
            }),
        };
        let mut families = families.into_iter().map(Some).collect::<Vec<_>>();
        let mut depths: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut panels = Vec::new();
        for group in groups {
            let group = group
                .into_iter()
                .filter_map(|i| families.get_mut(i)?.take());
            let families = group.collect::<Vec<_>>();
            let Some(first) = families.first() else {
                continue;
            };
            let mut panel = Panel {
                table: Table::of(self, first),
                meaning: self.node(first.first()).map_or("", |n| n.meaning),
                families,
                depth: 0,
            };
            let parents = self.parents(&panel);
            let below = parents.iter().filter_map(|id| depths.get(id));
            panel.depth = below.max().map_or(0, |deepest| deepest + 1);
            let members = panel.families.iter().flat_map(|f| &f.members);
            depths.extend(members.map(|id| (*id, panel.depth)));
            panels.push(panel);
        }
        panels
    }

    /// One transaction of each box whose coins are spent.
    fn parents(&self, panel: &Panel) -> Vec<NodeId> {
        let first = panel.families.first().map(Family::first);
        let node = first.and_then(|id| self.node(id));
        let inputs = node.into_iter().flat_map(|n| &n.inputs);
        let mut parents = inputs
            .filter_map(|input| match input.source {
                Source::Output { node, .. } => Some(node),
                Source::External { .. } => None,
            })
            .collect::<Vec<_>>();
        parents.sort_unstable();
        parents.dedup();
        parents
    }

    /// Which colour is whose.
    fn legend(&self) -> String {
        let cell = |line: &str, look| {
            let (lines, side, columns) = (&[line.to_owned()][..], Side::Left, 1);
            Cell {
                lines,
                side,
                columns,
                look,
            }
            .html()
        };
        let mut rows = String::new();
        let mut whole = |line: &str, look| {
            let _ = writeln!(rows, "    <TR>{}</TR>", cell(line, look));
        };
        whole("Amounts in sat", Look::Bold);
        whole("box: who is paid", Look::Pale);
        whole("line: who may publish", Look::Pale);
        let parties = self
            .everybody()
            .iter()
            .map(|party| (colour::of(party), self.party(party).to_string()));
        let parties = parties.collect::<Vec<_>>();
        let mut others = vec![
            (colour::CONTRACT, "stays in the contract"),
            (colour::ANYBODY, "line: more than three"),
        ];
        let mut outputs = self.nodes.iter().flat_map(|node| &node.outputs);
        if outputs.any(|output| output.purpose == Purpose::Fund) {
            others.insert(0, (colour::FUND, "common fund"));
        }
        let others = others
            .into_iter()
            .map(|(mark, name)| (mark, name.to_owned()));
        for (mark, name) in parties.into_iter().chain(others) {
            let _ = writeln!(rows, "    <TR>{}</TR>", marked(&[mark], &name));
        }
        boxed(&rows)
    }
}

/// The colours of a line, side by side.
fn line(broadcasters: PartySet) -> String {
    match broadcasters.len() {
        1..=MOST_COLOURS => {
            let colours = broadcasters.iter().map(colour::of).collect::<Vec<_>>();
            colours.join(":")
        }
        _ => colour::ANYBODY.to_owned(),
    }
}

/// From left to right or from the top down, whichever is narrower.
fn direction(panels: &[Panel]) -> &'static str {
    let mut ranks: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for panel in panels {
        let (widest, sum) = ranks.entry(panel.depth).or_default();
        *widest = panel.width().max(*widest);
        *sum += panel.width();
    }
    let across = ranks.values().map(|(widest, _)| widest).sum::<usize>();
    let down = ranks.values().map(|(_, sum)| *sum).max().unwrap_or(0);
    if across <= down { "LR" } else { "TB" }
}
