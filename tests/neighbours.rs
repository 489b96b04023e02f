//! The pages in `examples/`, done as they say with the programs that they are about.
//!
//! A fenced block with a file's name is that file, one of `sh` is typed, and the `text`
//! that follows it is what comes out. Pages without `sh` are text for who has no such
//! program here.

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Command};

use crate::support::{Sandbox, program};

#[derive(Default)]
struct Page {
    needs: Option<String>,
    files: Vec<(String, String)>,
    typed: String,
    expected: Option<String>,
}

fn source() -> PathBuf {
    let set = std::env::var_os("PDS_TEST_SOURCE").map(PathBuf::from);
    set.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into())
}

impl Page {
    fn read(name: &str) -> Self {
        let text = fs::read_to_string(source().join("examples").join(name)).unwrap();
        let mut page = Self::default();
        let needs = text.lines().next().and_then(|line| line.strip_prefix("<!-- needs: "));
        page.needs = needs.and_then(|rest| rest.strip_suffix(" -->")).map(str::to_owned);
        let mut block: Option<(String, String)> = None;
        for line in text.lines() {
            match (&mut block, line.strip_prefix("```")) {
                (None, Some(info)) => block = Some((info.to_owned(), String::new())),
                (None, None) => {}
                (Some((info, body)), Some(_)) => {
                    page.take(info, body);
                    block = None;
                }
                (Some((_, body)), None) => {
                    body.push_str(line);
                    body.push('\n');
                }
            }
        }
        assert!(block.is_none(), "a block of {name} has no end");
        page
    }

    fn take(&mut self, info: &str, body: &str) {
        match info.split_once(' ') {
            Some((_, file)) => self.files.push((file.to_owned(), body.to_owned())),
            None if info == "sh" => self.typed.push_str(body),
            None if info == "text" && !self.typed.is_empty() => {
                self.expected.get_or_insert_default().push_str(body);
            }
            None => {}
        }
    }
}

/// Does what the page says, and compares what comes out.
#[track_caller]
fn try_page(name: &str) {
    let page = Page::read(name);
    let needed = page.needs.as_deref().expect("a page to try says what it needs");
    if Command::new(needed).arg("--version").output().is_err() {
        eprintln!("skipped: there is no {needed}");
        return;
    }
    let sandbox = Sandbox::new().vault("default");
    let value = sandbox.path("value");
    fs::write(&value, "s3cret/4711").unwrap();
    sandbox.pds(["set", "app/token", "--from-file", value.to_str().unwrap()]).ok();
    let folder = sandbox.path("page");
    let bin = sandbox.path("bin");
    fs::create_dir(&folder).unwrap();
    fs::create_dir(&bin).unwrap();
    symlink(program(), bin.join("pds")).unwrap();
    for (file, body) in &page.files {
        fs::write(folder.join(file), body).unwrap();
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = sandbox.command("bash");
    shell.args(["-e", "-o", "pipefail", "-c", &page.typed]).current_dir(&folder);
    shell.env("PATH", format!("{}:{path}", bin.display())).env("PDS_NO_PROMPT", "1");
    let done = shell.output().unwrap();
    let (out, said) =
        (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{name}: {said}");
    // Before it stands what `pds allow` shows.
    let expected = page.expected.expect("what comes out");
    assert!(out.ends_with(&expected), "{name}: {out}{said}");
}

#[test]
fn make_gives_secrets_to_the_line_that_asks_and_to_no_other() {
    try_page("make.md");
}

#[test]
fn npm_gives_secrets_to_the_script_that_asks_and_to_no_other() {
    try_page("npm.md");
}

#[test]
fn a_node_program_finds_a_composed_value_and_not_what_it_was_made_of() {
    try_page("node.md");
}

#[test]
fn a_python_program_is_what_pds_became() {
    try_page("python.md");
}

#[test]
fn direnv_sets_what_is_plain_and_the_shell_gets_no_secret() {
    try_page("direnv.md");
}

#[test]
fn a_task_of_mise_gets_what_it_asks_for() {
    try_page("mise.md");
}

/// The runner would print a value that is in its file and not masked.
#[test]
fn a_step_of_github_actions_masks_what_it_passes_on() {
    let page = fs::read_to_string(source().join("examples/github-actions.md")).unwrap();
    let typed = page.lines().find_map(|line| line.trim().strip_prefix("run: pds export"));
    let sandbox = Sandbox::ready();
    sandbox.set("app/token", "s3cret/4711");
    fs::write(sandbox.path("w/github-env"), "").unwrap();
    let step = sandbox.sh(&format!("\"$PDS\" export{}", typed.unwrap()));
    let step = step.env("GITHUB_ENV", sandbox.path("w/github-env")).done().code(0);
    step.stdout("::add-mask::s3cret/4711\n").says("").end();
    let text = fs::read_to_string(sandbox.path("w/github-env")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("API_TOKEN<<") && lines[1] == "s3cret/4711", "{text}");
    assert_eq!(lines.len(), 3, "{text}");
}

#[test]
fn every_page_is_tried_or_has_nothing_to_type() {
    let tried = include_str!("neighbours.rs");
    for entry in fs::read_dir(source().join("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") && !Page::read(&name).typed.is_empty() {
            assert!(tried.contains(&format!("try_page(\"{name}\")")), "{name} is not tried");
        }
    }
}
