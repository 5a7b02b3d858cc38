//! All commands, as the help of the command itself names them.

use super::cli::command;

/// Every command that does something: `["game", "solve"]` and the like.
pub fn leaves() -> Vec<Vec<String>> {
    let mut leaves = Vec::new();
    descend(&mut Vec::new(), &mut leaves);
    assert!(leaves.len() > 40, "{leaves:?}");
    leaves
}

fn descend(path: &mut Vec<String>, leaves: &mut Vec<Vec<String>>) {
    let mut args = path.iter().map(String::as_str).collect::<Vec<_>>();
    args.push("--help");
    let (fine, help, err) = command(args[0], &args[1..]);
    assert!(fine, "{path:?}: {err}");
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| line.starts_with("  "));
    let names = listed.filter_map(|line| line.split_whitespace().next());
    let names = names
        .filter(|name| *name != "help")
        .map(ToOwned::to_owned)
        .collect::<Vec<_>>();
    if names.is_empty() {
        return leaves.push(path.clone());
    }
    for name in names {
        path.push(name);
        descend(path, leaves);
        path.pop();
    }
}
