//! Which transactions are drawn as one: the variants of a name, and names that are numbered alike, if they are many.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{NodeId, Source, TxGraph},
    Detail,
    payments::Payments,
    stem, when,
};
use crate::party::PartySet;

/// So many variants have a box each; more have one in common.
const MOST_ALONE: usize = 3;

/// Transactions that are drawn as one.
pub(super) struct Family {
    /// Their name, or what their names have in common.
    pub(super) name: String,
    /// All of them, in the order of the graph; one at least.
    pub(super) members: Vec<NodeId>,
    /// Everybody who may publish one.
    pub(super) broadcasters: PartySet,
    /// Whether each has the same broadcasters.
    pub(super) same_movers: bool,
    /// The least and the most virtual bytes, signed.
    pub(super) vbytes: (u64, u64),
}

impl Family {
    /// The one whose meaning and locks are drawn.
    pub(super) fn first(&self) -> NodeId {
        self.members.first().copied().unwrap_or(TxGraph::FUNDING)
    }

    /// `167 vB`, or `271 to 296 vB`.
    pub(super) fn size(&self) -> String {
        match self.vbytes {
            (least, most) if least == most => format!("{most} vB"),
            (least, most) => format!("{least}–{most} vB"),
        }
    }

    /// Who may publish them and when, in words; nothing for what wallets sign.
    pub(super) fn moved_by(&self, graph: &TxGraph) -> Vec<String> {
        let mut parts = Vec::new();
        let broadcasters = graph.in_short(self.broadcasters);
        if self.broadcasters.len() > 3 && self.broadcasters == graph.everybody() {
            parts.push("any party".to_owned());
        } else if !broadcasters.is_empty() {
            let some = if self.same_movers { "" } else { "some of " };
            parts.push(format!("{some}{}", broadcasters.join(" or ")));
        }
        let nodes = self.members.iter().filter_map(|id| graph.node(*id));
        let locks = nodes.map(|n| (n.lock_height, TxGraph::relative_lock_blocks(n)));
        let (heights, blocks): (BTreeSet<_>, BTreeSet<_>) = locks.unzip();
        let locks = when(&heights, &blocks);
        if !locks.is_empty() {
            parts.push(locks);
        }
        parts
    }
}

impl TxGraph {
    /// All transactions in families, parents first.
    pub(super) fn families(&self, detail: Detail) -> Vec<Family> {
        let ids = || self.nodes().map(|(id, _)| id);
        if detail == Detail::Every {
            return ids().map(|id| self.alone(id)).collect();
        }
        let by_name = gather(ids(), |id| self.node(id).map(|n| (n.name.base, n.meaning)));
        // Numbered names, one transaction each: a claim for each of many.
        let numbered = gather(0..by_name.len(), |i| {
            let members = by_name.get(i)?;
            let node = self.node(*members.first()?)?;
            let base = node.name.base;
            let numbered = members.len() == 1 && stem(base).len() < base.len();
            let name = if numbered { stem(base) } else { base };
            Some((numbered, name, node.meaning))
        });
        let mut families = Vec::new();
        for group in numbered {
            let group = group.into_iter().filter_map(|i| by_name.get(i));
            let group = group.collect::<Vec<_>>();
            if group.len() > MOST_ALONE {
                families.push(self.numbered(group.into_iter().flatten().copied().collect()));
                continue;
            }
            for variants in group {
                if variants.len() > MOST_ALONE {
                    families.push(self.variants(variants.clone()));
                } else {
                    families.extend(variants.iter().map(|id| self.alone(*id)));
                }
            }
        }
        // A parent of one member may come late: order by the first.
        families.sort_by_key(Family::first);
        families
    }

    /// Families that come to the same have this in common: meaning, coins spent and kinds of payments.
    pub(super) fn fate(&self, family: &Family) -> Option<impl Ord + use<>> {
        let node = self.node(family.first())?;
        let sources = node.inputs.iter().map(|input| match input.source {
            Source::Output { node, vout } => Some((node, vout)),
            Source::External { .. } => None,
        });
        let sources = sources.collect::<Option<Vec<_>>>()?;
        let pays = family.members.iter().filter_map(|id| self.node(*id));
        let kinds = pays.map(Payments::of).collect::<BTreeSet<_>>();
        Some((node.meaning, sources, kinds))
    }

    fn alone(&self, id: NodeId) -> Family {
        let name = self.node(id).map(|n| n.name.to_string());
        self.family(name.unwrap_or_default(), vec![id])
    }

    fn variants(&self, members: Vec<NodeId>) -> Family {
        let base = members.first().and_then(|id| self.node(*id));
        let base = base.map_or("", |n| n.name.base);
        self.family(base.to_owned(), members)
    }

    fn numbered(&self, members: Vec<NodeId>) -> Family {
        let base =
            |id: Option<&NodeId>| id.and_then(|id| self.node(*id)).map_or("", |n| n.name.base);
        let (first, last) = (base(members.first()), base(members.last()));
        let number = last.get(stem(last).len()..).unwrap_or_default();
        self.family(format!("{first}–{number}"), members)
    }

    fn family(&self, name: String, members: Vec<NodeId>) -> Family {
        let nodes = || members.iter().filter_map(|id| self.node(*id));
        let broadcasters =
            || nodes().map(|n| n.signing.map_or(PartySet::EMPTY, |plan| plan.broadcasters));
        let first = broadcasters().next().unwrap_or(PartySet::EMPTY);
        let sizes = nodes().map(|node| self.vsize(node)).collect::<Vec<_>>();
        let least = sizes.iter().min().copied().unwrap_or(0);
        let most = sizes.iter().max().copied().unwrap_or(0);
        Family {
            broadcasters: broadcasters().flat_map(PartySet::iter).collect(),
            same_movers: broadcasters().all(|these| these == first),
            vbytes: (least, most),
            name,
            members,
        }
    }
}

/// Things that have a key in common, in the order of their first ones.
pub(super) fn gather<T: Clone, K: Ord>(
    things: impl IntoIterator<Item = T>,
    key: impl Fn(T) -> Option<K>,
) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut index = BTreeMap::new();
    for thing in things {
        let at = *index.entry(key(thing.clone())).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(thing),
            None => groups.push(vec![thing]),
        }
    }
    groups
}
