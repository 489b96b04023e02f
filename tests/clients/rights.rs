//! What a client may do, by every command that it has a use for.

use super::{add, granted};
use crate::support::{Sandbox, program};

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
