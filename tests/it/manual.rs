//! Completions and manual pages name what the command itself names, and are read by what they are for.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::common::{
    cli::{command, words},
    leaves::leaves,
};
use serde_json::Value;

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// Every command and every group of commands, from the whole down.
fn paths() -> BTreeSet<Vec<String>> {
    let prefixes = |leaf: Vec<String>| (0..=leaf.len()).map(move |n| leaf[..n].to_vec());
    leaves().into_iter().flat_map(prefixes).collect()
}

/// The options that a command's help lists.
fn options(path: &[String]) -> BTreeSet<String> {
    let mut args = path.iter().map(String::as_str).collect::<Vec<_>>();
    args.push("--help");
    let (fine, help, err) = command(args[0], &args[1..]);
    assert!(fine, "{err}");
    let lines = help.lines().map(str::trim_start);
    let lines = lines.map(|line| line.strip_prefix("-h, ").unwrap_or(line));
    let lines = lines.map(|line| line.strip_prefix("-V, ").unwrap_or(line));
    let named = lines.filter(|line| line.starts_with("--"));
    named
        .map(|line| line.split([' ', '=', '[']).next().unwrap().to_owned())
        .collect()
}

/// What bash offers in the place of the last word.
fn offered(script: &Path, words: &[&str]) -> BTreeSet<String> {
    let ask = r#"
        source "$1" || exit 3
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _narthex narthex "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output = Command::new("bash")
        .args(["--norc", "-c", ask, "bash"])
        .arg(script)
        .args(words)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let found = String::from_utf8(output.stdout).unwrap();
    found.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn bash_offers_each_command_and_each_option() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("narthex.bash");
    let (fine, out, err) = command("completions", &["bash", "--out", script.to_str().unwrap()]);
    assert!(fine && out.contains("bash"), "{out}{err}");
    let paths = paths();
    for path in &paths {
        let typed = ["narthex"].into_iter();
        let typed = typed.chain(path.iter().map(String::as_str));
        let typed = typed.collect::<Vec<_>>();
        let below = paths
            .iter()
            .filter(|other| other.len() == path.len() + 1 && other.starts_with(path));
        let below = below.filter_map(|other| other.last().cloned());
        let below = below.collect::<BTreeSet<_>>();
        let named = offered(&script, &[&typed[..], &[""]].concat());
        for name in &below {
            assert!(named.contains(name), "{path:?}: {name} in {named:?}");
        }
        if below.is_empty() {
            let named = offered(&script, &[&typed[..], &["--"]].concat());
            assert_eq!(named, options(path), "{path:?}");
        } else {
            let other = |name: &&String| !name.starts_with('-') && *name != "help";
            let known = named.iter().filter(other).all(|name| below.contains(name));
            assert!(known, "{path:?}: {named:?}");
        }
    }
    // Values that an option names, and what begins as typed.
    let templates = offered(&script, &["narthex", "play", "--template", ""]);
    assert_eq!(
        templates,
        ["audited", "hardened", "paper"].map(str::to_owned).into()
    );
    let begun = offered(&script, &["narthex", "si"]);
    assert_eq!(begun, ["simulate".to_owned()].into());
}

#[test]
fn each_shell_has_a_script_that_names_all() {
    let folder = tempfile::tempdir().unwrap();
    let (_, help, _) = command("completions", &["--help"]);
    for shell in SHELLS {
        assert!(help.contains(shell), "{shell}: {help}");
        let path = folder.path().join(shell);
        let path = path.to_str().unwrap();
        let (fine, printed, err) = command("completions", &[shell]);
        assert!(fine, "{shell}: {err}");
        let (fine, _, err) = command("completions", &[shell, "--out", path]);
        assert!(fine, "{shell}: {err}");
        // Nothing in it is what a terminal acts on, so nothing was escaped on the way out.
        assert_eq!(fs::read_to_string(path).unwrap(), printed, "{shell}");
        let (_, json, _) = command("completions", &[shell, "--json"]);
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["script"], printed.as_str(), "{shell}");
        for leaf in leaves() {
            let name = leaf.last().unwrap();
            assert!(printed.contains(name), "{shell}: {name}");
        }
    }
    let (fine, out, err) = words("completions", "tcsh");
    assert!(!fine && out.is_empty() && err.contains("bash"), "{err}");
    let nowhere = folder.path().join("none/x");
    let (fine, out, err) = command("completions", &["bash", "--out", nowhere.to_str().unwrap()]);
    assert!(!fine && out.is_empty(), "{out}");
    assert!(err.contains("none/x"), "{err}");
}

/// The page as a terminal shows it, without bold and underlines; `None` on a machine without groff.
fn rendered(page: &Path) -> Option<String> {
    let groff = Command::new("groff")
        // All warnings; as wide as the longest line.
        .args(["-man", "-Tutf8", "-ww", "-k", "-P-c", "-rLL=400n"])
        .arg(page)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&groff.stderr);
    let fine = groff.status.success() && said.is_empty();
    assert!(fine, "{}: {said}", page.display());
    let text = String::from_utf8(groff.stdout).unwrap();
    // Each printed twice, or over an underline: character, backspace, character.
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '\u{8}' => drop(plain.pop()),
            c => plain.push(c),
        }
    }
    Some(plain)
}

#[test]
fn each_command_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("new/man1");
    let (fine, out, err) = command("man", &["--dir", dir.to_str().unwrap(), "--json"]);
    assert!(fine, "{err}");
    let said: Value = serde_json::from_str(&out).unwrap();
    let paths = paths();
    let mut expected = BTreeSet::new();
    for path in &paths {
        let name = format!("{}.1", [&["narthex".into()], &path[..]].concat().join("-"));
        let page = dir.join(&name);
        let roff = fs::read_to_string(&page).unwrap();
        for part in [".TH ", ".SH NAME", ".SH SYNOPSIS"] {
            assert!(roff.contains(part), "{name}: {part}");
        }
        let args = path.iter().map(String::as_str).collect::<Vec<_>>();
        let (fine, printed, err) = command("man", &args);
        assert!(fine, "{name}: {err}");
        assert_eq!(printed, roff, "{name}");
        if let Some(shown) = rendered(&page) {
            let is_above =
                |other: &Vec<String>| other.len() > path.len() && other.starts_with(path);
            let is_leaf = !paths.iter().any(is_above);
            for option in options(path).iter().filter(|_| is_leaf) {
                assert!(
                    shown.contains(option.as_str()),
                    "{name}: {option} in {shown}"
                );
            }
        }
        expected.insert(name);
    }
    let files = fs::read_dir(&dir).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.collect::<BTreeSet<_>>(), expected);
    let told = said["pages"].as_array().unwrap().iter();
    let told = told.map(|page| page.as_str().unwrap().to_owned());
    assert_eq!(told.collect::<BTreeSet<_>>(), expected);

    // Once more over what is there; but not through a link, and then not in part.
    let again = || command("man", &["--dir", dir.to_str().unwrap()]);
    assert!(again().0);
    let linked = dir.join("narthex-store-verify.1");
    fs::remove_file(&linked).unwrap();
    fs::write(dir.join("narthex.1"), "old").unwrap();
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &linked).unwrap();
    let (fine, out, err) = again();
    assert!(!fine && out.is_empty(), "{out}");
    assert!(err.contains("narthex-store-verify.1"), "{err}");
    assert!(!folder.path().join("elsewhere").exists());
    assert_eq!(fs::read_to_string(dir.join("narthex.1")).unwrap(), "old");
}

#[test]
fn pages_of_nothing_are_refused() {
    for (args, part) in [
        (
            "no-such-command",
            "\"no-such-command\" is no command of `narthex`",
        ),
        ("bank no-such-command", "is no command of `narthex bank`"),
        ("bank open more", "is no command of `narthex bank open`"),
        ("bank --dir pages", "cannot be used with"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_narthex"))
            .arg("man")
            .args(args.split(' '))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args}: {said}");
        assert!(
            output.stdout.is_empty() && said.contains(part),
            "{args}: {said}"
        );
    }
}
