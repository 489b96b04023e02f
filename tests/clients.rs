//! Enrolled clients: each has its own key, its own socket, and exactly what was granted.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::Output,
};

use pds::wire::{
    identity::KeyPair,
    message::{KeyInProfile, Request},
};

use crate::support::{Sandbox, Stranger, is_root, program};

/// The user and group that everybody calls nobody, and two that nobody has.
const NOBODY: u32 = 65_534;
const OTHER: u32 = 54_321;
const THIRD: u32 = 54_322;

/// Enrols `name` and returns where its key is.
#[track_caller]
pub(crate) fn add(sandbox: &Sandbox, name: &str, options: &[&str]) -> PathBuf {
    let key = sandbox.path(&format!("{name}.key"));
    let file = ["client", "add", name, "--key-file", key.to_str().unwrap()];
    sandbox.pds(file.iter().chain(options)).ok();
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    key
}

pub(crate) fn socket(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.home(&format!("run/clients/{name}.sock"))
}

pub(crate) fn key_pair(sandbox: &Sandbox, name: &str) -> KeyPair {
    let bytes = fs::read(sandbox.path(&format!("{name}.key"))).unwrap();
    KeyPair::from_file_bytes(&bytes[..128]).unwrap().unwrap()
}

/// With two keys, of which `ci` was granted to get one.
fn granted() -> (Sandbox, String) {
    let sandbox = Sandbox::ready();
    sandbox.set("db/a", "one").set("web/a", "two");
    let key = add(&sandbox, "ci", &["--grant", "default:db/*:get"]);
    (sandbox, key.to_str().unwrap().to_owned())
}

#[test]
fn a_client_gets_exactly_what_was_granted() {
    let (sandbox, key) = granted();
    let pds = |words: &[&str]| {
        sandbox.pds(words.iter().chain(&["--client-key", &key])).input("new").done()
    };
    pds(&["get", "db/a"]).code(0).stdout("one").end();
    pds(&["get", "web/a"]).code(5).mentions("no rule grants `web/a`").end();
    pds(&["get", "db/none"]).code(4).end();
    for denied in [
        &["set", "db/a", "--stdin"][..],
        &["delete", "db/a"],
        &["rename", "db/a", "db/b"],
        &["list"],
        &["lock", "-p", "default"],
        &["lock"],
    ] {
        pds(denied).code(5).mentions("no rule grants").end();
    }
    // What is only the owner's to do, no client can, whatever it was granted.
    for owners in [
        &["stop"][..],
        &["allow", "--list"],
        &["client", "list"],
        &["client", "revoke", "ci"],
        &["client", "add", "more"],
        &["audit", "show", "--running"],
    ] {
        let call = sandbox.pds(owners).env("PDS_CLIENT_KEY", &key);
        call.done().code(5).mentions("for the vault's owner alone").end();
    }
    assert!(!sandbox.path("w/more.key").exists());
    assert_eq!(sandbox.pds(["get", "db/a"]).ok(), b"one");
}

#[test]
fn a_client_runs_a_command_with_what_was_granted_or_not_at_all() {
    let (sandbox, key) = granted();
    let run = |words: &[&str]| {
        let call = sandbox.pds(["run"].iter().chain(words));
        call.env("PDS_CLIENT_KEY", &key).done()
    };
    run(&["-e", "A=db/a", "--", "sh", "-c", "echo $A ${PDS_CLIENT_KEY-none}"])
        .code(0)
        .stdout("one none\n")
        .end();
    run(&["-e", "A=db/a", "-e", "B=web/a", "--", "echo", "started"]).code(125).stdout("").end();
    // A manifest needs no approval: what was granted is all that it can ask for.
    sandbox.write_manifest("[secrets]\nA = \"db/a\"\n");
    run(&["--", "printenv", "A"]).code(0).stdout("one\n").end();
    sandbox.write_manifest("[secrets]\nA = \"db/a\"\nB = \"web/a\"\n");
    run(&["--", "echo", "started"]).code(125).stdout("").mentions("`web/a`").end();
    let line = sandbox.audit().into_iter().rfind(|line| line["operation"] == "run").unwrap();
    assert_eq!((&line["requester"], &line["outcome"]), (&"ci".into(), &"denied".into()));
}

/// What is the owner's alone, and what asks no daemon.
const OWNERS: [&str; 10] = [
    "allow", "audit", "backup", "client", "daemon", "disallow", "init", "passwd", "restore", "stop",
];
const ASKING_NONE: [&str; 3] = ["completions", "man", "schema"];

#[test]
fn every_command_that_a_client_has_a_use_for_can_be_told_its_key() {
    let has_option = |command: &&clap::Command| {
        command.get_arguments().any(|argument| argument.get_long() == Some("client-key"))
    };
    let all = pds::cli::described();
    let without: Vec<_> = all.get_subcommands().filter(|command| !has_option(command)).collect();
    let mut without: Vec<_> = without.iter().map(|command| command.get_name()).collect();
    without.sort_unstable();
    let mut expected = [&OWNERS[..], &ASKING_NONE].concat();
    expected.sort_unstable();
    assert_eq!(without, expected);
    // Where a client's key stands in the environment, they are the owner's all the same.
    let (sandbox, key) = granted();
    let key = add(&sandbox, "all", &["--grant", "default:**:get,set,list,delete,unlock,lock"])
        .to_str()
        .map_or(key, str::to_owned);
    let password = sandbox.password("default");
    let password = ["--no-prompt", "--password-file", password.to_str().unwrap()];
    sandbox.pds(["backup", "../copy"]).done().code(0).end();
    for (owners, with) in [
        (&["backup", "../another"][..], &password[..]),
        (&["restore", "../copy", "--replace"], &password),
        (&["passwd", "--new-password-file", "../pw-default"], &password),
        (&["unlock", "--accept-older"], &password),
        (&["allow", "--list"], &password[..1]),
    ] {
        let call = sandbox.pds(owners.iter().chain(with)).env("PDS_CLIENT_KEY", &key);
        call.done().code(5).mentions("owner").end();
    }
}

#[test]
fn a_client_exports_what_was_granted_and_sees_how_it_is_protected() {
    let (sandbox, ci) = granted();
    let with =
        |words: &[&str], key: &str| sandbox.pds(words.iter().chain(&["--client-key", key])).done();
    with(&["export", "A=db/a"], &ci).code(0).stdout("A=one\n").end();
    let both = with(&["export", "A=db/a", "B=web/a"], &ci).code(5).stdout("");
    both.mentions("no rule grants `web/a`").end();
    // Which keys there are, a client is told that may list them.
    with(&["export", "db/*"], &ci).code(5).stdout("").end();
    let lister = add(&sandbox, "lister", &["--grant", "default:db/*:get,list"]);
    let lister = lister.to_str().unwrap();
    let all = with(&["export", "*", "--format", "json"], lister).code(0);
    all.stdout("{\n  \"db/a\": \"one\"\n}\n").end();
    sandbox.write_manifest("[secrets]\nA = \"db/a\"\n[vars]\nPLAIN = \"p\"\n");
    with(&["export"], &ci).code(0).stdout("PLAIN=p\nA=one\n").end();
    let doctor = sandbox.pds(["doctor", "--client-key", &ci]).done();
    let doctor = String::from_utf8(doctor.0.stdout).unwrap();
    assert!(doctor.contains(&format!("process {}", sandbox.daemon_pid().unwrap())), "{doctor}");
}

#[test]
fn a_client_is_a_credential_helper_for_what_was_granted() {
    let sandbox = Sandbox::ready();
    sandbox.set("git/https/a.example", "one").set("git/https/b.example", "two");
    let key = add(&sandbox, "ci", &["--grant", "default:git/https/a.*:get"]);
    let helper = sandbox.path("git-credential-pds");
    std::os::unix::fs::symlink(program(), &helper).unwrap();
    let helper = helper.to_str().unwrap();
    let ask = |host: &str| format!("protocol=https\nhost={host}.example\n\n");
    let given = "username=git\npassword=one\n";
    for (host, code, given) in [("a", 0, given), ("b", 5, "")] {
        let call = sandbox.program(helper, ["get"]).env("PDS_CLIENT_KEY", &key);
        call.input(ask(host)).done().code(code).stdout(given).end();
        let call = sandbox.program(helper, ["--client-key", key.to_str().unwrap(), "get"]);
        call.input(ask(host)).done().code(code).stdout(given).end();
    }
    let line = sandbox.audit().pop().unwrap();
    assert_eq!((&line["requester"], &line["outcome"]), (&"ci".into(), &"denied".into()));
}

#[test]
fn a_client_sees_nothing_of_profiles_that_it_has_nothing_in() {
    let sandbox = Sandbox::ready().vault("elsewhere");
    sandbox.set("a", "1").set("b", "2");
    let key = add(&sandbox, "ci", &["--grant", "default:a:list"]);
    let key = key.to_str().unwrap();
    let list = sandbox.pds(["list", "--client-key", key]).text();
    assert_eq!(list, "a\n");
    let status = sandbox.pds(["status", "--client-key", key]).text();
    assert!(status.contains("default") && !status.contains("elsewhere"), "{status}");
}

#[test]
fn a_rule_of_the_config_that_names_a_client_adds_to_what_it_was_granted() {
    let (sandbox, key) = granted();
    sandbox.config("[acl.default.ci]\nget = [\"web/*\"]\n");
    for name in ["db/a", "web/a"] {
        sandbox.pds(["get", name, "--client-key", &key]).ok();
    }
    let shown = sandbox.pds(["client", "list"]).text();
    assert!(shown.contains("default: get db/*\n") && shown.contains("default: get web/*\n"));
}

#[test]
fn revoking_works_at_once_and_on_open_connections_too() {
    let (sandbox, _) = granted();
    let (pair, at) = (key_pair(&sandbox, "ci"), socket(&sandbox, "ci"));
    let get = Request::Get(KeyInProfile { profile: "default", key: "db/a" });
    let mut open = Stranger::at(&sandbox, &pair, &at);
    assert!(open.ask(&get).starts_with("Values"));
    let idle = Stranger::at(&sandbox, &pair, &at);
    sandbox.pds(["client", "revoke", "ci"]).ok();
    assert!(open.was_cut_off() && idle.was_cut_off());
    // And whoever comes again is told, and on record by its name, also after a restart.
    for _ in 0..2 {
        let mut again = String::new();
        let ask = || Stranger::at(&sandbox, &pair, &at).ask(&get);
        let recorded = sandbox.recorded(|| again = ask());
        assert!(again.contains("IdentityRevoked"), "{again}");
        assert_eq!(recorded, ["get denied identity-revoked"]);
        assert_eq!(sandbox.audit().pop().unwrap()["requester"], "ci");
        sandbox.stop();
        let password = sandbox.password("default");
        sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
    }
    sandbox.pds(["client", "revoke", "nobody"]).done().code(4).end();
}

#[test]
fn a_revoked_name_can_be_enrolled_anew_with_another_key() {
    let (sandbox, old) = granted();
    sandbox.pds(["client", "add", "ci"]).done().code(1).mentions("enrolled already").end();
    sandbox.pds(["client", "revoke", "ci"]).ok();
    let kept = sandbox.path("old.key");
    fs::rename(&old, &kept).unwrap();
    let new = add(&sandbox, "ci", &["--grant", "default:web/*:get"]);
    let get = |key: &str, file: &PathBuf| {
        sandbox.pds(["get", key, "--client-key", file.to_str().unwrap()]).done()
    };
    get("web/a", &new).code(0).stdout("two").end();
    get("db/a", &new).code(5).end();
    get("db/a", &kept).code(5).mentions("does not know this client's key").end();
}

#[test]
fn a_key_counts_at_its_own_socket_alone() {
    let (sandbox, _) = granted();
    add(&sandbox, "agent", &["--grant", "default:**:get"]);
    let launcher = fs::read(sandbox.home("data/launcher.key")).unwrap();
    let launcher = KeyPair::from_file_bytes(&launcher).unwrap().unwrap();
    let (ci, agent) = (key_pair(&sandbox, "ci"), key_pair(&sandbox, "agent"));
    let get = Request::Get(KeyInProfile { profile: "default", key: "db/a" });
    let stranger = KeyPair::generate().unwrap();
    for (key, at) in [
        (&agent, socket(&sandbox, "ci")),
        (&launcher, socket(&sandbox, "ci")),
        (&stranger, socket(&sandbox, "ci")),
        (&ci, socket(&sandbox, "agent")),
        (&ci, sandbox.socket()),
        (&agent, sandbox.socket()),
    ] {
        let answer = Stranger::at(&sandbox, key, &at).ask(&get);
        assert!(answer.contains("IdentityUnknown"), "{}: {answer}", at.display());
    }
}

#[test]
fn an_enrolment_outlives_the_daemon_and_a_client_starts_none() {
    let (sandbox, key) = granted();
    let used = || {
        let rows = sandbox.pds(["client", "list", "--json"]).ok();
        let rows: serde_json::Value = serde_json::from_slice(&rows).unwrap();
        assert_eq!(rows[0]["name"], "ci");
        assert_eq!(rows[0]["rules"][0]["keys"], "db/*");
        assert_eq!(rows[0]["fingerprint"].as_str().unwrap().len(), 32);
        rows[0]["last_used"].clone()
    };
    assert!(used().is_null());
    sandbox.stop();
    let get = || sandbox.pds(["get", "db/a", "--client-key", &key]).done();
    get().code(6).mentions("no daemon answers at").end();
    assert_eq!(sandbox.daemon_pid(), None);
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
    get().code(0).stdout("one").end();
    assert!(used().is_string());
}

#[test]
fn a_client_unlocks_only_if_that_was_granted() {
    let (sandbox, ci) = granted();
    let agent = add(&sandbox, "agent", &["--grant", "default:db/*:get,unlock,lock"]);
    let agent = agent.to_str().unwrap();
    let password = sandbox.password("default");
    let unlock = |key: &str, more: &[&str]| {
        let words = ["unlock", "--client-key", key, "--password-file", password.to_str().unwrap()];
        sandbox.pds(words.iter().chain(more)).done()
    };
    sandbox.pds(["lock", "-p", "default", "--client-key", agent]).ok();
    unlock(&ci, &[]).code(5).end();
    unlock(agent, &["--accept-older"]).code(5).end();
    sandbox.pds(["get", "db/a", "--client-key", agent]).done().code(3).end();
    unlock(agent, &[]).code(0).end();
    sandbox.pds(["get", "db/a", "--client-key", agent]).ok();
}

#[test]
fn enrolling_and_revoking_are_on_record() {
    let sandbox = Sandbox::ready().vault("ops");
    let recorded = sandbox.recorded(|| {
        add(&sandbox, "ci", &["--grant", "default:db/*:get", "--grant", "ops:**:list,get"]);
        sandbox.pds(["client", "revoke", "ci"]).ok();
    });
    assert_eq!(recorded, ["client-add granted", "client-revoke granted"]);
    let lines = sandbox.audit();
    let [.., added, revoked] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&added["client"], &revoked["client"]), (&"ci".into(), &"ci".into()));
    assert_eq!(added["profiles"], serde_json::json!(["default", "ops"]));
    assert_eq!(added["keys"], serde_json::json!(["db/*", "**", "**"]));
}

#[test]
fn what_no_client_can_be_is_refused_and_leaves_no_file() {
    let sandbox = Sandbox::ready();
    let add = |words: &[&str]| sandbox.pds(["client", "add"].iter().chain(words)).done();
    for name in ["", "launcher", "a/b", "a.b", "../x", &"x".repeat(33)] {
        add(&[name]).code(2).mentions("can't be a client's name").end();
    }
    for grant in ["", "default", "default:db/*", "default:db/*:read", "a:b:c:get", "default:x:"] {
        add(&["ci", "--grant", grant]).code(2).mentions("PROFILE:KEYS:OPERATIONS").end();
    }
    for grant in ["a/b:db/*:get", "default::get", "default:a b:get"] {
        add(&["ci", "--grant", grant]).code(1).mentions("one of the grants").end();
    }
    sandbox.config("[acl.default.launcher]\nget = [\"db/*\"]\n");
    add(&["ci", "--grant", "default:**:get"]).code(5).end();
    let files = fs::read_dir(sandbox.path("w")).unwrap().count();
    assert_eq!(files, 0, "a key of nobody was left");
    fs::write(sandbox.path("w/ci.key"), "mine").unwrap();
    add(&["ci"]).code(1).mentions("exists already").end();
    assert_eq!(fs::read(sandbox.path("w/ci.key")).unwrap(), b"mine");
}

#[test]
fn a_file_that_is_no_key_of_a_client_is_not_used() {
    let (sandbox, key) = granted();
    let with = |file: &str| sandbox.pds(["get", "db/a", "--client-key", file]).done();
    let of_launcher = sandbox.home("data/launcher.key");
    let of_launcher = of_launcher.to_str().unwrap();
    with(of_launcher).code(1).mentions("is not the key of a client").end();
    with("/nonexistent").code(1).mentions("can't read `/nonexistent`").end();
    with("/dev/null").code(1).mentions("is not a regular file").end();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    with(&key).code(1).mentions("is open to other users").end();
}

/// A folder that anybody can enter, with the program and hard links to the socket: the
/// way that a bind mount makes, without one.
fn open_folder(sandbox: &Sandbox, name: &str, uid: u32) -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("o").tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(program(), folder.path().join("pds")).unwrap();
    let key = folder.path().join("ci.key");
    fs::copy(sandbox.path(&format!("{name}.key")), &key).unwrap();
    if is_root() {
        std::os::unix::fs::chown(&key, Some(uid), Some(uid)).unwrap();
    }
    fs::hard_link(socket(sandbox, name), folder.path().join("ci.sock")).unwrap();
    folder
}

fn as_user(sandbox: &Sandbox, folder: &tempfile::TempDir, uid: u32, words: &[&str]) -> Output {
    let mut command = sandbox.command(folder.path().join("pds"));
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").uid(uid).gid(uid);
    command.args(words).arg("--client-key").arg(folder.path().join("ci.key"));
    command.output().unwrap()
}

#[test]
fn another_user_gets_what_was_granted_to_it_and_a_third_one_nothing_with_its_key() {
    if !is_root() {
        eprintln!("skipped: becoming another user needs root");
        return;
    }
    let sandbox = Sandbox::ready();
    sandbox.set("db/a", "one").set("web/a", "two");
    let uid = OTHER.to_string();
    add(&sandbox, "ci", &["--grant", "default:db/*:get", "--uid", &uid]);
    let folder = open_folder(&sandbox, "ci", OTHER);
    let got = as_user(&sandbox, &folder, OTHER, &["get", "db/a"]);
    assert_eq!(got.stdout, b"one", "{}", String::from_utf8_lossy(&got.stderr));
    assert_eq!(as_user(&sandbox, &folder, OTHER, &["get", "web/a"]).status.code(), Some(5));
    // A thief who has the key and can reach the socket, and the owner itself.
    for uid in [THIRD, NOBODY, 0] {
        let stolen = open_folder(&sandbox, "ci", uid);
        let mut got = None;
        let recorded = sandbox.recorded(|| {
            got = Some(as_user(&sandbox, &stolen, uid, &["get", "db/a"]));
        });
        let got = got.unwrap();
        assert_eq!((got.status.code(), got.stdout.as_slice()), (Some(1), &b""[..]), "{uid}");
        let said = String::from_utf8_lossy(&got.stderr).into_owned();
        assert!(said.contains("closed the connection"), "{said}");
        assert!(recorded.is_empty(), "not a byte of it is listened to");
    }
    // And at the daemon's own socket, wherever the folders on the way are open.
    for open in ["", "p", "p/run"] {
        fs::set_permissions(sandbox.path(open), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(sandbox.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    fs::remove_file(folder.path().join("ci.sock")).unwrap();
    fs::hard_link(sandbox.socket(), folder.path().join("ci.sock")).unwrap();
    let got = as_user(&sandbox, &folder, OTHER, &["get", "db/a"]);
    assert_eq!((got.status.code(), got.stdout.as_slice()), (Some(1), &b""[..]));
    fs::set_permissions(sandbox.home("run"), fs::Permissions::from_mode(0o700)).unwrap();
}

/// A root of its own in which nothing of pds is but the program, one key and one socket.
const CONTAINER: &str = r#"
set -e
PATH=$PATH:/usr/sbin:/sbin
mount -t tmpfs none "$ROOT"
for folder in bin lib lib64 usr; do
    [ -e "/$folder" ] || continue
    if [ -L "/$folder" ]; then cp -P "/$folder" "$ROOT/"; continue; fi
    mkdir "$ROOT/$folder" && mount --rbind "/$folder" "$ROOT/$folder"
done
mkdir "$ROOT/proc" "$ROOT/run" "$ROOT/tmp"
mount -t proc proc "$ROOT/proc"
for file in pds ci.key ci.sock; do
    touch "$ROOT/run/$file"
    mount --bind "$FROM/$file" "$ROOT/run/$file"
done
exec chroot "$ROOT" /usr/bin/env -i PATH=/usr/bin:/bin PDS_CLIENT_KEY=/run/ci.key sh -c "$SCRIPT"
"#;

#[test]
fn a_process_in_namespaces_of_its_own_gets_exactly_what_was_granted() {
    let namespaces = ["--user", "--map-root-user", "--mount", "--pid", "--fork"];
    let own = nix::unistd::geteuid().as_raw();
    // The daemon's own user, and where that can be tried another one.
    for uid in [Some(own), is_root().then_some(OTHER)].into_iter().flatten() {
        let mut possible = std::process::Command::new("unshare");
        possible.args(namespaces).arg("true").current_dir("/");
        if is_root() {
            possible.uid(uid).gid(uid);
        }
        if !possible.output().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: namespaces can't be made here by user {uid}");
            continue;
        }
        try_in_namespaces(&namespaces, uid);
    }
}

fn try_in_namespaces(namespaces: &[&str], uid: u32) {
    let sandbox = Sandbox::ready();
    sandbox.set("db/a", "one").set("web/a", "two");
    add(&sandbox, "ci", &["--grant", "default:db/*:get", "--uid", &uid.to_string()]);
    let from = open_folder(&sandbox, "ci", uid);
    let root = tempfile::tempdir().unwrap();
    if is_root() {
        std::os::unix::fs::chown(root.path(), Some(uid), Some(uid)).unwrap();
    }
    let inside = |script: &str| {
        let mut command = sandbox.command("unshare");
        command.args(namespaces).args(["sh", "-c", CONTAINER]).current_dir("/");
        if is_root() {
            command.uid(uid).gid(uid);
        }
        command.env("ROOT", root.path()).env("FROM", from.path()).env("SCRIPT", script);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (String::from_utf8(output.stdout).unwrap(), said)
    };
    let (out, said) = inside("echo $$; ls / /run; ls /proc | grep -c '^[0-9]'");
    assert!(out.contains("ci.key\nci.sock\npds\n") && said.is_empty(), "{out}{said}");
    let (out, said) = inside("/run/pds run -e A=db/a -- printenv A");
    assert_eq!((out.as_str(), said.as_str()), ("one\n", ""));
    let manifest = "printf 'pds = 1\\n[secrets]\\nA = \"db/a\"\\n%s' \"$MORE\" >/tmp/pds.toml; \
                    cd /tmp; /run/pds run -- printenv A";
    let (out, said) = inside(&format!("MORE=; {manifest}"));
    assert_eq!((out.as_str(), said.as_str()), ("one\n", ""));
    let (out, said) = inside(&format!("MORE='B = \"web/a\"'; {manifest}"));
    assert!(out.is_empty() && said.contains("no rule grants `web/a`"), "{out}{said}");
    let (out, said) = inside("/run/pds get web/a; /run/pds list; /run/pds stop");
    assert!(out.is_empty() && said.matches("no rule grants").count() == 2, "{out}{said}");
    assert!(said.contains("for the vault's owner alone"), "{said}");
    sandbox.pds(["client", "revoke", "ci"]).ok();
    let (out, said) = inside("/run/pds run -e A=db/a -- printenv A");
    assert!(out.is_empty() && said.contains("was revoked"), "{out}{said}");
}
