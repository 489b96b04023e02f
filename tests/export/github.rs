//! What a step of GitHub Actions hides, and what it reads.

use std::fs;

use super::{Values, everything, holding};
use crate::support::Sandbox;

#[test]
fn github_masks_each_line_and_reads_each_value_from_its_file() {
    let values = everything();
    let sandbox = holding(&values);
    fs::write(sandbox.path("w/env"), "BEFORE=1\n").unwrap();
    let export = sandbox.pds(["export", "--format", "github", "*"]);
    let masks = export.env("GITHUB_ENV", sandbox.path("w/env")).ok();
    let masks = String::from_utf8(masks).unwrap();
    let masked: Vec<String> = masks
        .split_terminator('\n')
        .map(|line| line.strip_prefix("::add-mask::").unwrap())
        .map(|line| line.replace("%0D", "\r").replace("%25", "%"))
        .collect();
    for value in values.values() {
        for line in
            std::str::from_utf8(value).unwrap().split('\n').map(|l| l.trim_end_matches('\r'))
        {
            assert!(line.trim().is_empty() || masked.iter().any(|m| m == line), "{line:?}");
        }
    }
    // The runner's own rule: lines end with LF, and the last before the word is none of it.
    let text = fs::read_to_string(sandbox.path("w/env")).unwrap();
    let mut lines = text.strip_prefix("BEFORE=1\n").unwrap().split('\n');
    let (mut read, mut words) = (Values::new(), Vec::new());
    while let Some((name, word)) = lines.next().and_then(|line| line.split_once("<<")) {
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != word).collect();
        read.insert(name.to_owned(), value.join("\n").into_bytes());
        assert!(!words.contains(&word), "each has a word of its own");
        words.push(word);
    }
    assert_eq!(read, values);
    let nowhere = sandbox.pds(["export", "--format", "github", "*"]).done().code(1).stdout("");
    nowhere.mentions("GITHUB_ENV").end();
}

#[test]
fn masks_never_go_into_the_file_that_the_values_are_in() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "s3cret");
    let file = sandbox.path("w/env");
    let refused = |script: &str| {
        fs::write(&file, "BEFORE=1\n").unwrap();
        let named = sandbox.sh(script).env("GITHUB_ENV", &file).env("GITHUB_OUTPUT", &file);
        named.done().code(1).mentions("leave `>> \"$GITHUB_ENV\"` out").end();
        assert_eq!(fs::read_to_string(&file).unwrap(), "BEFORE=1\n", "{script}");
    };
    refused("\"$PDS\" export --format github a >> \"$GITHUB_ENV\"");
    refused("ln env link; \"$PDS\" export --format github a >> link");
    refused("\"$PDS\" export --format github -o other a >> \"$GITHUB_OUTPUT\"");
    refused("unset GITHUB_ENV GITHUB_OUTPUT; \"$PDS\" export --format github -o env a >> env");
    sandbox.sh("\"$PDS\" export --format github -o other a > masks").done().code(0).end();
}
