//! Older versions of values.

use super::{Answer, Ask, Claimed, Refusal, Reply, off_the_loop, refusal, wish};
use crate::{
    daemon::gate::Operation,
    store::{SqlCipherStore, VersionInfo},
    wire::message::{KeyInProfile, KeyVersion, Response, VersionRow},
};

impl Ask<'_> {
    pub(super) async fn history(&self, at: KeyInProfile<'_>) -> Answer {
        let wishes = [wish(Operation::List, at)];
        let key = at.key.to_owned();
        let work = move |store: &SqlCipherStore| store.versions(&key);
        let versions = self.read(&wishes, "history", at.profile, work).await?;
        Ok(Reply::new(&Response::Versions(versions.iter().map(row).collect()))?)
    }

    /// An older value is not cached: nobody asks for it twice.
    pub(super) async fn get_version(&self, asked: KeyVersion<'_>) -> Answer {
        let KeyVersion { at, version } = asked;
        let wishes = [wish(Operation::Get, at)];
        let grant = self.admit("get", &wishes, Claimed::default())?;
        let key = at.key.to_owned();
        let outcome = match self.daemon.vaults.whole(&grant, at.profile) {
            Ok((store, _, unlocking)) => off_the_loop(move || store.get_version(&key, version))
                .await
                .and_then(|value| Ok((vec![Some(self.sealed(at, value)?)], vec![unlocking]))),
            Err(reason) => Err(refusal(reason)),
        };
        let concluded = self.conclude("get", &wishes, Claimed::default(), outcome).await;
        let (values, releases) = concluded?;
        self.release(&values, releases)
    }

    pub(super) async fn rollback(&self, asked: KeyVersion<'_>) -> Result<(), Refusal> {
        let KeyVersion { at, version } = asked;
        let (key, by) = (at.key.to_owned(), self.identity.name().to_owned());
        let work = move |store: &SqlCipherStore| store.rollback(&key, version, Some(&by)).map(drop);
        self.change(&[wish(Operation::Set, at)], "rollback", at.profile, work).await
    }
}

fn row(info: &VersionInfo) -> VersionRow<'_> {
    VersionRow {
        version: info.version,
        created_at: info.created_at,
        set_by: info.set_by.as_deref(),
        current: info.current,
    }
}
