//! The published clients sign for real, and the service checks it.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use aws_sdk_personalize::error::ProvideErrorMetadata;
use palate_service::auth::{Access, MasterKey, Scope, keys};
use palate_service::{Clock, Settings, SystemClock};
use palate_wire_tests::{Never, Palate};

#[tokio::test]
async fn a_client_with_a_key_of_the_installation_is_let_in_and_no_other() {
    let master_key = MasterKey::from_text(&MasterKey::new_text().unwrap()).unwrap();
    let access = Access::Keys { master_key: master_key.clone(), region: None };
    let palate = Palate::with(Settings { access, ..Settings::default() }, Arc::new(Never));
    let strange = palate.control.list_schemas().send().await.unwrap_err();
    assert_eq!(strange.code(), Some("UnrecognizedClientException"));

    let key = |scope: Scope| {
        let (records, master_key) = (Arc::clone(&palate.stores.records), master_key.clone());
        async move {
            let scopes = [scope].into_iter().collect();
            keys::create(records.as_ref(), &master_key, scopes, "", SystemClock.now_ms()).await.unwrap()
        }
    };
    let (admin, read) = (key(Scope::Admin).await, key(Scope::Read).await);
    let schemas = palate.as_caller(&admin.id, &admin.secret).list_schemas().send().await.unwrap();
    assert!(schemas.schemas().is_empty());
    for (id, secret, code) in [
        (&admin.id, &read.secret, "InvalidSignatureException"),
        (&read.id, &read.secret, "AccessDeniedException"),
        (&"PALATENOSUCHKEY00000".to_owned(), &read.secret, "UnrecognizedClientException"),
    ] {
        let refused = palate.as_caller(id, secret).list_schemas().send().await.unwrap_err();
        assert_eq!(refused.code(), Some(code), "{refused:?}");
    }
}
