//! What docker reads of an env-file: its own client where there is one, its rule elsewhere.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    thread,
};

use super::{TEXTS, Values, export, has, holding, numbered};
use crate::support::Sandbox;

/// docker's rule, for where there is none: lines end with LF or CRLF, blanks before a name
/// go, a line that starts with `#` is a comment, and all that is behind the first `=` is the
/// value.
fn as_docker_reads(text: &[u8]) -> Values {
    let text = std::str::from_utf8(text).expect("docker refuses what is not UTF-8");
    let line = |line: &str| {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        let (name, value) = line.split_once('=')?;
        (!name.starts_with('#')).then(|| (name.to_owned(), value.as_bytes().to_vec()))
    };
    text.split_terminator('\n').filter_map(line).collect()
}

/// A line of a docker env-file has at most this, its end included.
const DOCKER_LINE_MAX_BYTES: usize = 64 << 10;

/// The variables of the container that docker's own client asks for when it gets this
/// env-file. It reads the file; a daemon, which answers at `socket`, would only be told.
fn docker_reads(sandbox: &Sandbox, text: &[u8], socket: &Path) -> Option<Values> {
    fs::write(sandbox.path("w/out"), text).unwrap();
    let host = format!("unix://{}", socket.display());
    let create = ["-H", &host, "create", "--pull", "never", "--env-file", "out", "image"];
    let asked = sandbox.program("docker", create).done();
    let body = String::from_utf8(asked.0.stdout).unwrap();
    // What the daemon calls the container is printed: here, all that it was asked.
    let body: serde_json::Value = serde_json::from_str(body.trim_end()).ok()?;
    let pair = |entry: &serde_json::Value| {
        let (name, value) = entry.as_str().unwrap().split_once('=').unwrap();
        (name.to_owned(), value.as_bytes().to_vec())
    };
    Some(body["Env"].as_array().unwrap().iter().map(pair).collect())
}

/// Answers docker's client as a daemon: a container is named after what it is made of.
fn answer_docker(stream: UnixStream) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    let mut output = stream;
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if input.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            input.read_line(&mut line).unwrap();
            if line == "\r\n" {
                break;
            }
            let line = line.to_ascii_lowercase();
            length =
                line.strip_prefix("content-length: ").map_or(length, |n| n.trim().parse().unwrap());
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).unwrap();
        let answer = match first.contains("/containers/create") {
            true => serde_json::json!({ "Id": String::from_utf8(body).unwrap(), "Warnings": [] }),
            false => serde_json::json!({}),
        };
        // A request for the head alone gets no body.
        let body = if first.starts_with("HEAD") { String::new() } else { answer.to_string() };
        let head = format!("Api-Version: 1.45\r\nContent-Length: {}\r\n\r\n", body.len());
        let created = if first.contains("/create") { "201 Created" } else { "200 OK" };
        if write!(output, "HTTP/1.1 {created}\r\n{head}{body}").is_err() {
            return;
        }
    }
}

#[test]
fn dockers_own_client_reads_back_every_value_and_the_longest_line() {
    if !has("docker", &["--version"]) {
        return;
    }
    let mut values = numbered(TEXTS.iter().filter(|text| !text.contains('\n')));
    values.insert("RETURN".to_owned(), b"a\rb".to_vec());
    let longest = DOCKER_LINE_MAX_BYTES - "LONG=\n".len();
    values.insert("LONG".to_owned(), vec![b'x'; longest]);
    let sandbox = holding(&values);
    let socket = sandbox.path("docker");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        listener
            .incoming()
            .flatten()
            .for_each(|stream| drop(thread::spawn(|| answer_docker(stream))));
    });
    let text = export(&sandbox, "docker");
    let read = docker_reads(&sandbox, &text, &socket).unwrap();
    for (name, value) in &values {
        assert!(read.get(name) == Some(value), "{name}");
    }
    assert!(as_docker_reads(&text) == read, "the rule is docker's");
    // What is refused as too long, docker would not take.
    sandbox.set("LONG", vec![b'x'; longest + 1]);
    let refused = sandbox.pds(["export", "--format", "docker", "LONG"]).done().code(1);
    refused.mentions("docker reads no line that long").end();
    let line = [b"LONG=", vec![b'x'; longest + 1].as_slice(), b"\n"].concat();
    assert!(docker_reads(&sandbox, &line, &socket).is_none());
}

#[test]
fn docker_gets_what_fits_a_line_and_the_rest_is_refused_at_once() {
    let values = numbered(TEXTS.iter().filter(|text| !text.contains('\n')));
    let sandbox = holding(&values);
    assert_eq!(as_docker_reads(&export(&sandbox, "docker")), values);
    sandbox.set("X_LINES", "a\nb").set("X_NUL", "\0").set("X_BYTES", b"\xff").set("X_END", "a\r");
    let refused = sandbox.pds(["export", "--format", "docker", "*"]).done().code(1).stdout("");
    refused
        .says(
            "pds: 4 values do not fit this format:\n  `X_BYTES`  it is not UTF-8\n  \
             `X_END`    it ends with a carriage return\n  `X_LINES`  it has a newline\n  \
             `X_NUL`    it has a NUL\npds: hint: --format k8s carries any bytes\n",
        )
        .end();
    for format in ["env", "shell", "fish", "github"] {
        let to = sandbox.path("w/never");
        let arguments = ["export", "--format", format, "--output", to.to_str().unwrap(), "X_NUL"];
        sandbox.pds(arguments).done().code(1).stdout("").mentions("it has a NUL").end();
        assert!(!to.exists());
    }
    sandbox.pds(["export", "--format", "json", "X_BYTES"]).done().code(1).stdout("").end();
}
