//! A contract's transactions as a picture: from the funding down, what is on chain marked, what cannot come any more pale.

use std::{collections::BTreeMap, fmt::Write};

use crate::party::{Chance, GraphStatus, TxStatus};

/// Size of a box, and the room between two, in pixels.
const BOX: (usize, usize) = (176, 74);
const GAP: (usize, usize) = (14, 46);
const MARGIN: usize = 10;
/// Characters that fit into a line of small letters.
const LINE: usize = 30;
/// Lines of what a transaction means.
const LINES: usize = 2;

/// Where boxes stand: row and place in it.
fn places(all: &[TxStatus]) -> (BTreeMap<&str, (usize, usize)>, Vec<usize>) {
    let (mut places, mut rows) = (BTreeMap::new(), Vec::new());
    // Parents come first.
    for tx in all {
        let above = tx
            .parents
            .iter()
            .filter_map(|name| places.get(name.as_str()));
        let row = above
            .map(|(row, _): &(usize, usize)| row + 1)
            .max()
            .unwrap_or(0);
        if rows.len() <= row {
            rows.resize(row + 1, 0);
        }
        if let Some(count) = rows.get_mut(row) {
            places.insert(tx.name.as_str(), (row, *count));
            *count += 1;
        }
    }
    (places, rows)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

/// Lines of so many characters, broken between words; what does not fit ends in `…`.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let is_last = lines.len() == LINES;
        let Some(last) = lines.last_mut() else { break };
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > LINE {
            if is_last {
                last.push('…');
                break;
            }
            lines.push(word.to_owned());
            continue;
        }
        if !last.is_empty() {
            last.push(' ');
        }
        last.push_str(word);
    }
    lines
}

/// By which a page may draw it in its own colours.
const fn class(state: Chance) -> &'static str {
    match state {
        Chance::Confirmed => "confirmed",
        Chance::Open => "open",
        Chance::Closed => "closed",
    }
}

/// Ground, border, letters, width of the border.
const fn look(state: Chance) -> (&'static str, &'static str, &'static str, &'static str) {
    match state {
        Chance::Confirmed => ("#d9f2e3", "#0b6b3a", "#0b3d22", "3"),
        Chance::Open => ("#ffffff", "#5b6b7a", "#1d2730", "1"),
        Chance::Closed => ("#f3f3f3", "#bdbdbd", "#6b6b6b", "1"),
    }
}

/// When it may come at the earliest, or when it came.
fn when(tx: &TxStatus) -> String {
    match (tx.state, tx.height, tx.lock_height, tx.lock_blocks) {
        (Chance::Confirmed, Some(height), ..) => format!("in block {height}"),
        (Chance::Closed, ..) => "cannot come any more".to_owned(),
        (_, _, Some(height), Some(blocks)) => format!("after height {height}, {blocks} blocks"),
        (_, _, Some(height), None) => format!("after height {height}"),
        (_, _, None, Some(blocks)) => format!("after {blocks} blocks"),
        _ => String::new(),
    }
}

/// The picture.
pub(super) fn draw(graph: &GraphStatus) -> String {
    let all = &graph.transactions;
    let (places, rows) = places(all);
    let widest = rows.iter().copied().max().unwrap_or(0);
    let across = |count: usize| (count * (BOX.0 + GAP.0)).saturating_sub(GAP.0);
    let width = across(widest) + 2 * MARGIN;
    let height = (rows.len() * (BOX.1 + GAP.1)).saturating_sub(GAP.1) + 2 * MARGIN;
    let corner = |(row, place): (usize, usize)| {
        let count = rows.get(row).copied().unwrap_or(0);
        let left = MARGIN + (across(widest) - across(count)) / 2;
        (
            left + place * (BOX.0 + GAP.0),
            MARGIN + row * (BOX.1 + GAP.1),
        )
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"11\"><title>Transactions of contract {}</title>\n",
        escaped(&graph.id)
    );
    // Writing to a string does not fail.
    for tx in all {
        let Some(place) = places.get(tx.name.as_str()) else {
            continue;
        };
        let (x, y) = corner(*place);
        for parent in &tx.parents {
            let Some(above) = places.get(parent.as_str()) else {
                continue;
            };
            let (px, py) = corner(*above);
            let (from, to) = ((px + BOX.0 / 2, py + BOX.1), (x + BOX.0 / 2, y));
            let (_, border, _, stroke) = look(tx.state);
            let bend = GAP.1 / 2;
            let _ = writeln!(
                svg,
                "<path class=\"{}\" d=\"M{} {} C{} {}, {} {}, {} {}\" fill=\"none\" stroke=\"{border}\" stroke-width=\"{stroke}\"/>",
                class(tx.state),
                from.0,
                from.1,
                from.0,
                from.1 + bend,
                to.0,
                to.1 - bend,
                to.0,
                to.1
            );
        }
    }
    for tx in all {
        if let Some(place) = places.get(tx.name.as_str()) {
            boxed(&mut svg, tx, corner(*place));
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn boxed(svg: &mut String, tx: &TxStatus, (x, y): (usize, usize)) {
    let (ground, border, ink, stroke) = look(tx.state);
    let dashes = match tx.state {
        Chance::Closed => " stroke-dasharray=\"4 3\"",
        _ => "",
    };
    let pays = tx
        .pays
        .iter()
        .map(|pay| match pay.least_sat == pay.most_sat {
            true => format!("{} {} sat", pay.to, pay.most_sat),
            false => format!("{} {} to {} sat", pay.to, pay.least_sat, pay.most_sat),
        });
    let pays: Vec<_> = pays.collect();
    let _ = writeln!(
        svg,
        "<g class=\"{}\"><title>{}: {}\n{}\npublished by {}\n{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"5\" fill=\"{ground}\" \
         stroke=\"{border}\" stroke-width=\"{stroke}\"{dashes}/>",
        class(tx.state),
        escaped(&tx.name),
        escaped(&tx.meaning),
        escaped(&when(tx)),
        escaped(&tx.broadcasters.join(", ")),
        escaped(&pays.join("\n")),
        BOX.0,
        BOX.1
    );
    let variants = match tx.variants {
        0 | 1 => String::new(),
        count => format!(" ×{count}"),
    };
    let mut line = |down: usize, style: &str, words: &str| {
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" fill=\"{ink}\"{style}>{}</text>",
            x + 8,
            y + down,
            escaped(words)
        );
    };
    let name = format!("{}{variants}", tx.name);
    line(17, " font-weight=\"bold\" font-size=\"13\"", &name);
    for (at, words) in wrapped(&tx.meaning).iter().enumerate() {
        line(33 + 14 * at, "", words);
    }
    line(BOX.1 - 9, " font-style=\"italic\"", &when(tx));
    svg.push_str("</g>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::party::PayStatus;

    fn tx(name: &str, parents: &[&str], state: Chance) -> TxStatus {
        TxStatus {
            name: name.to_owned(),
            variants: 1,
            meaning: "<script>alert(1)</script> & more".to_owned(),
            parents: parents.iter().map(|name| (*name).to_owned()).collect(),
            broadcasters: vec!["a\"b".to_owned()],
            lock_height: None,
            lock_blocks: None,
            pays: vec![PayStatus {
                to: "client".to_owned(),
                least_sat: 1,
                most_sat: 2,
            }],
            state,
            txid: None,
            height: Some(5).filter(|_| state == Chance::Confirmed),
        }
    }

    #[test]
    fn what_is_on_chain_is_marked_and_nothing_is_markup() {
        let transactions = vec![
            tx("Tx0", &[], Chance::Confirmed),
            tx("S1", &["Tx0"], Chance::Closed),
            tx("TxD", &["Tx0"], Chance::Open),
            tx("S2", &["TxD"], Chance::Open),
        ];
        let svg = draw(&GraphStatus {
            id: "00".to_owned(),
            tip: None,
            transactions,
            dates: Vec::new(),
        });
        assert!(!svg.contains("<script") && !svg.contains("a\"b"), "{svg}");
        assert_eq!(svg.matches("in block 5").count(), 2, "{svg}");
        assert_eq!(svg.matches("stroke-width=\"3\"").count(), 1, "{svg}");
        assert_eq!(svg.matches("stroke-dasharray").count(), 1, "{svg}");
        assert_eq!(svg.matches("<rect").count(), 4, "{svg}");
        assert_eq!(svg.matches("<path").count(), 3, "{svg}");
    }
}
