//! Older versions of values.

use super::{Ask, Claimed, Refusal, Reply, off_the_loop, wish};
use crate::{
    daemon::gate::Operation,
    secret::OutOfSecretMemory,
    store::SqlCipherStore,
    wire::message::{KeyInProfile, KeyVersion, Problem, Response, VersionRow},
};

impl Ask<'_> {
    pub(super) async fn history(&self, at: KeyInProfile<'_>) -> Result<Reply, OutOfSecretMemory> {
        let wishes = [wish(Operation::List, at)];
        let key = at.key.to_owned();
        let work = move |store: &SqlCipherStore| store.versions(&key);
        match self.read(&wishes, "history", at.profile, work).await {
            Ok(versions) => {
                let row = |info| -> VersionRow<'_> {
                    let info: &crate::store::VersionInfo = info;
                    VersionRow {
                        version: info.version,
                        created_at: info.created_at,
                        set_by: info.set_by.as_deref(),
                        current: info.current,
                    }
                };
                Reply::new(&Response::Versions(versions.iter().map(row).collect()))
            }
            Err(problems) => Reply::new(&Response::Refused(problems)),
        }
    }

    /// An older value is not cached: nobody asks for it twice.
    pub(super) async fn get_version(
        &self,
        asked: KeyVersion<'_>,
    ) -> Result<Reply, OutOfSecretMemory> {
        let KeyVersion { at, version } = asked;
        let wishes = [wish(Operation::Get, at)];
        let grant = match self.admit("get", &wishes, Claimed::default()) {
            Ok(grant) => grant,
            Err(problems) => return Reply::new(&Response::Refused(problems)),
        };
        let key = at.key.to_owned();
        let outcome = match self.daemon.vaults.whole(&grant, at.profile) {
            Ok((store, _, unlocking)) => off_the_loop(move || store.get_version(&key, version))
                .await
                .and_then(|value| Ok((vec![Some(self.sealed(at, value)?)], vec![unlocking]))),
            Err(reason) => Err(vec![Problem::with_request(reason)]),
        };
        match self.conclude("get", &wishes, Claimed::default(), outcome).await {
            Ok((values, releases)) => self.release(&values, releases),
            Err(problems) => Reply::new(&Response::Refused(problems)),
        }
    }

    pub(super) async fn rollback(&self, asked: KeyVersion<'_>) -> Result<(), Refusal> {
        let KeyVersion { at, version } = asked;
        let (key, by) = (at.key.to_owned(), self.identity.name().to_owned());
        let work = move |store: &SqlCipherStore| store.rollback(&key, version, Some(&by)).map(drop);
        self.change(&[wish(Operation::Set, at)], "rollback", at.profile, work).await
    }
}
