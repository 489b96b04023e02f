//! Everything that is wrong with what a person asks for is told at once, each thing once, and
//! before anybody else is asked.

use std::fs;

use serde_json::Value;

use crate::support::Sandbox;

/// What is said of a manifest, whose path is the sandbox's own.
fn told(sandbox: &Sandbox, arguments: &[&str], status: i32) -> String {
    let outcome = sandbox.pds(arguments).done().code(status).stdout("");
    let home = sandbox.path("");
    outcome.stderr().replace(home.to_str().unwrap().trim_end_matches('/'), "/home/me")
}

const PATH: &str = "\
pds: the manifest can't be used
error: `PATH` can't be set: it decides which programs are found
 --> /home/me/w/pds.toml:3:1
  |
3 | PATH = \"path\"
  | ^^^^
  |
  = help: if you mean it, list it under `[lift.\"FOLDER\"]` in your config.toml
";

#[test]
fn a_refused_variable_is_shown_in_its_place_by_each_command_that_would_set_it() {
    let sandbox = Sandbox::ready();
    sandbox.set("path", "/x").write_manifest("[secrets]\nPATH = \"path\"\n");
    let said = PATH.replace("\"path\"", "\"***\"");
    let decided = sandbox.recorded(|| {
        for (call, status) in [
            (&["run", "--", "touch", "marker"][..], 125),
            (&["run", "--dry-run", "--", "true"], 125),
            (&["check", "--no-values"], 1),
            (&["allow"], 1),
            (&["explain"], 1),
            (&["explain", "PATH"], 1),
            (&["export", "--format", "json"], 1),
        ] {
            assert_eq!(told(&sandbox, call, status), said, "{call:?}");
        }
    });
    assert!(decided.is_empty() && !sandbox.path("w/marker").exists(), "{decided:?}");
    sandbox.pds(["disallow"]).done().code(4).end();
}

#[test]
fn the_manifest_and_each_e_are_told_in_one_report_and_nothing_twice() {
    let sandbox = Sandbox::ready();
    sandbox.write_manifest(
        "[secrets]\nPATH = \"p\"\n[rnu]\n[compose]\nA = \"${B|x}${C}\"\nB = \"\"\n",
    );
    let mut call = vec!["run"];
    for text in ["A B=k", "hunter2", "X=a", "X=b", "X=c", "LD_PRELOAD=k", "PATH=k", "Y=a//b"] {
        call.extend(["-e", text]);
    }
    call.extend(["--", "true"]);
    let expected = "\
pds: the manifest can't be used
error: `PATH` can't be set: it decides which programs are found
 --> /home/me/w/pds.toml:3:1
  |
3 | PATH = \"***\"
  | ^^^^
  |
  = help: if you mean it, list it under `[lift.\"FOLDER\"]` in your config.toml

error: there is no table `rnu` in a manifest
 --> /home/me/w/pds.toml:4:2
  |
4 | [rnu]
  |  ^^^
  |
  = help: did you mean `run`?

error: there is no such filter
 --> /home/me/w/pds.toml:6:6
  |
6 | A = \"***\"
  |      ^^^
  |
  = help: filters are `urlencode`, `base64`, `json` and `shell`

error: `C` is not in this manifest
 --> /home/me/w/pds.toml:6:6
  |
6 | A = \"***\"
  |      ^^^
  |
  = help: did you mean `A`?
pds: `-e` can't set `A B`: a variable has no blank in it
pds: hint: such as -e A_B=stripe/api-key
pds: `-e` takes VAR=KEY, and number 2 of 8 has no `=`
pds: hint: such as -e STRIPE_KEY=stripe/api-key
pds: `-e` names no key for `Y`: a key has no empty segment: no leading, trailing or double `/`
pds: hint: such as -e Y=stripe/api-key
pds: two keys are asked for `X`
pds: hint: give `X` one key
pds: `LD_PRELOAD` can't be set: the dynamic loader obeys it
";
    let decided = sandbox.recorded(|| assert_eq!(told(&sandbox, &call, 125), expected));
    assert!(decided.is_empty(), "{decided:?}");
}

#[test]
fn what_the_config_lifts_is_no_mistake_and_a_broken_config_is_told_beside_the_others() {
    let sandbox = Sandbox::new();
    let path = sandbox.write_manifest("[vars]\nPATH = \"/bin\"\nLD_AUDIT = \"x\"\n[rnu]\n");
    let folder = path.parent().unwrap().canonicalize().unwrap();
    let lines = |text: &str| {
        let found = text.lines().filter_map(|line| line.trim_start().strip_prefix("--> "));
        found.map(|place| place.rsplit_once('/').unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    let places = |call: &[&str], status| lines(&told(&sandbox, call, status));
    let check = ["check", "--no-values"];
    assert_eq!(places(&check, 1), ["pds.toml:3:1", "pds.toml:4:1", "pds.toml:5:2"]);
    sandbox.config(&format!("[lift.{folder:?}]\nvariables = [\"PATH\"]\n"));
    assert_eq!(places(&check, 1), ["pds.toml:4:1", "pds.toml:5:2"]);
    let run = ["run", "-e", "PATH=k", "-e", "HOME=k", "--", "true"];
    let said = told(&sandbox, &run, 125);
    assert_eq!(lines(&said), ["pds.toml:4:1", "pds.toml:5:2"]);
    assert!(said.contains("\npds: `HOME` can't be set") && !said.contains("`PATH`"), "{said}");
    sandbox.config("lift = 1\nhistroy = 3\n");
    let expected = ["pds.toml:5:2", "config.toml:1:8", "config.toml:2:1"];
    assert_eq!(places(&check, 1), expected, "whether any is lifted, nobody can tell");
    assert_eq!(places(&run, 125), expected);
}

#[test]
fn check_tells_what_is_missing_beside_what_may_not_be_set() {
    let sandbox = Sandbox::ready();
    sandbox.write_manifest("[secrets]\nPATH = \"path\"\nA = \"a\"\n");
    let said = told(&sandbox, &["check"], 1);
    for part in ["not in `default`", "`PATH` can't be set", "pds set a", "is not approved"] {
        assert!(said.contains(part), "{said}");
    }
    let json = sandbox.pds(["check", "--json"]).done().code(1);
    let report: Value = serde_json::from_slice(&json.0.stdout).unwrap();
    let all = report["problems"].as_array().unwrap();
    let refused = all.iter().find(|problem| problem["code"] == "variable-refused").unwrap();
    assert_eq!((&refused["line"], &refused["column"]), (&Value::from(3), &Value::from(1)));
    let with = |code: &str| all.iter().filter(|problem| problem["code"] == code).count();
    assert_eq!((with("variable-refused"), with("not-found"), with("manifest-invalid")), (1, 2, 0));
}

#[test]
fn a_manifest_with_many_mistakes_is_told_in_the_order_of_its_lines() {
    let sandbox = Sandbox::new();
    for file in ["many.toml", "many-lines.toml"] {
        let root = std::env::var_os("PDS_TEST_SOURCE")
            .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let text = std::path::Path::new(&root).join("tests/manifests/invalid").join(file);
        fs::write(sandbox.path("w/pds.toml"), fs::read(text).unwrap()).unwrap();
        let said = told(&sandbox, &["check", "--no-values"], 1);
        let places =
            said.lines().filter_map(|line| line.rsplit_once("pds.toml:")?.1.split_once(':'));
        let places: Vec<(usize, usize)> =
            places.map(|(line, column)| (line.parse().unwrap(), column.parse().unwrap())).collect();
        assert!(places.len() > 9 && places.is_sorted(), "{file}: {said}");
        let mut once: Vec<_> = said.split("\n\n").collect();
        assert_eq!(once.len(), places.len(), "{said}");
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), places.len(), "{file}: nothing twice: {said}");
        assert!(!said.contains("sk_live"), "{said}");
    }
}

#[test]
fn a_wrong_command_line_is_told_in_two_lines_and_repeats_no_value() {
    let sandbox = Sandbox::new();
    for (call, status, says, helps) in [
        (&["get", "k", "hunter2"][..], 2, "`pds get` takes no further argument", "pds get --help"),
        (&["set", "k", "--generate", "--stdin=hunter2"], 2, "--stdin", "pds set --help"),
        (&["export", "--format", "hunter2"], 2, "`--format` takes no such value", "one of `env`"),
        (&["get", "-p", "hunter2!", "k"], 2, "`--profile` takes no such value", "pds get --help"),
        (&["run", "--frobnicate=hunter2", "--", "true"], 125, "--frobnicate`", "pds run --help"),
        (&["run", "--claen", "--", "true"], 125, "`--claen`", "did you mean `--clean`?"),
    ] {
        let said = sandbox.pds(call).done().code(status).stdout("").stderr();
        let [message, hint] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
        let message = message.strip_prefix("pds: ").unwrap();
        assert!(message.contains(says) && !said.contains("hunter2"), "{call:?}: {said}");
        assert!(hint.strip_prefix("pds: hint: ").unwrap().starts_with(helps), "{call:?}: {said}");
    }
    let json = sandbox.pds(["get", "k", "--josn", "--json"]).done().code(2).says("");
    let object: Value = serde_json::from_slice(&json.0.stdout).unwrap();
    assert_eq!(object["problems"][0]["code"], "usage");
    // Help is clap's, and what stands in for a command that is missing.
    sandbox.pds(["get", "--help"]).done().code(0).says("").end();
    let said = sandbox.pds::<&str>([]).done().code(2).stdout("").stderr();
    assert!(said.contains("Usage: pds <COMMAND>"), "{said}");
}
