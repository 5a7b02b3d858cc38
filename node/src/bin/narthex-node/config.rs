//! Options from a file: each `name = value` is read as the option `--name value` of `run`, before those of the command line. So there
//! is one grammar for both, and what an option means is said in one place.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context, bail};
use clap::{Args, CommandFactory};
use clap_complete::{Generator, Shell};
use toml::{Table, Value};

use super::args::bounded;

/// The file that `config` prints.
const EXAMPLE: &str = include_str!("../../../packaging/node.toml");

/// What it is called in a folder that `arbiter init` has made.
pub(super) const FILE: &str = "node.toml";

/// Largest file of options, in bytes.
const MAX_FILE: u64 = 1 << 16;

#[derive(Args)]
pub(crate) struct ConfigArgs {
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

impl ConfigArgs {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        print("config", EXAMPLE, self.json)
    }
}

#[derive(Args)]
pub(crate) struct CompletionsArgs {
    /// The shell that is to complete commands and options.
    #[arg(value_enum)]
    shell: Shell,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

impl CompletionsArgs {
    pub(crate) fn run<C: CommandFactory>(&self) -> anyhow::Result<()> {
        let mut command = C::command();
        command.set_bin_name(env!("CARGO_BIN_NAME"));
        command.build();
        let mut script = Vec::new();
        self.shell.try_generate(&command, &mut script)?;
        print("script", &String::from_utf8(script)?, self.json)
    }
}

fn print(name: &str, text: &str, json: bool) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match json {
        true => writeln!(out, "{}", serde_json::json!({ name: text }))?,
        false => out.write_all(text.as_bytes())?,
    }
    Ok(())
}

/// The command line with the options of the file that it names, if it names one, and the file. An arbiter's is in its folder.
///
/// # Errors
/// If the file cannot be read, or is not of such lines.
pub(crate) fn with_file(words: Vec<OsString>) -> anyhow::Result<(Vec<OsString>, Option<PathBuf>)> {
    let word = |at: usize| words.get(at).and_then(|word| word.to_str());
    let (from, path) = match (word(1), word(2)) {
        (Some("run"), _) => (2, named(&words, 2, "--config")),
        (Some("arbiter"), Some("serve")) => {
            let own = || Some(named(&words, 3, "--dir")?.join(FILE));
            (3, named(&words, 3, "--config").or_else(own))
        }
        _ => return Ok((words, None)),
    };
    let Some(path) = path else {
        return Ok((words, None));
    };
    let shown = path.display();
    let bytes = bounded(&path, MAX_FILE);
    let bytes = match from {
        2 => bytes?,
        _ => bytes.context("no options of an arbiter; `narthex-node arbiter init` makes them")?,
    };
    let text = String::from_utf8(bytes).with_context(|| format!("{shown} is no UTF-8"))?;
    let options = options(&text).with_context(|| format!("{shown} does not read"))?;
    let mut words = words;
    words.splice(from..from, options);
    Ok((words, Some(path)))
}

/// The last path that an option names, as clap takes the last.
fn named(words: &[OsString], from: usize, option: &str) -> Option<PathBuf> {
    let mut found = None;
    for (at, word) in words.iter().enumerate().skip(from) {
        let Some(text) = word.to_str() else {
            continue;
        };
        let given = text
            .strip_prefix(option)
            .and_then(|rest| rest.strip_prefix('='));
        if text == option {
            found = words.get(at + 1).map(PathBuf::from);
        } else if let Some(path) = given {
            found = Some(path.into());
        }
    }
    found
}

/// The options that a file says.
pub(super) fn options(text: &str) -> anyhow::Result<Vec<OsString>> {
    // A byte order mark, which some editors write, is no part of it.
    let table: Table = text.trim_start_matches('\u{feff}').parse()?;
    let mut words = Vec::new();
    for (name, value) in table {
        if name == "config" {
            bail!("a file of options names no other");
        }
        match value {
            Value::Array(values) => {
                for value in values {
                    words.extend(option(&name, value)?);
                }
            }
            value => words.extend(option(&name, value)?),
        }
    }
    Ok(words)
}

fn option(name: &str, value: Value) -> anyhow::Result<Option<OsString>> {
    let text = match value {
        Value::Boolean(true) => return Ok(Some(format!("--{name}").into())),
        Value::Boolean(false) => return Ok(None),
        Value::String(text) => text,
        Value::Integer(number) => number.to_string(),
        _ => bail!("{name} is text, a whole number, true or false, or a list of these"),
    };
    // In one word: a value that begins with a dash is none of the command line's.
    Ok(Some(format!("--{name}={text}").into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::Parser as _;

    fn parsed(text: &str, line: &[&str]) -> Result<Cli, String> {
        let mut words: Vec<OsString> = vec!["narthex-node".into(), "run".into()];
        words.extend(options(text).map_err(|error| format!("{error:#}"))?);
        words.extend(line.iter().map(OsString::from));
        Cli::try_parse_from(words).map_err(|error| error.to_string())
    }

    /// The example as it is, and with everything in it that is commented out.
    #[test]
    fn the_example_is_taken() {
        assert_eq!(parsed(EXAMPLE, &[]).err(), None);
        let is_option = |line: &&str| line.starts_with("# ") && line.contains(" = ");
        let all = EXAMPLE.lines().filter(|line| !line.starts_with("research"));
        let all = all.map(|line| match is_option(&line) {
            true => line.trim_start_matches("# "),
            false => line,
        });
        let all = all.collect::<Vec<_>>().join("\n");
        assert_eq!(parsed(&all, &[]).err(), None, "{all}");
        // Every option that a file may say is in it.
        let command = Cli::command();
        let run = command.find_subcommand("run").unwrap();
        for name in run.get_arguments().filter_map(|arg| arg.get_long()) {
            let here = all
                .lines()
                .any(|line| line.starts_with(&format!("{name} = ")));
            let not_for_files = [
                "config",
                "help",
                "json",
                "research",
                "follow-anew",
                "real-money",
            ];
            assert!(
                here || not_for_files.contains(&name),
                "{name} is not in the example"
            );
        }
    }

    #[test]
    fn the_command_line_wins() {
        let file = "dir = 'a'\nnode = 'http://a'\ncookie = 'c'\nresearch = true\ntick-ms = 10";
        assert!(parsed(file, &["--dir", "b", "--tick-ms", "20"]).is_ok());
        let wrong = parsed(file, &["--tick-ms", "9"]).err().unwrap();
        assert!(wrong.contains("'9'"), "{wrong}");
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for (text, why) in [
            ("colour = 'red'", "--colour"),
            ("config = 'other'", "names no other"),
            ("tick-ms = 1.5", "whole number"),
            ("dir = ", "TOML"),
            ("[table]\nx = 1", "table is text"),
        ] {
            let error = parsed(text, &[]).err().unwrap();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
