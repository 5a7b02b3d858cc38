//! The modules of a crate stand on each other without a circle: what two of them share stands in a third.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::common::sources;

/// Folders of sources, each one crate.
const CRATES: &[&str] = &[
    "base/src",
    "channel/src",
    "contracts/src",
    "disk/src",
    "game-model/src",
    "node/src",
    "regtest/src",
    "src",
];

/// Who uses whom, and in which file first.
type Arrows = BTreeMap<String, BTreeMap<String, String>>;

/// The first words of all paths that go on from `start`: of `crate::a::b` and of `crate::{a::b, c}` they are `a` and `c`.
pub fn heads<'a>(code: &'a str, start: &str) -> BTreeSet<&'a str> {
    let word = |text: &'a str| {
        let text = text.trim_start();
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
        &text[..end.unwrap_or(text.len())]
    };
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(start) {
        let is_whole = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        let rest = &code[at + start.len()..];
        if !is_whole {
            continue;
        }
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let mut depth = 1;
        let mut part = 0;
        for (i, c) in list.char_indices() {
            depth += i32::from(c == '{') - i32::from(c == '}');
            if depth == 0 || (depth == 1 && c == ',') {
                found.insert(word(&list[part..i]));
                part = i + 1;
            }
            if depth == 0 {
                break;
            }
        }
    }
    found.remove("");
    found
}

/// What the root of a crate hands on, and from which of its modules.
fn handed_on(root: &str, modules: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for module in modules {
        for start in [
            format!("pub use {module}::"),
            format!("pub(crate) use {module}::"),
        ] {
            for (at, _) in root.match_indices(&start) {
                let list = root[at + start.len()..].split(';').next().unwrap();
                let names = list.split(|c: char| !c.is_alphanumeric() && c != '_');
                for name in names.filter(|n| !n.is_empty()) {
                    all.insert(name.to_owned(), module.clone());
                }
            }
        }
    }
    all
}

fn arrows(folder: &str) -> Arrows {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = sources::code(folder);
    let root = files.iter().find(|(path, _)| *path == base.join("lib.rs"));
    let root = &root.unwrap_or_else(|| panic!("{folder} has no lib.rs")).1;
    let modules: BTreeSet<String> = root
        .lines()
        .filter_map(|line| {
            let (_, name) = line.trim().strip_suffix(';')?.rsplit_once("mod ")?;
            Some(name.to_owned())
        })
        .collect();
    assert!(!modules.is_empty(), "{folder} has no modules");
    let handed_on = handed_on(root, &modules);
    let mut arrows = Arrows::new();
    for (path, code) in &files {
        let inside = path.strip_prefix(&base).unwrap();
        let mut parts = inside.iter().map(|part| part.to_str().unwrap());
        let own = parts.next().unwrap().trim_end_matches(".rs").to_owned();
        let rest: Vec<_> = parts.collect();
        let is_test = |part: &&str| part.starts_with("tests");
        if !modules.contains(&own) || rest.iter().any(is_test) {
            continue;
        }
        let mut names = heads(code, "crate::");
        if rest.is_empty() || rest == ["mod.rs"] {
            names.extend(heads(code, "super::"));
        }
        for name in names {
            let module = modules.get(name).or_else(|| handed_on.get(name));
            if let Some(module) = module.filter(|module| **module != own) {
                let file = inside.display().to_string();
                let used = arrows.entry(own.clone()).or_default();
                used.entry(module.clone()).or_insert(file);
            }
        }
    }
    arrows
}

/// A way from a module back to itself.
fn circle(arrows: &Arrows) -> Option<Vec<String>> {
    arrows.keys().find_map(|start| {
        let mut ways = vec![vec![start.clone()]];
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop() {
            for next in arrows.get(way.last()?).into_iter().flat_map(BTreeMap::keys) {
                let mut longer = way.clone();
                longer.push(next.clone());
                if next == start {
                    return Some(longer);
                }
                if seen.insert(next.clone()) {
                    ways.push(longer);
                }
            }
        }
        None
    })
}

#[test]
fn no_module_stands_on_itself() {
    for folder in CRATES {
        let arrows = arrows(folder);
        if let Some(way) = circle(&arrows) {
            let each = way.windows(2).map(|pair| {
                let file = &arrows[&pair[0]][&pair[1]];
                format!("{} uses {} in {folder}/{file}", pair[0], pair[1])
            });
            panic!("a circle: {}", each.collect::<Vec<_>>().join(", "));
        }
    }
}

#[test]
fn the_reader_of_paths_sees_them_all() {
    let code = "use crate::{\n  a::{b, c},\n d,\n};\nuse crate::e; fn f() { crate::g::h(); mycrate::i(); }";
    let expected = BTreeSet::from(["a", "d", "e", "g"]);
    assert_eq!(heads(code, "crate::"), expected);
    let modules = BTreeSet::from(["a".to_owned()]);
    let handed = handed_on("pub use a::{X, y::Z};\nmod a;", &modules);
    assert_eq!(handed["Z"], "a");
    let one = |from: &str, to: &str| {
        let used = BTreeMap::from([(to.to_owned(), "file".to_owned())]);
        (from.to_owned(), used)
    };
    assert_eq!(circle(&Arrows::from([one("a", "b"), one("b", "c")])), None);
    assert!(circle(&Arrows::from([one("a", "b"), one("b", "c"), one("c", "b")])).is_some());
}
