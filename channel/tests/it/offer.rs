//! An offer keeps the laws of machines, and takes nobody's word for another.

use bitcoin::{
    Amount, FeeRate, OutPoint, Txid,
    hashes::Hash as _,
    secp256k1::{
        Keypair, PublicKey, Secp256k1, SecretKey,
        rand::{Rng, rngs::StdRng},
    },
};
use narthex_base::codec::Message as _;
use narthex_channel::{
    Machine as _,
    laws::{Effort, Subject, check},
    offer::{
        Accept, Decline, Invited, Offer, OfferEffect, OfferFault, OfferInput, OfferMachine,
        OfferRefusal, Offering, Unbonded,
    },
    setup::Timing,
};
use narthex_contracts::{
    bond::{BondScript, Certificate, Claim, Lock},
    enrolment::{Enrolment, Scope},
    party::PartyId,
    terms::Role,
};
use narthex_game_model::{
    Params, ParamsRecord, Template, bundle::Bundle, computation::JobSpec,
    schedule::stake_unlock_height,
};

use crate::rows;

const ARBITERS: u8 = 3;

fn pair(byte: u8) -> Keypair {
    let key = SecretKey::from_slice(&[byte; 32]).unwrap();
    Keypair::from_secret_key(&Secp256k1::new(), &key)
}

/// The node key of a role.
fn node(role: Role) -> Keypair {
    pair(1 + role.index() as u8)
}

pub fn offer() -> Offer {
    let record = ParamsRecord::example_of(Template::Hardened, ARBITERS, 2, 500);
    Offer {
        chain: [0xcc; 32],
        salt: [7; 32],
        params: Params::new(record).unwrap(),
        job: JobSpec {
            program: [1; 32],
            input_root: [2; 32],
            steps: 100,
            output_bytes: 4,
        },
        bundle: Bundle::new([3; 32], vec![300, 70_000]).unwrap(),
        rate: FeeRate::from_sat_per_kwu(500),
        parties: Role::all(ARBITERS)
            .map(|role| Invited {
                node: node(role).public_key(),
                address: format!("127.0.0.1:{}", 9_000 + role.index()),
            })
            .collect(),
        timing: Timing {
            patience_s: 30,
            funding_deadline: 300,
            margin: 1,
            burial: 1,
        },
        expires_s: 1_000,
        bond: Amount::ZERO,
    }
}

fn enrol(offer: &Offer, role: Role, key: u8) -> Enrolment {
    let scope = Scope::Negotiation(offer.id());
    Enrolment::sign(scope, role, &node(role), &pair(key)).unwrap()
}

pub fn offering() -> Offering {
    let offer = offer();
    let enrolment = enrol(&offer, Role::Client, 100);
    Offering { offer, enrolment }
}

/// An answer without a bond.
fn plain(enrolment: Enrolment) -> Box<Accept> {
    let bond = None;
    Box::new(Accept { enrolment, bond })
}

fn accept(role: Role) -> OfferInput {
    OfferInput::Accepted {
        by: role.into(),
        accept: plain(enrol(&offer(), role, 100 + role.index() as u8)),
    }
}

fn decline(role: Role) -> OfferInput {
    OfferInput::Declined {
        by: role.into(),
        decline: Decline::new("busy"),
    }
}

struct Side(Role);

impl Subject for Side {
    type Machine = OfferMachine;
    type State = OfferMachine;

    fn begin(&mut self, rng: &mut StdRng) {
        let all: Vec<_> = Role::all(ARBITERS).collect();
        self.0 = all[rng.gen_range(0..all.len())];
    }

    fn fresh(&self) -> OfferMachine {
        OfferMachine::default()
    }

    fn state(&self, machine: &OfferMachine) -> OfferMachine {
        machine.clone()
    }

    fn input(&mut self, machine: &OfferMachine, rng: &mut StdRng) -> OfferInput {
        let is_new = machine.offering().is_none() && rng.gen_bool(0.8);
        let role = Role::all(ARBITERS).nth(rng.gen_range(0..6)).unwrap();
        match rng.gen_range(0..12) {
            _ if is_new => OfferInput::Offered {
                me: self.0,
                offering: Box::new(offering()),
            },
            0 => decline(role),
            1 => decline(self.0),
            2 => OfferInput::Tick {
                unix_s: rng.gen_range(0..1_100),
            },
            3 => OfferInput::Accepted {
                by: role.into(),
                accept: plain(enrol(&offer(), role, 200)),
            },
            _ => accept(role),
        }
    }
}

#[test]
fn all_parties_keep_the_laws() {
    let mut side = Side(Role::Client);
    rows::print(&mut side, 400, 20);
    check(&mut side, Effort::new(7, 400, 20)).unwrap_or_else(|e| panic!("{e}"));
}

fn started(me: Role) -> OfferMachine {
    let mut machine = OfferMachine::default();
    take(
        &mut machine,
        &OfferInput::Offered {
            me,
            offering: Box::new(offering()),
        },
    )
    .unwrap();
    machine
}

fn take(machine: &mut OfferMachine, input: &OfferInput) -> Result<Vec<OfferEffect>, OfferRefusal> {
    let step = machine.step(input)?;
    step.changes.iter().for_each(|change| machine.apply(change));
    Ok(step.effects)
}

#[test]
fn whoever_has_everybodys_word_begins() {
    let mut machine = started(Role::Verifier);
    for role in [
        Role::Arbiter(1),
        Role::Worker,
        Role::Arbiter(0),
        Role::Arbiter(2),
    ] {
        assert_eq!(take(&mut machine, &accept(role)).unwrap(), []);
    }
    let all = [OfferEffect::Accept, OfferEffect::Begin];
    assert_eq!(take(&mut machine, &accept(Role::Verifier)).unwrap(), all);
    // What comes later changes nothing: whoever wants out leaves the set-up.
    assert!(take(&mut machine, &decline(Role::Worker)).is_err());
    assert_eq!(machine.pending(), all);
}

#[test]
fn nobody_speaks_for_another() {
    let mut machine = started(Role::Verifier);
    // The worker's enrolment under an arbiter's name, and of a node that was not asked.
    let OfferInput::Accepted { accept: its, .. } = accept(Role::Worker) else {
        panic!();
    };
    let by = PartyId::from(Role::Arbiter(0));
    let refused = take(&mut machine, &OfferInput::Accepted { by, accept: its });
    assert!(matches!(
        refused,
        Err(OfferRefusal::Fault(OfferFault::OtherNode { .. }))
    ));
    let scope = Scope::Negotiation(offer().id());
    let its = plain(Enrolment::sign(scope, Role::Worker, &pair(50), &pair(101)).unwrap());
    let by = PartyId::from(Role::Worker);
    assert!(take(&mut machine, &OfferInput::Accepted { by, accept: its }).is_err());
    // For another negotiation.
    let other = Scope::Negotiation([9; 32]);
    let its = Enrolment::sign(other, Role::Worker, &node(Role::Worker), &pair(101)).unwrap();
    let its = plain(its);
    assert!(take(&mut machine, &OfferInput::Accepted { by, accept: its }).is_err());
    // Two keys of one party: the first counts.
    take(&mut machine, &accept(Role::Worker)).unwrap();
    let its = plain(enrol(&offer(), Role::Worker, 201));
    let refused = take(&mut machine, &OfferInput::Accepted { by, accept: its });
    assert!(matches!(refused, Err(OfferRefusal::Answered(_))));
    let by = PartyId(9);
    let decline = Decline::new("no");
    assert!(matches!(
        take(&mut machine, &OfferInput::Declined { by, decline }),
        Err(OfferRefusal::Stranger(_))
    ));
}

#[test]
fn an_offer_that_does_not_go_together_is_refused() {
    let spoilt = |spoil: &dyn Fn(&mut Offer)| {
        let mut offer = offer();
        spoil(&mut offer);
        let enrolment = enrol(&offer, Role::Client, 100);
        Offering { offer, enrolment }.check().unwrap_err()
    };
    let fewer = spoilt(&|offer| drop(offer.parties.pop()));
    assert_eq!(
        fewer,
        OfferFault::Parties {
            given: 5,
            wanted: 6
        }
    );
    let twice = spoilt(&|offer| offer.parties[3].node = offer.parties[1].node);
    assert!(matches!(twice, OfferFault::OneNode { .. }), "{twice}");
    let late = spoilt(&|offer| offer.timing.funding_deadline = 500);
    assert!(matches!(late, OfferFault::Deadline { .. }), "{late}");
    let zero = spoilt(&|offer| offer.timing.patience_s = 0);
    assert!(matches!(zero, OfferFault::Negotiation(_)), "{zero}");
    let other = spoilt(&|offer| offer.parties[0].node = node(Role::Arbiter(9)).public_key());
    assert!(matches!(other, OfferFault::OtherNode { .. }), "{other}");
    // The id covers all of it.
    let mut changed = offer();
    changed.parties[4].address.push('1');
    assert_ne!(changed.id(), offer().id());
}

#[test]
fn what_is_offered_is_read_back() {
    let offering = offering();
    let bytes = offering.to_bytes();
    assert_eq!(Offering::from_bytes(&bytes).unwrap(), offering);
    // An address is shown to people.
    let mut unprintable = offering;
    unprintable.offer.parties[1].address = "a b".into();
    assert!(Offering::from_bytes(&unprintable.to_bytes()).is_err());
    let _: PublicKey = unprintable.offer.parties[1].node;
}

/// What an arbiter with a bond claims of it.
fn claim(role: Role, owner: u8, end: u32) -> Claim {
    Claim {
        script: BondScript::taproot(
            pair(owner).x_only_public_key().0,
            Lock::height(end).unwrap(),
        ),
        outpoint: OutPoint::new(Txid::from_byte_array([9; 32]), 1),
        value: Amount::from_sat(50_000),
        confirmed_height: 100,
        identity: node(role).x_only_public_key().0,
    }
}

fn certified(claim: Claim, owner: u8) -> Certificate {
    let end = claim.script.lock().to_consensus();
    Certificate::sign(&Secp256k1::new(), claim, end, &pair(owner)).unwrap()
}

/// A bond of the first arbiter that holds.
pub fn bond() -> Certificate {
    certified(claim(Role::Arbiter(0), 60, 900), 60)
}

/// The same offer, and it wants bonds.
fn bonded(wanted: u64) -> (OfferMachine, Offer) {
    let offer = Offer {
        bond: Amount::from_sat(wanted),
        ..offer()
    };
    let enrolment = enrol(&offer, Role::Client, 100);
    let offering = Box::new(Offering {
        offer: offer.clone(),
        enrolment,
    });
    let mut machine = OfferMachine::default();
    let me = Role::Verifier;
    take(&mut machine, &OfferInput::Offered { me, offering }).unwrap();
    (machine, offer)
}

fn answered(
    machine: &mut OfferMachine,
    (offer, role): (&Offer, Role),
    bond: Option<Certificate>,
) -> Result<(), Unbonded> {
    let enrolment = enrol(offer, role, 100 + role.index() as u8);
    let accept = Box::new(Accept { enrolment, bond });
    let by = role.into();
    match take(machine, &OfferInput::Accepted { by, accept }) {
        Ok(_) => Ok(()),
        Err(OfferRefusal::Fault(OfferFault::Bond { why, .. })) => Err(why),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_bond_stands_for_its_node_alone_and_until_the_last_stake_is_free() {
    let first = Role::Arbiter(0);
    let (fresh, offer) = bonded(50_000);
    let unlock = stake_unlock_height(&offer.params);
    let refused = |bond: Option<Certificate>| {
        let mut machine = fresh.clone();
        let why = answered(&mut machine, (&offer, first), bond).unwrap_err();
        // Nothing of it is kept.
        assert_eq!(machine, fresh);
        why
    };
    assert!(matches!(refused(None), Unbonded::None { .. }));
    let small = Claim {
        value: Amount::from_sat(49_999),
        ..claim(first, 60, 900)
    };
    let small = refused(Some(certified(small, 60)));
    assert!(matches!(small, Unbonded::Small { .. }), "{small}");
    // Another's, by whose owner's word or not.
    let others = refused(Some(certified(claim(Role::Arbiter(1), 60, 900), 60)));
    assert!(matches!(others, Unbonded::OtherNode { .. }), "{others}");
    let own = node(first).secret_key().secret_bytes()[0];
    let node_key = refused(Some(certified(claim(first, own, 900), own)));
    assert_eq!(node_key, Unbonded::NodeKey);
    let early = refused(Some(certified(claim(first, 60, unlock), 60)));
    assert_eq!(
        early,
        Unbonded::Early {
            end: unlock,
            unlock
        }
    );
    let timed = Claim {
        script: BondScript::taproot(
            pair(60).x_only_public_key().0,
            Lock::time(1_900_000_000).unwrap(),
        ),
        ..claim(first, 60, 900)
    };
    let timed = Certificate::sign(&Secp256k1::new(), timed, 900, &pair(60)).unwrap();
    assert_eq!(refused(Some(timed)), Unbonded::Form);
    // With one bit of it otherwise than its owner has signed.
    let mut bytes = bond().to_bytes();
    let at = bytes.len() - 64 - 4 - 32 - 4 - 1;
    bytes[at] ^= 1;
    let altered = Certificate::from_bytes(&bytes).unwrap();
    assert!(matches!(refused(Some(altered)), Unbonded::Fault(_)));

    let mut machine = fresh.clone();
    let just = certified(claim(first, 60, unlock + 1), 60);
    answered(&mut machine, (&offer, first), Some(just)).unwrap();
    let said = machine.accept(first.into()).unwrap();
    assert_eq!(said.identity(), pair(60).x_only_public_key().0);
    assert_eq!(said.bonded_until(), Some(unlock + 1));
    // The same bond behind another seat, with its owner's word for that node too.
    let again = certified(claim(Role::Arbiter(1), 60, 900), 60);
    let again = answered(&mut machine, (&offer, Role::Arbiter(1)), Some(again));
    assert_eq!(again, Err(Unbonded::Twice));
    // Who rules on nothing has none.
    let worker = certified(claim(Role::Worker, 61, 900), 61);
    let worker = answered(&mut machine, (&offer, Role::Worker), Some(worker));
    assert_eq!(worker, Err(Unbonded::NoArbiter));

    // Where none is wanted one may be there, and without one the identity is the node's.
    let (mut machine, offer) = bonded(0);
    answered(&mut machine, (&offer, first), Some(bond())).unwrap();
    let second = Role::Arbiter(1);
    answered(&mut machine, (&offer, second), None).unwrap();
    let said = machine.accept(second.into()).unwrap();
    assert_eq!(said.identity(), node(second).x_only_public_key().0);
    assert_eq!(said.bonded_until(), None);
}
