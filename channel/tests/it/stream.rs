//! Both sides of a stream keep the laws of machines, and at no instant is either ahead by more than a slice.

use std::sync::Arc;

use bitcoin::secp256k1::rand::{Rng, rngs::StdRng};
use narthex_channel::{
    Machine as _,
    laws::{Effort, Subject, check},
    offer::Decline,
    stream::{
        Metering, PayingInput, SealedSlice, ServingInput, StreamError, StreamOrder, StreamPayer,
        StreamProvider,
    },
};
use narthex_game_model::{
    commitment::{
        Domain, PolynomialSeed, ResultSecret, SaltSeed, Sealer, Sealing, TreeBuilder,
        WorkerSecrets, state_digest, work_leaf,
    },
    computation::{PortableProgram, ProgramData},
};

use crate::rows;

/// Two slices of two steps, for three pennies each.
pub fn order(first: u32) -> Arc<StreamOrder> {
    Arc::new(StreamOrder {
        bank: [7; 32],
        first,
        price: 3,
        slices: 2,
        steps: 2,
        output_bytes: 4,
        width: 1,
        program: PortableProgram::of(ProgramData::Wasm {
            source: vec![1; 9].into(),
            fuel: 1,
            memory_bytes: 1,
            output_bytes: 4,
            max_units: None,
        }),
        records: vec![1, 2, 3, 4],
    })
}

fn secrets(slice: u32) -> WorkerSecrets {
    let byte = 1 + slice as u8;
    WorkerSecrets {
        result: ResultSecret::from_bytes([byte; 32]),
        salts: SaltSeed::from_bytes([10 + byte; 32]),
        polynomial: PolynomialSeed::from_bytes([20 + byte; 32]),
    }
}

/// A slice whose first box may hold something else than its leaf.
fn sealed(order: &StreamOrder, slice: u32, is_good: bool) -> SealedSlice {
    let (secrets, job) = (secrets(slice), StreamOrder::slice_id(&order.id(), slice));
    let outputs = [[slice as u8; 4], [9; 4]];
    let mut leaves = TreeBuilder::new(Domain::Work);
    for (index, output) in (0..).zip(&outputs) {
        let salt = secrets.salts.salt(index);
        leaves.push(work_leaf(index, &salt, &state_digest(output)));
    }
    let (root, _) = leaves.finish().unwrap();
    let shape = order.shape().unwrap();
    let mut sealer = Sealer::new(&Sealing { job, root, shape }, &secrets).unwrap();
    let mut bytes = sealer.coefficients().to_vec();
    for (at, output) in outputs.iter().enumerate() {
        let boxed = if at == 0 && !is_good { [0; 4] } else { *output };
        bytes.extend(sealer.push_other(output, &boxed).unwrap());
    }
    SealedSlice {
        slice,
        commitment: sealer.finish().unwrap(),
        sealed: bytes,
    }
}

fn stop(rng: &mut StdRng) -> (bool, Decline) {
    (rng.r#gen(), Decline::new("enough"))
}

struct Paying {
    orders: [Arc<StreamOrder>; 2],
    good: Vec<[SealedSlice; 2]>,
    bad: Vec<[SealedSlice; 2]>,
}

impl Paying {
    fn new() -> Paying {
        let orders = [order(0), order(6)];
        let all = |is_good| {
            let of = |order: &Arc<StreamOrder>| [1, 2].map(|at| sealed(order, at, is_good));
            orders.iter().map(of).collect()
        };
        Paying {
            good: all(true),
            bad: all(false),
            orders,
        }
    }
}

impl Subject for Paying {
    type Machine = StreamPayer;
    type State = StreamPayer;

    fn fresh(&self) -> StreamPayer {
        StreamPayer::default()
    }

    fn state(&self, machine: &StreamPayer) -> StreamPayer {
        machine.clone()
    }

    fn input(&mut self, machine: &StreamPayer, rng: &mut StdRng) -> PayingInput {
        // Mostly of the stream that runs, and what it waits for.
        let runs = machine
            .order()
            .map_or(0, |order| usize::from(order.first > 0));
        let at = if rng.gen_ratio(1, 16) { 1 - runs } else { runs };
        let next = machine.opened().len() + usize::from(machine.held().is_none());
        let slice = if rng.gen_ratio(1, 12) {
            rng.gen_range(1..3)
        } else {
            next.clamp(1, 2)
        };
        match rng.gen_range(0..16u8) {
            0..=1 => PayingInput::Order(self.orders[rng.gen_range(0..2usize)].clone()),
            2..=6 => {
                let all = if rng.gen_ratio(1, 5) {
                    &self.bad
                } else {
                    &self.good
                };
                PayingInput::Slice(Box::new(all[at][slice - 1].clone()))
            }
            7..=11 => {
                let of = machine.held().map_or(1, |held| held.sealed.slice);
                let of = if rng.gen_ratio(1, 8) { 3 - of } else { of };
                PayingInput::Key {
                    slice: of,
                    secret: secrets(if rng.gen_ratio(1, 8) { 3 - of } else { of }).result,
                    given: if rng.gen_ratio(1, 8) { 2 } else { 12 },
                }
            }
            12..=14 => PayingInput::Looked {
                slice: machine.opened().len() as u32,
                is_true: !rng.gen_ratio(1, 5),
            },
            _ => {
                let (is_own, why) = stop(rng);
                PayingInput::Stop { is_own, why }
            }
        }
    }
}

struct Serving {
    orders: [Arc<StreamOrder>; 2],
    slices: Vec<[SealedSlice; 2]>,
}

impl Subject for Serving {
    type Machine = StreamProvider;
    type State = StreamProvider;

    fn fresh(&self) -> StreamProvider {
        StreamProvider::default()
    }

    fn state(&self, machine: &StreamProvider) -> StreamProvider {
        machine.clone()
    }

    fn input(&mut self, machine: &StreamProvider, rng: &mut StdRng) -> ServingInput {
        let runs = machine
            .order()
            .map_or(0, |order| usize::from(order.first > 0));
        match rng.gen_range(0..17u8) {
            14..=16 => ServingInput::Meter {
                key: [rng.gen_range(0..3); 32],
                what: [
                    Metering::Reserve(rng.gen_range(0..3)),
                    Metering::Debit(rng.gen_range(0..3)),
                    Metering::Release,
                ][rng.gen_range(0..3usize)],
                enforceable: rng.gen_range(0..14),
            },
            0..=1 => ServingInput::Order {
                order: self.orders[rng.gen_range(0..2usize)].clone(),
                taken: if rng.r#gen() { 0 } else { 6 },
            },
            2..=3 => ServingInput::Serve,
            4..=8 => {
                let due = (machine.paid() as usize).min(1);
                let at = if rng.gen_ratio(1, 8) { 1 - due } else { due };
                ServingInput::Made(Box::new(self.slices[runs][at].clone()))
            }
            9..=12 => ServingInput::Paid {
                enforceable: rng.gen_range(0..14),
            },
            _ => {
                let (is_own, why) = stop(rng);
                ServingInput::Stop { is_own, why }
            }
        }
    }
}

#[test]
fn the_payer_keeps_the_laws() {
    let mut paying = Paying::new();
    rows::print(&mut paying, 3_000, 40);
    check(&mut paying, Effort::new(31, 1_500, 40)).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn the_provider_keeps_the_laws() {
    let Paying { orders, good, .. } = Paying::new();
    let mut serving = Serving {
        orders,
        slices: good,
    };
    rows::print(&mut serving, 3_000, 40);
    check(&mut serving, Effort::new(32, 1_500, 40)).unwrap_or_else(|e| panic!("{e}"));
}

fn give(payer: &mut StreamPayer, input: &PayingInput) -> Result<(), StreamError> {
    let step = payer.step(input)?;
    step.changes.iter().for_each(|change| payer.apply(change));
    Ok(())
}

/// What is not the slice that is due, sealed and committed to as it must be, is not paid for; and no other key opens what is.
#[test]
fn lies_about_a_slice_are_refused() {
    let (order, other) = (order(0), order(6));
    let mut payer = StreamPayer::default();
    give(&mut payer, &PayingInput::Order(order.clone())).unwrap();
    let good = sealed(&order, 1, true);
    let second = sealed(&order, 2, true);
    let mut flipped = good.clone();
    *flipped.sealed.last_mut().unwrap() ^= 1;
    let mut shorter = good.clone();
    shorter.sealed.pop();
    let renamed = SealedSlice {
        slice: 1,
        ..second.clone()
    };
    let before = payer.clone();
    for lie in [flipped, shorter, second, renamed, sealed(&other, 1, true)] {
        assert!(give(&mut payer, &PayingInput::Slice(Box::new(lie))).is_err());
        assert_eq!(payer, before);
    }
    give(&mut payer, &PayingInput::Slice(Box::new(good))).unwrap();
    let before = payer.clone();
    let key = |slice, of, given| PayingInput::Key {
        slice,
        secret: secrets(of).result,
        given,
    };
    // Another key, another slice's, and one before the pennies.
    for lie in [key(1, 2, 3), key(2, 2, 6), key(2, 1, 6), key(1, 1, 2)] {
        assert!(give(&mut payer, &lie).is_err());
        assert_eq!(payer, before);
    }
    give(&mut payer, &key(1, 1, 3)).unwrap();
    assert_eq!((payer.standing(), payer.exposure(3)), ("looking", 0));
    // A box of garbage convicts whoever sealed it: the payer has lost one slice, and pays for no other.
    let mut payer = StreamPayer::default();
    give(&mut payer, &PayingInput::Order(order.clone())).unwrap();
    let garbage = sealed(&order, 1, false);
    give(&mut payer, &PayingInput::Slice(Box::new(garbage))).unwrap();
    give(&mut payer, &key(1, 1, 3)).unwrap();
    assert_eq!((payer.standing(), payer.exposure(3)), ("false", 1));
    let next = PayingInput::Slice(Box::new(sealed(&order, 2, true)));
    assert!(give(&mut payer, &next).is_err());
}

/// Figures that no stream has.
#[test]
fn orders_are_checked() {
    let good = StreamOrder::clone(&order(0));
    assert_eq!(good.check(), Ok(()));
    let bad = [
        StreamOrder {
            slices: 0,
            ..good.clone()
        },
        StreamOrder {
            slices: 1_025,
            ..good.clone()
        },
        StreamOrder {
            price: 0,
            ..good.clone()
        },
        StreamOrder {
            price: u32::MAX,
            ..good.clone()
        },
        StreamOrder {
            first: u32::MAX,
            ..good.clone()
        },
        StreamOrder {
            steps: 0,
            ..good.clone()
        },
        StreamOrder {
            steps: u32::MAX,
            ..good.clone()
        },
        StreamOrder {
            output_bytes: 0,
            ..good.clone()
        },
        StreamOrder {
            output_bytes: 1 << 20,
            ..good.clone()
        },
        StreamOrder {
            width: 0,
            ..good.clone()
        },
        StreamOrder {
            records: vec![1, 2, 3],
            ..good
        },
    ];
    for order in bad {
        assert!(order.check().is_err(), "{order:?}");
    }
}

/// Pennies are reserved, used and freed once by each key, whatever is said again; and a stream's pennies are nobody else's.
#[test]
fn a_request_is_metered_once() {
    let mut provider = StreamProvider::default();
    let give = |provider: &mut StreamProvider, key: u8, what| {
        let input = ServingInput::Meter {
            key: [key; 32],
            what,
            enforceable: 10,
        };
        let step = provider.step(&input)?;
        step.changes
            .iter()
            .for_each(|change| provider.apply(change));
        Ok::<_, StreamError>(provider.credit(10))
    };
    use Metering::{Debit, Release, Reserve};
    let all = [
        (1, Reserve(11), None),
        (1, Reserve(0), None),
        (1, Debit(1), None),
        (1, Release, None),
        (1, Reserve(6), Some(4)),
        (1, Reserve(6), Some(4)),
        (1, Reserve(5), None),
        (2, Reserve(5), None),
        (2, Reserve(4), Some(0)),
        (1, Debit(7), None),
        (1, Debit(2), Some(0)),
        (1, Debit(2), Some(0)),
        (1, Debit(3), None),
        (1, Release, Some(4)),
        (1, Release, Some(4)),
        (1, Debit(2), Some(4)),
        (2, Release, Some(8)),
        (2, Debit(1), None),
    ];
    for (at, (key, what, credit)) in all.into_iter().enumerate() {
        let found = give(&mut provider, key, what).ok();
        assert_eq!(found, credit, "{at}: {what:?} of {key}");
    }
    assert_eq!(
        (provider.meter().served(), provider.meter().reserved()),
        (2, 0)
    );
    // A stream of six pennies behind the ten: what it is paid is not free, and its slices are served off.
    let order = order(10);
    let step = |provider: &mut StreamProvider, input| {
        let step = provider.step(&input).unwrap();
        step.changes
            .iter()
            .for_each(|change| provider.apply(change));
    };
    let taken = 10;
    step(
        &mut provider,
        ServingInput::Order {
            order: order.clone(),
            taken,
        },
    );
    step(&mut provider, ServingInput::Serve);
    step(
        &mut provider,
        ServingInput::Made(Box::new(sealed(&order, 1, true))),
    );
    assert_eq!(provider.credit(13), 8);
    step(&mut provider, ServingInput::Paid { enforceable: 13 });
    assert_eq!((provider.credit(13), provider.meter().served()), (8, 5));
}
