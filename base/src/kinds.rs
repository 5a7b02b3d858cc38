//! The table of kinds: what the bytes of every message begin with.
//!
//! A kind is some letters and a version, in ASCII. No two kinds are the same, and none begins another, so that bytes say
//! what they are; tests hold both, and find kinds that are made elsewhere.

/// What a message begins with. There are those of this table and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(&'static str);

impl Kind {
    /// The letters and the version.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The bytes in front of the fields.
    pub const fn as_bytes(self) -> &'static [u8] {
        self.0.as_bytes()
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])+ $name:ident = $kind:literal,)+) => {
        $($(#[$doc])+ pub const $name: Kind = Kind($kind);)+

        /// Name and kind of every message, in the order of this page.
        pub const TABLE: &[(&str, Kind)] = &[$((stringify!($name), $name)),+];
    };
}

kinds! {
    /// Terms of the computational contract.
    TERMS = "NXT3",
    /// An ending that client, worker and verifier may agree on.
    ENDING = "NXEP1",
    /// Public nonces of a ceremony.
    NONCES = "NXN1",
    /// What a contract id covers of the nonces of a ceremony.
    NONCE_TABLE = "NXNT1",
    /// Partial signatures of a ceremony.
    SHARES = "NXS1",
    /// A ceremony in which a party has signed, stored.
    SIGNING = "NXSG1",
    /// Signatures that a party holds when a ceremony is over.
    HOLDINGS = "NXH1",
    /// What a party says to another before there is a contract.
    SETUP_MESSAGE = "NXSM1",
    /// A party's part of the terms of a computation.
    PART = "NXTP1",
    /// All parts of the terms of a computation, put together.
    ASSEMBLY = "NXTA1",
    /// An arbiter's word that it is not to be summoned any more.
    ARBITER_BURNED = "NXAB1",
    /// A change in the log of an arbiter's offers on chain and their bonds.
    BOND_CHANGE = "NXBO1",
    /// An arbiter's nonce of a contract, announced.
    NONCE_ANNOUNCED = "NXAN1",
    /// A change in the log of a set-up.
    SETUP_CHANGE = "NXSL1",
    /// What a contract is to be about and who is asked to take part.
    NEGOTIATION = "NXNO3",
    /// The same with the client's enrolment, as it is sent.
    OFFERING = "NXNF3",
    /// A party's consent to take part.
    ACCEPT = "NXNA2",
    /// A party's word that it does not take part.
    DECLINE = "NXND1",
    /// A change in the log of an offer.
    OFFER_CHANGE = "NXNL2",
    /// A message of a contract, signed by the sender's node key.
    WIRE_ENVELOPE = "NXEV1",
    /// Such a message without its body, which its hash stands for.
    WIRE_HEAD = "NXEH1",
    /// Two messages of which a sender may have signed one.
    WIRE_CONTRADICTION = "NXEX1",
    /// The first words on a connection.
    WIRE_HELLO = "NXLH1",
    /// How far one has read, on a new connection.
    WIRE_RESUME = "NXLR1",
    /// How far one has read, on the way.
    WIRE_ACK = "NXLA1",
    /// A part of a long body.
    WIRE_PIECE = "NXLP1",
    /// A request of a party that lost its disk: its own messages back.
    WIRE_RECALL = "NXLQ1",
    /// A wish for a chunk of a job.
    WIRE_WANT = "NXJW1",
    /// A chunk of a job, with its proof.
    WIRE_CHUNK = "NXJC1",
    /// A change in the log of a job that is fetched.
    FETCH_CHANGE = "NXJL1",
    /// What was wrong with something that came.
    WIRE_FAULT = "NXLF1",
    /// An ask that is turned away before anybody decides about it.
    WIRE_DECLINED = "NXLN1",
    /// A node asks another for a small contract.
    SMALL_ASK = "NXQA1",
    /// The answer to that.
    SMALL_ANSWER = "NXQR1",
    /// A change in the log of such a question.
    SMALL_CHANGE = "NXQL1",
    /// Something long of a small contract, kept apart from its machine's log.
    SMALL_APART = "NXQP1",
    /// Figures of a sealed delivery that a sender asks agents for.
    DELIVERY_FIGURES = "NXDF1",
    /// An agent's key and script for a sealed delivery.
    DELIVERY_AGENT = "NXDK1",
    /// Figures of a penny bank that a payer asks for.
    BANK_FIGURES = "NXBF1",
    /// A provider's key and script for a penny bank.
    BANK_CONSENT = "NXBK1",
    /// What the sides of a penny bank say while they open or close it.
    BANK_TALK = "NXBT1",
    /// A program in slices that a bank's payer orders.
    STREAM_ORDER = "NXMO1",
    /// What the sides of a stream say.
    STREAM_TALK = "NXMT1",
    /// A change in the log of a stream's payer.
    PAYING_CHANGE = "NXMP1",
    /// A change in the log of a stream's provider.
    SERVING_CHANGE = "NXMS1",
    /// Figures of a bounty that a requester asks recomputers for.
    BOUNTY_FIGURES = "NXYF1",
    /// What the parties of a bounty say before it is funded, and who lacks which secrets.
    BOUNTY_TALK = "NXYT1",
    /// Figures of a gated slice that a client asks providers for.
    SLICE_FIGURES = "NXGF1",
    /// A provider's key and script for a gated slice.
    SLICE_CONSENT = "NXGP1",
    /// What the parties of a gated slice say before it is funded, and whose post the client lacks.
    SLICE_TALK = "NXGT1",
    /// A change in the log of a link.
    LINKS_CHANGE = "NXLC1",
    /// Witnesses of a party's inputs of the funding transaction.
    FUNDING_WITNESSES = "NXFW1",
    /// A withheld share, handed over.
    WITHHELD = "NXV1",
    /// A whole signature, handed over by who put it together.
    HANDED_OVER = "NXVW1",
    /// A ruling of an arbiter, as a signature.
    ATTESTATION = "NXA1",
    /// What stands for an arbiter's ruling before it is attested.
    RULING_DIGEST = "NXRD1",
    /// The commitment root of a delivery, in a data output on chain.
    ROOT_RECORD = "NXR1",
    /// Who a party is: its node key and its contract key sign each other.
    ENROLMENT = "NXEN1",
    /// An arbiter's or a verifier's offer, in a data output on chain.
    OFFER = "NXO1",
    /// Terms of such an offer.
    OFFER_TERMS = "NXOT3",
    /// An arbiter that is willing to serve on a panel.
    WILLINGNESS = "NXW1",
    /// All that are willing.
    ANSWERS = "NXWS1",
    /// A case that a panel is asked to rule on.
    DRAW_CASE = "NXDC2",
    /// Which offers count, and at what height.
    SNAPSHOT_ROOT = "NXSR1",
    /// The offers that count at a height.
    SNAPSHOT = "NXSN1",
    /// A pool in drawn order.
    DRAWN_ORDER = "NXDO2",
    /// The arbiters of a contract, as drawn.
    PANEL = "NXPL1",
    /// Commitments of a dealer of a shared secret.
    DEALING = "NXPD1",
    /// A dealer's share for one participant.
    DEALT_SHARE = "NXPS1",
    /// A share of a shared secret, revealed.
    REVEALED_SHARE = "NXPR1",
    /// A fidelity bond, registered.
    BOND_REGISTER = "NXBR1",
    /// A certificate by the key of a bond.
    BOND_CERTIFICATE = "NXBC1",
    /// A penny of a bank.
    PENNY = "NXP1",
    /// Commitments of a bank, signed by the payer.
    COMMITMENTS = "NXKL1",
    /// What a banker signs of payments that are locked to points.
    CLAIM_SET = "NXF1",
    /// A payment to be forwarded.
    FORWARD = "NXKO1",
    /// A change in the log of a forwarded payment.
    FORWARD_CHANGE = "NXFC1",
    /// Notice of a revealed secret.
    NOTICE = "NXKN1",
    /// A receipt for a payment.
    RECEIPT = "NXKR1",
    /// A revealed secret of a payment.
    RELEASE = "NXKS1",
    /// A payment that is settled.
    SETTLED = "NXKD1",
    /// A sealed delivery, announced.
    ANNOUNCEMENT = "NXD1",
    /// What a sender gives to an agent.
    ASSIGNMENT = "NXD2",
    /// An agent's consent.
    CONSENT = "NXD3",
    /// What a recipient asks an agent for.
    REQUEST = "NXD4",
    /// A copy that an agent serves.
    SERVED = "NXD5",
    /// The recipient's signature for an agent.
    HANDOVER = "NXD6",
    /// Evidence about a delivery.
    DELIVERY_EVIDENCE = "NXD7",
    /// A change in the log of a delivery's sender.
    SENDER_CHANGE = "NXDS1",
    /// A change in the log of a delivery's agent.
    AGENT_CHANGE = "NXDA1",
    /// A change in the log of a delivery's recipient.
    RECIPIENT_CHANGE = "NXDR1",
    /// A provider's commitment to its slice.
    SLICE_POST = "NXGC1",
    /// Shares that a provider releases.
    SLICE_BUNDLE = "NXGB1",
    /// Evidence about a slice.
    SLICE_EVIDENCE = "NXGE1",
    /// SliceDealing shares of a slice.
    SLICE_DEAL = "NXGD1",
    /// A slice's provider's shares of the others' secrets, and its own part of its own.
    SLICE_SHARES = "NXGS1",
    /// A change in the log of a slice's client.
    SLICE_CLIENT_CHANGE = "NXGK1",
    /// A change in the log of a slice's provider.
    SLICE_PROVIDER_CHANGE = "NXGL1",
    /// The envelope of a bounty.
    ENVELOPE = "NXYE1",
    /// A result of a bounty, sealed.
    BOUNTY_SEAL = "NXYQ1",
    /// A result of a bounty, opened.
    BOUNTY_OPENING = "NXYO1",
    /// Who is left out when a bounty closes.
    BOUNTY_CLOSING = "NXYC1",
    /// A result of a bounty, delivered.
    BOUNTY_DELIVERY = "NXYD1",
    /// What a requester grants.
    BOUNTY_GRANT = "NXYG1",
    /// A signature share for a settlement of a bounty.
    BOUNTY_SHARE = "NXYK1",
    /// A change in the log of a bounty's requester.
    REQUESTER_CHANGE = "NXYR1",
    /// A change in the log of a bounty's recomputer.
    RECOMPUTER_CHANGE = "NXYM1",
    /// A change in the log of a dispute.
    DISPUTE_CHANGE = "NXUC1",
    /// What the sides of a payment channel say to each other.
    CHANNEL_MESSAGE = "NXCH1",
    /// A change in the log of a channel's side.
    CHANNEL_CHANGE = "NXCL1",
    /// A change in the log of a bank's side.
    BANK_CHANGE = "NXBL1",
    /// What a worker commits to: second version, with step keys on a polynomial.
    COMMITMENT = "NXCM2",
    /// Opened leaves of a commitment with their key shares and boxes.
    OPENING = "NXOP2",
    /// Points of the coefficients of a key polynomial.
    KEY_POINTS = "NXKP1",
    /// Sealing, stopped on the way.
    SEALER = "NXSB1",
    /// Opening boxes, stopped on the way.
    UNSEALER = "NXSU1",
    /// Proof that what a worker sealed is not what it committed to.
    SEAL_FAULT = "NXSF1",
    /// A token, sealed under the digests of a sample.
    SEALED_TOKEN = "NXST1",
    /// A token, encrypted by a verifier to itself.
    TOKEN_BOX = "NXTB1",
    /// What worker and verifier sign for each other and for a panel.
    CASE_ITEM = "NXIT1",
    /// A program as data, for a machine that has not been given its job.
    PROGRAM = "NXPG1",
    /// What a judge is asked: a case, what was brought, and the program to run a step again with.
    CASE_QUESTION = "NXCQ1",
    /// What a judge in a box answers.
    CASE_ANSWER = "NXCA1",
    /// A case with its ruling, for whoever was not there.
    CASE_BUNDLE = "NXCB1",
    /// Something that a party hands another one, or the panel, while work is checked and judged.
    PIECE = "NXIP1",
    /// What a party of a contract sends another, from its funding on.
    CONTRACT_MESSAGE = "NXIM1",
    /// What a litigant brings a panel, as it is kept and signed for.
    EVIDENCE_PART = "NXIE1",
    /// A change in the log of a party of a contract.
    CONTRACT_CHANGE = "NXIL1",
    /// A change in the log of a chain that is followed.
    FOLLOW_CHANGE = "NXFB1",
    /// What a watchtower is given for a party of a contract.
    TOWER_BUNDLE = "NXTW1",
    /// A change in the log of what a watchtower was given.
    CHARGE_CHANGE = "NXTG1",
    /// A change in the list of whom a watchtower serves.
    TOWER_CLIENT_CHANGE = "NXTL1",
    /// A change in the list of jobs that a node keeps for its operator.
    KEPT_JOB_CHANGE = "NXKJ1",
    /// An answer to an operator's order, kept for whoever repeats it.
    ANSWERED = "NXAW1",
    /// A contract that a node has put away.
    ARCHIVED = "NXAR1",
    /// What all contracts that a node has put away come to.
    ARCHIVE_COUNTS = "NXAC1",
    /// Everybody's signatures of a contract that is simulated, kept for the next run.
    CACHED_SIGNATURES = "NXSP1",
    /// An integer model.
    MODEL = "NXMODEL1",
}
