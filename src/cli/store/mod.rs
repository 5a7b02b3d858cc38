//! `narthex store`: a file in coded chunks, audited and recovered.
//!
//! A store is a folder: `chunks` (data, then parity), `hashes` (one for each chunk), `archive.json`
//! (the cut and the root, written last). A client keeps `archive.json`, or the id alone.

mod audit;
mod folder;
mod progress;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use bitcoin::hex::DisplayHex;
use clap::{Args, Subcommand};
use narthex::game_model::Ratio;
use narthex::game_model::retrieval::{Shape, encode, recover, survey};
use narthex_disk::Readers;

use folder::{ArchiveId, Folder, NewStore, new_file, publish};
use progress::Progress;

use crate::cli::value;

/// `narthex store …`.
#[derive(Subcommand)]
pub(crate) enum StoreCommand {
    /// Cuts a file into chunks, adds parity and writes a store. Prints the id that names it.
    Encode(EncodeArgs),
    /// Client: makes a challenge for a store that somebody else keeps.
    Challenge(audit::ChallengeArgs),
    /// Provider: answers a challenge.
    Prove(audit::ProveArgs),
    /// Client: checks the answer.
    Verify(audit::VerifyArgs),
    /// All three at once, for a store on this machine.
    Audit(audit::AuditArgs),
    /// Checks every chunk of a store and gets the file back, from what parity there is.
    Recover(RecoverArgs),
}

/// Options of `narthex store encode`.
#[derive(Args)]
pub(crate) struct EncodeArgs {
    /// File to store.
    file: PathBuf,
    /// Folder of the store; made if there is none.
    #[arg(long)]
    out: PathBuf,
    /// Share of all chunks that may be lost, whichever they are.
    #[arg(long, value_name = "SHARE", default_value = "1/3", value_parser = value::share)]
    loss: Ratio,
    #[command(flatten)]
    common: Common,
}

/// Options of `narthex store recover`.
#[derive(Args)]
pub(crate) struct RecoverArgs {
    /// Folder of the store.
    store: PathBuf,
    /// Where the file goes; must not exist.
    #[arg(long)]
    out: PathBuf,
    /// Id of the archive, as `encode` printed it: without it the folder's own word is taken.
    #[arg(long)]
    id: Option<ArchiveId>,
    #[command(flatten)]
    common: Common,
}

/// Options of every command that codes.
#[derive(Args)]
struct Common {
    /// Memory for coding, in MiB; less is slower.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    memory_mib: u32,
    /// One JSON object instead of text, no progress bars.
    #[arg(long)]
    json: bool,
}

impl Common {
    fn memory(&self) -> usize {
        // At most 64 GiB; 32-bit machines take what they can address.
        usize::try_from(u64::from(self.memory_mib) << 20).unwrap_or(usize::MAX / 2)
    }
}

impl StoreCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            StoreCommand::Encode(args) => args.run(),
            StoreCommand::Challenge(args) => args.run(),
            StoreCommand::Prove(args) => args.run(),
            StoreCommand::Verify(args) => args.run(),
            StoreCommand::Audit(args) => args.run(),
            StoreCommand::Recover(args) => args.run(),
        }
    }
}

impl EncodeArgs {
    fn run(self) -> anyhow::Result<()> {
        let shown = self.file.display();
        let file = File::open(&self.file).with_context(|| format!("cannot open {shown}"))?;
        let about = file
            .metadata()
            .with_context(|| format!("cannot read the size of {shown}"))?;
        anyhow::ensure!(
            about.is_file(),
            "{shown} is no ordinary file: a store is of one file; make an archive of a folder first, such as with tar"
        );
        let shape = Shape::surviving(about.len(), self.loss)
            .with_context(|| format!("{shown} cannot be stored so"))?;
        let mut store = NewStore::begin(&self.out)?;
        let progress = Progress::new(shape, self.common.json);
        let made = encode(
            shape,
            file,
            store.chunks()?,
            self.common.memory(),
            &mut progress.teller(),
        );
        progress.finish();
        let (archive, hashes) = made.with_context(|| format!("{shown} is not stored"))?;
        store.complete(&archive, &hashes)?;
        let id = archive.id().to_lower_hex_string();
        let mut out = crate::cli::output::out();
        if self.common.json {
            let line = serde_json::json!({
                "id": id, "archive": archive, "stored_bytes": shape.stored_bytes(),
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(
                out,
                "archive {id}\n{} bytes in {} chunks of {} bytes, and {} of parity: any {} of the {} may be lost\n\
                 keep the id, or {}/archive.json, where the store's keeper cannot change it",
                shape.file_bytes(),
                shape.data_chunks(),
                shape.chunk_bytes(),
                shape.parity_chunks(),
                shape.parity_chunks(),
                shape.chunks(),
                self.out.display()
            )?;
        }
        Ok(())
    }
}

impl RecoverArgs {
    fn run(self) -> anyhow::Result<()> {
        let folder = Folder::open(&self.store)?;
        let (archive, hashes) = folder.read(self.id)?;
        let mut chunks = folder.chunks()?;
        let mut out = new_file(&self.out, Readers::Owner)?;
        let progress = Progress::new(archive.shape, self.common.json);
        let survey = survey(&archive, &hashes, &mut chunks, &mut progress.teller());
        let survey = survey.inspect_err(|_| progress.finish())?;
        let lost = survey.lost().count() as u64;
        survey.check(&archive).inspect_err(|_| progress.finish())?;
        let shown = self.out.display();
        let done = recover(
            &archive,
            &hashes,
            &survey,
            &mut chunks,
            out.file(),
            self.common.memory(),
            &mut progress.teller(),
        );
        progress.finish();
        done.with_context(|| format!("{shown} is not written"))?;
        publish(out, &self.out)?;
        let mut line = crate::cli::output::out();
        if self.common.json {
            let report = serde_json::json!({
                "id": archive.id().to_lower_hex_string(), "chunks": archive.shape.chunks(),
                "lost": lost, "replaceable": archive.shape.parity_chunks(),
                "file_bytes": archive.shape.file_bytes(),
            });
            writeln!(line, "{report}")?;
        } else {
            writeln!(
                line,
                "{shown}: {} bytes, every chunk as it was stored; {lost} of {} chunks were lost, {} could be",
                archive.shape.file_bytes(),
                archive.shape.chunks(),
                archive.shape.parity_chunks()
            )?;
            if lost > 0 {
                writeln!(line, "store the file anew before more is lost")?;
            }
        }
        Ok(())
    }
}
