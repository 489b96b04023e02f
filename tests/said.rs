//! What a script can rely on: exit statuses, JSON, and `check`.

use serde_json::Value;

use crate::support::Sandbox;

#[test]
fn exit_statuses_tell_what_kind_of_no_it_is() {
    let sandbox = Sandbox::ready();
    let status = |arguments: &[&str]| sandbox.pds(arguments).done().status();
    assert_eq!(status(&["list"]), 0);
    assert_eq!(status(&["set", "k", "--no-prompt"]), 1);
    for usage in [&["frobnicate"][..], &[], &["get"], &["get", "a b"], &["get", "k", "-p", "../x"]]
    {
        assert_eq!(status(usage), 2, "{usage:?}");
    }
    assert_eq!(status(&["get", "k"]), 4);
    assert_eq!(status(&["list", "-p", "nowhere"]), 4);
    sandbox.pds(["lock"]).ok();
    assert_eq!(status(&["list", "--no-prompt"]), 3);
    assert_eq!(sandbox.pds(["list"]).env("PDS_NO_PROMPT", "1").done().status(), 3);
    assert_eq!(status(&["--help"]), 0);
    assert_eq!(status(&["--version"]), 0);
}

#[test]
fn json_holds_what_the_bytes_hold() {
    let sandbox = Sandbox::ready();
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_slice(&sandbox.pds(arguments).ok()).unwrap()
    };
    sandbox.set("text", "a\"b\\\n\té\u{1}");
    assert_eq!(json(&["get", "text", "--json"])["value"], "a\"b\\\n\té\u{1}");
    sandbox.set("bytes", b"\xff\xfe");
    assert_eq!(json(&["get", "bytes", "--json"])["base64"], "//4=");
    sandbox.set("bytes", "again");
    let list = json(&["list", "--json"]);
    let rows: Vec<_> =
        list.as_array().unwrap().iter().map(|r| (&r["key"], &r["version"])).collect();
    assert_eq!(rows, [(&"bytes".into(), &2.into()), (&"text".into(), &1.into())]);
    assert!(list[0]["created"].as_str().unwrap() <= list[0]["updated"].as_str().unwrap());
    let status = json(&["status", "--json"]);
    assert_eq!(status["profiles"][0]["profile"], "default");
    assert!(status["profiles"][0]["unlocked_for_seconds"].as_u64().unwrap() > 0);
    assert!(sandbox.pds(["status"]).text().contains("profile    default: unlocked for "));
}

#[test]
fn check_lists_every_problem_starts_nothing_and_shows_no_value() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1");
    sandbox.manifest("[secrets]\nA = \"a\"\n");
    assert_eq!(sandbox.pds(["check"]).text(), "`pds run` would start\n");
    let json = |status: i32| -> Value {
        let outcome = sandbox.pds(["check", "--json"]).done().code(status).says("");
        serde_json::from_slice(&outcome.0.stdout).unwrap()
    };
    assert_eq!(json(0)["would_start"], true);
    sandbox.manifest("[secrets]\nA = \"a\"\nX = \"x\"\nY = \"y\"\n");
    let expected = "pds: 2 keys can't be had:\n  `x`  not in `default`  pds set x\n  \
                    `y`  not in `default`  pds set y\n";
    sandbox.pds(["check"]).done().code(4).stdout("").says(expected).end();
    let problems = json(1);
    assert_eq!(problems["would_start"], false);
    assert_eq!(problems["problems"].as_array().unwrap().len(), 2);
    assert_eq!(problems["problems"][1]["hint"], "pds set y");
}

#[test]
fn with_json_a_failure_is_one_object_with_stable_codes_and_the_same_exit_status() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1").write_manifest("[run]\ninhreit = \"all\"\nx = 1\n");
    let calls: [(&str, &[&str]); 14] = [
        ("get gone", &["not-found"]),
        ("get a//b", &["invalid-key"]),
        ("get a --version 7", &["no-version"]),
        ("get", &["usage"]),
        ("list --frobnicate", &["usage"]),
        ("list -p nowhere", &["profile-unknown"]),
        ("list --password-file work=/gone -p ../x", &["usage"]),
        ("history gone", &["not-found"]),
        ("explain", &["manifest-invalid", "manifest-invalid"]),
        ("explain -m /gone", &["manifest-unusable"]),
        ("audit show --since soon", &["usage"]),
        ("audit show --outcome x", &["usage"]),
        ("client list -x", &["usage"]),
        ("status --client-key /gone", &["no-client-key"]),
    ];
    for (call, codes) in calls {
        let words: Vec<&str> = call.split(' ').collect();
        let plain = sandbox.pds(&words).done();
        assert_ne!(plain.stderr(), "", "{call}");
        let words: Vec<&str> = words.into_iter().chain(["--json"]).collect();
        let outcome = sandbox.pds(&words).done().code(plain.status()).says("");
        let object: Value = serde_json::from_slice(&outcome.0.stdout).unwrap();
        let problems = object["problems"].as_array().unwrap();
        let told: Vec<_> = problems.iter().map(|problem| &problem["code"]).collect();
        assert_eq!(told, *codes, "{call}: {object}");
        for problem in problems {
            assert!(problem["message"].as_str().is_some_and(|said| !said.is_empty()), "{object}");
            assert!(problem["hint"].is_string() || problem["hint"].is_null(), "{object}");
        }
    }
    let broken = sandbox.pds(["explain", "--json"]).done();
    let object: Value = serde_json::from_slice(&broken.0.stdout).unwrap();
    assert_eq!(object["problems"][0]["hint"], "did you mean `inherit`?");
    assert_eq!(
        (&object["problems"][0]["line"], &object["problems"][0]["column"]),
        (&3.into(), &1.into())
    );
    // Where nothing can be printed, it is said; what was the matter keeps its status.
    let closed = "pds: can't write to standard output: Bad file descriptor (os error 9)\n";
    sandbox.sh("\"$PDS\" get gone --json >&-").done().code(4).says(closed).end();
    sandbox.pds(["lock"]).ok();
    let locked = sandbox.pds(["list", "--json", "--no-prompt"]).done().code(3).says("");
    assert!(String::from_utf8_lossy(&locked.0.stdout).contains("\"code\":\"locked\""));
    // What the command behind `run` is given is its own.
    let run = ["run", "-e", "A=a", "--no-prompt", "echo", "--json"];
    sandbox.pds(run).done().code(125).stdout("").end();
}
