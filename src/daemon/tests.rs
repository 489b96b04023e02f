//! The daemon's own handlers, in this process: what becomes of answers when a lock
//! comes in between, and of the daemon when a handler panics.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
};

use tokio::{net::UnixStream, task::yield_now, time::timeout};

use super::{
    answer::{Reply, Transfers, answer},
    listener::Caller,
    registry::Who,
    session::{Identity, deliver},
    *,
};
use crate::{
    crypto::KdfParams,
    home::audit_file,
    secret::SecureBytes,
    store::{AuditKeys, JitDelivery, Proven, Put, SqlCipherStore, Vault},
    sys::pidfd,
    wire::{
        identity::KeyPair,
        message::{self, *},
    },
};

const CHEAP: KdfParams = KdfParams { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
const PASSWORD: &[u8] = b"correct horse";
const PROFILE: &str = "work";
const KEY: &str = "a/key";
const AT: KeyInProfile<'static> = KeyInProfile { profile: PROFILE, key: KEY };
/// Only ends a test that would hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the daemon panic at one of its checkpoints.
#[derive(Debug)]
pub(super) struct Stumble {
    /// How many checkpoints are passed before.
    left: AtomicI64,
    stumbled: AtomicBool,
}

impl Default for Stumble {
    fn default() -> Self {
        Self { left: AtomicI64::new(i64::MAX), stumbled: AtomicBool::new(false) }
    }
}

impl Stumble {
    pub(super) fn step(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.stumbled.store(true, Ordering::SeqCst);
            panic!("on purpose");
        }
    }

    fn at(&self, checkpoint: i64) {
        self.stumbled.store(false, Ordering::SeqCst);
        self.left.store(checkpoint, Ordering::SeqCst);
    }

    /// Whether it has; from here on it does not.
    fn has_stumbled(&self) -> bool {
        self.left.store(i64::MAX, Ordering::SeqCst);
        self.stumbled.load(Ordering::SeqCst)
    }
}

/// A daemon with one vault, unlocked, that has one value.
pub(super) struct Ready {
    pub(super) daemon: Arc<Daemon>,
    vault: Vault,
    proven: Proven,
    _folder: tempfile::TempDir,
}

fn profile() -> TrustProfileName {
    TrustProfileName::new(PROFILE).unwrap()
}

fn launcher() -> Identity {
    let caller = Caller { pid: 1, process: None };
    Identity::new(Who::Launcher, caller)
}

impl Ready {
    pub(super) const VALUE: &'static [u8] = b"the value";

    pub(super) async fn new() -> Self {
        Self::started(false).await
    }

    pub(super) async fn started(detached: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::below(folder.path());
        place::prepare_folders(&home).unwrap();
        let limits = "[rate.launcher]\nburst = 1000000\nper_second = 1000000\n";
        std::fs::write(home.config_file(), limits).unwrap();
        let options = Options { detached, ..Options::default() };
        let daemon = Arc::new(
            Daemon::new(&home, &options, LandlockState::None, audit::Processes::default()).unwrap(),
        );
        let vault = unlock::vault(&daemon, &profile());
        let pair = KeyPair::generate().unwrap();
        let private = pair.private().try_clone().unwrap();
        let keys = AuditKeys { public: *pair.public(), private };
        let created = vault.create(PASSWORD, &CHEAP, Some(&keys)).unwrap();
        let value = SecureBytes::copy_from(Self::VALUE).unwrap();
        created.store.put(&Put::new(KEY, &value)).unwrap();
        created.store.pragma_rekey_clear().unwrap();
        let proven = vault.prove(PASSWORD).unwrap();
        let ready = Self { daemon, vault, proven, _folder: folder };
        ready.unlock().await;
        ready
    }

    /// As after the right password, without working it out again.
    pub(super) async fn unlock(&self) {
        let unlocked = self.vault.open_proven(&self.proven).unwrap();
        unlock::take_in(&self.daemon, &profile(), unlocked).await.unwrap();
    }

    pub(super) fn cache(&self) -> Arc<JitDelivery<SqlCipherStore>> {
        self.daemon.vaults.cache(PROFILE)
    }

    async fn ask(&self, request: Request<'_>) -> Reply {
        let mut transfers = Transfers::default();
        answer(&self.daemon, &launcher(), &mut transfers, request).await
    }

    pub(super) async fn get(&self) -> Option<Vec<u8>> {
        let reply = self.ask(Request::Get(AT)).await;
        match message::decode(reply.encoded.as_slice()).unwrap() {
            Response::Values(values) => values[0].map(|value| value.0.to_vec()),
            _ => None,
        }
    }

    /// Locks everything; true once that is acknowledged.
    async fn lock(&self) -> bool {
        let reply = self.ask(Request::Lock(None)).await;
        message::decode::<Response<'_>>(reply.encoded.as_slice()).unwrap() == Response::Done
    }
}

const IN_FLIGHT: usize = 100;

/// Asks for the value and sends it as a session does. True if it was sent.
async fn one_in_flight(
    daemon: Arc<Daemon>,
    stream: Arc<UnixStream>,
    acknowledged: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
) -> bool {
    let mut transfers = Transfers::default();
    let reply = answer(&daemon, &launcher(), &mut transfers, Request::Get(AT)).await;
    let has_value = !reply.releases.is_empty();
    let sent = deliver(&daemon, &launcher(), &stream, reply.encoded.as_slice(), &reply.releases)
        .await
        .is_ok();
    // Nothing was awaited since its last byte left.
    let late = acknowledged.load(Ordering::SeqCst);
    assert!(!(has_value && sent && late), "a value left after the lock was acknowledged");
    done.fetch_add(1, Ordering::SeqCst);
    has_value && sent
}

/// The real program is locked 2,000 times by `in_flight`, among the claims; this looks into the
/// cache as well.
const ROUNDS: usize = 50;

#[tokio::test]
async fn locks_under_a_hundred_requests_in_flight_let_no_value_out() {
    let mut ready = Ready::new().await;
    let pairs: Vec<_> = (0..IN_FLIGHT).map(|_| UnixStream::pair().unwrap()).collect();
    let (near, far): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let near: Vec<_> = near.into_iter().map(Arc::new).collect();
    let (mut delivered, mut cut_off) = (0, 0);
    for round in 0..ROUNDS {
        if round % 50 == 49 {
            // Each unlocking holds its note against the whole trail, which grows.
            ready = Ready::new().await;
        }
        let cache = ready.cache();
        if round % 2 == 0 {
            ready.get().await.unwrap();
        }
        let (acknowledged, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let flights: Vec<_> = near
            .iter()
            .map(|stream| {
                let (daemon, stream) = (Arc::clone(&ready.daemon), Arc::clone(stream));
                let (acknowledged, done) = (Arc::clone(&acknowledged), Arc::clone(&done));
                tokio::spawn(one_in_flight(daemon, stream, acknowledged, done))
            })
            .collect();
        // Sometimes before the first has begun, sometimes when some, or most, are done.
        while done.load(Ordering::SeqCst) < round * 7 % IN_FLIGHT {
            yield_now().await;
        }
        assert!(ready.lock().await);
        acknowledged.store(true, Ordering::SeqCst);
        for flight in flights {
            let sent = timeout(PATIENCE, flight).await.unwrap().unwrap();
            *(if sent { &mut delivered } else { &mut cut_off }) += 1;
        }
        assert!(cache.is_empty(), "round {round}: something came back into the cache");
        assert!(!ready.daemon.vaults.any_unlocked());
        for stream in &far {
            let mut bytes = [0; 4096];
            while stream.try_read(&mut bytes).is_ok_and(|read| read > 0) {}
        }
        ready.unlock().await;
    }
    assert!(delivered > ROUNDS && cut_off > ROUNDS, "{delivered} before, {cut_off} after");
}

/// One of each request.
fn requests() -> Vec<Request<'static>> {
    let password = Plaintext(b"wrong");
    let unlock = |profile| Unlock { profile, password, accept_older: false };
    let manifest =
        || ManifestClaim { path: "/m", owner: 0, items: vec![], profiles: vec![PROFILE] };
    let entries = || vec![ImportEntry { key: "b", value: Plaintext(b"v") }];
    let import = || Import { profile: PROFILE, entries: entries(), overwrite: true };
    let entry = || Entry { profiles: vec![PROFILE], key: KEY, required: true };
    let batch = |check_only| Batch {
        entries: vec![entry()],
        manifest: None,
        project: None,
        command: None,
        check_only,
    };
    let header = Plaintext(b"no header");
    vec![
        Request::Status,
        Request::Unlock(unlock(PROFILE)),
        Request::Create(unlock("new")),
        Request::Lock(None),
        Request::Lock(Some(PROFILE)),
        Request::Resolve(batch(false)),
        Request::Look(batch(true)),
        Request::Get(AT),
        Request::Set(Set {
            at: AT,
            value: Plaintext(b"other"),
            create_only: false,
            expires_at: None,
        }),
        Request::Delete(AT),
        Request::Rename(Rename { from: AT, to: "c" }),
        Request::List(PROFILE),
        Request::Import(import()),
        Request::ImportPart(ImportPart { import: import(), before: 0, last: true }),
        Request::Stop,
        Request::Approve(Approve { profile: PROFILE, manifest: manifest() }),
        Request::Disapprove(ManifestInProfile { profile: PROFILE, path: "/m" }),
        Request::Approvals(PROFILE),
        Request::AuditVerify,
        Request::AuditRunning,
        Request::Passwd(Passwd { profile: PROFILE, old: password, new: password }),
        Request::Backup(Backup { profile: PROFILE, offset: None, names: true }),
        Request::RestoreBegin(RestoreBegin {
            profile: "new",
            header,
            database_bytes: 1,
            replace: false,
        }),
        Request::RestoreWrite(Plaintext(b"x")),
        Request::RestoreCommit(RestoreCommit { password }),
        Request::History(AT),
        Request::GetVersion(KeyVersion { at: AT, version: 1 }),
        Request::Rollback(KeyVersion { at: AT, version: 1 }),
        Request::ClientAdd(ClientAdd {
            name: "ci",
            key: StaticKey([7; 32]),
            uid: None,
            grants: vec![],
        }),
        Request::ClientList,
        Request::ClientRevoke("ci"),
        Request::Sealed(Plaintext(b"not sealed")),
        Request::Complete(KeyPrefix { profile: PROFILE, prefix: "" }),
    ]
}

/// The number of a request's message.
fn number(request: &Request<'_>) -> u32 {
    let encoded = message::encode(request).unwrap();
    let mut decoder = minicbor::Decoder::new(encoded.as_slice());
    decoder.array().unwrap();
    decoder.u32().unwrap()
}

#[test]
fn there_is_an_example_of_each_request() {
    let source = include_str!("../wire/message.rs");
    let from = source.find("pub enum Request").unwrap();
    let of_the_enum = &source[from..from + source[from..].find("\n}\n").unwrap()];
    let declared = of_the_enum.split("    #[n(").skip(1);
    let declared: BTreeSet<u32> =
        declared.filter_map(|rest| rest.split(')').next()?.parse().ok()).collect();
    let here: BTreeSet<u32> = requests().iter().map(number).collect();
    assert_eq!(here, declared, "`requests`, in this file, wants one of each");
}

#[tokio::test]
async fn a_run_on_record_is_watched_wherever_its_handler_has_ended() {
    let ready = Ready::new().await;
    for checkpoint in 0.. {
        ready.daemon.stumble.at(checkpoint);
        let daemon = Arc::clone(&ready.daemon);
        let handler = tokio::spawn(async move {
            let pid = i32::try_from(std::process::id()).unwrap();
            let caller = Caller { pid, process: Some(pidfd::open(pid).unwrap()) };
            let is_run = |request: &Request<'_>| matches!(request, Request::Resolve(_));
            let request = requests().into_iter().find(is_run).unwrap();
            let identity = Identity::new(Who::Launcher, caller);
            answer(&daemon, &identity, &mut Transfers::default(), request).await;
        });
        let _ = timeout(PATIENCE, handler).await.unwrap();
        let stumbled = ready.daemon.stumble.has_stumbled();
        let trail = std::fs::read_to_string(audit_file(&ready.daemon.home.audit(), 1)).unwrap();
        let is_begun = |line: &&str| {
            line.contains("\"operation\":\"run\"") && line.contains("\"outcome\":\"granted\"")
        };
        let begun = trail.lines().filter(is_begun).count();
        assert_eq!(ready.daemon.runs.all().len(), begun, "at checkpoint {checkpoint}");
        if !stumbled {
            return assert!(begun > 1, "one of them was kept from its values");
        }
    }
}

#[tokio::test]
async fn a_panic_in_any_handler_leaves_nothing_that_cannot_be_locked() {
    for n in 0..requests().len() {
        let ready = Ready::new().await;
        for checkpoint in 0.. {
            let request = requests().swap_remove(n);
            let name = format!("{request:?} at checkpoint {checkpoint}");
            ready.daemon.stumble.at(checkpoint);
            let daemon = Arc::clone(&ready.daemon);
            let handler = tokio::spawn(async move {
                let mut transfers = Transfers::default();
                answer(&daemon, &launcher(), &mut transfers, request).await;
            });
            // As a session's task does, it ends; nothing else does.
            let _ = timeout(PATIENCE, handler).await.expect(&name);
            let stumbled = ready.daemon.stumble.has_stumbled();
            assert!(timeout(PATIENCE, ready.lock()).await.expect(&name), "{name}: not locked");
            assert!(!ready.daemon.vaults.any_unlocked(), "{name}: still unlocked");
            assert_eq!(ready.get().await, None, "{name}");
            ready.unlock().await;
            let listed = timeout(PATIENCE, ready.ask(Request::List(PROFILE))).await.expect(&name);
            let answer: Response<'_> = message::decode(listed.encoded.as_slice()).unwrap();
            assert!(matches!(answer, Response::Keys(_)), "{name}: stuck: {answer:?}");
            if !stumbled {
                break;
            }
        }
    }
}
