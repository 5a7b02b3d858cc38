//! Races behind an appeal: fuller majorities before smaller ones, rulings before failure, stakes against late appeals.

use crate::common;

use common::{before, gains, is_spent, is_too_early, refused, rival};
use narthex::{
    contracts::{
        template::{ContractSecret, Exit, Rulings, reclaim_stake, stake_unlock_height},
        terms::{FeeRate, Role},
    },
    game_model::{ArbiterSet, Ruling},
    play::ContractPlay,
    regtest::Chain,
};

use Role::{Arbiter, Client, Verifier, Worker};

const LOW: FeeRate = FeeRate::from_sat_per_kwu(300);
const HIGH: FeeRate = FeeRate::from_sat_per_kwu(5_000);

on_both_chains!(
    fullest_majority_first,
    slashing_by_a_smaller_majority,
    failure_cannot_outrun_a_ruling,
    stakes_before_a_late_appeal,
    a_late_appeal_before_stakes,
    equivocation_opens_both,
);

fn set(members: &[usize]) -> ArbiterSet {
    let mut set = ArbiterSet::empty();
    members.iter().for_each(|i| assert!(set.insert(*i)));
    set
}

/// All three convict. A settlement that leaves one out must wait Δ_Q, and by then the full one has been mined.
fn fullest_majority_first(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::appeal(&mut play);
    let appealed = play.chain().height().unwrap();
    common::rule(&mut play, 0..3, Ruling::WorkerAtFault);
    for members in [[0, 1], [0, 2], [1, 2]] {
        let name = Exit::ruled(Ruling::WorkerAtFault, set(&members));
        let tx = play
            .complete(Arbiter(members[0] as u8), common::node(&play, name))
            .unwrap();
        assert!(is_too_early(&refused(&mut play, &tx)), "{name} at once");
    }
    // Any arbiter that would be left out settles by itself.
    let name = Exit::ruled(Ruling::WorkerAtFault, ArbiterSet::full(3));
    let tx = play
        .publish(Arbiter(2), name, "nobody is left out")
        .unwrap();
    assert_eq!(play.height_of(&tx).unwrap(), appealed + 1);
    assert_eq!(gains(&play), [0, -200_000, 50_000]);
    (0..3).for_each(|i| assert_eq!(common::gain(&play, Arbiter(i)), 50_000));
}

/// ATTACK. Only the worker can complete S7, so it may wait Δ_Q and settle by two arbiters of three, to slash the
/// third. Its broadcast shows the secret: the third completes the full settlement with it and replaces the smaller.
/// WEAKNESS: a miner that helps the worker shows nothing in the mempool, and the third is slashed.
fn slashing_by_a_smaller_majority(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::appeal(&mut play);
    let appealed = play.chain().height().unwrap();
    common::rule(&mut play, 0..3, Ruling::VerifierAtFault);
    let small = Exit::ruled(Ruling::VerifierAtFault, set(&[0, 1]));
    let full = Exit::ruled(Ruling::VerifierAtFault, ArbiterSet::full(3));
    let (small_id, full_id) = (common::node(&play, small), common::node(&play, full));
    let attack = play.complete(Worker, small_id).unwrap();
    before(&mut play, appealed + 1);
    assert!(is_too_early(&refused(&mut play, &attack)));
    before(&mut play, appealed + 2);
    assert!(
        play.complete(Arbiter(2), full_id).is_err(),
        "the secret is the worker's"
    );
    rival::offer(&mut play, Worker, &attack, LOW).unwrap();
    let victim = play.participant(Arbiter(2)).unwrap();
    let holdings = victim.holdings.as_ref().unwrap();
    let secret = holdings
        .extract_result(small_id, &attack, &victim.secrets)
        .unwrap();
    let thief = play.participant_mut(Arbiter(2)).unwrap();
    thief.secrets.insert(ContractSecret::Result, secret);
    let tx = play.complete(Arbiter(2), full_id).unwrap();
    let child = rival::offer(&mut play, Arbiter(2), &tx, HIGH).unwrap();
    assert!(!rival::waits(&mut play, &attack));
    play.mine(1).unwrap();
    rival::pay(&mut play, Arbiter(2), &child);
    assert_eq!(common::gain(&play, Arbiter(2)), 50_000);
    assert_eq!(gains(&play), [-100_000, 100_000, -220_000]);

    // With a miner's help, in place of the block that saved it and its fee.
    play.chain().disconnect(1).unwrap();
    let (sent, received) = play
        .participant(Arbiter(2))
        .unwrap()
        .wallet
        .sent_and_received(&child);
    play.participant_mut(Arbiter(2)).unwrap().fees -= sent - received;
    common::mined(&mut play, &attack);
    assert_eq!(
        common::gain(&play, Arbiter(2)),
        -250_000,
        "slashed for a ruling that it made in time"
    );
    assert_eq!(common::gain(&play, Arbiter(0)), 75_000);
}

/// S5 waits Δ_D longer than any majority that the same attestations make, whatever the client hides of them.
fn failure_cannot_outrun_a_ruling(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::appeal(&mut play);
    let appealed = play.chain().height().unwrap();
    common::rule(&mut play, 0..2, Ruling::WorkerAtFault);
    let (ruled, decide, missing) = (Exit::ruled(Ruling::WorkerAtFault, set(&[0, 1])), 12, 2);
    // The client would rather have γw than nothing, and hides one of the two attestations, or both.
    let hidden = [(set(&[0]), 2), (set(&[1]), 2), (ArbiterSet::empty(), 3)];
    for (worker, silent) in hidden {
        let rulings = Rulings {
            worker,
            verifier: ArbiterSet::empty(),
        };
        for (any, windows) in [(false, 1), (true, 2)] {
            let name = Exit::failed(Some(rulings), any);
            let id = common::node(&play, name);
            let first = appealed + windows * decide + silent * missing;
            assert_eq!(play.earliest(id).unwrap(), first, "{name}");
            assert!(
                first >= appealed + missing + decide,
                "Δ_D after the ruling's own time"
            );
            let tx = play.complete(Client, id).unwrap();
            assert!(is_too_early(&refused(&mut play, &tx)));
        }
    }
    let id = common::node(&play, ruled);
    assert_eq!(play.earliest(id).unwrap(), appealed + missing);
    play.publish(Arbiter(1), ruled, "two of three convict")
        .unwrap();
    assert_eq!(gains(&play), [0, -200_000, 50_000]);
    let arbiters = [0, 1, 2].map(|i| common::gain(&play, Arbiter(i)));
    assert_eq!(arbiters, [75_000, 75_000, -250_000]);
}

/// A stake that was taken back makes the appeal impossible. Only who lets more than 2·Δ_D pass after its own window
/// meets that: at the latest delivery, rejection and appeal the stakes are still locked.
fn stakes_before_a_late_appeal(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let deadline = common::deliver_height(play.terms());
    let unlock = stake_unlock_height(play.terms().params());
    let txd = play
        .complete(Worker, common::node(&play, Exit::DELIVERED))
        .unwrap();
    let txv0 = play
        .complete(Verifier, common::node(&play, Exit::REJECTED))
        .unwrap();
    let txa = play
        .complete(Worker, common::node(&play, Exit::APPEALED))
        .unwrap();
    before(&mut play, deadline);
    let delivered = common::mined(&mut play, &txd);
    before(&mut play, delivered + 6);
    let rejected = common::mined(&mut play, &txv0);
    assert!(
        unlock - (rejected + 6) >= 24,
        "2·Δ_D are left when the appeal's window ends"
    );
    before(&mut play, unlock + 1);
    let key = play.participant(Arbiter(1)).unwrap().key().unwrap();
    let back = reclaim_stake(play.terms(), play.graph(), 1, &key, common::miner(), LOW).unwrap();
    common::mined(&mut play, &back);
    assert!(
        is_spent(&refused(&mut play, &txa)),
        "there is no appeal any more"
    );
    play.publish(Verifier, Exit::UNAPPEALED, "test").unwrap();
    assert_eq!(gains(&play), [0, -150_000, 50_000]);
}

/// WEAKNESS of arbiters that do not take their stakes back: worker and verifier can start a dispute at any time
/// after, and silent arbiters lose εa. Whoever has judged nothing must take its stake back at its height.
fn a_late_appeal_before_stakes(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::reject(&mut play);
    let unlock = stake_unlock_height(play.terms().params());
    before(&mut play, unlock + 30);
    let txa = play
        .publish(Worker, Exit::APPEALED, "long after the last deadline")
        .unwrap();
    assert!(play.height_of(&txa).unwrap() > unlock);
    let nobody = Rulings {
        worker: ArbiterSet::empty(),
        verifier: ArbiterSet::empty(),
    };
    play.publish(Client, Exit::failed(Some(nobody), false), "nobody listens")
        .unwrap();
    (0..3).for_each(|i| assert_eq!(common::gain(&play, Arbiter(i)), -125_000));
}

/// An arbiter that attests both rulings makes a majority possible on either side; the first confirmed counts. Its
/// identity key is then everybody's.
fn equivocation_opens_both(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::appeal(&mut play);
    let appealed = play.chain().height().unwrap();
    common::rule(&mut play, [0, 1], Ruling::WorkerAtFault);
    common::rule(&mut play, [1, 2], Ruling::VerifierAtFault);
    before(&mut play, appealed + 2);
    let six = common::node(&play, Exit::ruled(Ruling::WorkerAtFault, set(&[0, 1])));
    let seven = common::node(&play, Exit::ruled(Ruling::VerifierAtFault, set(&[1, 2])));
    let six = play.complete(Verifier, six).unwrap();
    let seven = play.complete(Worker, seven).unwrap();
    let both =
        [Ruling::WorkerAtFault, Ruling::VerifierAtFault].map(|r| common::attestation(&play, 1, r));
    let secp = bitcoin::secp256k1::Secp256k1::new();
    let identity = play
        .participant(Arbiter(1))
        .unwrap()
        .identity()
        .unwrap()
        .x_only_public_key()
        .0;
    assert_eq!(
        leaked_key(&play, &both).x_only_public_key(&secp).0,
        identity
    );
    common::mined(&mut play, &six);
    assert!(is_spent(&refused(&mut play, &seven)));
    assert_eq!(gains(&play), [0, -200_000, 50_000]);
}

fn leaked_key(
    play: &ContractPlay<'_>,
    both: &[narthex::contracts::attest::Attestation; 2],
) -> bitcoin::secp256k1::SecretKey {
    let identity = play.terms().identity(1).unwrap();
    let (secp, id) = (
        bitcoin::secp256k1::Secp256k1::new(),
        *play.terms().contract_id(),
    );
    narthex::contracts::attest::extract_identity_key(&secp, identity, &id, &both[0], &both[1])
        .unwrap()
}
