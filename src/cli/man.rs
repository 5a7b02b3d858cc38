//! `narthex man`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use narthex_disk::{self as disk, Draft, Readers};

use super::{Cli, Misuse, output};

/// Options of `narthex man`.
#[derive(Args)]
pub(crate) struct ManArgs {
    /// The command whose page is printed, such as `bank open`; without one, the page that lists them all.
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    of: Vec<String>,
    /// Write the pages of all commands into this folder, one file a page, and print none.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

/// A page and the name of its file.
struct Page {
    file: String,
    roff: Vec<u8>,
}

impl Page {
    fn of(command: &Command) -> io::Result<Page> {
        let man = Man::new(command.clone());
        let (file, mut roff) = (man.get_filename(), Vec::new());
        man.render(&mut roff)?;
        Ok(Page { file, roff })
    }

    /// Those of a command and of all below it.
    fn all(command: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
        pages.push(Page::of(command)?);
        command
            .get_subcommands()
            .filter(|below| !below.is_hide_set())
            .try_for_each(|below| Page::all(below, pages))
    }
}

impl ManArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        // Of `help` there is nothing to say on twenty pages.
        let mut command = Cli::command()
            .bin_name(env!("CARGO_BIN_NAME"))
            .disable_help_subcommand(true);
        command.build();
        match &self.dir {
            Some(dir) => self.write_all(&command, dir),
            None => self.print(&command),
        }
    }

    fn print(&self, command: &Command) -> anyhow::Result<()> {
        let mut wanted = command;
        for name in &self.of {
            wanted = wanted.find_subcommand(name).ok_or_else(|| {
                let above = wanted.get_bin_name().unwrap_or_default();
                Misuse(format!("{name:?} is no command of `{above}`"))
            })?;
        }
        let page = Page::of(wanted)?;
        let mut out = output::out();
        if self.json {
            let roff = String::from_utf8(page.roff)?;
            writeln!(
                out,
                "{}",
                serde_json::json!({"page": page.file, "roff": roff})
            )?;
        } else {
            out.write_all(&page.roff)?;
        }
        Ok(())
    }

    fn write_all(&self, command: &Command, dir: &Path) -> anyhow::Result<()> {
        let mut pages = Vec::new();
        Page::all(command, &mut pages)?;
        let made = disk::make_folder(dir, Readers::Umask)
            .with_context(|| format!("cannot make {}", dir.display()))?;
        publish(&pages, dir).inspect_err(|_| disk::remove_folders(&made))?;
        let mut out = output::out();
        if self.json {
            let files = pages.iter().map(|page| &page.file).collect::<Vec<_>>();
            let said = serde_json::json!({"dir": dir.display().to_string(), "pages": files});
            writeln!(out, "{said}")?;
        } else {
            let (count, dir) = (pages.len(), dir.display());
            writeln!(
                out,
                "{count} pages in {dir}; man -l {dir}/narthex.1 shows the first"
            )?;
        }
        Ok(())
    }
}

/// All are on disk before any has its name.
fn publish(pages: &[Page], dir: &Path) -> anyhow::Result<()> {
    let cannot = |path: &Path| format!("cannot write {}", path.display());
    let mut drafts = Vec::new();
    for page in pages {
        let path = dir.join(&page.file);
        let draft = disk::check_name(&path).and_then(|()| {
            let mut draft = Draft::beside(&path, Readers::Umask)?;
            draft.file().write_all(&page.roff)?;
            Ok(draft)
        });
        drafts.push((draft.with_context(|| cannot(&path))?, path));
    }
    for (draft, path) in drafts {
        draft.publish_over(&path).with_context(|| cannot(&path))?;
    }
    Ok(())
}
