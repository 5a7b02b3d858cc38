//! The pictures of `docs/contracts`: each `.dot` is of the graph that its page is about, each `.svg` is that `.dot` drawn, and
//! can be read on one screen.
//!
//! After `NARTHEX_BLESS=1 cargo test -p narthex-contracts --test it pictures`, draw them anew: for each of them
//! `dot -Tsvg X.dot > X.svg`, by graphviz.

use crate::{bank_support, bounty_laws, deliver_laws, laws_support, slice_support};

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use bitcoin::{Amount, ScriptBuf};
use laws_support::Sample;
use narthex_contracts::{
    bank::{Bank, BankFunding},
    graph::{Detail, Purpose, TxGraph},
    party::PartyId,
    terms::Change,
};
use narthex_game_model::Template;

/// Width of the screen that a picture is fitted to, and the least height of letters there.
const SCREEN_PX: f64 = 1_200.0;
const LETTERS_PX: f64 = 11.0;
const SCREEN_HIGH_PX: f64 = 900.0;

fn p2tr(byte: u8) -> ScriptBuf {
    ScriptBuf::from_bytes([&[0x51, 0x20][..], &[byte; 32]].concat())
}

fn bank() -> TxGraph {
    let mut page = bank_support::record(200_000);
    let BankFunding::Wallet { contribution, .. } = &mut page.funding else {
        panic!("funded by a wallet");
    };
    contribution.coins[0].value_sat += Amount::from_sat(4_999_799_361);
    contribution.change = Some(Change {
        value_sat: Amount::from_sat(4_999_799_361),
        script: p2tr(4),
    });
    bank_support::retip(&mut page);
    let bank = Bank::new(page.check().unwrap()).unwrap();
    bank.picture(2_000, Amount::from_sat(500)).unwrap()
}

fn bounty() -> TxGraph {
    narthex_contracts::bounty::derive(&bounty_laws::page_terms()).unwrap()
}

fn slice(n: u8) -> Arc<TxGraph> {
    let mut rng = slice_support::rng(1);
    let participants = slice_support::participants(2, n, 7);
    let (points, _) = slice_support::shared(&participants, &mut rng);
    let mut page = slice_support::record(&participants, &points);
    // An amount of ten digits, all of which could be those of a hash.
    page.contribution.coins[0].value_sat += Amount::from_sat(4_999_939_500);
    page.contribution.change = Some(Change {
        value_sat: Amount::from_sat(4_999_939_500),
        script: p2tr(4),
    });
    let party = slice_support::client_party(&page.check().unwrap(), &points);
    party.graph().clone()
}

fn pictures() -> Vec<(&'static str, Arc<TxGraph>)> {
    let template = |template| Arc::new(Sample::example(template, 3, 2).graph);
    vec![
        ("hardened", template(Template::Hardened)),
        ("audited", template(Template::Audited)),
        ("paper", template(Template::Paper)),
        ("bank", Arc::new(bank())),
        ("bounty", Arc::new(bounty())),
        ("deliver", Arc::new(deliver_laws::picture(2))),
        ("slice", slice(3)),
    ]
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../docs/contracts", name]
        .iter()
        .collect()
}

fn svg(name: &str) -> String {
    std::fs::read_to_string(path(&format!("{name}.svg"))).unwrap()
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&#45;", "-").replace("&#39;", "'");
    let text = text.replace("&#160;", " ").replace("&quot;", "\"");
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&amp;", "&")
        .replace('\u{a0}', " ")
        .trim()
        .to_owned()
}

/// Every `NAME="number"`, whatever its unit.
fn numbers(svg: &str, name: &str) -> Vec<f64> {
    let named = format!("{name}=\"");
    let starts = svg.split(&named).skip(1);
    let number = |s: &str| {
        let end = s.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap();
        s[..end].parse().unwrap()
    };
    starts.map(number).collect()
}

/// What marks a colour.
fn is_mark(text: &str) -> bool {
    text.chars().all(|c| c == '■' || c == '▌')
}

/// The texts of a drawing, each with the colour of the mark right before it, or nothing.
fn texts(svg: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut mark = String::new();
    for line in svg.lines().filter_map(|line| line.strip_prefix("<text ")) {
        let (look, text) = line.split_once('>').unwrap();
        let text = unescaped(text.strip_suffix("</text>").unwrap());
        if is_mark(&text) {
            mark = look.split_once("fill=\"#").unwrap().1[..6].to_owned();
        } else {
            out.push((text, std::mem::take(&mut mark)));
        }
    }
    out
}

/// What stands between the tags of the labels of Graphviz source.
fn labels(dot: &str) -> Vec<String> {
    let rows = dot.lines().filter(|line| line.starts_with("    <TR>"));
    let between = |line: &str| {
        let parts = line.split('<').filter_map(|tag| tag.split_once('>'));
        let parts = parts.map(|(_, text)| unescaped(text));
        parts.filter(|t| !is_mark(t)).collect::<Vec<_>>()
    };
    rows.flat_map(between).collect()
}

fn in_threes(amount: Amount) -> String {
    let digits = amount.to_sat().to_string();
    let threes = digits.as_bytes().rchunks(3).rev();
    let threes = threes.map(|t| std::str::from_utf8(t).unwrap());
    threes.collect::<Vec<_>>().join(",")
}

/// The parties of a graph, from what it pays them.
fn parties(graph: &TxGraph) -> BTreeSet<PartyId> {
    let outputs = graph.nodes().flat_map(|(_, node)| &node.outputs);
    let roles = outputs.filter_map(|o| match o.purpose {
        Purpose::Payout(party) | Purpose::Change(party) | Purpose::Held { owner: party, .. } => {
            Some(party)
        }
        _ => None,
    });
    roles.collect()
}

#[test]
fn each_is_of_its_graph() {
    for (name, graph) in pictures() {
        let (drawn, path) = (graph.to_dot(Detail::Grouped), path(&format!("{name}.dot")));
        if std::env::var_os("NARTHEX_BLESS").is_some() {
            std::fs::write(&path, &drawn).unwrap();
        }
        assert_eq!(drawn, std::fs::read_to_string(&path).unwrap(), "{name}.dot");
    }
}

/// Else somebody forgot to draw it anew.
#[test]
fn each_is_drawn_from_its_source() {
    for (name, graph) in pictures() {
        let mut labels = labels(&graph.to_dot(Detail::Grouped));
        let mut texts = texts(&svg(name))
            .into_iter()
            .map(|t| t.0)
            .collect::<Vec<_>>();
        labels.sort();
        texts.sort();
        assert_eq!(labels, texts, "{name}.svg");
    }
}

#[test]
fn letters_are_large_enough_on_one_screen() {
    for (name, _) in pictures() {
        let svg = svg(name);
        let view = svg.split_once("viewBox=\"").unwrap().1;
        let view = view.split_once('"').unwrap().0;
        let view = view
            .split(' ')
            .map(|n| n.parse::<f64>().unwrap())
            .collect::<Vec<_>>();
        let (wide, high) = (view[2], view[3]);
        let sizes = numbers(&svg, "font-size");
        assert!(!sizes.is_empty());
        let scale = SCREEN_PX / wide;
        for size in sizes {
            let px = size * scale;
            assert!(px >= LETTERS_PX, "{name}.svg: {px} px of {wide} wide");
        }
        // At letters of that height it is no higher than a screen.
        let least = numbers(&svg, "font-size")
            .into_iter()
            .fold(f64::INFINITY, f64::min);
        let px = high * LETTERS_PX / least;
        // Two panels' decisions stand beneath each other: a quarter more than a screen.
        let most = match name {
            "audited" => SCREEN_HIGH_PX * 1.25,
            _ => SCREEN_HIGH_PX,
        };
        assert!(px <= most, "{name}.svg: {px} px high");
    }
}

/// Amounts stand whole, with their digits in threes, and at the right edge of their column.
#[test]
fn every_amount_stands_whole() {
    for (name, graph) in pictures() {
        let svg = svg(name);
        let texts = texts(&svg);
        for (_, node) in graph.nodes() {
            for output in node.outputs.iter().filter(|o| o.value > Amount::ZERO) {
                let amount = in_threes(output.value);
                let stands = |(text, _): &(String, String)| {
                    *text == amount || text.ends_with(&format!(" × {amount}"))
                };
                assert!(
                    texts.iter().any(stands),
                    "{name}.svg: no {amount} of {}",
                    node.name
                );
            }
        }
        assert!(!svg.contains('…'), "{name}.svg");
        // Where letters stand is written into the drawing; at which edge, in its source.
        let dot = graph.to_dot(Detail::Grouped);
        let mut amounts = 0;
        for cell in dot.split("<TD ").skip(1) {
            let (look, lines) = cell.split_once('>').unwrap();
            for line in lines.split("<BR ") {
                let text = line.rsplit('>').next().unwrap();
                let last = text.rsplit(' ').next().unwrap();
                let digits = |t: &str| t.chars().all(|c| c.is_ascii_digit() || c == ',');
                if digits(last) && last.contains(',') {
                    assert_eq!(look, "ALIGN=\"RIGHT\"", "{name}.dot: {cell}");
                    amounts += 1;
                }
            }
        }
        assert!(amounts > 0, "{name}.dot");
    }
}

#[test]
fn the_legend_has_each_party_in_its_colour() {
    for (name, graph) in pictures() {
        let texts = texts(&svg(name));
        let legend = texts.iter().position(|(text, _)| text == "Amounts in sat");
        let (boxes, legend) = texts.split_at(legend.unwrap());
        let mut colours = BTreeMap::new();
        for role in parties(&graph) {
            let party = graph.party(role).to_string();
            let colour = legend.iter().find(|(text, _)| *text == party);
            let (_, colour) = colour.unwrap_or_else(|| panic!("{name}.svg: no {party}"));
            // Its own, and the same wherever the party is paid.
            assert_eq!(
                colours.insert(colour.clone(), party.clone()),
                None,
                "{name}.svg"
            );
            for (_, other) in boxes
                .iter()
                .filter(|(text, mark)| *text == party && !mark.is_empty())
            {
                assert_eq!(other, colour, "{name}.svg: {party}");
            }
        }
        assert!(colours.len() >= 2, "{name}");
    }
}

/// The names of the boxes, in bold.
fn boxes(dot: &str) -> usize {
    dot.lines().filter(|line| line.ends_with("[label=<<TABLE BORDER=\"1\" COLOR=\"#777777\" BGCOLOR=\"white\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"1\">")).count()
}

/// A large panel has thousands of transactions and as many boxes as a small one.
#[test]
fn many_variants_are_one_box() {
    let small = Sample::example(Template::Hardened, 3, 2).graph;
    let large = Sample::example(Template::Hardened, 7, 4).graph;
    assert!(large.nodes().len() > 500);
    let dot = |graph: &TxGraph| graph.to_dot(Detail::Grouped);
    assert_eq!(boxes(&dot(&large)), boxes(&dot(&small)));
    assert_eq!(boxes(&dot(&slice(3))), 1 + 6 + 1);
    assert_eq!(boxes(&dot(&slice(9))), 1 + 2 + 1);
    assert!(labels(&dot(&slice(9))).contains(&"Claim1–9 (9 variants)".to_owned()));
}

/// With every variant drawn there is a box for each transaction, and every payout is in it.
#[test]
fn all_are_drawn_if_wished() {
    for (name, graph) in pictures() {
        let dot = graph.to_dot(Detail::Every);
        assert_eq!(boxes(&dot), graph.nodes().len() + 1, "{name}");
        let labels = labels(&dot);
        for (_, node) in graph.nodes() {
            assert!(
                labels.contains(&node.name.to_string()),
                "{name}: {}",
                node.name
            );
        }
        let lines = graph.to_text(Detail::Every);
        let heads = lines.lines().filter(|line| !line.starts_with(' '));
        assert_eq!(heads.count(), graph.nodes().len());
    }
}

/// The text, too, shows each kind of variant: two of three rulings pay otherwise than three.
#[test]
fn the_text_has_each_kind_of_variant() {
    let graph = Sample::example(Template::Hardened, 3, 2).graph;
    let text = graph.to_text(Detail::Grouped);
    for line in ["  S6{0,1,2}", "  S6{0,1}, one of 3 that pay alike"] {
        assert!(text.lines().any(|l| l == line), "{text}");
    }
    for line in ["300,000 sat  to arbiter0", "325,000 sat  to arbiter0"] {
        assert!(text.contains(line), "{text}");
    }
}
