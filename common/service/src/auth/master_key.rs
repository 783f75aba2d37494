//! Encryption of the access keys' secrets. SigV4 is symmetric, so a hash of a secret would verify nothing.

use std::fmt;

use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::keys::KeyError;
use super::{hex, unhex};

/// Characters of the shortest text that a master key may be made of.
const MIN_TEXT: usize = 32;

/// What the secrets of an installation's access keys are encrypted under. It lives outside of the record
/// store, so that who reads the store reads no secret.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

/// A secret under a master key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sealed {
    nonce: String,
    secret: String,
}

impl MasterKey {
    /// The key that a secret text stands for: what a file or a secrets manager holds. Space around it does
    /// not count.
    ///
    /// # Errors
    /// [`KeyError::Invalid`] if the text is too short to be a secret.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.len() < MIN_TEXT {
            let message =
                format!("the master key has {} characters; at least {MIN_TEXT} random ones are needed", text.len());
            return Err(KeyError::Invalid(message));
        }
        Ok(Self(Sha256::digest(text.as_bytes()).into()))
    }

    /// A text for a new master key, from the system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Random`] if the system has none.
    pub fn new_text() -> Result<String, KeyError> {
        Ok(hex(&<[u8; 32]>::try_generate().map_err(|_| KeyError::Random)?))
    }

    /// Encrypts a secret; it opens only together with `about`.
    pub(super) fn seal(&self, secret: &str, about: &str) -> Result<Sealed, KeyError> {
        let nonce = Nonce::try_generate().map_err(|_| KeyError::Random)?;
        let payload = Payload { msg: secret.as_bytes(), aad: about.as_bytes() };
        let sealed = self.cipher().encrypt(&nonce, payload).map_err(|_| KeyError::Unreadable)?;
        Ok(Sealed { nonce: hex(&nonce), secret: hex(&sealed) })
    }

    /// Decrypts a secret; `None` if it was sealed under another master key, or about something else.
    pub(super) fn open(&self, sealed: &Sealed, about: &str) -> Option<String> {
        let nonce = Nonce::try_from(unhex(&sealed.nonce)?.as_slice()).ok()?;
        let secret = unhex(&sealed.secret)?;
        let payload = Payload { msg: &secret, aad: about.as_bytes() };
        String::from_utf8(self.cipher().decrypt(&nonce, payload).ok()?).ok()
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&self.0.into())
    }
}

impl fmt::Debug for MasterKey {
    /// Says nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn master_key() -> MasterKey {
        MasterKey::from_text(&MasterKey::new_text().unwrap()).unwrap()
    }

    #[test]
    fn a_secret_opens_under_its_own_master_key_and_about_the_same_thing() {
        let key = master_key();
        let sealed = key.seal("secret", "PALATE").unwrap();
        assert_eq!(key.open(&sealed, "PALATE").as_deref(), Some("secret"));
        assert_eq!(key.open(&sealed, "another"), None);
        assert_eq!(master_key().open(&sealed, "PALATE"), None);
        let stored = serde_json::to_string(&sealed).unwrap();
        assert!(!stored.contains("secret\":\"secret") && !stored.contains(&hex(b"secret")), "{stored}");
    }

    #[test]
    fn a_secret_that_was_changed_does_not_open() {
        let key = master_key();
        let sealed = key.seal("secret", "").unwrap();
        let first = if sealed.secret.starts_with('0') { "1" } else { "0" };
        let changed = Sealed { secret: format!("{first}{}", &sealed.secret[1..]), ..sealed.clone() };
        assert_eq!(key.open(&changed, ""), None);
        for nonce in ["", "zz", "00", "é"] {
            assert_eq!(key.open(&Sealed { nonce: nonce.into(), ..sealed.clone() }, ""), None);
        }
    }

    #[test]
    fn the_same_secret_is_never_sealed_alike() {
        let key = master_key();
        assert_ne!(key.seal("secret", "").unwrap().secret, key.seal("secret", "").unwrap().secret);
    }

    #[test]
    fn a_master_key_is_long_and_never_shown() {
        assert!(MasterKey::from_text("  too short\n").is_err_and(|error| error.to_string().contains("32")));
        let text = "0123456789abcdef0123456789abcdef";
        let sealed = MasterKey::from_text(text).unwrap().seal("secret", "").unwrap();
        assert!(MasterKey::from_text(&format!("{text}\n")).unwrap().open(&sealed, "").is_some());
        assert_eq!(format!("{:?}", master_key()), "MasterKey");
    }
}
