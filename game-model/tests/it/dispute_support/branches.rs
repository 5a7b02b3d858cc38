//! Chains with branches: an honest party that reads the tip it sees, and a cheat that chooses the branch.

use narthex_game_model::computation::UnitProgram;
use narthex_game_model::dispute::{
    DisputeTerms, Duty, Entry, Equivocation, Event, HonestPlayer, MoveBook, Side, SignedMove,
    Standing, Transcript,
};
use narthex_game_model::tagged::TaggedHasher;

use super::adversary::{Act, attempt};
use super::keypair;
use super::programs::{Chain, Diverging};

/// Height of the first block.
pub const BASE: u32 = 500;

/// Choices that follow from a number.
pub struct Seeded {
    seed: u64,
    drawn: u64,
}

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        let hash = TaggedHasher::new("test/seeded")
            .number(self.seed)
            .number(self.drawn)
            .finish();
        u64::from_be_bytes(*hash.first_chunk().unwrap()) % bound
    }

    pub fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

/// What a block may record.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a handful of them")]
pub enum Record {
    Opening,
    Said(Event),
}

/// A block, and whether it took what the honest party sent.
#[derive(Clone, Debug)]
pub struct Block {
    pub records: Vec<Record>,
    pub open: bool,
}

/// A chain from its first block to a tip.
#[derive(Clone, Debug, Default)]
pub struct Branch(pub Vec<Block>);

impl Branch {
    pub fn tip(&self) -> u32 {
        BASE + self.0.len() as u32 - 1
    }

    /// Adds a block that records these events.
    pub fn mine(&mut self, records: &[Record]) -> &mut Self {
        let (records, open) = (records.to_vec(), true);
        self.0.push(Block { records, open });
        self
    }

    fn dated(&self) -> impl Iterator<Item = (u32, &Record)> {
        let heights = (BASE..).zip(&self.0);
        heights.flat_map(|(height, block)| block.records.iter().map(move |record| (height, record)))
    }

    /// What an observer of this tip has read; `None` before the opening.
    pub fn read<P: UnitProgram>(&self, program: &P, terms: &DisputeTerms) -> Option<Transcript> {
        let is_opening = |(_, record): &(u32, &Record)| **record == Record::Opening;
        let (opened_at, _) = self.dated().find(is_opening)?;
        let events = self.dated().filter_map(|(height, record)| match record {
            Record::Opening => None,
            Record::Said(event) => {
                let event = event.clone();
                Some(Entry { height, event })
            }
        });
        let events: Vec<_> = events.collect();
        Some(Transcript::gather(program, terms, opened_at, &events, self.tip()).unwrap())
    }

    fn has(&self, record: &Record) -> bool {
        self.0.iter().any(|block| block.records.contains(record))
    }

    /// Most blocks in a row that did not take what the honest party sent.
    fn closed(&self) -> usize {
        let runs = self.0.split(|block| block.open);
        runs.map(<[Block]>::len).max().unwrap_or(0)
    }
}

/// A party that reads the tip it sees and says what it has to, again on every branch that lacks it.
pub struct Honest<'a> {
    pub side: Side,
    pub player: HonestPlayer<'a, Chain>,
    pub book: Option<MoveBook>,
    /// What it has written down, as bytes: all that a restart leaves it.
    pub kept: Vec<Vec<u8>>,
    /// Whether it shows what convicts the other side.
    pub shows: bool,
}

impl Honest<'_> {
    /// All that it has to say and that this branch has not recorded. `seen` is what the other side
    /// has said anywhere.
    pub fn says(
        &mut self,
        (program, terms): (&Chain, &DisputeTerms),
        branch: &Branch,
        seen: &[Event],
    ) -> Vec<Record> {
        let mut says = vec![Record::Opening];
        if let Some(transcript) = branch.read(program, terms) {
            let dispute = transcript.dispute_after(terms, program).unwrap();
            // It has just been started, each time.
            let kept = self.kept.iter();
            let kept = kept.map(|bytes| SignedMove::from_bytes(bytes).unwrap());
            let restored = MoveBook::restore(&dispute, kept).unwrap();
            let book = self.book.insert(restored);
            if let Some(action) = self.player.answer(&dispute, self.side).unwrap() {
                let key = keypair(self.side);
                let keep = |signed: &SignedMove| {
                    self.kept.push(signed.to_bytes());
                    Ok(())
                };
                book.sign(&key, &dispute, action, &[0; 32], keep).unwrap();
            }
            let moves = book.moves().iter().cloned().map(Event::Moved);
            says.extend(moves.map(Record::Said));
            if self.shows {
                let shown = convicting(terms, seen).map(Event::Equivocated);
                says.extend(shown.map(Record::Said));
            }
        }
        says.retain(|record| !branch.has(record));
        says
    }
}

/// The first two moves among these that convict their signer.
fn convicting(terms: &DisputeTerms, seen: &[Event]) -> Option<Equivocation> {
    let moves: Vec<&SignedMove> = seen
        .iter()
        .filter_map(|event| match event {
            Event::Moved(signed) => Some(signed),
            Event::Equivocated(_) => None,
        })
        .collect();
    let pairs = moves
        .iter()
        .enumerate()
        .flat_map(|(i, first)| moves[i + 1..].iter().map(move |second| (first, second)));
    let mut twos = pairs.map(|(first, second)| Equivocation {
        first: (**first).clone(),
        second: (**second).clone(),
    });
    twos.find(|two| two.prove(terms).is_ok())
}

/// A cheat with a story of its own, and blocks of its own.
pub struct Cheat<'a> {
    pub side: Side,
    pub double: HonestPlayer<'a, Chain>,
    pub liar: HonestPlayer<'a, Diverging<Chain>>,
    /// All that it has said.
    pub said: Vec<Event>,
    /// It moves in one of so many blocks.
    pub pace: u64,
    pub rng: Seeded,
}

impl Cheat<'_> {
    fn act(&mut self) -> Act {
        match self.rng.below(16) {
            0 => Act::Honest,
            1 => Act::LieFrom(self.rng.below(40)),
            2 => Act::Copy,
            3 => Act::WrongPrevious,
            4 => Act::WrongCount(true),
            5..8 => Act::Noise(self.rng.below(12) as u32),
            _ => Act::Story,
        }
    }

    /// What it puts into a block on this tip, of what it has said before and of what it makes up now.
    fn says(
        &mut self,
        world: (&Chain, &DisputeTerms),
        tip: &Branch,
        honest: &[SignedMove],
    ) -> Vec<Record> {
        let mut says = Vec::new();
        let (program, terms) = world;
        let transcript = tip.read(program, terms);
        if let Some(transcript) = transcript {
            let dispute = transcript.dispute_after(terms, program).unwrap();
            let its_turn = matches!(dispute.duty(), Duty::Move { side, .. } if side == self.side);
            if its_turn && self.rng.one_in(self.pace) {
                let act = self.act();
                let players = (&mut self.double, &mut self.liar);
                let events = attempt(&dispute, &act, players, &transcript);
                self.said.extend(events.iter().cloned());
                says.extend(events);
            }
        }
        // What it said before, again.
        if !self.said.is_empty() && self.rng.one_in(3) {
            let old = self.rng.below(self.said.len() as u64) as usize;
            says.push(self.said[old].clone());
        }
        // False evidence: two answers of the honest party to two branches.
        let same = honest.iter().enumerate().find_map(|(i, first)| {
            let second = honest[i + 1..].iter().find(|m| m.number == first.number)?;
            let (first, second) = (first.clone(), second.clone());
            Some(Equivocation { first, second })
        });
        says.extend(same.map(Event::Equivocated));
        says.into_iter().map(Record::Said).collect()
    }
}

/// What happened in a play, so that a test can see that it tried something.
#[derive(Debug, Default)]
pub struct Seen {
    pub reorganised: u32,
    pub dates_changed: u32,
    pub moves_dropped: u32,
    pub moves_replaced: u32,
    pub out_of_order: u32,
    pub answered_twice: u32,
    pub timed_out: u32,
    pub equivocated: u32,
    pub revealed: u32,
}

impl Seen {
    pub fn add(&mut self, other: &Self) {
        self.reorganised += other.reorganised;
        self.dates_changed += other.dates_changed;
        self.moves_dropped += other.moves_dropped;
        self.moves_replaced += other.moves_replaced;
        self.out_of_order += other.out_of_order;
        self.answered_twice += other.answered_twice;
        self.timed_out += other.timed_out;
        self.equivocated += other.equivocated;
        self.revealed += other.revealed;
    }
}

/// Plays on until the honest party's tip gives a ruling; checks that no tip gives another.
pub fn play_branches(
    world: (&Chain, &DisputeTerms),
    honest: &mut Honest<'_>,
    cheat: &mut Cheat<'_>,
    reorg_one_in: u64,
    seen: &mut Seen,
) -> (Transcript, Standing) {
    let (program, terms) = world;
    let depth = u64::from(terms.date_depth);
    let mut branch = Branch::default();
    for _ in 0..=depth {
        branch.mine(&[]);
    }
    // Rulings that some observer came to.
    let mut rulings: Vec<Standing> = Vec::new();
    let mut ends: Option<u64> = None;
    loop {
        let before = branch.read(program, terms);
        if cheat.rng.one_in(reorg_one_in) {
            let replaced = 1 + cheat.rng.below(depth);
            let length = replaced + 1 + cheat.rng.below(depth + 1 - replaced);
            let mut fork = branch.clone();
            fork.0.truncate(branch.0.len() - replaced as usize);
            for _ in 0..length {
                let known = honest.book.as_ref().map_or(&[][..], MoveBook::moves);
                let mut records = cheat.says(world, &fork, known);
                // What it lets in of what has been sent.
                let sent = known.iter().cloned().map(Event::Moved).map(Record::Said);
                let sent = sent.chain([Record::Opening]);
                records.extend(sent.filter(|r| !fork.has(r) && cheat.rng.one_in(3)));
                cheat.rng.shuffle(&mut records);
                let open = false;
                fork.0.push(Block { records, open });
            }
            // Whoever censors the whole window wins every game played on a chain.
            if fork.closed() < usize::from(terms.response_blocks) {
                branch = fork;
                seen.reorganised += 1;
            }
        }
        let now = branch.read(program, terms);
        if let Some(transcript) = &now {
            compare(before.as_ref(), transcript, seen);
            if let Some(before) = &before {
                observe(world, honest, before, &mut rulings);
            }
            observe(world, honest, transcript, &mut rulings);
            let blocks = terms.most_blocks() + depth + 1;
            ends = ends.or(Some(u64::from(transcript.opened_at) + blocks + depth));
            let standing = transcript.replay(terms, program).unwrap();
            if let Standing::Ruled(finding) = &standing {
                let reason = &finding.reason;
                *match () {
                    () if reason.contains("did not make") => &mut seen.timed_out,
                    () if reason.contains("two different") => &mut seen.equivocated,
                    () => &mut seen.revealed,
                } += 1;
                return (transcript.clone(), standing);
            }
            assert!(
                ends.is_some_and(|end| u64::from(transcript.complete_to) <= end),
                "no ruling until height {}",
                transcript.complete_to
            );
        }
        let known = honest
            .book
            .as_ref()
            .map_or(&[][..], MoveBook::moves)
            .to_vec();
        let mut records = honest.says(world, &branch, &cheat.said);
        records.extend(cheat.says(world, &branch, &known));
        cheat.rng.shuffle(&mut records);
        branch.mine(&records);
    }
}

/// Whatever an observer of a tip comes to is what all others came to.
fn observe(
    (program, terms): (&Chain, &DisputeTerms),
    honest: &Honest<'_>,
    transcript: &Transcript,
    rulings: &mut Vec<Standing>,
) {
    let standing = transcript.replay(terms, program).unwrap();
    if let Standing::Ruled(finding) = &standing {
        let against = match honest.side {
            Side::Worker => narthex_game_model::Ruling::VerifierAtFault,
            Side::Challenger => narthex_game_model::Ruling::WorkerAtFault,
        };
        assert_eq!(finding.ruling, against, "{}", finding.reason);
        rulings.push(standing);
    }
    assert!(
        rulings.windows(2).all(|two| two[0] == two[1]),
        "{rulings:?}"
    );
}

fn compare(before: Option<&Transcript>, now: &Transcript, seen: &mut Seen) {
    let heights = |t: &Transcript| t.entries.iter().map(|e| e.height).collect::<Vec<_>>();
    let now_heights = heights(now);
    seen.out_of_order += u32::from(!now_heights.is_sorted());
    let Some(before) = before else { return };
    let pairs = before.entries.iter().zip(&now.entries);
    let same = |a: &Event, b: &Event| a == b;
    for (a, b) in pairs {
        seen.dates_changed += u32::from(same(&a.event, &b.event) && a.height != b.height);
        seen.moves_replaced += u32::from(!same(&a.event, &b.event));
    }
    seen.moves_dropped += u32::from(before.entries.len() > now.entries.len());
}
