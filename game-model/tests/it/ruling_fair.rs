//! Whoever follows the schedule and asks all mailboxes is not ruled against, whatever the other side does, with whomever
//! of the panel, and whatever of its messages is lost.
//!
//! Games are played block by block through the arbiters' mailboxes. At most k − 1 arbiters fail; of these at most n − k lie
//! for the cheat: they acknowledge what they have not got, at any height. The honest ones keep what they have looked into.
//! A cheat says things at the deadline, a block after it or at any height, to some mailboxes, twice, and differently; it
//! hands over garbage, or the name of a thing and not the thing. `SEED=n` repeats a game.

use narthex_game_model::Ruling;
use narthex_game_model::commitment::{Opening, OpeningBook, ReceiptKind};
use narthex_game_model::play::Strategy;
use narthex_game_model::ruling::{Answer, Brought, Item, Litigant, RootOfRecord, data_id};

use crate::ruling_support::mail::*;
use crate::ruling_support::*;

fn is_sample(item: &Item) -> bool {
    matches!(item, Item::Sample { .. })
}

fn is_token_for(item: &Item, sample: &Item) -> bool {
    matches!(item, Item::Token { sample: named, .. } if *named == id(sample))
}

fn is_reply_to(item: &Item, token: &Item) -> bool {
    matches!(item, Item::Reply { token: named, .. } if *named == id(token))
}

fn is_opening_of(item: &Item, reply: &Item) -> bool {
    matches!(item, Item::Opening { reply: named, .. } if *named == id(reply))
}

/// A verifier that does anything against a worker that does its duty. `None` if it does not reject.
fn honest_worker(scene: &mut Scene, dice: &mut Dice) -> Option<[Brought; 2]> {
    let mut mail = Mail::new(&scene.case.terms, dice);
    let s = scene.schedule();
    let recorded = dice.height(DELIVERED - 5, s.record);
    let root = scene.commitment().id();
    scene.case.chain.record = Some(RootOfRecord {
        height: recorded,
        root,
    });
    // The verifier rejects at any time; the worker appeals when its root is on record.
    let earliest = if dice.one_in(2) {
        s.reply + 3
    } else {
        DELIVERED + 1
    };
    let rejected = dice.height(earliest, s.verdict);
    scene.case.chain.verdict = rejected;
    scene.case.chain.accused = rejected.max(recorded) + 1 + dice.below(5) as u32;
    let at = dice.height(DELIVERED, s.record);
    mail.keep_data(boxes(scene), at, ALL);

    let mut brought = [
        Brought::by(Litigant::Worker),
        Brought::by(Litigant::Verifier),
    ];
    let mut lied = Vec::new();
    let mut said = |brought: &mut [Brought; 2], item: &Item| {
        brought[VERIFIER].items.push(sign(item));
        lied.push(id(item));
    };
    // Samples: right, late, of another nonce or block, two, to some mailboxes; or none.
    let on_chain = scene.sample_height();
    let by = |nonce, height: u32, hash_of: u32| Item::Sample {
        nonce,
        height,
        block: block(hash_of),
    };
    let mut drawn = Vec::new();
    match dice.below(14) {
        0 => {}
        1 => drawn.push(by([1; 32], on_chain, on_chain)),
        2 => drawn.push(by(NONCE, on_chain + 1, on_chain + 1)),
        3 => drawn.push(by(NONCE, on_chain, on_chain - 1)),
        // Before the commitment, and before the funding.
        4 => drawn.push(by(NONCE, 920, 920)),
        5 => drawn.push(by(NONCE, 890, 890)),
        _ => drawn.push(scene.sample()),
    }
    if dice.one_in(4) {
        let other = on_chain + 2 + dice.below(3) as u32;
        drawn.push(by(NONCE, other, other));
    }
    for sample in &drawn {
        said(&mut brought, sample);
        // The other one it may keep to itself until the panel sits.
        if !dice.one_in(6) {
            let at = dice.about(on_chain, s.nonce);
            mail.say(VERIFIER, sample, at, dice.some());
        }
    }
    let right = |item: &Item| match item {
        Item::Sample {
            nonce,
            height,
            block: drawn_by,
        } => *nonce == NONCE && *height >= 900 && *drawn_by == block(*height),
        _ => false,
    };
    let mut taken = None;
    let mut opened = None;
    // The worker takes the first that it sees, if the nonce is the contract's and the block is on the chain. What else it sees
    // it brings the panel, and seals nothing for it.
    for (_, seen) in mail
        .kept
        .iter()
        .filter(|(at, item)| *at <= s.nonce && is_sample(item))
    {
        brought[WORKER].items.push(sign(seen));
    }
    // A worker answers what comes late as well: it may be dated in time elsewhere.
    let until = |deadline: u32, dice: &mut Dice| match dice.one_in(2) {
        true => deadline,
        false => s.verdict,
    };
    let drawn_by = until(s.nonce, dice);
    if let Some((seen, sample)) = mail.read(drawn_by, right) {
        let sample = &sample;
        brought[WORKER].items.push(sign(sample));
        let token = scene.token(sample, &scene.claimed(&scene.indices(sample)));
        brought[WORKER].items.push(sign(&token));
        mail.all(
            WORKER,
            &token,
            seen + dice.below(u64::from(s.token.saturating_sub(seen)) + 1) as u32,
        );
        taken = Some((sample.clone(), token.clone()));
        // A reply: right, false, to another token, late, to some; or none.
        let indices = scene.indices(sample);
        let mut digests_of = scene.right(&indices);
        if dice.one_in(2) {
            let position = dice.below(digests_of.len() as u64) as usize;
            digests_of[position] = [9; 32];
        }
        if dice.one_in(8) {
            digests_of.pop();
        }
        let forged = scene.token(sample, &[[2; 32]; SAMPLED as usize]);
        let mut false_hash = shown(&token);
        if let Item::Reply {
            answer: Answer::Shown { hash, .. },
            ..
        } = &mut false_hash
        {
            *hash = [3; 32];
        }
        let reply = match dice.below(6) {
            0 => None,
            1 => Some(digests(&token, digests_of)),
            2 => Some(false_hash),
            3 => Some(shown(&forged)),
            _ => Some(shown(&token)),
        };
        if let Some(reply) = reply {
            said(&mut brought, &reply);
            let at = dice.about(s.nonce, s.reply);
            mail.say(VERIFIER, &reply, at, dice.some());
            // Another one, before it or after it.
            if dice.one_in(6) {
                let other = digests(&token, vec![[1; 32]; SAMPLED as usize]);
                said(&mut brought, &other);
                let at = dice.about(s.nonce, s.reply);
                mail.say(VERIFIER, &other, at, dice.some());
            }
            let replied_by = until(s.reply, dice);
            let seen = mail.read(replied_by, |item| is_reply_to(item, &token));
            if let Some((seen, reply)) = seen {
                brought[WORKER].items.push(sign(&reply));
                let right = reply == shown(&token);
                if right {
                    let opening = scene.open(&indices);
                    let item = opens(&reply, &opening);
                    brought[WORKER].items.push(sign(&item));
                    let at = seen.max(s.token.min(s.opening));
                    mail.openings.push((ALL, opening));
                    mail.all(WORKER, &item, at);
                    opened = Some((item, indices.clone()));
                } else if matches!(
                    reply,
                    Item::Reply {
                        answer: Answer::Shown { .. },
                        ..
                    }
                ) {
                    brought[WORKER].token = Some(*x().expose());
                }
                if let Item::Reply {
                    answer: Answer::Digests(own),
                    ..
                } = &reply
                {
                    let claimed = scene.claimed(&indices);
                    let differs = claimed.iter().zip(own).position(|(a, b)| a != b);
                    let index = differs.map(|position| indices[position]);
                    brought[WORKER].record = index.map(|index| scene.record(index));
                }
            }
            if dice.one_in(2) {
                let step = dice.below(STEPS);
                let opening = opened.as_ref().map_or([0; 32], |(item, _)| id(item));
                said(
                    &mut brought,
                    &Item::Verdict {
                        opening,
                        bad_box: step,
                    },
                );
            }
        }
    }
    // After the appeal the worker opens what it sealed for, or what a later block draws.
    let indices = match &taken {
        Some((sample, _)) => scene.indices(sample),
        None => scene.substitute(),
    };
    // Never more steps in all than keep the result secret, whatever was drawn.
    let mut book = OpeningBook::new(&scene.commitment());
    let before = opened.map(|(_, indices)| indices).unwrap_or_default();
    for shown in [&before, &indices] {
        book.allow(shown, |_| Ok(())).unwrap();
    }
    brought[WORKER].openings.push(scene.open(&indices));
    brought[WORKER].commitment = Some(scene.commitment());
    // The verifier may rather keep something back, or bring it twice.
    brought[VERIFIER].items.retain(|_| !dice.one_in(6));
    if dice.one_in(4) {
        let again = brought[VERIFIER].items.clone();
        brought[VERIFIER].items.extend(again);
    }
    if dice.one_in(3) {
        brought[VERIFIER].record = Some(scene.record(dice.below(STEPS)));
    }
    let lies = mail.lies(&lied, dice);
    let about_worker: Vec<_> = brought[WORKER].items.iter().map(|i| id(&i.item)).collect();
    let bad_dates = mail.lies(&about_worker, dice);
    brought[WORKER].receipts = needed([mail.receipts[WORKER].clone(), bad_dates].concat());
    brought[VERIFIER].receipts = needed([mail.receipts[VERIFIER].clone(), lies].concat());
    Some(brought)
}

/// A worker that does anything against a verifier that does its duty. `None` if the verifier approves.
fn honest_verifier(scene: &mut Scene, dice: &mut Dice) -> Option<[Brought; 2]> {
    let mut mail = Mail::new(&scene.case.terms, dice);
    let s = scene.schedule();
    let mut brought = [
        Brought::by(Litigant::Worker),
        Brought::by(Litigant::Verifier),
    ];
    let root = scene.commitment().id();
    let recorded = match dice.one_in(8) {
        true => dice.about(DELIVERED - 5, s.record),
        false => dice.height(DELIVERED - 5, s.record),
    };
    scene.case.chain.record = (!dice.one_in(20)).then_some(RootOfRecord {
        height: recorded,
        root,
    });
    let mut lied = vec![data_id(&CONTRACT, &root)];
    let mask = if dice.one_in(4) { dice.next() } else { ALL };
    let at = match dice.one_in(4) {
        true => dice.about(DELIVERED, s.record),
        false => dice.height(DELIVERED, s.record),
    };
    // What is not committed to, no mailbox keeps that looks into it.
    let data = boxes(scene).filter(|_| !dice.one_in(10));
    let served = mail.keep_data(data, at, mask) && at <= s.record;
    brought[WORKER].commitment = (!dice.one_in(20)).then(|| scene.commitment());
    if dice.one_in(10) {
        let mut other = scene.commitment();
        other.root = [1; 32];
        brought[VERIFIER]
            .items
            .push(sign(&Item::Commitment(Box::new(other))));
    }

    // The worker opens to the panel whatever it likes.
    let mut shown_openings: Vec<Opening> = Vec::new();
    if dice.one_in(2) {
        shown_openings.push(scene.open(&scene.substitute()));
    }
    let rejected = 'talk: {
        if scene.case.chain.record.is_none_or(|r| r.height > s.record)
            || brought[VERIFIER].items.len() == 1
            || !served
        {
            break 'talk s.record + 1;
        }
        // The verifier draws the sample as soon as the block is deep, and sees the token in time or not at all.
        let sample = scene.sample();
        let drawn = (scene.sample_height() + 6).min(s.nonce);
        brought[VERIFIER].items.push(sign(&sample));
        mail.all(VERIFIER, &sample, drawn);
        let indices = scene.indices(&sample);
        if dice.one_in(2) {
            shown_openings.push(scene.open(&indices));
        }
        let sealed = match dice.below(3) {
            0 => scene.right(&indices),
            1 => scene.claimed(&indices),
            _ => vec![[4; 32]; SAMPLED as usize],
        };
        let token = scene.token(&sample, &sealed);
        let mut tokens = vec![token.clone()];
        if dice.one_in(6) {
            tokens.push(scene.token(&sample, &scene.claimed(&indices)));
            tokens.dedup();
        }
        tokens.retain(|_| !dice.one_in(6));
        for token in &tokens {
            brought[WORKER].items.push(sign(token));
            lied.push(id(token));
            let at = dice.about(drawn, s.token);
            mail.say(WORKER, token, at, dice.some());
        }
        let Some((seen, token)) = mail.read(s.token, |item| is_token_for(item, &sample)) else {
            break 'talk s.token + 1;
        };
        brought[VERIFIER].items.push(sign(&token));
        let other = mail.read(s.token, |item| {
            is_token_for(item, &sample) && *item != token
        });
        if let Some((_, other)) = other {
            brought[VERIFIER].items.push(sign(&other));
        }
        let own = scene.right(&indices);
        let fits = token == scene.token(&sample, &own);
        let replied = (seen + 8).min(s.reply);
        let reply = match fits {
            true => shown(&token),
            false => digests(&token, own.clone()),
        };
        brought[VERIFIER].items.push(sign(&reply));
        mail.all(VERIFIER, &reply, replied);
        // Which step it is about, the worker's leaves say, which may come when nothing can be brought any more.
        if !fits {
            break 'talk replied + 1;
        }
        // The opening: right, of another step or one more, with a false share, of another reply, late, to some; or none.
        let mut opening = scene.open(&indices);
        match dice.below(5) {
            0 => opening = scene.open(&scene.substitute()),
            1 => opening.leaves[1].share = opening.leaves[0].share.clone(),
            2 => opening.leaves[0].digest = own[0],
            3 => {
                let mut more = opening.leaves[0].clone();
                more.index = STEPS;
                opening.leaves.push(more);
            }
            _ => {}
        }
        let item = match dice.below(8) {
            0 => None,
            1 => Some(Item::Opening {
                reply: [1; 32],
                opening: opening.id(),
            }),
            _ => Some(opens(&reply, &opening)),
        };
        if let Some(item) = &item {
            brought[WORKER].items.push(sign(item));
            lied.push(id(item));
            // With what it names, with one box of it, or alone.
            match dice.below(5) {
                0 => {}
                1 => mail.openings.push((ALL, opening.clone().about(indices[1]))),
                _ => mail.openings.push((dice.some(), opening.clone())),
            }
            let at = dice.about(replied, s.opening);
            mail.say(WORKER, item, at, dice.some());
        }
        let Some((seen, item)) = mail.read(s.opening, |item| is_opening_of(item, &reply)) else {
            break 'talk s.opening + 1;
        };
        brought[VERIFIER].items.push(sign(&item));
        brought[VERIFIER].openings.push(opening.clone());
        let commitment = scene.commitment();
        let exact = opening
            .leaves
            .iter()
            .map(|leaf| leaf.index)
            .eq(indices.iter().copied());
        if !exact || opening.verify(&commitment).is_err() {
            break 'talk seen + 1;
        }
        // M1: every opened leaf is compared.
        let differs = opening
            .leaves
            .iter()
            .zip(&own)
            .any(|(leaf, own)| leaf.digest != *own);
        if !differs {
            let (bad_box, _) = opening.bad_box(&commitment)?;
            let verdict = Item::Verdict {
                opening: id(&item),
                bad_box,
            };
            brought[VERIFIER].items.push(sign(&verdict));
        }
        break 'talk seen + 1;
    };
    scene.case.chain.verdict = rejected;
    scene.case.chain.accused = rejected + 1 + dice.below(5) as u32;
    if dice.one_in(4) {
        let again = brought[WORKER].items.clone();
        brought[WORKER].items.extend(again);
    }
    brought[WORKER].openings = shown_openings;
    brought[WORKER].token = dice.one_in(2).then(|| *x().expose());
    if dice.one_in(3) {
        brought[WORKER].record = Some(scene.record(dice.below(STEPS)));
    }
    let lies = mail.lies(&lied, dice);
    let about_verifier: Vec<_> = brought[VERIFIER]
        .items
        .iter()
        .map(|i| id(&i.item))
        .collect();
    let bad_dates = mail.lies(&about_verifier, dice);
    // The client is in league with the worker.
    let own = receipt(
        ReceiptKind::Data,
        lied[0],
        &key_of(Litigant::Client),
        DELIVERED,
    );
    brought[WORKER].receipts = needed([mail.receipts[WORKER].clone(), lies, vec![own]].concat());
    brought[VERIFIER].receipts = needed([mail.receipts[VERIFIER].clone(), bad_dates].concat());
    Some(brought)
}

#[test]
fn an_honest_worker_is_not_ruled_against() {
    let mut scenes = PANELS.map(|(n, k)| Scene::new(n, k, &Strategy::Honest));
    let mut rows = std::collections::BTreeMap::new();
    for seed in seeds() {
        let mut dice = Dice::new(seed, 0);
        let scene = &mut scenes[dice.below(4) as usize];
        let Some(brought) = honest_worker(scene, &mut dice) else {
            continue;
        };
        let found = scene.rule(&brought).unwrap();
        *rows.entry(found.row).or_insert(0) += 1;
        assert_eq!(
            found.ruling,
            Ruling::VerifierAtFault,
            "SEED={seed}: {found:?}"
        );
    }
    println!("{rows:?}");
    assert!(std::env::var("SEED").is_ok() || rows.len() >= 6, "{rows:?}");
}

#[test]
fn an_honest_verifier_is_not_ruled_against() {
    let cheats = [
        Strategy::Honest,
        Strategy::Target {
            steps: (0..STEPS).collect(),
        },
        Strategy::Target {
            steps: (0..STEPS / 3).collect(),
        },
        Strategy::Garbage {
            fraction: narthex_game_model::Ratio::HALF,
            seed: 3,
        },
    ];
    let mut scenes: Vec<_> = PANELS
        .iter()
        .flat_map(|(n, k)| cheats.iter().map(|cheat| Scene::new(*n, *k, cheat)))
        .collect();
    let mut rows = std::collections::BTreeMap::new();
    let mut approved = 0;
    for seed in seeds() {
        let mut dice = Dice::new(seed, 1);
        let number = dice.below(scenes.len() as u64) as usize;
        let scene = &mut scenes[number];
        let Some(brought) = honest_verifier(scene, &mut dice) else {
            approved += 1;
            continue;
        };
        let found = scene.rule(&brought).unwrap();
        *rows.entry(found.row).or_insert(0) += 1;
        assert_eq!(
            found.ruling,
            Ruling::WorkerAtFault,
            "SEED={seed}: {found:?}"
        );
    }
    println!("{rows:?}, {approved} approved");
    assert!(std::env::var("SEED").is_ok() || rows.len() >= 6, "{rows:?}");
}
