//! A file of 1 GiB stored, audited, surveyed and recovered after losses, in bounded memory.
//!
//! Files lie in the system's temporary folder (2.5 GiB). Sizes and the memory for coding can be
//! given: `cargo bench -p narthex-game-model --bench retrieval [-- MIB [MEMORY_MIB]]`

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::time::Instant;

use narthex_game_model::Ratio;
use narthex_game_model::retrieval::{Challenge, Shape, encode, prove, recover, survey, verify};

/// Most memory that the process has held, in MiB; 0 where the system does not tell.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok())
        .unwrap_or(0)
        >> 10
}

fn timed<T>(what: &str, bytes: u64, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    let took = start.elapsed().as_secs_f64();
    let rate = bytes as f64 / f64::from(1 << 20) / took;
    println!(
        "{what:<44} {took:>8.2} s {rate:>8.0} MiB/s   peak {} MiB",
        peak_mib()
    );
    result
}

/// A xorshift stream: as incompressible as a real archive, and fast.
struct Noise(u64);

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        for piece in buffer.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            piece.copy_from_slice(&self.0.to_le_bytes()[..piece.len()]);
        }
        Ok(buffer.len())
    }
}

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse::<u64>().ok());
    let mib = numbers.next().unwrap_or(1024);
    let memory = (numbers.next().unwrap_or(32) as usize) << 20;
    let bytes = mib << 20;
    let mut file = tempfile::tempfile().unwrap();
    std::io::copy(&mut Noise(9).take(bytes), &mut BufWriter::new(&mut file)).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let shape = Shape::surviving(bytes, Ratio::new(1, 3).unwrap()).unwrap();
    println!(
        "{mib} MiB in {} + {} chunks of {} bytes, {} MiB for coding",
        shape.data_chunks(),
        shape.parity_chunks(),
        shape.chunk_bytes(),
        memory >> 20
    );
    let mut store = tempfile::tempfile().unwrap();
    let (archive, hashes) = timed("encode", bytes, || {
        encode(shape, &mut file, &mut store, memory, &mut |_, _| ()).unwrap()
    });
    for chunks in [30, 300] {
        let challenge = Challenge {
            archive: archive.id(),
            nonce: [1; 32],
            block_hash: [2; 32],
            chunks,
        };
        let size = u64::from(chunks) * shape.chunk_bytes();
        let mut proof = tempfile::tempfile().unwrap();
        timed(&format!("prove {chunks} chunks"), size, || {
            prove(
                &archive,
                &hashes,
                &challenge,
                &mut store,
                &mut BufWriter::new(&proof),
            )
            .unwrap();
        });
        proof.seek(SeekFrom::Start(0)).unwrap();
        timed(&format!("verify {chunks} chunks"), size, || {
            verify(&archive, &challenge, BufReader::new(&proof)).unwrap();
        });
    }
    // Every third chunk is damaged: as many as the parity can replace.
    for index in (0..shape.chunks()).step_by(3) {
        let place = index * shape.chunk_bytes() + 100;
        store.seek(SeekFrom::Start(place)).unwrap();
        store.write_all(b"damage").unwrap();
    }
    let stored = shape.stored_bytes();
    let survey = timed("survey after damage to a third", stored, || {
        survey(&archive, &hashes, &mut store, &mut |_, _| ()).unwrap()
    });
    let mut out = tempfile::tempfile().unwrap();
    timed("recover", bytes, || {
        recover(
            &archive,
            &hashes,
            &survey,
            &mut store,
            &mut out,
            memory,
            &mut |_, _| (),
        )
        .unwrap();
    });
    assert!(same(&mut file, &mut out), "another file came back");
}

fn same(a: &mut File, b: &mut File) -> bool {
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    a.seek(SeekFrom::Start(0)).unwrap();
    b.seek(SeekFrom::Start(0)).unwrap();
    loop {
        let read = a.read(&mut left).unwrap();
        if read == 0 {
            return b.read(&mut right).unwrap() == 0;
        }
        b.read_exact(&mut right[..read]).unwrap();
        if left[..read] != right[..read] {
            return false;
        }
    }
}
