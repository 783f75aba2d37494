//! Who may call: signatures of version 4, checked against Palate's own access keys.
//!
//! A request is let in in three steps. `claim` reads what its head says of itself and refuses what no
//! signature could make right; the `gate` knows the key; `signature` compares. What a key is for is in
//! `scope`, where keys live in [`keys`]; `admit` is what the service does with all that.

mod admit;
mod authorization;
mod canonical;
mod claim;
mod date;
mod gate;
pub mod keys;
mod master_key;
mod scope;
mod signature;

pub(crate) use gate::Gate;
pub use keys::AccessKey;
pub use master_key::MasterKey;
pub use scope::{Scope, Scopes};

/// Who may call.
#[derive(Clone, Debug, Default)]
pub enum Access {
    /// Whoever reaches the service: signatures are not looked at.
    #[default]
    Anyone,
    /// Whoever signs with one of the installation's access keys.
    Keys {
        /// What the keys' secrets are encrypted under.
        master_key: MasterKey,
        /// The one region that requests may be signed for. Without it any is right, since the region of a
        /// request only says where its resources are.
        region: Option<String>,
    },
}

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// What [`hex`] wrote.
fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
