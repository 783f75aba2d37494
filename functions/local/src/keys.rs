//! Access keys: `palate keys`, and whether `palate serve` asks for them.

use std::{net::IpAddr, path::Path};

use palate_service::{
    Clock, SystemClock,
    auth::{
        Access, MasterKey,
        keys::{self, KeyError, KeySummary},
    },
};
use palate_store::{StoreError, Stores};

use crate::{
    cli::{Auth, Kept, Keys, Store},
    console::say,
    demo::Failed,
    installation::{self, StartError},
};

/// The file of the data folder that the master key is in.
const MASTER_KEY_FILE: &str = "master.key";
/// Where it is instead with `--store aws`: its functions have it from Secrets Manager, and it is the same.
const MASTER_KEY_VARIABLE: &str = "PALATE_MASTER_KEY";

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{MASTER_KEY_VARIABLE} is not set: with --store aws it holds the master key of the installation")]
    NoMasterKey,
    #[error("there is no data folder {0}: name it with --data or PALATE_DATA")]
    NoFolder(String),
}

/// Whether signatures are checked: if nobody says, wherever others than this machine can call.
pub fn auth(asked: Option<Auth>, listening_on: IpAddr) -> Auth {
    asked.unwrap_or(if listening_on.is_loopback() { Auth::Off } else { Auth::Required })
}

/// What the service is told, and the log of what its owner should know.
pub async fn access(auth: Auth, listening_on: IpAddr, kept: &Kept, stores: &Stores) -> Result<Access, KeysError> {
    if auth == Auth::Off {
        if !listening_on.is_loopback() {
            tracing::warn!("whoever reaches {listening_on} may read, change and delete everything");
        }
        return Ok(Access::Anyone);
    }
    let master_key = master_key(kept.store, &kept.data)?;
    if keys::list(stores.records.as_ref()).await?.is_empty() {
        let data = kept.data.display();
        tracing::warn!("every request is refused until there is an access key: palate keys create --data {data}");
    }
    Ok(Access::Keys { master_key, region: None })
}

fn master_key(store: Store, data: &Path) -> Result<MasterKey, KeysError> {
    let text = match store {
        Store::Embedded => palate_store::embedded::secret(data, MASTER_KEY_FILE, &MasterKey::new_text()?)?,
        Store::Aws => std::env::var(MASTER_KEY_VARIABLE).map_err(|_| KeysError::NoMasterKey)?,
    };
    Ok(MasterKey::from_text(&text)?)
}

/// Does what `palate keys …` says, also while a process serves the data folder.
pub async fn run(command: Keys) -> Result<(), Failed> {
    match command {
        Keys::Create { scope, description, kept } => {
            let stores = open(&kept).await?;
            let master_key = master_key(kept.store, &kept.data)?;
            let now_ms = SystemClock.now_ms();
            let new = keys::create(stores.records.as_ref(), &master_key, scope, &description, now_ms).await?;
            // Two lines for `eval`, and nothing else.
            say!("export AWS_ACCESS_KEY_ID={}", new.id);
            say!("export AWS_SECRET_ACCESS_KEY={}", new.secret);
        }
        Keys::List { kept } => {
            existing(&kept)?;
            for line in table(&keys::list(open(&kept).await?.records.as_ref()).await?) {
                say!("{line}");
            }
        }
        Keys::Revoke { id, kept } => {
            existing(&kept)?;
            keys::revoke(open(&kept).await?.records.as_ref(), &id).await?;
            say!("{id} is revoked; processes that know it forget it within five seconds.");
        }
    }
    Ok(())
}

pub async fn open(kept: &Kept) -> Result<Stores, StartError> {
    match kept.store {
        Store::Embedded => {
            palate_store::embedded::open(&kept.data).map_err(|error| installation::in_folder(&kept.data, error.into()))
        }
        Store::Aws => installation::connect(kept.table.as_deref(), kept.bucket.as_deref()).await,
    }
}

/// Refuses a folder that is not there: opening it would make it.
pub fn existing(kept: &Kept) -> Result<(), KeysError> {
    if kept.store == Store::Embedded && !kept.data.is_dir() {
        return Err(KeysError::NoFolder(kept.data.display().to_string()));
    }
    Ok(())
}

fn table(keys: &[KeySummary]) -> Vec<String> {
    let row = |id: &str, scopes: &str, created: &str, description: &str| {
        format!("{id:<20}  {scopes:<17}  {created:<20}  {description}").trim_end().to_owned()
    };
    let rows = keys.iter().map(|key| row(&key.id, &key.scopes.to_string(), &key.created, &key.description));
    std::iter::once(row("ACCESS KEY", "SCOPES", "CREATED", "DESCRIPTION")).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn signatures_are_checked_where_others_can_call_unless_told_otherwise() {
        let on = |address: &str, asked| auth(asked, address.parse().unwrap());
        for address in ["127.0.0.1", "127.8.8.8", "::1"] {
            assert_eq!(on(address, None), Auth::Off, "{address}");
        }
        for address in ["0.0.0.0", "::", "192.0.2.1"] {
            assert_eq!(on(address, None), Auth::Required, "{address}");
        }
        assert_eq!(on("0.0.0.0", Some(Auth::Off)), Auth::Off);
        assert_eq!(on("127.0.0.1", Some(Auth::Required)), Auth::Required);
    }

    #[test]
    fn the_master_key_of_a_data_folder_stays_the_same() {
        let folder = tempfile::tempdir().unwrap();
        master_key(Store::Embedded, folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join(MASTER_KEY_FILE)).unwrap();
        master_key(Store::Embedded, folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join(MASTER_KEY_FILE)).unwrap(), text);
        std::fs::write(folder.path().join(MASTER_KEY_FILE), "short").unwrap();
        assert!(master_key(Store::Embedded, folder.path()).unwrap_err().to_string().contains("32"));
    }
}
