//! Transitions as values, and the pages that are made of them.

use std::fmt::Write;

use crate::Machine;

/// One row of a machine's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Transition {
    /// State before.
    pub from: &'static str,
    /// Name of the input.
    pub input: &'static str,
    /// State after, which may be the same.
    pub to: &'static str,
    /// Names of the effects, in their order; one behind another of the same name is not said again.
    pub effects: &'static [&'static str],
    /// What must hold for this row rather than another of the same input.
    pub when: &'static str,
}

/// Some rows of a [`Tabled`] machine, one on a line: `from + input => to [effects] "when";`. What several states have alike is
/// one line, with `|` between them, and `_` for a state that stays.
///
/// The names are what [`Tabled::state`], [`Tabled::input_name`] and [`Tabled::effect_name`] say.
///
/// ```
/// use narthex_channel::{Transition, transitions};
///
/// const ROWS: &[Transition] = transitions! {
///     dark + press => lit [shine] "";
///     lit + press => dark [] "";
///     dark | lit + clean => _ [] "";
/// };
/// assert_eq!((ROWS[0].to, ROWS[0].effects), ("lit", &["shine"][..]));
/// assert_eq!((ROWS[3].from, ROWS[3].to), ("lit", "lit"));
/// ```
#[macro_export]
macro_rules! transitions {
    (@to $from:ident _) => {
        stringify!($from)
    };
    (@to $from:ident $to:ident) => {
        stringify!($to)
    };
    (@names [$($name:ident)*]) => {
        &[$(stringify!($name)),*]
    };
    ($($($from:ident)|+ + $input:ident => $to:tt $effects:tt $when:expr;)*) => {
        &[$($($crate::Transition {
            from: stringify!($from),
            input: stringify!($input),
            to: $crate::transitions!(@to $from $to),
            effects: $crate::transitions!(@names $effects),
            when: $when,
        }),+),*]
    };
}

/// A machine whose transitions are a value. The first row begins in the state of a new machine; a state in which no row
/// begins is an end.
pub trait Tabled: Machine {
    /// What it is called.
    const NAME: &'static str;
    /// What it is for, for the head of its page: one sentence or two.
    const SUMMARY: &'static str;
    /// Every transition that there is, in parts: some are those of several machines.
    const TABLE: &'static [&'static [Transition]];

    /// Name of the state.
    fn state(&self) -> &'static str;
    /// Name of an input.
    fn input_name(input: &Self::Input) -> &'static str;
    /// Name of an effect.
    fn effect_name(effect: &Self::Effect) -> &'static str;

    /// The rows of all parts.
    fn rows() -> impl Iterator<Item = &'static Transition> {
        Self::TABLE.iter().copied().flatten()
    }

    /// Whether it has ended: no input changes anything any more.
    fn is_over(&self) -> bool {
        !Self::rows().any(|row| row.from == self.state())
    }
}

/// The page of a machine, in Markdown: a drawing and the table.
pub fn render<M: Tabled>() -> String {
    let mut page = format!(
        "# Machine: {}\n\n<!-- Made from the machine's table by a test; NARTHEX_BLESS=1 writes it anew. -->\n\n{}\n\n```mermaid\nstateDiagram-v2\n",
        M::NAME,
        M::SUMMARY
    );
    // The parts of a table are shuffled together by the state in which a row begins, as the states come.
    let mut states = Vec::new();
    for row in M::rows() {
        if !states.contains(&row.from) {
            states.push(row.from);
        }
    }
    let mut rows: Vec<_> = M::rows().collect();
    rows.sort_by_key(|row| states.iter().position(|state| *state == row.from));
    // Writing to a string does not fail.
    if let Some(first) = rows.first() {
        let _ = writeln!(page, "    [*] --> {}", first.from);
    }
    let mut drawn = Vec::new();
    for row in &rows {
        let arrow = (row.from, row.to, row.input);
        if !drawn.contains(&arrow) {
            drawn.push(arrow);
            let _ = writeln!(page, "    {} --> {}: {}", row.from, row.to, row.input);
        }
    }
    let mut ends: Vec<&str> = rows.iter().map(|row| row.to).collect();
    ends.sort_unstable();
    ends.dedup();
    ends.retain(|end| !rows.iter().any(|row| row.from == *end));
    for end in ends {
        let _ = writeln!(page, "    {end} --> [*]");
    }
    page.push_str("```\n\n| from | input | when | to | effects |\n|---|---|---|---|---|\n");
    for row in &rows {
        let effects = row.effects.join(", ");
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {effects} |",
            row.from, row.input, row.when, row.to
        );
    }
    page.push_str(
        "\nAn input without a row is refused and changes nothing; one that came before changes nothing either.\n",
    );
    page
}
