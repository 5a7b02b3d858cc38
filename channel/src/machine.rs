//! The form of every machine.

/// A machine: inputs in, changes and effects out, and nothing done on the way.
///
/// What its effects say is done *after* its changes are durable, by whoever drives it ([`Logged`](crate::Logged)); it may be
/// done twice, so each must be harmless twice.
pub trait Machine {
    /// What comes: a message, a block, a signer's answer, an order of its owner's. One that came before is told apart
    /// by what it says, so it carries what makes it this one (a number, a height).
    type Input;
    /// What is written down. Small: it says what is new, never the whole state.
    type Change;
    /// What is to be done: something to send, to publish, to have signed.
    type Effect;
    /// Why an input is refused, and by whose fault.
    type Error;

    /// What an input would change. It depends on the state and the input alone.
    ///
    /// An input that was taken before gives [`Step::seen`]: the same effects as then, if they may still be due.
    ///
    /// # Errors
    /// The input is refused; nothing has happened.
    fn step(&self, input: &Self::Input) -> Result<Step<Self::Change, Self::Effect>, Self::Error>;

    /// Takes over a change. It cannot fail: what can, does in [`Machine::step`], or where the change is read back.
    fn apply(&mut self, change: &Self::Change);

    /// What is to be done as it stands, whether or not it was before a crash. Every effect of a step is among them
    /// once its changes are applied, until an input says that it is done.
    fn pending(&self) -> Vec<Self::Effect>;
}

/// A machine that can say its state in a few changes: what a long log is replaced by.
pub trait Summary: Machine {
    /// Changes that give a new machine this state, and with it all that is to be done.
    fn summary(&self) -> Vec<Self::Change>;
}

/// What an input does to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "changes are to be written down, and effects carried out after that"]
pub struct Step<C, E> {
    /// To be made durable together, or none of them.
    pub changes: Vec<C>,
    /// To be carried out then.
    pub effects: Vec<E>,
}

impl<C, E> Step<C, E> {
    /// Changes, and what follows from them.
    pub const fn new(changes: Vec<C>, effects: Vec<E>) -> Self {
        Self { changes, effects }
    }

    /// Nothing changes: the input was taken before.
    pub const fn seen(effects: Vec<E>) -> Self {
        let changes = Vec::new();
        Self { changes, effects }
    }

    /// The step of a machine whose effects follow from its state alone: all that is to be done once these are applied, or as it
    /// stands if nothing changes.
    pub(crate) fn of<M>(machine: &M, changes: impl IntoIterator<Item = C>) -> Self
    where
        M: Machine<Change = C, Effect = E> + Clone,
    {
        let changes: Vec<_> = changes.into_iter().collect();
        if changes.is_empty() {
            return Self::seen(machine.pending());
        }
        let mut after = machine.clone();
        changes.iter().for_each(|change| after.apply(change));
        Self::new(changes, after.pending())
    }

    /// The same with only those effects, if anything changes, that were not to be done before.
    pub(crate) fn of_new<M>(machine: &M, changes: impl IntoIterator<Item = C>) -> Self
    where
        M: Machine<Change = C, Effect = E> + Clone,
        E: PartialEq,
    {
        let mut step = Self::of(machine, changes);
        if !step.changes.is_empty() {
            let before = machine.pending();
            step.effects.retain(|effect| !before.contains(effect));
        }
        step
    }

    /// The same for one change, if it is news: one that changes nothing is not written down, and its input was taken before.
    pub(crate) fn of_news<M>(machine: &M, change: Option<C>) -> Self
    where
        M: Machine<Change = C, Effect = E> + Clone + PartialEq,
        E: PartialEq,
    {
        let is_news = |change: &C| {
            let mut after = machine.clone();
            after.apply(change);
            after != *machine
        };
        Self::of_new(machine, change.filter(is_news))
    }
}
