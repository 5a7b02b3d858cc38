//! A game of one's own, solved exactly and written for Gambit: is a deposit large enough that a seller delivers?
//!
//! `cargo run --example game`. CONTRIBUTING.md walks through it.

use std::error::Error;

use narthex::game_model::game::{
    Game, GameBuilder, GameError, Move, Player, Rational, exact, solve,
};

const BUYER: Player = Player::Named("buyer");
const SELLER: Player = Player::Named("seller");

/// Amounts in satoshi.
struct Shop {
    price: i64,
    /// What the goods are worth to the buyer, and what they cost the seller.
    worth: i64,
    cost: i64,
    /// What a seller loses that does not deliver, and how often that is noticed: once in so many times.
    deposit: i64,
    noticed_of: i64,
}

impl Shop {
    fn game(&self) -> Result<Game, GameError> {
        let mut game = GameBuilder::new("A shop".to_owned(), vec![BUYER, SELLER]);
        let moves: [Move<'_, Shop>; 2] = [
            ("order", &Shop::ordered),
            ("leave", &|b, _| end(b, "no trade", 0, 0)),
        ];
        game.decide(BUYER, "at the door", Some(0), self, &moves);
        game.finish()
    }

    fn ordered(b: &mut GameBuilder, shop: &Shop) {
        let fair =
            |b: &mut GameBuilder, s: &Shop| end(b, "fair", s.worth - s.price, s.price - s.cost);
        b.decide(
            SELLER,
            "paid",
            Some(0),
            shop,
            &[("deliver", &fair), ("keep all", &Shop::cheated)],
        );
    }

    fn cheated(b: &mut GameBuilder, shop: &Shop) {
        let often = exact(1) / exact(shop.noticed_of);
        // Who is found out pays the price back, and its deposit is burnt.
        let found = |b: &mut GameBuilder, s: &Shop| end(b, "found out", 0, -s.deposit);
        let away = |b: &mut GameBuilder, s: &Shop| end(b, "got away", -s.price, s.price);
        let branches: [(Rational, Move<'_, Shop>); 2] = [
            (often.clone(), ("noticed", &found)),
            (exact(1) - often, ("unnoticed", &away)),
        ];
        b.chance("an inspector", shop, &branches);
    }
}

fn end(b: &mut GameBuilder, name: &str, buyer: i64, seller: i64) {
    b.end(name.to_owned(), vec![exact(buyer), exact(seller)]);
}

fn main() -> Result<(), Box<dyn Error>> {
    let shop = |deposit| Shop {
        price: 1_000,
        worth: 1_500,
        cost: 600,
        deposit,
        noticed_of: 4,
    };
    for deposit in [0, 2_000] {
        let solution = solve(&shop(deposit).game()?);
        println!(
            "a deposit of {deposit} sat: {}",
            serde_json::to_string(&solution.verdict)?
        );
        assert_eq!(solution.verdict.honest_play_pays(), deposit > 1_400);
    }
    println!("\nfor Gambit:\n{}", shop(2_000).game()?.to_efg());
    Ok(())
}

#[test]
fn runs() -> Result<(), Box<dyn Error>> {
    main()
}
