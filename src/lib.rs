//! Narthex.
