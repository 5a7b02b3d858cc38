//! A machine that survives being killed: one call that is paid for before it is answered.
//!
//! `cargo run --example machine`. CONTRIBUTING.md walks through it.

mod call;
mod table;

use std::error::Error;

use call::{Call, Input};
use narthex::{
    bitcoin::secp256k1::rand::{Rng, rngs::StdRng},
    channel::{
        Logged,
        laws::{self, Effort, Subject},
        log::{Identity, MemoryDisk},
        render,
    },
};

/// What may come to a call, for the laws.
struct Calls;

impl Subject for Calls {
    type Machine = Call;
    type State = Call;

    fn fresh(&self) -> Call {
        Call::default()
    }

    fn state(&self, call: &Call) -> Call {
        call.clone()
    }

    fn input(&mut self, _: &Call, rng: &mut StdRng) -> Input {
        match rng.gen_range(0..3) {
            0 => Input::Ask {
                price_sat: rng.gen_range(1..4),
            },
            1 => Input::Payment {
                sat: rng.gen_range(1..4),
            },
            _ => Input::Answered,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (disk, who) = (MemoryDisk::default(), Identity::new("call", [7; 32]));
    let mut call = Logged::open(Call::default(), disk.open(&who)?)?;
    println!("asked: {:?}", call.step(&Input::Ask { price_sat: 3 })?);
    let refused = call.step(&Input::Payment { sat: 2 });
    println!("paid too little: {}", refused.err().ok_or("it was taken")?);
    println!("paid: {:?}", call.step(&Input::Payment { sat: 3 })?);
    drop(call);
    let mut call = Logged::open(Call::default(), disk.open(&who)?)?;
    println!(
        "killed, and on from its log: {:?} is still to be done",
        call.pending()
    );
    call.step(&Input::Answered)?;
    laws::check(&mut Calls, Effort::new(1, 200, 20))?;
    println!("every law holds on 200 walks\n\n{}", render::<Call>());
    Ok(())
}

#[test]
fn runs() -> Result<(), Box<dyn Error>> {
    main()
}
