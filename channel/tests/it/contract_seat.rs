//! A seat keeps of what it is sent only what its machine takes note of.

use narthex_base::codec::Message as _;
use narthex_channel::{
    contract::{
        Book, ContractMessage, ContractSeat, ContractSeatError, ContractSigner, Done, Evidence,
        EvidencePart, Paying, Piece, Task, blob_hash,
    },
    log::MemoryLog,
};

use narthex_game_model::ruling::Litigant;

use crate::contract_support::{CLIENT, VERIFIER, WORKER, world};

/// Does no work, and counts what it is given to keep.
#[derive(Default)]
struct Shelf(Vec<[u8; 32]>);

impl ContractSigner for Shelf {
    type Error = std::convert::Infallible;

    fn work(&mut self, _: Task, _: &Book) -> Result<Option<Done>, Self::Error> {
        Ok(None)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.push(blob_hash(bytes));
        Ok(())
    }

    fn kept(&mut self, _: &[u8; 32]) -> Result<Vec<u8>, Self::Error> {
        Ok(Vec::new())
    }
}

#[test]
fn what_is_refused_or_known_fills_no_disk() {
    let world = world();
    let contract = world.contract(CLIENT);
    let opened =
        ContractSeat::<Paying, _, _>::open(contract, MemoryLog::forgetful(), Shelf::default());
    let (mut seat, _) = opened.unwrap();
    let boxes = |byte: u8| ContractMessage::Piece(Piece::Boxes(vec![byte; 100]));
    let is_refused = |heard: Result<Vec<_>, ContractSeatError<_>>| {
        matches!(heard, Err(ContractSeatError::Refused(_)))
    };
    let part = EvidencePart {
        case: narthex_game_model::Accusation::Appeal,
        by: Litigant::Verifier,
        pieces: Vec::new(),
    };
    let nothing = Evidence {
        brought: world.brought(VERIFIER, blob_hash(&part.to_bytes())),
        heard: Vec::new(),
        part,
    };
    // Of no commitment; then of one, the first alone; evidence is for arbiters.
    assert!(is_refused(seat.hear(WORKER, boxes(1))));
    assert!(is_refused(
        seat.hear(VERIFIER, ContractMessage::Evidence(Box::new(nothing)))
    ));
    assert_eq!(seat.signer().0, [[0; 32]; 0]);
    let commitment = ContractMessage::Piece(Piece::Item(world.committed(0)));
    seat.hear(WORKER, commitment).unwrap();
    for byte in [2, 2, 3] {
        seat.hear(WORKER, boxes(byte)).unwrap();
    }
    assert_eq!(seat.signer().0, [blob_hash(&[2; 100])]);
    assert_eq!(seat.book().papers().boxes(), Some(&blob_hash(&[2; 100])));
}
