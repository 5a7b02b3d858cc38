//! What transactions pay, as a table: a row for each who is paid, a column for each kind of variant.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::Amount;

use super::{
    super::{Node, NodeId, Purpose, TxGraph, Variant},
    colour,
    family::{Family, gather},
    grouped,
};
use crate::party::{PartyId, PartySet};

/// So many kinds of variants have a column each; of more, each row tells from what to what it goes.
const MOST_COLUMNS: usize = 4;

/// Where an output goes, in the order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Contract,
    Held(&'static str, PartyId),
    Payout(PartyId),
    Fund,
    Change(PartyId),
    Anchor,
}

impl Place {
    fn of(purpose: Purpose) -> Option<Place> {
        Some(match purpose {
            Purpose::Contract(_) | Purpose::Locked => Place::Contract,
            Purpose::Held { owner, what, .. } => Place::Held(what, owner),
            Purpose::Payout(role) => Place::Payout(role),
            Purpose::Fund => Place::Fund,
            Purpose::Change(role) => Place::Change(role),
            Purpose::Anchor => Place::Anchor,
            Purpose::Data => return None,
        })
    }

    fn party(self) -> Option<PartyId> {
        match self {
            Place::Held(_, party) | Place::Payout(party) | Place::Change(party) => Some(party),
            Place::Contract | Place::Fund | Place::Anchor => None,
        }
    }

    fn with(self, party: PartyId) -> Place {
        match self {
            Place::Held(what, _) => Place::Held(what, party),
            Place::Payout(_) => Place::Payout(party),
            Place::Change(_) => Place::Change(party),
            Place::Contract | Place::Fund | Place::Anchor => self,
        }
    }

    /// The same place of the first seat: those that are called alike and numbered are alike.
    fn seatless(self, seats: &Seats) -> Place {
        match (self.party(), seats.iter().next()) {
            (Some(party), Some(first)) if seats.contains(party) => self.with(first),
            _ => self,
        }
    }

    fn colour(self) -> &'static str {
        match (self, self.party()) {
            (_, Some(party)) => colour::of(party),
            (Place::Fund, _) => colour::FUND,
            _ => colour::CONTRACT,
        }
    }
}

/// The parties that are numbered, such as the members of a panel.
type Seats = PartySet;

/// Amounts, and how often each is paid.
type Amounts = BTreeMap<Amount, usize>;

/// What one transaction pays where. Outputs of no value are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Payments(BTreeMap<Place, Amounts>);

impl Payments {
    pub(super) fn of(node: &Node) -> Payments {
        let mut payments = Payments::default();
        for output in node.outputs.iter().filter(|o| o.value > Amount::ZERO) {
            if let Some(place) = Place::of(output.purpose) {
                payments.add(place, output.value, 1);
            }
        }
        payments
    }

    fn add(&mut self, place: Place, amount: Amount, times: usize) {
        *self.0.entry(place).or_default().entry(amount).or_default() += times;
    }

    /// All seats as one.
    fn seatless(&self, seats: &Seats) -> Payments {
        let mut payments = Payments::default();
        for (place, amounts) in &self.0 {
            for (amount, times) in amounts {
                payments.add(place.seatless(seats), *amount, *times);
            }
        }
        payments
    }
}

/// A table of payments.
pub(super) struct Table {
    /// What each column is of; empty if there is one alone.
    pub(super) heads: Vec<Vec<String>>,
    /// By place.
    pub(super) rows: Vec<Row>,
    /// The first transaction of each column, and how many it stands for.
    pub(super) kinds: Vec<(NodeId, usize)>,
}

/// Who is paid what.
pub(super) struct Row {
    /// Such as `stake of arbiter0–2`.
    pub(super) label: String,
    /// The colours of all of them.
    pub(super) colours: Vec<&'static str>,
    /// For each column its lines, such as `2 × 325,000`.
    pub(super) cells: Vec<Vec<String>>,
}

impl Table {
    /// What a family pays.
    pub(super) fn of(graph: &TxGraph, family: &Family) -> Table {
        let paid = |id| graph.node(id).map(Payments::of);
        let ids = || family.members.iter().copied();
        let exact = gather(ids(), paid);
        let alike = graph.alike();
        let seatless = gather(ids(), |id| paid(id).map(|p| p.seatless(&alike)));
        let (fold, groups) = if seatless.len() < exact.len() {
            (true, seatless)
        } else {
            (false, exact)
        };
        let kinds = groups
            .iter()
            .filter_map(|group| group.first().map(|first| (*first, group.len())))
            .collect::<Vec<_>>();
        if groups.len() > MOST_COLUMNS {
            return Table {
                heads: Vec::new(),
                rows: ranges(graph, family),
                kinds,
            };
        }
        let columns = kinds.iter().filter_map(|(id, _)| {
            let payments = paid(*id)?;
            Some(if fold {
                payments.seatless(&alike)
            } else {
                payments
            })
        });
        let columns = columns.collect::<Vec<_>>();
        let heads = match &groups[..] {
            [_] => Vec::new(),
            _ => groups.iter().map(|group| head(graph, group)).collect(),
        };
        let seats = |place: Place| match place.party() {
            // Whoever of the panel is paid by any of them.
            Some(party) if fold && alike.contains(party) => ids()
                .filter_map(paid)
                .flat_map(|p| p.0.into_keys())
                .filter(|known| known.seatless(&alike) == place)
                .filter_map(Place::party)
                .collect::<BTreeSet<_>>(),
            party => party.into_iter().collect(),
        };
        let places = columns.iter().flat_map(|column| column.0.keys().copied());
        let rows = places.collect::<BTreeSet<_>>().into_iter().map(|place| {
            let amounts = |column: &Payments| column.0.get(&place).cloned().unwrap_or_default();
            (place, seats(place), columns.iter().map(amounts).collect())
        });
        let rows = joined(rows.collect(), &alike, |all: &mut Vec<Amounts>, more| {
            for (amounts, more) in all.iter_mut().zip(more) {
                for (amount, times) in more {
                    *amounts.entry(amount).or_default() += times;
                }
            }
        });
        let cell = |amounts: Amounts| match amounts.is_empty() {
            true => vec!["–".to_owned()],
            false => amounts.into_iter().rev().map(times).collect(),
        };
        let row = |(place, parties, cells): (Place, _, Vec<Amounts>)| {
            Row::new(
                graph,
                place,
                &parties,
                cells.into_iter().map(cell).collect(),
            )
        };
        Table {
            heads,
            rows: rows.into_iter().map(row).collect(),
            kinds,
        }
    }
}

impl Row {
    fn new(
        graph: &TxGraph,
        place: Place,
        parties: &BTreeSet<PartyId>,
        cells: Vec<Vec<String>>,
    ) -> Row {
        let who = graph.in_short(parties.iter().copied().collect::<PartySet>());
        let who = who.join(", ");
        let label = match place {
            Place::Contract => "contract".to_owned(),
            Place::Held(what, _) => format!("{what} of {who}"),
            Place::Payout(_) => who,
            Place::Fund => "common fund".to_owned(),
            Place::Change(_) => format!("change of {who}"),
            Place::Anchor => "anchor".to_owned(),
        };
        let colours = match parties.is_empty() {
            true => vec![place.colour()],
            false => parties.iter().map(|party| colour::of(*party)).collect(),
        };
        Row {
            label,
            colours,
            cells,
        }
    }
}

/// A row before it is written: a place, who is there, and what is paid there.
type Draft<T> = (Place, BTreeSet<PartyId>, T);

/// Neighbouring seats that are paid alike share a row.
fn joined<T: PartialEq + Clone>(
    rows: Vec<Draft<T>>,
    alike: &Seats,
    merge: impl Fn(&mut T, T),
) -> Vec<Draft<T>> {
    let mut out: Vec<(Draft<T>, T)> = Vec::new();
    for (place, parties, cells) in rows {
        match out.last_mut() {
            Some(((first, all, sum), each))
                if place.party().is_some()
                    && first.seatless(alike) == place.seatless(alike)
                    && *each == cells =>
            {
                all.extend(parties);
                merge(sum, cells);
            }
            _ => out.push(((place, parties, cells.clone()), cells)),
        }
    }
    out.into_iter().map(|(row, _)| row).collect()
}

/// What the variants of a column have in common: how many of the panel stand for it, and their number.
fn head(graph: &TxGraph, group: &[NodeId]) -> Vec<String> {
    let names = || {
        group
            .iter()
            .filter_map(|id| graph.node(*id))
            .map(|n| n.name)
    };
    let seats = graph.alike().len();
    let stand = names().map(|name| name.variant.map(Variant::count));
    let stand = stand.collect::<BTreeSet<_>>();
    let mut lines = Vec::new();
    if let [Some(count)] = stand.into_iter().collect::<Vec<_>>()[..] {
        lines.push(format!("by {count} of {seats}"));
    }
    if group.len() > 1 || lines.is_empty() {
        lines.push(format!("{} of them", group.len()));
    }
    lines
}

fn times((amount, times): (Amount, usize)) -> String {
    match times {
        1 => grouped(amount),
        n => format!("{n} × {}", grouped(amount)),
    }
}

/// From what to what each is paid by the many kinds of a family.
fn ranges(graph: &TxGraph, family: &Family) -> Vec<Row> {
    let nodes = family.members.iter().filter_map(|id| graph.node(*id));
    let all = nodes.map(Payments::of).collect::<Vec<_>>();
    let places = all.iter().flat_map(|payments| payments.0.keys().copied());
    let rows = places.collect::<BTreeSet<_>>().into_iter().map(|place| {
        let sum = |amounts: &Amounts| amounts.iter().map(|(amount, n)| *amount * *n as u64).sum();
        let paid = |p: &Payments| p.0.get(&place).map_or(Amount::ZERO, sum);
        let paid = all.iter().map(paid).collect::<BTreeSet<Amount>>();
        (place, place.party().into_iter().collect(), paid)
    });
    let cell = |paid: &BTreeSet<Amount>| match (paid.first(), paid.last()) {
        (Some(least), Some(most)) if paid.len() == 2 => {
            format!("{} or {}", grouped(*least), grouped(*most))
        }
        (Some(least), Some(most)) if least != most => {
            format!("{} to {}", grouped(*least), grouped(*most))
        }
        (least, _) => least.copied().map(grouped).unwrap_or_default(),
    };
    let rows = joined(rows.collect(), &graph.alike(), |_, _| ());
    let row = |(place, parties, paid): (Place, BTreeSet<PartyId>, BTreeSet<Amount>)| {
        let each = if parties.len() > 1 { "each " } else { "" };
        let cell = format!("{each}{}", cell(&paid));
        Row::new(graph, place, &parties, vec![vec![cell]])
    };
    rows.into_iter().map(row).collect()
}
