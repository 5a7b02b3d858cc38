//! What there is of a contract to judge by, listed or written to files.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use narthex::bitcoin::hex::FromHex as _;
use narthex_disk::Readers;
use narthex_node::{
    party::{Command, Reply},
    shell,
};

use super::{
    args::{OfId, save_new},
    shown,
};

#[derive(Args)]
pub(crate) struct EvidenceArgs {
    #[command(flatten)]
    of: OfId,
    /// Writes each piece to a file in this folder, which is made, in the place of listing them.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl EvidenceArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let OfId { dir, id } = self.of;
        let list = shell::ask(&dir.dir, &Command::Evidence { id: id.clone() })?;
        if let (Some(out), Reply::Evidence(all)) = (&self.out, &list) {
            narthex_disk::make_folder(out, Readers::Owner)
                .with_context(|| format!("cannot make {}", out.display()))?;
            for piece in all {
                let (id, item) = (id.clone(), piece.id.clone());
                let Reply::EvidenceText(found) =
                    shell::ask(&dir.dir, &Command::EvidenceText { id, item })?
                else {
                    continue;
                };
                let (bytes, end) = match piece.media_type.as_str() {
                    "application/json" => (found.text.into_bytes(), ".json"),
                    _ => (Vec::from_hex(&found.text).context("the node's answer")?, ""),
                };
                let name = format!("{}-{}{end}", piece.kind, piece.id);
                save_new(&out.join(name), &bytes)?;
            }
        }
        shown::reply(&list, dir.json)
    }
}
