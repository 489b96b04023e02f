//! Enrolling clients, and taking their rights again. All of it is the person's to do.

use std::sync::Arc;

use super::{Answer, Ask, Claimed, Refusal, Reply, of_the_daemon, off_the_loop, refusal};
use crate::{
    daemon::{
        enrolment::{self, Enrolment},
        gate::{Enrolled, LAUNCHER, OPERATIONS, Operation, Rules, Wish, globs_of},
        listener,
        registry::Client,
    },
    secret::validate_client_name,
    sys::process::effective_uid,
    wire::message::{ClientAdd, ClientAdded, ClientRow, GrantRow, Reason, Response, StaticKey},
};

impl Ask<'_> {
    pub(super) async fn client_add(&self, asked: &ClientAdd<'_>) -> Answer {
        self.enrol(asked).await?;
        let file = format!("{}.sock", asked.name);
        let socket = self.daemon.home.client_sockets().join(file);
        let daemon = StaticKey(*self.daemon.keys.daemon.public());
        let socket = socket.to_string_lossy();
        Ok(Reply::new(&Response::ClientAdded(ClientAdded { daemon, socket: &socket }))?)
    }

    async fn enrol(&self, asked: &ClientAdd<'_>) -> Result<(), Refusal> {
        const WORD: &str = "client-add";
        let _grant = self.admit_launcher(WORD, &of_the_daemon())?;
        let checked = self.checked(asked).map_err(refusal);
        let grants = self.note_failure(WORD, &[], Claimed::default(), checked)?;
        // What it will be granted: profiles, and globs over keys.
        let granted = asked.grants.iter().map(|row| Wish {
            operation: Operation::Status,
            profiles: vec![row.profile],
            key: Some(row.keys),
        });
        let granted: Vec<_> = granted.collect();
        let claimed = Claimed { client: Some(asked.name), ..Claimed::default() };
        self.record(WORD, &granted, claimed, "granted", &[])?;
        self.settle().await?;
        let uid = asked.uid.unwrap_or_else(effective_uid);
        let enrolment = Enrolment { key: asked.key.0, uid, revoked: false, grants };
        let outcome = self.enrol_as(asked.name, enrolment).await;
        self.note_failure(WORD, &granted, claimed, outcome)
    }

    /// What it is to be granted, if all of it can be.
    fn checked(&self, asked: &ClientAdd<'_>) -> Result<Enrolled, Reason> {
        if !validate_client_name(asked.name) {
            return Err(Reason::InvalidClient);
        }
        let grants = enrolment::grants(&asked.grants).ok_or(Reason::InvalidGrant)?;
        let settings = self.daemon.settings.current();
        let rules = self.rules(&settings.access);
        // Whoever is held by a rule can't get around it by enrolling a client.
        let held = grants.keys().any(|profile| rules.name(LAUNCHER, profile.0.as_str()));
        if held { Err(Reason::AccessDenied) } else { Ok(grants) }
    }

    async fn enrol_as(&self, name: &str, enrolment: Enrolment) -> Result<(), Refusal> {
        let is_new = self.daemon.registry.get(name).is_none();
        let (daemon, owned) = (Arc::clone(self.daemon), name.to_owned());
        off_the_loop(move || daemon.registry.add(&owned, enrolment)).await?;
        // The socket of one that was revoked is still there.
        match is_new.then(|| listener::open_door(self.daemon, name)) {
            Some(Err(error)) => {
                tracing::error!(%error, "a client's socket can't be opened");
                Err(refusal(Reason::ClientUnwritable))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn client_revoke(&self, name: &str) -> Result<(), Refusal> {
        const WORD: &str = "client-revoke";
        let _grant = self.admit_launcher(WORD, &of_the_daemon())?;
        let Some(client) = self.daemon.registry.get(name) else {
            let unknown = Err(refusal(Reason::ClientUnknown));
            return self.note_failure(WORD, &[], Claimed::default(), unknown);
        };
        // Like locking, it is never refused for want of a trail: it takes away.
        let claimed = Claimed { client: Some(&client.name), ..Claimed::default() };
        let _ = self.record(WORD, &[], claimed, "granted", &[]);
        let (daemon, owned) = (Arc::clone(self.daemon), name.to_owned());
        let outcome = off_the_loop(move || daemon.registry.revoke(&owned)).await;
        self.note_failure(WORD, &[], claimed, outcome)
    }

    pub(super) fn client_list(&self) -> Answer {
        const WORD: &str = "client-list";
        let wishes = of_the_daemon();
        let _grant = self.admit_launcher(WORD, &wishes)?;
        self.record(WORD, &wishes, Claimed::default(), "granted", &[])?;
        let settings = self.daemon.settings.current();
        let clients = self.daemon.registry.all();
        let row = |client| {
            let client: &Arc<Client> = client;
            ClientRow {
                name: &client.name,
                key: StaticKey(client.enrolment.key),
                uid: client.enrolment.uid,
                last_used_at: self.daemon.registry.last_used(&client.name),
                revoked: client.is_revoked(),
                grants: grants_of(client, &settings.access),
            }
        };
        Ok(Reply::new(&Response::Clients(clients.iter().map(row).collect()))?)
    }
}

/// Everything that a client may do, by its enrolment and by the config.
fn grants_of<'c>(client: &'c Client, access: &'c crate::daemon::gate::Access) -> Vec<GrantRow<'c>> {
    let rules = Rules { access, enrolled: Some(&client.enrolment.grants) };
    let mut profiles: Vec<&str> = client.enrolment.grants.keys().map(|p| p.0.as_str()).collect();
    profiles.extend(access.keys().map(|profile| profile.0.as_str()));
    profiles.sort_unstable();
    profiles.dedup();
    let mut rows = Vec::new();
    for profile in profiles {
        for operation in OPERATIONS {
            let globs =
                rules.about(&client.name, profile).flat_map(|rule| globs_of(rule, operation));
            rows.extend(globs.map(|keys| GrantRow { profile, operation: operation.word(), keys }));
        }
    }
    rows
}
