//! What is packed for others is whole: it says what it is, under which licence, and holds every file that it is built of.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use serde_json::Value;

use crate::{
    common::sources,
    house::{cargo, packages},
};

/// A path without `..`, as far as it goes up.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

/// The files that the sources below `folder` are compiled with, as `include_str!` and `include_bytes!` name them.
fn included(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (path, code) in sources::code(folder.to_str().unwrap()) {
        for name in ["include_str!(\"", "include_bytes!(\""] {
            let named = code.split(name).skip(1);
            let named = named.map(|rest| rest.split('"').next().unwrap());
            found.extend(named.map(|file| plain(&path.with_file_name("").join(file))));
        }
    }
    found
}

#[test]
fn packages_are_whole() {
    let (mut packed, mut data) = (0, 0);
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        // Published to nobody.
        if !package["publish"].is_null() {
            continue;
        }
        packed += 1;
        for field in ["description", "license", "readme"] {
            let value = package[field].as_str();
            assert!(
                value.is_some_and(|value| !value.is_empty()),
                "{name}: {field}"
            );
        }
        for field in ["keywords", "categories"] {
            let count = package[field].as_array().map_or(0, Vec::len);
            assert!((1..=5).contains(&count), "{name}: {field}");
        }
        for dependency in package["dependencies"].as_array().unwrap() {
            let versioned = dependency["req"] != "*" || dependency["kind"] == "dev";
            assert!(versioned, "{name}: {} has no version", dependency["name"]);
        }

        let listed = cargo(&format!("package --list --allow-dirty -p {name}"));
        let listed = listed.lines().collect::<BTreeSet<_>>();
        for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs"] {
            assert!(listed.contains(file), "{name}: {file} is not packed");
        }
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let folder = manifest.parent().unwrap();
        for file in included(&folder.join("src")) {
            data += 1;
            let inside = file.strip_prefix(folder).ok().and_then(Path::to_str);
            assert!(
                inside.is_some_and(|file| listed.contains(file)),
                "{name}: {} is not packed",
                file.display()
            );
        }
        // Neither tests that need a checkout, nor what a build or a person left.
        let stray = listed.iter().find(|file| {
            file.starts_with("target/") || file.ends_with(".svg") || file.contains("tests/it/")
        });
        assert_eq!(stray, None, "{name}");
    }
    assert!(packed >= 8 && data >= 5, "{packed} packages, {data} files");
}

/// One version for all, which every crate asks of the others.
#[test]
fn versions_agree() {
    let packages = packages();
    let version = |name: &Value| {
        let of = packages.iter().find(|package| package["name"] == *name);
        of.unwrap()["version"].as_str().unwrap().to_owned()
    };
    let mut asked = 0;
    for package in &packages {
        let inside = package["dependencies"].as_array().unwrap().iter();
        let inside = inside.filter(|d| !d["path"].is_null() && d["req"] != "*");
        for dependency in inside {
            let expected = format!("^{}", version(&dependency["name"]));
            assert_eq!(dependency["req"], expected.as_str(), "{package}");
            asked += 1;
        }
    }
    assert!(asked > 15, "{asked}");
}
