//! The labels of Graphviz that are written like HTML.

/// A cell with lines of text, aligned to a side, over so many columns. A line may be `bold`.
pub(super) struct Cell<'a> {
    pub(super) lines: &'a [String],
    pub(super) side: Side,
    pub(super) columns: usize,
    pub(super) look: Look,
}

/// To which side a cell's lines are aligned.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Left,
    Right,
}

/// How a cell's lines are written.
#[derive(Clone, Copy)]
pub(super) enum Look {
    Plain,
    Bold,
    Pale,
}

impl Cell<'_> {
    pub(super) fn html(&self) -> String {
        let side = match self.side {
            Side::Left => "LEFT",
            Side::Right => "RIGHT",
        };
        let lines = self.lines.iter().map(|line| match self.look {
            Look::Plain => escaped(line),
            Look::Bold => format!("<B>{}</B>", escaped(line)),
            Look::Pale => format!("<FONT COLOR=\"#555555\">{}</FONT>", escaped(line)),
        });
        let line = |text| format!("{text}<BR ALIGN=\"{side}\"/>");
        // The break tells the side to viewers whose letters are of another width, too.
        let text = lines.map(line).collect::<String>();
        let span = match self.columns {
            1 => String::new(),
            n => format!(" COLSPAN=\"{n}\""),
        };
        format!("<TD ALIGN=\"{side}\"{span}>{text}</TD>")
    }
}

/// A cell of marks in these colours and what they mark. A mark is a letter, for room to spare goes between cells.
pub(super) fn marked(colours: &[&str], text: &str) -> String {
    let mark = if colours.len() > 3 { '▌' } else { '■' };
    let marks = colours.iter();
    let marks = marks.map(|colour| format!("<FONT COLOR=\"{colour}\">{mark}</FONT>"));
    let (marks, text) = (marks.collect::<String>(), escaped(text));
    format!("<TD ALIGN=\"LEFT\">{marks}\u{a0}{text}<BR ALIGN=\"LEFT\"/></TD>")
}

/// Text broken between words, so that no line but one of a single word is longer than `most` characters.
pub(super) fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
