//! What the daemon can't read ends a connection, and nothing else.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
};

use pds::wire::{channel::Initiator, frame, identity::KeyPair};

use crate::support::{Sandbox, connect, read_frame};

/// Sends `bytes`; returns what came before the daemon closed the connection.
fn closed_after(sandbox: &Sandbox, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(sandbox);
    // The daemon may close before it has read all of it.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => answer,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => answer,
        Err(error) => panic!("not closed: {error}"),
    }
}

#[test]
fn what_is_no_first_frame_is_closed_without_an_answer_and_the_daemon_serves_on() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let framed = |payload: &[u8]| {
        let mut out = Vec::new();
        frame::write(payload, &mut out).unwrap();
        out
    };
    for bytes in [
        b"\x00\x00".to_vec(),
        257u16.to_be_bytes().to_vec(),
        65_535u16.to_be_bytes().to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        framed(b"x"),
        framed(b"pds"),
        framed(b"pds\x01"),
        framed(&[b"pds\x01".as_slice(), &[0; 96]].concat()),
        framed(&[0xff; 256]),
    ] {
        assert_eq!(closed_after(&sandbox, &bytes), b"", "{bytes:?}");
    }
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
}

#[test]
fn half_a_frame_and_a_peer_that_goes_are_no_trouble() {
    let sandbox = Sandbox::ready();
    for bytes in [&b""[..], b"\x00", b"\x00\x64pds\x01"] {
        let mut stream = connect(&sandbox);
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"");
    }
    sandbox.pds(["list"]).ok();
}

#[test]
fn an_unfinished_handshake_is_closed() {
    let sandbox = Sandbox::ready();
    assert_eq!(closed_after(&sandbox, b"\x00\x64pds\x01"), b"");
}

#[test]
fn another_version_of_the_protocol_is_answered_in_clear() {
    let sandbox = Sandbox::ready();
    for version in [0, 2, 255] {
        let mut bytes = Vec::new();
        let first = [frame::greeting(version).as_slice(), &[7; 96]].concat();
        frame::write(&first, &mut bytes).unwrap();
        let answer = closed_after(&sandbox, &bytes);
        let (version, build) = frame::parse_version_answer(&answer[2..]).unwrap();
        assert_eq!(version, pds::wire::PROTOCOL_VERSION);
        assert!(build.starts_with("pds "), "{build}");
    }
}

#[test]
fn garbage_after_the_handshake_and_a_replayed_one_are_closed() {
    let sandbox = Sandbox::ready();
    let daemon = std::fs::read(sandbox.home("data/daemon.pub")).unwrap().try_into().unwrap();
    let (_, first) = Initiator::begin(&KeyPair::generate().unwrap(), &daemon).unwrap();
    let mut bytes = Vec::new();
    frame::write(&first, &mut bytes).unwrap();
    for _ in 0..2 {
        // A replayed first message gets an answer that the replayer can't use.
        let mut stream = connect(&sandbox);
        stream.write_all(&bytes).unwrap();
        assert_eq!(read_frame(&mut stream).unwrap().len(), 48);
        stream.write_all(b"\x00\x20").unwrap();
        stream.write_all(&[9; 32]).unwrap();
        assert!(read_frame(&mut stream).is_err());
    }
}

#[test]
fn an_honest_run_works_beside_three_hundred_idle_connections() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").manifest("[secrets]\nK = \"k\"\n");
    let idle: Vec<UnixStream> = (0..300).map(|_| connect(&sandbox)).collect();
    assert_eq!(sandbox.pds(["run", "--", "printenv", "K"]).ok(), b"v\n");
    drop(idle);
}
