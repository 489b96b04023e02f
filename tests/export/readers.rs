//! Every byte, as shells and languages read it of each form.

use std::{collections::BTreeMap, fs};

use super::{
    TEXTS, environment, everything, export, has, hex_lines, holding, numbered, with_bytes,
};
use crate::support::{Sandbox, is_root};

#[test]
fn shells_read_back_every_byte() {
    let values = with_bytes(everything());
    let sandbox = holding(&values);
    for (format, shells) in [
        ("shell", &["bash", "zsh", "sh"][..]),
        ("env", &["bash", "zsh", "sh"]),
        ("fish", &["fish"]),
    ] {
        fs::write(sandbox.path("w/out"), export(&sandbox, format)).unwrap();
        for shell in shells {
            if !has(shell, &["-c", "true"]) {
                continue;
            }
            let script =
                if *shell == "fish" { "source ./out; env -0" } else { "set -a; . ./out; env -0" };
            let read = sandbox.program(shell, ["-c", script]).done().code(0);
            assert_eq!(environment(&read.0.stdout, &values), values, "{format} by {shell}");
        }
    }
    if has("bash", &["-c", "true"]) {
        let script = "eval \"$(\"$PDS\" export --format shell '*')\"; env -0";
        let read = sandbox.program("bash", ["-c", script]).done().code(0);
        assert_eq!(environment(&read.0.stdout, &values), values, "by eval");
    }
}

#[test]
fn node_reads_env_and_json() {
    let node = "for (const n of process.argv.slice(1)) \
                console.log(n + ' ' + Buffer.from(source[n]).toString('hex'))";
    if !has("node", &["--version"]) {
        return;
    }
    // node knows no escape for a quote: what it takes is what has no two kinds of them.
    let values = numbered(
        TEXTS.iter().filter(|text| !text.contains('\'') || !text.contains(['"', '\\', '$', '`'])),
    );
    let sandbox = holding(&values);
    let names: Vec<&str> = values.keys().map(String::as_str).collect();
    fs::write(sandbox.path("w/out.json"), export(&sandbox, "json")).unwrap();
    let script =
        format!("const source = JSON.parse(require('fs').readFileSync('out.json')); {node}");
    let read = sandbox.program("node", [&["-e", &script][..], &names].concat()).ok();
    assert_eq!(hex_lines(&read), values, "json");
    fs::write(sandbox.path("w/out.env"), export(&sandbox, "env")).unwrap();
    if has("node", &["--env-file=/dev/null", "-e", ""]) {
        let script = format!("const source = process.env; {node}");
        let arguments = [&["--env-file=out.env", "-e", &script][..], &names].concat();
        let read = sandbox.program("node", arguments).ok();
        assert_eq!(hex_lines(&read), values, "env");
    }
}

#[test]
fn python_reads_json_and_yaml_and_what_a_cluster_would() {
    if !has("python3", &["-c", "import yaml"]) {
        return;
    }
    let mut values = everything();
    values.insert("NUL".to_owned(), b"a\0b".to_vec());
    let sandbox = holding(&values);
    let show = "[print(n, v.encode().hex()) for n, v in d.items()]";
    for (format, load) in [("json", "json.load"), ("yaml", "yaml.safe_load")] {
        let script = format!("import json, sys, yaml; d = {load}(sys.stdin.buffer); {show}");
        let text = export(&sandbox, format);
        let read = sandbox.program("python3", ["-c", &script]).input(&text).ok();
        assert_eq!(hex_lines(&read), values, "{format}");
    }
    values.insert("BYTES".to_owned(), (0..=255).collect());
    sandbox.set("BYTES", &values["BYTES"]);
    let script = "import base64, sys, yaml; d = yaml.safe_load(sys.stdin.buffer)\n\
                  assert (d['apiVersion'], d['kind'], d['type']) == ('v1', 'Secret', 'Opaque')\n\
                  assert d['metadata'] == {'name': 'app-1'}\n\
                  [print(n, base64.b64decode(v, validate=True).hex()) for n, v in d['data'].items()]";
    let text = sandbox.pds(["export", "--format", "k8s", "--name", "app-1", "*"]).ok();
    let read = sandbox.program("python3", ["-c", script]).input(&text).ok();
    assert_eq!(hex_lines(&read), values, "k8s");
}

#[test]
fn what_goes_out_comes_in_the_same() {
    let values = everything();
    let sandbox = holding(&values);
    for format in ["env", "json", "yaml"] {
        let text = export(&sandbox, format);
        let back = ["import", "-", "--format", format, "--prefix", format];
        sandbox.pds(back).input(&text).done().code(0).end();
        for (key, value) in &values {
            let key = format!("{format}/{key}");
            assert_eq!(sandbox.pds(["get", &key]).ok(), *value, "{key}");
        }
    }
}

#[test]
fn many_values_and_long_ones_come_in_as_many_batches_as_they_need() {
    let sandbox = Sandbox::ready();
    let mut json: BTreeMap<String, String> =
        (0..4_100).map(|n| (format!("n/{n:04}"), n.to_string())).collect();
    // Others have 8 MiB of locked memory, in which a file to import has to fit.
    for n in 0..if is_root() { 10 } else { 1 } {
        json.insert(format!("long/{n}"), "x".repeat(1 << 20));
    }
    let text = serde_json::to_vec(&json).unwrap();
    sandbox.pds(["import", "-", "--format", "json"]).input(&text).done().code(0).end();
    let out = export(&sandbox, "json");
    let read: BTreeMap<String, String> = serde_json::from_slice(&out).unwrap();
    assert!(read == json);
}
