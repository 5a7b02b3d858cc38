//! Drawings of a graph: text for a terminal, Graphviz for a page. Many variants of one transaction are drawn as one,
//! with what each kind of them pays.

mod colour;
mod dot;
mod family;
mod html;
mod payments;
mod text;

use std::collections::BTreeSet;

use bitcoin::Amount;

use super::{Purpose, Spend, TxGraph};
use crate::party::{PartyId, PartySet};

/// How much of a graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// More than three variants of a transaction are drawn once.
    Grouped,
    /// Every transaction is drawn. A large panel has tens of thousands of them.
    Every,
}

impl TxGraph {
    /// Everybody who funds, is paid, or may publish, in canonical order.
    fn everybody(&self) -> PartySet {
        let mut everybody = BTreeSet::new();
        for node in &self.nodes {
            everybody.extend(
                node.signing
                    .iter()
                    .flat_map(|plan| plan.broadcasters.iter()),
            );
            everybody.extend(node.inputs.iter().filter_map(|input| match input.spend {
                Spend::Wallet(party) => Some(party),
                Spend::KeyPath(_) | Spend::Leaf(_) => None,
            }));
            let owner = |purpose| match purpose {
                Purpose::Held { owner, .. } => Some(owner),
                Purpose::Payout(party) | Purpose::Change(party) => Some(party),
                Purpose::Contract(_)
                | Purpose::Locked
                | Purpose::Fund
                | Purpose::Anchor
                | Purpose::Data => None,
            };
            everybody.extend(node.outputs.iter().filter_map(|o| owner(o.purpose)));
        }
        everybody.into_iter().collect()
    }

    /// Those of them that are called alike and numbered.
    fn alike(&self) -> PartySet {
        let everybody = self.everybody();
        everybody
            .iter()
            .filter(|party| self.party(*party).is_numbered())
            .collect()
    }

    /// Parties in words, short: neighbours whose names differ in a number alone are a range, such as `arbiter0–2`.
    fn in_short(&self, parties: PartySet) -> Vec<String> {
        let mut runs: Vec<(Vec<PartyId>, String)> = Vec::new();
        for party in parties.iter() {
            let name = self.party(party).to_string();
            let stem = stem(&name);
            match runs.last_mut() {
                Some((run, known))
                    if stem.len() < name.len()
                        && known == stem
                        && run.last().map(|last| last.index() + 1) == Some(party.index()) =>
                {
                    run.push(party);
                }
                _ => runs.push((vec![party], stem.to_owned())),
            }
        }
        let name = |(run, stem): (Vec<PartyId>, String)| match &run[..] {
            [first, .., last] => {
                let (first, last) = (self.party(*first), self.party(*last).to_string());
                let number = last.get(stem.len()..).unwrap_or_default();
                format!("{first}–{number}")
            }
            one => one.iter().map(|p| self.party(*p).to_string()).collect(),
        };
        runs.into_iter().map(name).collect()
    }
}

/// A name without the number at its end.
fn stem(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// The timelocks of transactions in words, from the least to the most.
fn when(heights: &BTreeSet<u32>, blocks: &BTreeSet<u16>) -> String {
    let height = span(heights).map(|height| format!("above height {height}"));
    let blocks = span(blocks).map(|blocks| format!("after {blocks} blocks"));
    let both = height.into_iter().chain(blocks);
    both.collect::<Vec<_>>().join(" and ")
}

/// `6`, or `12–18`; none if there are zeros alone.
fn span<T: Copy + Ord + Default + std::fmt::Display>(numbers: &BTreeSet<T>) -> Option<String> {
    let (least, most) = (*numbers.first()?, *numbers.last()?);
    match most == T::default() {
        true => None,
        false if least == most => Some(most.to_string()),
        false => Some(format!("{least}–{most}")),
    }
}

/// Satoshis with their digits in threes.
fn grouped(amount: Amount) -> String {
    in_threes(amount.to_sat())
}

/// A number with its digits in threes, as people read it: `1,270,000`.
pub fn in_threes(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
