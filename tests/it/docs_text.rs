//! What pages show of the code is in the code: snippets of CONTRIBUTING.md, names of the glossary.

use std::{collections::BTreeSet, path::Path};

use crate::common::sources;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Whether these lines stand in the text one after the other, all as far to the right as the first one.
fn shows(text: &str, snippet: &[&str]) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    lines.windows(snippet.len()).any(|window| {
        let indent = window[0].len() - window[0].trim_start().len();
        window.iter().zip(snippet).all(|(line, shown)| {
            let line = line.get(indent..).unwrap_or_else(|| line.trim_start());
            line == shown.trim_end()
        })
    })
}

/// A snippet names its file in front: `<!-- FILE -->`. What an empty line parts may stand apart in the file.
#[test]
fn snippets_are_the_text_of_their_files() {
    let page = read("CONTRIBUTING.md");
    let mut shown = BTreeSet::new();
    let blocks = page.split("```rust\n");
    let mut before = "";
    for (at, block) in blocks.enumerate() {
        let (snippet, after) = block.split_once("\n```").unwrap_or(("", block));
        if at > 0 {
            let named = before.trim_end().rsplit("<!-- ").next().unwrap();
            let file = named.strip_suffix(" -->");
            let file = file.unwrap_or_else(|| panic!("no file is named in front of:\n{snippet}"));
            let text = read(file);
            for part in snippet.split("\n\n") {
                let lines: Vec<&str> = part.lines().collect();
                // Of a part that begins further to the right, as within a function, the file has the rest too.
                let indent = lines[0].len() - lines[0].trim_start().len();
                let lines: Vec<&str> = (lines.iter())
                    .map(|line| line.get(indent..).unwrap_or_else(|| line.trim_start()))
                    .collect();
                assert!(shows(&text, &lines), "{file} does not have:\n{part}");
            }
            shown.insert(file.to_owned());
        }
        before = after;
    }
    // Every example is walked through.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut examples = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".rs");
        let run = format!("cargo run --example {name}`");
        assert!(page.contains(&run), "no page says `{run}");
        let of = format!("examples/{name}");
        let is_shown = shown.iter().any(|file| file.starts_with(&of));
        assert!(is_shown, "nothing of {name} is shown");
        examples += 1;
    }
    assert_eq!(examples, 5);
}

/// The sources of all crates as one text.
fn all_sources() -> String {
    let crates = [
        "",
        "arbiter",
        "base",
        "channel",
        "contracts",
        "disk",
        "game-model",
        "regtest",
    ];
    let texts = crates.iter().flat_map(|name| {
        let folder = Path::new(name).join("src");
        sources::code(folder.to_str().unwrap())
    });
    texts.map(|(_, text)| text + "\n").collect()
}

/// All names that the sources declare: items, and fields and variants by the lines that begin with them.
fn declared(sources: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let items = [
        "struct",
        "enum",
        "trait",
        "type",
        "mod",
        "fn",
        "const",
        "static",
        "macro_rules!",
    ];
    let mut names = BTreeSet::new();
    for line in sources.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2).filter(|pair| items.contains(&pair[0])) {
            names.extend(pair[1].split(|c: char| !is_part(c)).next());
        }
        let own = line.trim_start().trim_start_matches("pub ");
        let end = own.find(|c: char| !is_part(c)).unwrap_or(own.len());
        let follows = &own[end..];
        if end > 0 && (follows.starts_with([':', ',', '(']) || follows.starts_with(" {")) {
            names.insert(&own[..end]);
        }
    }
    names
}

#[test]
fn names_of_the_glossary_are_in_the_sources() {
    let page = read("docs/GLOSSARY.md");
    let sources = all_sources();
    let declared = declared(&sources);
    assert!(declared.contains("PtlcId") && !declared.contains("NoSuchName"));
    let crates = ["base", "channel", "contracts", "disk", "regtest"];
    let (mut terms, mut names) = (Vec::new(), 0);
    for line in page.lines().filter(|line| line.starts_with("- ")) {
        let term = line
            .strip_prefix("- **")
            .and_then(|rest| rest.split_once("**: "));
        let (term, meaning) = term.unwrap_or_else(|| panic!("no term: {line}"));
        terms.push(term.to_lowercase());
        let quoted: Vec<&str> = meaning.split('`').skip(1).step_by(2).collect();
        assert!(!quoted.is_empty(), "{term}: where does it stand?");
        for name in quoted {
            names += 1;
            if name.contains('/') {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
                assert!(path.exists(), "{term}: there is no {name}");
                continue;
            }
            for part in name.split("::") {
                let known = declared.contains(part) || crates.contains(&part);
                assert!(known, "{term}: no source declares {part} of `{name}`");
            }
        }
    }
    assert!(terms.is_sorted(), "the terms are not in order");
    assert!(
        terms.len() > 60 && names > 100,
        "{} terms, {names} names",
        terms.len()
    );
    for page in ["README.md", "docs/ARCHITECTURE.md", "CONTRIBUTING.md"] {
        assert!(
            read(page).contains("GLOSSARY.md"),
            "{page} leads to the glossary"
        );
    }
}
