//! Every leaf of a delivery early, late, replaced and reorganised, and every cheat, on both chains.

use crate::common;
use crate::deliver_support;

use bitcoin::{
    Amount, Transaction, TxOut, Witness,
    secp256k1::{
        Message, PublicKey, Secp256k1, SecretKey,
        rand::{SeedableRng, rngs::StdRng},
        schnorr,
    },
};
use common::{is_bad_script, is_spent, is_too_early, miner};
use deliver_support::{
    AMOUNT, empty_blocks, gains, mined, options, paid, prepared, refused, sat, t,
};
use narthex::{
    contracts::{
        builder::{Task, finish},
        deliver::{
            AgentDuty, Coin, DeliverError, Handover, Reading, Recipient, SenderDuty, Shared,
            agent_name,
        },
        fixtures::MadeUpNode,
        graph::NodeId,
        terms::FeeRate,
    },
    deliver::{DEPTH, DeliveryPlay},
    regtest::{Chain, Error},
};

on_both_chains!(
    a_claim_needs_key_recipient_and_agent,
    an_agent_cannot_use_what_is_anothers,
    the_refund_early_and_late,
    a_claim_and_a_refund_race,
    a_funding_that_is_double_spent,
    a_funding_that_is_not_the_one_agreed,
    funding_and_claim_reorganised,
    claims_are_replaced,
    the_sender_is_an_agent_itself,
    sender_and_recipient_take_nothing_before_t,
    strangers_announce,
);

/// Each part of a claim missing, false, or in another's place is refused, by miners too.
fn a_claim_needs_key_recipient_and_agent(chain: &mut dyn Chain) {
    let mut play = paid(chain, &[0]);
    let (good, fee) = play.claim_of(0).unwrap();
    let stack: Vec<Vec<u8>> = good.input[0].witness.iter().map(<[u8]>::to_vec).collect();
    let with = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let (mut bad, mut stack) = (good.clone(), stack.clone());
        change(&mut stack);
        bad.input[0].witness = Witness::from_slice(&stack);
        bad
    };
    // u_i, the recipient's signature, the agent's, script, control block.
    let bad = [
        with(&|s| s[0] = vec![7; 32]),
        with(&|s| s[1] = vec![7; 65]),
        with(&|s| s.swap(0, 1)),
        with(&|s| s[0] = s[1].clone()),
        with(&|s| s[1] = s[0].clone()),
        with(&|s| s[0].clear()),
        with(&|s| s[1].clear()),
        with(&|s| s[1].push(0)),
        // The recipient's signature taken for one of the whole transaction, or of its one output.
        with(&|s| s[1].truncate(64)),
        with(&|s| s[1][64] = 0x83),
        with(&|s| s.swap(1, 2)),
        with(&|s| drop(s.remove(0))),
        with(&|s| s[2] = vec![1; 64]),
        with(&|s| s[2].clear()),
    ];
    for bad in bad {
        assert!(is_bad_script(&refused(&mut play, &bad)));
    }
    // The same to another payee: whoever sees the claim in the mempool has no signature for it.
    let mut stolen = good.clone();
    stolen.output[0].script_pubkey = play.harness().participant(2).unwrap().script.clone();
    assert!(is_bad_script(&refused(&mut play, &stolen)));
    // The key path is nobody's.
    let mut lone = good.clone();
    lone.input[0].witness = Witness::from_slice(&[&stack[2]]);
    assert!(is_bad_script(&refused(&mut play, &lone)));
    mined(&mut play, &good);
    assert_eq!(gains(&mut play), [-AMOUNT, AMOUNT - sat(fee), 0]);
}

/// Agent 2 has agent 1's whole witness, and its own key: still nothing.
fn an_agent_cannot_use_what_is_anothers(chain: &mut dyn Chain) {
    let mut play = paid(chain, &[0]);
    let (first, _) = play.claim_of(0).unwrap();
    let shown = play.delivery().claimed_by(&first).unwrap();
    let terms = play.delivery().terms().id();
    let accepted = shown_acceptance(&first);
    let replay = Handover {
        terms,
        agent: 1,
        signature: accepted,
    };
    let taken = taken(&mut play, 1, replay);
    assert_eq!(taken, Err(DeliverError::FalseAcceptance { agent: 1 }));
    // Nor by hand: a claim of agent 2's with agent 1's key does not fit its leaf…
    let graph = play.delivery().claim(1, Amount::from_sat(500)).unwrap();
    let preimages = [*shown.key.expose()];
    let signatures = [[1; 64], accepted.serialize()];
    assert!(finish(&graph, NodeId(0), &signatures, &preimages).is_err());
    // …nor does agent 1's acceptance with agent 2's own key and signature…
    let own = play.agent(1).unwrap().record().key.clone();
    let theirs = by_hand(&mut play, 1, accepted, own.expose());
    assert!(is_bad_script(&refused(&mut play, &theirs)));
    // …and agent 1's leaf wants agent 1's signature.
    let mut theirs = first.clone();
    theirs.output[0].script_pubkey = play.harness().participant(2).unwrap().script.clone();
    assert!(is_bad_script(&refused(&mut play, &theirs)));
    mined(&mut play, &first);
    assert!(matches!(play.read().unwrap(), Reading::Message(_)));
}

fn the_refund_early_and_late(chain: &mut dyn Chain) {
    let mut play = paid(chain, &[]);
    let (refund, fee) = play.refund_of().unwrap();
    let t = t(&play);
    play.harness().wait_for(t).unwrap();
    assert!(is_too_early(&refused(&mut play, &refund)), "at T itself");
    let (tip, coin) = play.status().unwrap();
    assert_eq!(play.sender().unwrap().duty(tip, coin), SenderDuty::Wait);
    // Without its lock time the script itself refuses, at any height.
    let mut unlocked = refund.clone();
    unlocked.lock_time = bitcoin::absolute::LockTime::ZERO;
    assert!(is_bad_script(&refused(&mut play, &unlocked)));
    empty_blocks(&mut play, 1);
    let (tip, coin) = play.status().unwrap();
    assert_eq!(
        (tip, play.sender().unwrap().duty(tip, coin)),
        (t, SenderDuty::Refund)
    );
    assert!(mined(&mut play, &refund) > t);
    assert_eq!(gains(&mut play), [-sat(fee), 0, 0]);
    assert_eq!(play.coin().unwrap(), Coin::Spent);
}

/// An agent that slept until T still claims as long as no refund is confirmed; after one it has nothing.
fn a_claim_and_a_refund_race(chain: &mut dyn Chain) {
    let mut play = paid(chain, &[0]);
    let (claim, fee) = play.claim_of(0).unwrap();
    let (refund, back) = play.refund_of().unwrap();
    let t = t(&play);
    play.harness().wait_for(t).unwrap();
    let (tip, coin) = play.status().unwrap();
    assert_eq!(play.agent(0).unwrap().duty(tip, coin), AgentDuty::Claim);
    play.harness().wait_for(t + 2).unwrap();
    mined(&mut play, &claim);
    assert!(is_spent(&refused(&mut play, &refund)));
    assert_eq!(gains(&mut play), [-AMOUNT, AMOUNT - sat(fee), 0]);
    // The same race the other way round: the sender has its coin back, and the recipient its message, by the claim
    // that everybody saw.
    play.chain().disconnect(1).unwrap();
    mined(&mut play, &refund);
    assert!(is_spent(&refused(&mut play, &claim)));
    assert_eq!(gains(&mut play), [-sat(back), 0, 0]);
    let read = play.recipient().unwrap().read(&claim).unwrap();
    assert!(matches!(read, Reading::Message(_)));
}

/// The sender spends its coins elsewhere before the funding confirms: no agent served, none loses anything.
fn a_funding_that_is_double_spent(chain: &mut dyn Chain) {
    let mut play = prepared(chain);
    let tip = play.chain().height().unwrap();
    let mut psbt = play
        .sender()
        .unwrap()
        .funding_psbt(tip, &MadeUpNode)
        .unwrap();
    let amount = Amount::from_sat(20_000);
    let (funding, _) = play.harness().sign_funding(0, &mut psbt, amount).unwrap();
    play.chain().submit(&funding).unwrap();
    assert_eq!(play.coin().unwrap(), Coin::Unfunded);
    let request = asked(&play);
    let unpaid = play.agent(0).unwrap().serve(&request, tip, Coin::Unfunded);
    assert!(matches!(unpaid, Err(DeliverError::NotFunded { .. })));
    let rival = elsewhere(&mut play, &funding);
    mined(&mut play, &rival);
    assert!(is_spent(&refused(&mut play, &funding)));
    play.harness().mine(6).unwrap();
    let (tip, coin) = play.status().unwrap();
    assert_eq!(coin, Coin::Unfunded);
    assert_eq!(play.agent(0).unwrap().duty(tip, coin), AgentDuty::Wait);
    play.scan().unwrap();
    assert!(play.served(0).is_err());
}

fn asked(play: &DeliveryPlay<'_>) -> narthex::contracts::deliver::Request {
    let (outpoint, _) = play.delivery().coin().unwrap();
    narthex::contracts::deliver::Request {
        funding: outpoint.txid,
        accepted: Default::default(),
    }
}

/// The sender's own payment of the coins that `funding` spends, to itself.
fn elsewhere(play: &mut DeliveryPlay<'_>, funding: &Transaction) -> Transaction {
    let participant = play.harness().participant(0).unwrap();
    let mut other = funding.clone();
    let all: Amount = other.output.iter().map(|out| out.value).sum();
    other.output = vec![TxOut {
        value: all,
        script_pubkey: participant.script.clone(),
    }];
    sign(play, other, funding)
}

/// Signed by the sender's wallet anew.
fn sign(play: &mut DeliveryPlay<'_>, mut tx: Transaction, funding: &Transaction) -> Transaction {
    for input in &mut tx.input {
        input.witness = Witness::new();
    }
    assert_eq!(tx.input.len(), funding.input.len());
    let mut psbt = bitcoin::Psbt::from_unsigned_tx(tx).unwrap();
    let participant = play.harness().participant(0).unwrap();
    for (input, txin) in psbt.inputs.iter_mut().zip(&funding.input) {
        input.witness_utxo = participant
            .wallet
            .coin(txin.previous_output)
            .map(|coin| coin.prevout);
    }
    participant.wallet.sign_all(&mut psbt).unwrap()
}

/// Less money, another script, another root, under the same announcement or not: nobody serves, nobody pays.
fn a_funding_that_is_not_the_one_agreed(chain: &mut dyn Chain) {
    type Change = fn(&mut Transaction);
    let changes: [Change; 3] = [
        |tx| tx.output[0].value -= Amount::ONE_SAT,
        |tx| tx.output[0].script_pubkey = miner(),
        |tx| {
            let mut script = tx.output[1].script_pubkey.to_bytes();
            script[20] ^= 1;
            tx.output[1].script_pubkey = script.into();
        },
    ];
    for change in changes {
        let mut play = prepared(chain);
        let tip = play.chain().height().unwrap();
        let mut psbt = play
            .sender()
            .unwrap()
            .funding_psbt(tip, &MadeUpNode)
            .unwrap();
        let amount = Amount::from_sat(20_000);
        let (agreed, _) = play.harness().sign_funding(0, &mut psbt, amount).unwrap();
        let mut other = agreed.clone();
        change(&mut other);
        let other = sign(&mut play, other, &agreed);
        mined(&mut play, &other);
        play.harness().mine(6).unwrap();
        let (tip, coin) = play.status().unwrap();
        assert_eq!(coin, Coin::Unfunded);
        assert_eq!(play.agent(0).unwrap().duty(tip, coin), AgentDuty::Wait);
        let mut ask = asked(&play);
        assert!(play.agent(0).unwrap().serve(&ask, tip, coin).is_err());
        ask.funding = other.compute_txid();
        let foreign = play.agent(0).unwrap().serve(&ask, tip, coin);
        assert_eq!(foreign, Err(DeliverError::Foreign));
        // An agent that shows the terms all the same convinces nobody.
        let announced =
            narthex::contracts::deliver::Scanner::new(play.recipient_key()).look(&other);
        if let Some(found) = announced {
            let (terms, key) = (play.sender().unwrap().record().terms, play.recipient_key());
            let opened = Recipient::open(&found, (terms, DEPTH), &key);
            assert!(matches!(opened, Err(DeliverError::OtherFunding { .. })));
        }
    }
}

/// After a reorganisation acceptance and u_i are public: the agent is paid all the same, and nobody else.
fn funding_and_claim_reorganised(chain: &mut dyn Chain) {
    let mut play = paid(chain, &[0]);
    let (outpoint, _) = play.delivery().coin().unwrap();
    let (funding, _) = play.chain().transaction(outpoint.txid).unwrap().unwrap();
    let (claim, fee) = play.claim_of(0).unwrap();
    mined(&mut play, &claim);
    // Claim and funding are lost: depth blocks of burying, one of the claim.
    let depth = options().depth.blocks() + 1;
    play.chain().disconnect(depth).unwrap();
    assert_eq!(play.coin().unwrap(), Coin::Unfunded);
    let (tip, coin) = play.status().unwrap();
    assert_eq!(play.agent(0).unwrap().duty(tip, coin), AgentDuty::Wait);
    let late = play.hand_over(0).unwrap_err();
    let late = late.refusal::<DeliverError>();
    assert!(matches!(late, Some(DeliverError::NotFunded { .. })));
    let mut rng = StdRng::seed_from_u64(1);
    let late = play
        .recipient()
        .unwrap()
        .hand_over(0, (tip, coin), &mut rng);
    assert!(matches!(late, Err(DeliverError::NotFunded { .. })));
    // Agent 2 and strangers know all that the claim showed.
    let terms = play.delivery().terms().id();
    let replay = Handover {
        terms,
        agent: 1,
        signature: shown_acceptance(&claim),
    };
    assert!(taken(&mut play, 1, replay).is_err());
    let mut stolen = claim.clone();
    stolen.output[0].script_pubkey = miner();
    let pair = [funding.clone(), stolen];
    let answer = play.chain().mine_exactly(&pair, &miner());
    assert!(matches!(answer, Err(Error::BlockRejected { reason }) if is_bad_script(&reason)));
    mined(&mut play, &funding);
    // Not deep enough to serve strangers; the agent waits with its claim too, T is far.
    let (tip, coin) = play.status().unwrap();
    assert_eq!(play.agent(0).unwrap().duty(tip, coin), AgentDuty::Wait);
    empty_blocks(&mut play, 2);
    let (tip, coin) = play.status().unwrap();
    assert_eq!(play.agent(0).unwrap().duty(tip, coin), AgentDuty::Claim);
    mined(&mut play, &claim);
    assert_eq!(gains(&mut play), [-AMOUNT, AMOUNT - sat(fee), 0]);
    assert!(matches!(play.read().unwrap(), Reading::Message(_)));
}

/// Two agents outbid each other in the mempool, and one its own claim: a lower fee is refused, one coin pays one.
fn claims_are_replaced(chain: &mut dyn Chain) {
    let mut play = paid(chain, &[0, 1]);
    let (first, _) = play.claim_of(0).unwrap();
    play.chain().submit(&first).unwrap();
    let (rival, _) = play.claim_of(1).unwrap();
    // The same fee for the same size replaces nothing (BIP125).
    assert!(matches!(
        play.chain().submit(&rival),
        Err(Error::Rejected { .. })
    ));
    play.harness().set_rate(FeeRate::from_sat_per_kwu(1_000));
    let (rival, _) = play.claim_of(1).unwrap();
    play.chain().submit(&rival).unwrap();
    play.harness().set_rate(FeeRate::from_sat_per_kwu(2_000));
    let (bumped, fee) = play.claim_of(0).unwrap();
    play.chain().submit(&bumped).unwrap();
    let pool = play.chain().mempool().unwrap();
    assert!(pool.contains(&bumped.compute_txid()));
    assert!(!pool.contains(&rival.compute_txid()) && !pool.contains(&first.compute_txid()));
    play.harness().mine(1).unwrap();
    for lost in [&first, &rival] {
        assert!(is_spent(&refused(&mut play, lost)));
    }
    assert_eq!(gains(&mut play), [-AMOUNT, AMOUNT - sat(fee), 0]);
    assert!(matches!(play.read().unwrap(), Reading::Message(_)));
}

/// What an agent's machine says to an acceptance.
fn taken(play: &mut DeliveryPlay<'_>, agent: u8, said: Handover) -> Result<(), DeliverError> {
    let taken = play.take(agent, said);
    taken.map_err(|error| error.refusal::<DeliverError>().unwrap().clone())
}

/// The recipient's signature that a claim shows, without its sighash byte.
fn shown_acceptance(claim: &Transaction) -> schnorr::Signature {
    let shown = claim.input[0].witness.nth(1).unwrap();
    assert_eq!((shown.len(), shown[64]), (65, 0x82));
    schnorr::Signature::from_slice(&shown[..64]).unwrap()
}

/// A claim of an agent's with any signature in the place of the recipient's, at a fee that replaces all others.
fn by_hand(
    play: &mut DeliveryPlay<'_>,
    agent: u8,
    accepted: schnorr::Signature,
    unseal: &[u8; 32],
) -> Transaction {
    let graph = play
        .delivery()
        .claim(agent, Amount::from_sat(5_000))
        .unwrap();
    let key = play.harness().key(usize::from(agent) + 1, 0).unwrap();
    let own = Task::new(&graph, NodeId(0), 0).unwrap();
    let signer = (agent_name(agent), &key);
    let own = own.sign_alone(signer, None, play.harness().rng()).unwrap();
    let signatures = [own.0, accepted.serialize()];
    finish(&graph, NodeId(0), &signatures, &[*unseal]).unwrap()
}

/// A plain signature of what the recipient would sign to accept an agent.
fn accepted_by(play: &DeliveryPlay<'_>, agent: u8, key: &SecretKey) -> schnorr::Signature {
    let graph = play.delivery().claim(agent, Amount::ONE_SAT).unwrap();
    let message = graph.release_hashes(NodeId(0)).unwrap()[0];
    let secp = Secp256k1::new();
    secp.sign_schnorr_no_aux_rand(&Message::from_digest(message), &key.keypair(&secp))
}

/// A sender that is agent 2 knows the seed, every u_i, what it shares with the recipient, and sees agent 1's claim. It
/// takes nothing back: agent 2 was not accepted, and nothing that the sender knows accepts it.
fn the_sender_is_an_agent_itself(chain: &mut dyn Chain) {
    let mut play = paid(chain, &[0]);
    let (served, fee) = play.claim_of(0).unwrap();
    play.chain().submit(&served).unwrap();
    let record = play.sender().unwrap().record();
    let (terms, seed) = (play.delivery().terms().id(), record.seed);
    let sender_key = play.harness().key(0, 0).unwrap();
    // All scalars that it has: its own key, its agent's, what it shares with the recipient, the seed.
    let secp = Secp256k1::new();
    let recipient = PublicKey::from_secret_key(&secp, &play.recipient_key());
    let shared = Shared::of_recipient(&play.recipient_key(), &record.terms.ephemeral);
    assert_eq!(
        shared.one_time_key(&recipient),
        Some(record.terms.recipient)
    );
    let known = [
        sender_key,
        play.harness().key(2, 0).unwrap(),
        SecretKey::from_slice(shared.expose()).unwrap(),
        SecretKey::from_slice(shared.envelope_key().expose()).unwrap(),
        SecretKey::from_slice(seed.expose()).unwrap(),
    ];
    let mut tries = known
        .iter()
        .map(|key| accepted_by(&play, 1, key))
        .collect::<Vec<_>>();
    tries.push(shown_acceptance(&served));
    let unseal = play.sender().unwrap().assignment(1).unwrap().key;
    for signature in tries {
        let handover = Handover {
            terms,
            agent: 1,
            signature,
        };
        assert_eq!(
            taken(&mut play, 1, handover),
            Err(DeliverError::FalseAcceptance { agent: 1 })
        );
        let back = by_hand(&mut play, 1, signature, unseal.expose());
        assert!(is_bad_script(&refused(&mut play, &back)));
        assert!(play.chain().submit(&back).is_err());
    }
    mined(&mut play, &served);
    assert_eq!(gains(&mut play), [-AMOUNT, AMOUNT - sat(fee), 0]);
    let read = play.recipient().unwrap().read(&served).unwrap();
    assert!(matches!(read, Reading::Message(_)));
}

/// A sender in league with the recipient cannot end a delivery before T: that takes an agent.
fn sender_and_recipient_take_nothing_before_t(chain: &mut dyn Chain) {
    let mut play = paid(chain, &[0]);
    let (claim, _) = play.claim_of(0).unwrap();
    let mut theirs = claim.clone();
    theirs.output[0].script_pubkey = play.harness().participant(0).unwrap().script.clone();
    // The recipient's signature is good whatever the claim pays, so the agent's place is all that is missing.
    let graph = play.delivery().claim(0, Amount::from_sat(500)).unwrap();
    let message = graph.sighashes(NodeId(0)).unwrap()[0];
    let secp = Secp256k1::new();
    for key in [play.harness().key(0, 0).unwrap(), play.recipient_key()] {
        let own =
            secp.sign_schnorr_no_aux_rand(&Message::from_digest(message), &key.keypair(&secp));
        let mut stack: Vec<Vec<u8>> = claim.input[0].witness.iter().map(<[u8]>::to_vec).collect();
        stack[2] = own.serialize().to_vec();
        theirs.input[0].witness = Witness::from_slice(&stack);
        assert!(is_bad_script(&refused(&mut play, &theirs)));
    }
    let (refund, _) = play.refund_of().unwrap();
    assert!(is_too_early(&refused(&mut play, &refund)));
}

/// Announcements to others cost the recipient one multiplication each, and lead it nowhere.
fn strangers_announce(chain: &mut dyn Chain) {
    let mut ours = prepared(chain);
    let mut scanner = narthex::contracts::deliver::Scanner::new(ours.recipient_key());
    let first = ours.chain().height().unwrap() + 1;
    ours.fund().unwrap();
    let mine = ours.delivery().coin().unwrap().0.txid;
    drop(ours);
    for _ in 0..3 {
        let mut theirs = prepared(chain);
        theirs.fund().unwrap();
        let funded = theirs.chain().height().unwrap();
        let block = theirs.chain().block(funded).unwrap();
        assert!(block.txdata.iter().all(|tx| scanner.look(tx).is_none()));
    }
    assert_eq!(scanner.candidates(), 3);
    let block = chain.block(first).unwrap();
    let found = block.txdata.iter().find_map(|tx| scanner.look(tx)).unwrap();
    assert_eq!((found.txid, scanner.candidates()), (mine, 4));
}
