//! What a manifest can say, and what it then means, to the byte.

use crate::support::{Outcome, Sandbox};

const PRINT: [&str; 4] = ["run", "--", "printenv", "X"];

#[track_caller]
fn value_of(sandbox: &Sandbox, manifest: &str) -> String {
    sandbox.manifest(manifest);
    sandbox.pds(PRINT).text()
}

#[test]
fn each_way_to_generate_makes_what_it_says_for_run_and_for_set() {
    let sandbox = Sandbox::ready();
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    let has = |text: &str, class: fn(&char) -> bool| text.chars().any(|c| class(&c));
    let is_good = |form: &str, text: &str| match form {
        "hex:20" => text.len() == 40 && is_hex(text),
        "base64:20" => text.len() == 28 && text.ends_with('='),
        "base64url:20" => text.len() == 27,
        "uuid" => text.len() == 36 && text.split('-').count() == 5 && text.as_bytes()[14] == b'4',
        "password:20" => {
            text.len() == 20
                && has(text, char::is_ascii_uppercase)
                && has(text, char::is_ascii_lowercase)
                && has(text, char::is_ascii_digit)
                && text.chars().any(|c| "-._".contains(c))
        }
        _ => {
            text.len() == 30
                && has(text, char::is_ascii_lowercase)
                && text.contains('$')
                && text.chars().all(|c| c.is_ascii_lowercase() || c == '$')
        }
    };
    let forms = [
        "hex:20",
        "base64:20",
        "base64url:20",
        "uuid",
        "password:20",
        "password:30:lower+symbol=$",
    ];
    for (n, form) in forms.into_iter().enumerate() {
        let manifest = format!("[secrets]\nX = {{ key = \"k{n}\", generate = \"{form}\" }}\n");
        let made = value_of(&sandbox, &manifest);
        assert!(is_good(form, made.trim_end()), "{form}");
        assert_eq!(sandbox.pds(PRINT).text(), made, "it is made once");
        sandbox.pds(["set", "by-hand", &format!("--generate={form}")]).ok();
        let set = sandbox.pds(["get", "by-hand"]).text();
        assert!(is_good(form, &set) && set != made.trim_end(), "{form}");
    }
    for wrong in ["hex:7", "password:10", "password:24:uper", "uuid:4", "random"] {
        sandbox.pds(["set", "k", &format!("--generate={wrong}")]).done().code(2).end();
    }
}

#[test]
fn commands_that_start_at_once_and_generate_the_same_key_see_one_value() {
    for round in 0..5 {
        let sandbox = Sandbox::ready();
        sandbox.manifest("[secrets]\nX = { key = \"session\", generate = \"password:32\" }\n");
        let children: Vec<_> = (0..6).map(|_| sandbox.pds(PRINT).start()).collect();
        let seen: Vec<_> =
            children.into_iter().map(|child| Outcome::of(child).code(0).0.stdout).collect();
        let stored = sandbox.pds(["get", "session"]).text();
        let expected = format!("{stored}\n").into_bytes();
        assert!(seen.iter().all(|value| *value == expected), "round {round}");
        assert!(sandbox.pds(["history", "session"]).text().lines().count() <= 2, "one version");
    }
}

#[test]
fn a_default_stands_in_for_an_absent_key_and_never_for_one_that_could_not_be_read() {
    let sandbox = Sandbox::ready();
    let manifest = "[secrets]\nX = { key = \"k\", default = \"plain\" }\n";
    assert_eq!(value_of(&sandbox, manifest), "plain\n");
    sandbox.set("k", "");
    assert_eq!(sandbox.pds(PRINT).text(), "\n", "an empty value is a value");
    sandbox.set("k", "secret");
    assert_eq!(sandbox.pds(PRINT).text(), "secret\n");
    let denied = "[acl.default.launcher]\nget = [\"other\"]\nset = [\"**\"]\nunlock = [\"**\"]\n";
    sandbox.config(denied);
    let refused = |says: &str| sandbox.pds(PRINT).done().code(125).stdout("").mentions(says).end();
    refused("no rule grants `k` in profile `default`");
    sandbox.config("").pds(["lock"]).ok();
    refused("profile `default` is locked");
}

#[test]
fn what_is_optional_and_absent_is_unset_and_not_empty() {
    let sandbox = Sandbox::ready();
    sandbox.set("empty", "").manifest(
        "[secrets]\nX = { key = \"absent\", required = false }\nY = \"empty\"\n\
         [compose]\nZ = \"made of ${X}\"\n",
    );
    let shell = "echo ${X+set} ${Y+set} ${Z+set}";
    assert_eq!(sandbox.pds(["run", "--", "sh", "-c", shell]).text(), "set\n");
}

#[test]
fn filters_write_a_value_so_that_it_stays_one_thing() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "a b'\"\\&é\n");
    let with = |filters: &str| {
        let manifest = format!(
            "[secrets]\nK = {{ key = \"k\", deliver = \"hidden\" }}\n[compose]\nX = '${{K{filters}}}|$$'\n"
        );
        sandbox.manifest(&manifest);
        assert_eq!(sandbox.pds(["run", "--", "sh", "-c", "echo ${K+set}"]).text(), "\n");
        sandbox.pds(PRINT).text()
    };
    assert_eq!(with(""), "a b'\"\\&é\n|$\n");
    assert_eq!(with("|urlencode"), "a%20b%27%22%5C%26%C3%A9%0A|$\n");
    assert_eq!(with("|base64"), "YSBiJyJcJsOpCg==|$\n");
    assert_eq!(with("|json"), "\"a b'\\\"\\\\&é\\n\"|$\n");
    assert_eq!(with("|shell"), "'a b'\\''\"\\&é\n'|$\n");
    assert_eq!(with("|base64|urlencode"), "YSBiJyJcJsOpCg%3D%3D|$\n");
}

#[test]
fn a_circle_or_a_name_that_is_nowhere_stops_before_anything_is_asked() {
    let sandbox = Sandbox::ready();
    for (compose, says) in [
        ("A = \"${B}\"\nB = \"${A}\"\n", "this makes a circle: `A` → `B` → `A`"),
        ("A = \"${HOME}\"\n", "`HOME` is not in this manifest"),
        ("A = \"${A|rot13}\"\n", "there is no such filter"),
    ] {
        sandbox.write_manifest(&format!("[compose]\n{compose}"));
        let decided = sandbox.recorded(|| {
            sandbox.pds(["run", "--", "touch", "marker"]).done().code(125).mentions(says).end();
        });
        assert!(decided.is_empty() && !sandbox.path("w/marker").exists(), "{decided:?}");
    }
}

#[test]
fn conflict_and_inherit_decide_between_the_manifest_and_the_environment() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "vault");
    let run = |rules: &str, name: &'static str| {
        sandbox.manifest(&format!("[run]\n{rules}\n[secrets]\nX = \"k\"\n"));
        let call = sandbox.pds(["run", "--", "printenv", name]);
        call.env("X", "ambient").env("LC_TIME", "C").env("LD_MINE", "1").done()
    };
    run("conflict = \"secret\"", "X").code(0).stdout("vault\n").end();
    run("conflict = \"environment\"", "X").code(0).stdout("ambient\n").end();
    run("conflict = \"error\"", "X").code(125).mentions("`X`").end();
    for dry in [&["run", "--dry-run", "--", "true"][..], &["check"]] {
        let status = if dry[0] == "run" { 125 } else { 1 };
        let told = sandbox.pds(dry).env("X", "ambient").done().code(status).stdout("");
        told.mentions("`X` is already set").end();
    }
    let clean = ["run", "--dry-run", "--clean", "--", "true"];
    sandbox.pds(clean).env("X", "ambient").done().code(0).end();
    run("inherit = [\"PATH\", \"LC_*\"]", "LC_TIME").code(0).stdout("C\n").end();
    run("inherit = [\"PATH\", \"LC_*\"]", "LD_MINE").code(1).stdout("").end();
    // What is not inherited is in nobody's way.
    run("inherit = [\"PATH\"]\nconflict = \"error\"", "X").code(0).stdout("vault\n").end();
}
