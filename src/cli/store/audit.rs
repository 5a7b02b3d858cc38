//! `narthex store challenge`, `prove` and `verify`, and `audit`, which is all three.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use bitcoin::hex::DisplayHex;
use bitcoin::secp256k1::rand::{self, Rng};
use clap::Args;
use narthex::game_model::retrieval::detection::{caught, challenges_for_recovery};
use narthex::game_model::retrieval::{Archive, Challenge, ChunkHashes, Shape, prove, verify};
use num_rational::BigRational;
use num_traits::ToPrimitive;

use narthex_disk::{Draft, Readers};

use crate::cli::value;

use super::folder::{ArchiveId, Folder, new_file, publish, read_archive, read_json};

/// What a challenge asks, and by which nonce and block.
#[derive(Args)]
struct Asked {
    /// How many chunks to challenge. By default as few as find out a file past recovery with all but
    /// one in a million.
    #[arg(long)]
    chunks: Option<u32>,
    /// The client's nonce, 64 hexadecimal digits; random by default.
    #[arg(long, value_parser = value::bytes32)]
    nonce: Option<[u8; 32]>,
    /// Hash of a block after the nonce was committed to, 64 hexadecimal digits, as bitcoind and explorers show it;
    /// zeros by default: then only the nonce keeps the provider from knowing the chunks beforehand.
    #[arg(long, value_parser = value::block_hash)]
    block: Option<[u8; 32]>,
}

/// Options of `narthex store challenge`.
#[derive(Args)]
pub(crate) struct ChallengeArgs {
    /// The client's own `archive.json`.
    #[arg(long)]
    archive: PathBuf,
    /// Id of the archive, as `encode` printed it: without it the file's own word is taken.
    #[arg(long)]
    id: Option<ArchiveId>,
    #[command(flatten)]
    asked: Asked,
    /// Where the challenge goes; must not exist.
    #[arg(long)]
    out: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Options of `narthex store prove`.
#[derive(Args)]
pub(crate) struct ProveArgs {
    /// Folder of the store.
    store: PathBuf,
    /// The client's challenge.
    #[arg(long)]
    challenge: PathBuf,
    /// Where the proof goes; must not exist.
    #[arg(long)]
    out: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Options of `narthex store verify`.
#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// The client's own `archive.json`.
    #[arg(long)]
    archive: PathBuf,
    /// Id of the archive, as `encode` printed it: without it the file's own word is taken.
    #[arg(long)]
    id: Option<ArchiveId>,
    /// The client's own challenge: one that came with the proof would show nothing.
    #[arg(long)]
    challenge: PathBuf,
    /// The proof.
    #[arg(long)]
    proof: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Options of `narthex store audit`.
#[derive(Args)]
pub(crate) struct AuditArgs {
    /// Folder of the store.
    store: PathBuf,
    /// Id of the archive, as `encode` printed it: without it the folder's own word is taken.
    #[arg(long)]
    id: Option<ArchiveId>,
    #[command(flatten)]
    asked: Asked,
    /// Where the proof goes; must not exist.
    #[arg(long)]
    proof: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl Asked {
    fn challenge(&self, archive: &Archive) -> anyhow::Result<Challenge> {
        let challenge = Challenge {
            archive: archive.id(),
            nonce: self.nonce.unwrap_or_else(|| rand::thread_rng().r#gen()),
            block_hash: self.block.unwrap_or([0; 32]),
            chunks: self
                .chunks
                .unwrap_or_else(|| usual_challenge(archive.shape)),
        };
        let refused = "no such challenge; --chunks says how many chunks";
        challenge.indices(archive).context(refused)?;
        Ok(challenge)
    }
}

impl ChallengeArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let archive = read_archive(&self.archive, self.id)?;
        let challenge = self.asked.challenge(&archive)?;
        let shown = self.out.display();
        let json = serde_json::to_string_pretty(&challenge)? + "\n";
        let mut file = new_file(&self.out, Readers::Umask)?;
        file.file()
            .write_all(json.as_bytes())
            .with_context(|| format!("cannot write {shown}"))?;
        publish(file, &self.out)?;
        let (asked, of) = (challenge.chunks, archive.shape.chunks());
        let mut out = crate::cli::output::out();
        match self.json {
            true => {
                let line = serde_json::json!({ "out": self.out, "chunks": asked, "of": of });
                writeln!(out, "{line}")?;
            }
            false => writeln!(
                out,
                "{shown} challenges {asked} of {of} chunks; keep it for `narthex store verify`"
            )?,
        }
        Ok(())
    }
}

impl ProveArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let folder = Folder::open(&self.store)?;
        let (archive, hashes) = folder.read(None)?;
        let challenge: Challenge = read_json(&self.challenge)?;
        let proof = answer(&folder, (&archive, &hashes), &challenge, &self.out)?;
        publish(proof, &self.out)?;
        let (proven, of) = (challenge.chunks, archive.shape.chunks());
        let mut out = crate::cli::output::out();
        match self.json {
            true => {
                let line = serde_json::json!({ "out": self.out, "chunks": proven, "of": of });
                writeln!(out, "{line}")?;
            }
            false => writeln!(out, "{} proves {proven} of {of} chunks", self.out.display())?,
        }
        Ok(())
    }
}

impl VerifyArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let archive = read_archive(&self.archive, self.id)?;
        let challenge = read_json(&self.challenge)?;
        let shown = self.proof.display();
        let file = File::open(&self.proof).with_context(|| format!("cannot open {shown}"))?;
        check(&archive, &challenge, file, &self.proof)?;
        report(&archive, &challenge, self.json)
    }
}

impl AuditArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let folder = Folder::open(&self.store)?;
        let (archive, hashes) = folder.read(self.id)?;
        let challenge = self.asked.challenge(&archive)?;
        let mut proof = answer(&folder, (&archive, &hashes), &challenge, &self.proof)?;
        let shown = self.proof.display();
        proof
            .file()
            .seek(SeekFrom::Start(0))
            .with_context(|| format!("cannot read {shown}"))?;
        check(&archive, &challenge, proof.file(), &self.proof)?;
        publish(proof, &self.proof)?;
        report(&archive, &challenge, self.json)
    }
}

/// The store's answer to a challenge, for a file that has not its name yet: half a proof is worth nothing.
fn answer(
    folder: &Folder,
    (archive, hashes): (&Archive, &ChunkHashes),
    challenge: &Challenge,
    path: &Path,
) -> anyhow::Result<Draft> {
    let mut chunks = folder.chunks()?;
    let mut draft = new_file(path, Readers::Umask)?;
    let mut out = BufWriter::new(draft.file());
    let proven = prove(archive, hashes, challenge, &mut chunks, &mut out);
    proven
        .context("the store gives no answer; `narthex store recover` shows what is left of it")?;
    let written = out.flush();
    written.with_context(|| format!("cannot write {}", path.display()))?;
    drop(out);
    Ok(draft)
}

fn check(
    archive: &Archive,
    challenge: &Challenge,
    proof: impl Read,
    path: &Path,
) -> anyhow::Result<()> {
    verify(archive, challenge, BufReader::new(proof))
        .with_context(|| format!("{} does not answer the challenge", path.display()))
}

/// As few chunks as find out a file past recovery with all but one in a million.
fn usual_challenge(shape: Shape) -> u32 {
    let wanted = BigRational::new(999_999.into(), 1_000_000.into());
    // Such a number always is there: that of all chunks.
    challenges_for_recovery(shape, &wanted).unwrap_or(u32::MAX)
}

fn report(archive: &Archive, challenge: &Challenge, json: bool) -> anyhow::Result<()> {
    let shape = archive.shape;
    // Both below 65,537 and checked with the shape.
    let (chunks, parity) = (shape.chunks() as u32, shape.parity_chunks() as u32);
    let probability = |lost| caught(chunks, lost, challenge.chunks);
    let (percent, past) = (probability(chunks.div_ceil(100)), probability(parity + 1));
    let id = archive.id().to_lower_hex_string();
    let mut out = crate::cli::output::out();
    if json {
        let line = serde_json::json!({
            "id": id, "passed": true, "chunks": challenge.chunks, "of": chunks,
            "challenge": challenge,
            "catches_loss_of_1_percent": percent.to_f64(),
            "catches_loss_past_recovery": past.to_f64(),
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(
            out,
            "archive {id}: {} of {chunks} chunks are as they were stored\n\
             had 1 % been lost, this audit would have failed with {:.4} %; had the file been past recovery, with {:.6} %",
            challenge.chunks,
            percent.to_f64().unwrap_or(0.0) * 100.0,
            past.to_f64().unwrap_or(0.0) * 100.0
        )?;
    }
    Ok(())
}
