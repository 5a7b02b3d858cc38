//! What is played, and the one way to play it.

use bitcoin::hex::DisplayHex;
use narthex_regtest::Chain;

use super::{ChainKind, HarnessOptions, Outcome, Reporter, ScenarioError, start_chain};

/// What the participants of a contract do, one move after the other. It calls the contract's own sides, or gives inputs to
/// their machines; what it says does not hold is a defect.
pub type Script<C> = for<'a, 'c> fn(
    &'a mut <C as Playable>::Play<'c>,
) -> Result<<C as Playable>::Ending, ScenarioError>;

/// A way in which a contract goes.
pub struct Scenario<C: Playable> {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, in a line.
    pub summary: &'static str,
    /// What it needs of the figures.
    pub needs: C::Needs,
    /// The moves.
    pub script: Script<C>,
}

impl<C: Playable> Scenario<C> {
    /// A scenario that needs something of the figures.
    pub const fn needing(
        needs: C::Needs,
        name: &'static str,
        summary: &'static str,
        script: Script<C>,
    ) -> Self {
        Self {
            name,
            summary,
            needs,
            script,
        }
    }
}

impl<C: Playable<Needs = ()>> Scenario<C> {
    /// A scenario that can be played with all figures that the contract takes.
    pub const fn new(name: &'static str, summary: &'static str, script: Script<C>) -> Self {
        Self::needing((), name, summary, script)
    }
}

/// The figures of a contract, by which its scenarios are played. Whatever plays scenarios knows a contract by this alone.
pub trait Playable: Sized + 'static {
    /// The command that plays them, without the program's name.
    const COMMAND: &'static str;
    /// All of them.
    const SCENARIOS: &'static [Scenario<Self>];

    /// The participants of one contract, on a chain.
    type Play<'c>;
    /// What a scenario may need of the figures, beyond what every scenario does.
    type Needs: 'static;
    /// What a script hands to the reckoning at the end.
    type Ending;
    /// What is told of an end beside balances and transactions.
    type Figures;

    /// Fee rate and seed.
    fn common(&self) -> &HarnessOptions;

    /// Where scenarios are looked for, if there are several lists: words for an error.
    fn among(&self) -> String {
        String::new()
    }

    /// Whether the scenario is one of a contract with these figures.
    fn has(&self, _: &Scenario<Self>) -> bool {
        true
    }

    /// Whether the scenario can be played with these figures. What terms refuse is left to them.
    ///
    /// # Errors
    /// [`ScenarioError`], the fault of whoever named the figures; nothing was played.
    fn check(&self, scenario: &Scenario<Self>) -> Result<(), ScenarioError>;

    /// Participants with coins and a contract between them, as the scenario begins with it.
    ///
    /// # Errors
    /// [`ScenarioError`] if terms or chain refuse it.
    fn prepare<'c>(
        &self,
        scenario: &Scenario<Self>,
        chain: &'c mut dyn Chain,
        reporter: &'c mut dyn Reporter<Self::Figures>,
    ) -> Result<Self::Play<'c>, ScenarioError>;

    /// Balances and figures at the end, reported.
    ///
    /// # Errors
    /// [`ScenarioError`] if they cannot be drawn up.
    fn end(
        play: Self::Play<'_>,
        scenario: &Scenario<Self>,
        ending: Self::Ending,
    ) -> Result<Outcome<Self::Figures>, ScenarioError>;

    /// The scenario of this name.
    ///
    /// # Errors
    /// [`ScenarioError::Unknown`].
    fn scenario(&self, name: &str) -> Result<&'static Scenario<Self>, ScenarioError> {
        let mut all = Self::SCENARIOS.iter();
        let found = all.find(|known| known.name == name && self.has(known));
        found.ok_or_else(|| ScenarioError::Unknown {
            among: self.among(),
            command: Self::COMMAND,
        })
    }
}

/// Plays a scenario from an empty chain to the last balance.
///
/// # Errors
/// [`ScenarioError`]; one that comes while it is played names the seed.
pub fn play<C: Playable>(
    kind: ChainKind,
    scenario: &str,
    options: &C,
    reporter: &mut dyn Reporter<C::Figures>,
) -> Result<Outcome<C::Figures>, ScenarioError> {
    let mut chain = start_chain(kind)?;
    play_on(chain.as_mut(), scenario, options, reporter)
}

/// Plays a scenario on a chain of the caller's.
///
/// # Errors
/// As [`play`].
pub fn play_on<C: Playable>(
    chain: &mut dyn Chain,
    scenario: &str,
    options: &C,
    reporter: &mut dyn Reporter<C::Figures>,
) -> Result<Outcome<C::Figures>, ScenarioError> {
    let scenario = options.scenario(scenario)?;
    options.check(scenario)?;
    let mut play = options.prepare(scenario, chain, reporter)?;
    let ended = (scenario.script)(&mut play).and_then(|ending| C::end(play, scenario, ending));
    ended.map_err(|error| ScenarioError::Failed {
        scenario: scenario.name,
        seed: options.common().seed.to_lower_hex_string(),
        error: Box::new(error),
    })
}

/// What is the same for all contracts whose participants are on a [`Harness`](super::Harness): an ending is told by names.
macro_rules! on_harness {
    ($play:ident) => {
        type Play<'c> = $play<'c>;
        type Ending = ();
        type Figures = $crate::harness::Figures;

        fn end(
            mut play: $play<'_>,
            scenario: &Scenario<Self>,
            (): (),
        ) -> Result<$crate::harness::Outcome, ScenarioError> {
            let outcome = play.outcome(scenario.name);
            Ok(play.harness.end(outcome))
        }
    };
}
pub(crate) use on_harness;
