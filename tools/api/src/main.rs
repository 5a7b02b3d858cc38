//! Holds what each crate shows to others to `api/CRATE.txt`, so that nothing is taken away or added unseen.
//!
//! `cargo run -p narthex-api` compares, `cargo run -p narthex-api bless` writes what there is now. The lists come from
//! rustdoc's JSON, which the stable compiler writes only when told that it is an unstable one; nothing but rustdoc is told.

use std::{
    collections::BTreeSet,
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Where the lists are, below the top of the checkout.
const LISTS: &str = "api";

/// Most lines that are shown of a difference.
const SHOWN: usize = 40;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("api: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether all is as it was agreed on.
fn run() -> Result<bool> {
    let bless = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [word] if word == "bless" => true,
        other => bail!("{other:?}: say nothing, or bless"),
    };
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let crates = crates(&top)?;
    let target = document(&top)?;
    let mut fine = true;
    let mut kept = BTreeSet::new();
    for name in &crates {
        let json = target.join(format!("doc/{name}.json"));
        let Some(now) = list(&json)? else {
            return Ok(true);
        };
        let file = format!("{name}.txt");
        let path = top.join(LISTS).join(&file);
        kept.insert(file);
        if bless {
            fs::write(&path, now).with_context(|| path.display().to_string())?;
            continue;
        }
        let before = fs::read_to_string(&path).unwrap_or_default();
        if before != now {
            fine = false;
            tell(name, &before, &now);
        }
    }
    for entry in fs::read_dir(top.join(LISTS))? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if file.ends_with(".txt") && !kept.contains(&file) {
            fine = false;
            say(&format!("{LISTS}/{file} is of no crate; remove it"));
        }
    }
    if !fine {
        say(
            "What others can depend on has changed. If that is meant, say so in CHANGELOG.md, write the lists anew with\n  \
             cargo run -p narthex-api bless\nand commit them.",
        );
    }
    Ok(fine)
}

/// The libraries that may be published, by the names of their documentation.
fn crates(top: &Path) -> Result<Vec<String>> {
    let metadata = cargo(top, &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let mut names = Vec::new();
    for package in packages.iter().filter(|p| p["publish"].is_null()) {
        let targets = package["targets"].as_array().context("no targets")?;
        let library = targets.iter().find(|target| {
            target["kind"]
                .as_array()
                .is_some_and(|k| k.contains(&"lib".into()))
        });
        if let Some(name) = library.and_then(|target| target["name"].as_str()) {
            names.push(name.replace('-', "_"));
        }
    }
    ensure!(!names.is_empty(), "no crate is to be published");
    Ok(names)
}

/// Has rustdoc write its JSON, and says below which folder.
fn document(top: &Path) -> Result<PathBuf> {
    let done = Command::new(env!("CARGO"))
        .args([
            "doc",
            "--quiet",
            "--workspace",
            "--lib",
            "--no-deps",
            "--all-features",
        ])
        .env("RUSTDOC", top.join("tools/api/rustdoc-json"))
        .env("RUSTDOCFLAGS", "-Zunstable-options --output-format=json")
        .current_dir(top)
        .status()?;
    ensure!(
        done.success(),
        "cargo doc failed; its output above says why"
    );
    let metadata = cargo(top, &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let target = metadata["target_directory"].as_str();
    Ok(target.context("no target directory")?.into())
}

fn cargo(top: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new(env!("CARGO"))
        .args(args)
        .current_dir(top)
        .output()?;
    ensure!(
        output.status.success(),
        "cargo {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// What a crate shows, a line an item; what every type has by itself is left out. `None` if this compiler writes another
/// format than is read here.
fn list(json: &Path) -> Result<Option<String>> {
    let text = fs::read_to_string(json).with_context(|| json.display().to_string())?;
    let format = serde_json::from_str::<Value>(&text)?["format_version"].as_u64();
    let read = u64::from(rustdoc_types::FORMAT_VERSION);
    if format != Some(read) {
        say(&format!(
            "NOT COMPARED: this compiler's rustdoc writes format {format:?}, and format {read} is read. With the version of \
             public-api that reads it, in tools/api/Cargo.toml, it is compared again."
        ));
        return Ok(None);
    }
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(false)
        .build()?;
    let items = api.items().map(ToString::to_string);
    Ok(Some(brief(items)))
}

/// A line an item, without what an `impl` of another crate's trait says again: its methods are that trait's. Functions behind
/// it that are not of its type are nobody's methods, and stay.
fn brief(items: impl Iterator<Item = String>) -> String {
    let mut lines = String::new();
    let mut repeats: Option<String> = None;
    for item in items {
        if item.starts_with("impl") {
            let foreign = item.split_once(" for ");
            let foreign = foreign.filter(|(head, _)| !head.contains("narthex"));
            repeats = foreign.map(|(_, of)| format!("{}::", plain(of)));
        } else if !["pub fn", "pub type", "pub const"]
            .iter()
            .any(|of| item.starts_with(of))
        {
            repeats = None;
        }
        let said = repeats.as_ref().is_some_and(|of| {
            let named = item.strip_prefix("pub fn ");
            named.is_some_and(|named| plain(named).starts_with(of))
        });
        // Compilers' own: whatever derives `PartialEq` has it.
        if !said && !item.contains("StructuralPartialEq") {
            lines += &item;
            lines.push('\n');
        }
    }
    lines
}

/// A path without what it is generic over, and without what stands behind it.
fn plain(path: &str) -> String {
    let mut depth = 0_u32;
    let mut plain = String::new();
    for letter in path.chars() {
        match letter {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            '(' | ' ' if depth == 0 => break,
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain
}

/// Shows how two lists differ.
fn tell(name: &str, before: &str, now: &str) {
    let [before, now] = [before, now].map(|text| text.lines().collect::<BTreeSet<_>>());
    let gone = before.difference(&now).map(|line| format!("- {line}"));
    let new = now.difference(&before).map(|line| format!("+ {line}"));
    let lines = gone.chain(new).collect::<Vec<_>>();
    say(&format!("{LISTS}/{name}.txt: {} lines differ", lines.len()));
    for line in lines.iter().take(SHOWN) {
        say(&format!("  {line}"));
    }
    if let Some(more) = lines.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        say(&format!("  … and {more} more"));
    }
}

/// On standard error; if nobody reads it, the exit status is what counts.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::brief;

    #[test]
    fn methods_of_known_traits_are_left_out() {
        let items = [
            "pub struct narthex_x::A",
            "impl narthex_x::A",
            "pub fn narthex_x::A::new() -> Self",
            "impl core::clone::Clone for narthex_x::A",
            "pub fn narthex_x::A::clone(&self) -> narthex_x::A",
            "impl core::marker::StructuralPartialEq for narthex_x::A",
            "impl core::str::traits::FromStr for narthex_x::A",
            "pub type narthex_x::A::Err = u8",
            "pub fn narthex_x::A::from_str(&str) -> Result<Self, u8>",
            "impl narthex_x::T for narthex_x::A",
            "pub fn narthex_x::A::of_t(&self)",
            "pub fn narthex_x::free()",
        ];
        let left = brief(items.iter().map(|item| (*item).to_owned()));
        let left = left.lines().collect::<Vec<_>>();
        let expected = [0, 1, 2, 3, 6, 7, 9, 10, 11].map(|i| items[i]);
        assert_eq!(left, expected);
    }
}
