//! Peers that mean ill: whatever they send, they get a typed error or a closed connection,
//! and the daemon is as it was.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
};

use pds::wire::{
    channel::Initiator,
    frame,
    identity::KeyPair,
    message::{self, KeyInProfile, Plaintext, Request, Set},
};

use crate::support::{Footprint, Sandbox, Stranger, connect, read_frame};

/// What comes until the daemon closes the connection.
fn until_closed(stream: &mut UnixStream) -> Vec<u8> {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => answer,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => answer,
        Err(error) => panic!("not closed: {error}"),
    }
}

fn framed(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(payload, &mut out).unwrap();
    out
}

/// The first frame of an honest client, and what waits for the answer.
fn first_frame(sandbox: &Sandbox) -> (Initiator, Vec<u8>) {
    let daemon = fs::read(sandbox.home("data/daemon.pub")).unwrap().try_into().unwrap();
    Initiator::begin(&KeyPair::generate().unwrap(), &daemon).unwrap()
}

fn get(key: &str) -> Vec<u8> {
    message::encode_plain(&Request::Get(KeyInProfile { profile: "default", key }))
}

/// 0, 1, what is allowed before and after the handshake, one more than that, 2^31 and 2^32 - 1
/// as somebody would write them who takes the field for one of four bytes.
const LENGTHS: [&[u8]; 10] = [
    &[0, 0],
    &[0, 1],
    &[0, 16],
    &[0, 17],
    &[1, 0],
    &[1, 1],
    &[0xFF, 0xFF],
    &[0, 1, 0, 0],
    &[0x80, 0, 0, 0],
    &[0xFF, 0xFF, 0xFF, 0xFF],
];

#[test]
fn every_length_and_then_silence_is_closed_before_and_after_the_handshake() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let before = Footprint::of(&sandbox);
    thread::scope(|scope| {
        for length in LENGTHS {
            let sandbox = &sandbox;
            scope.spawn(move || {
                let mut stream = connect(sandbox);
                let _ = stream.write_all(length);
                assert_eq!(until_closed(&mut stream), b"", "{length:?}");
            });
        }
    });
    thread::scope(|scope| {
        for length in LENGTHS {
            for mut peer in [Stranger::new(&sandbox), Stranger::launcher(&sandbox)] {
                scope.spawn(move || {
                    peer.send(length);
                    assert_eq!(peer.response(), None, "{length:?}");
                });
            }
        }
    });
    Footprint::of(&sandbox).assert_no_more_than(&before);
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
}

#[test]
fn a_first_frame_flipped_cut_or_trailed_anywhere_is_closed() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let before = Footprint::of(&sandbox);
    let (_, first) = first_frame(&sandbox);
    let sent = |payload: &[u8]| {
        let mut stream = connect(&sandbox);
        let _ = stream.write_all(&framed(payload));
        until_closed(&mut stream)
    };
    for at in 0..first.len() {
        let mut flipped = first.clone();
        flipped[at] ^= 1 << (at % 8);
        let answer = sent(&flipped);
        // The byte of the version is answered in clear, with the daemon's own.
        let version = answer.get(2..).and_then(frame::parse_version_answer);
        assert_eq!(version.is_some(), at == 3, "byte {at}: {answer:?}");
        assert!(version.is_some() || answer.is_empty(), "byte {at}: {answer:?}");
        assert_eq!(sent(&first[..at]), b"", "cut to {at}");
    }
    for more in [1, 16, 32, 156, 157, 65_435] {
        assert_eq!(sent(&[first.as_slice(), &vec![0; more]].concat()), b"", "{more} more");
    }
    Footprint::of(&sandbox).assert_no_more_than(&before);
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
}

type Change = Box<dyn Fn(Vec<u8>) -> Vec<u8> + Send>;

/// Stands in the daemon's place: hands its handshake on, the answer changed. Returns the
/// home of whoever is lied to; in the daemon's own place it would lock and give way.
fn lie(sandbox: &Sandbox) -> (PathBuf, Arc<Mutex<Change>>) {
    let (home, real) = (sandbox.path("liar"), sandbox.socket());
    let private = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for folder in ["data", "run"] {
        fs::create_dir_all(home.join(folder)).unwrap();
        private(&home.join(folder), 0o700);
    }
    for key in ["launcher.key", "daemon.pub"] {
        fs::copy(sandbox.home("data").join(key), home.join("data").join(key)).unwrap();
    }
    let socket = home.join("run/pds.sock");
    fs::write(home.join("data/lock"), socket.as_os_str().as_encoded_bytes()).unwrap();
    private(&home.join("data/lock"), 0o600);
    let listener = UnixListener::bind(&socket).unwrap();
    private(&socket, 0o600);
    let change: Arc<Mutex<Change>> = Arc::new(Mutex::new(Box::new(|answer| answer)));
    let now = Arc::clone(&change);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut daemon) = (client.unwrap(), UnixStream::connect(&real).unwrap());
            let Ok(first) = read_frame(&mut client) else { continue };
            daemon.write_all(&framed(&first)).unwrap();
            let answer = read_frame(&mut daemon).unwrap();
            let _ = client.write_all(&now.lock().unwrap()(answer));
            // Until the client has had enough.
            let _ = client.read_to_end(&mut Vec::new());
        }
    });
    (home, change)
}

#[test]
fn an_answer_to_the_handshake_flipped_cut_or_trailed_anywhere_is_an_error_of_the_client() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let (home, change) = lie(&sandbox);
    let refused = |what: &str, change_to: Change| {
        *change.lock().unwrap() = change_to;
        let outcome = sandbox.pds(["get", "k", "--no-prompt"]).env("PDS_HOME", &home).done();
        let said = outcome.stderr();
        assert!(outcome.0.stdout.is_empty(), "{what}");
        assert!([1, 6].contains(&outcome.status()), "{what}: {} {said}", outcome.status());
        assert!(said.starts_with("pds: ") && !said.contains("panicked"), "{what}: {said}");
    };
    for at in 0..48 {
        let flip = move |mut answer: Vec<u8>| {
            answer[at] ^= 1 << (at % 8);
            framed(&answer)
        };
        refused(&format!("byte {at} flipped"), Box::new(flip));
        refused(&format!("cut to {at}"), Box::new(move |answer| framed(&answer[..at])));
    }
    for more in [1, 16, 65_487] {
        let trail = move |answer: Vec<u8>| framed(&[answer, vec![0; more]].concat());
        refused(&format!("{more} more"), Box::new(trail));
    }
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
}

#[test]
fn sessions_replayed_reordered_reflected_and_spliced_are_closed() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").set("l", "v");
    let begin = || Stranger::launcher(&sandbox);
    let recorded = sandbox.recorded(|| {
        // Replayed within its own session.
        let mut peer = begin();
        let request = peer.seal(&get("k"));
        peer.send(&request);
        assert_eq!(peer.response().as_deref(), Some("Values([Some(Plaintext)])"));
        peer.send(&request);
        assert_eq!(peer.response(), None);

        // The second before the first.
        let mut peer = begin();
        let (first, second) = (peer.seal(&get("k")), peer.seal(&get("l")));
        peer.send(&second);
        peer.send(&first);
        assert_eq!(peer.response(), None);

        // What the daemon said, said back to it.
        let mut peer = begin();
        let request = peer.seal(&get("k"));
        peer.send(&request);
        let answer = peer.frame().unwrap();
        peer.send(&framed(&answer));
        assert_eq!(peer.response(), None);

        // What was sealed in another session, with the same keys and at the same place.
        let (mut one, mut other) = (begin(), begin());
        let request = one.seal(&get("k"));
        other.send(&request);
        assert_eq!(other.response(), None);
    });
    assert_eq!(recorded, ["get granted", "get granted"]);
}

#[test]
fn a_whole_session_replayed_gets_a_handshake_and_no_more() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let key = Stranger::launcher_key(&sandbox);
    let daemon = fs::read(sandbox.home("data/daemon.pub")).unwrap().try_into().unwrap();
    let (initiator, first) = Initiator::begin(&key, &daemon).unwrap();
    let mut stream = connect(&sandbox);
    stream.write_all(&framed(&first)).unwrap();
    let mut channel = initiator.finish(&read_frame(&mut stream).unwrap()).unwrap();
    let mut request = Vec::new();
    channel.seal_plain(&get("k"), &mut request).unwrap();
    stream.write_all(&request).unwrap();
    read_frame(&mut stream).unwrap();
    let recorded = sandbox.recorded(|| {
        let mut replay = connect(&sandbox);
        let _ = replay.write_all(&[framed(&first), request.clone()].concat());
        assert_eq!(until_closed(&mut replay).len(), 2 + 48);
    });
    assert!(recorded.is_empty(), "{recorded:?}");
}

#[test]
fn a_message_that_lacks_a_piece_is_never_acted_on() {
    let sandbox = Sandbox::ready();
    let value = vec![7; 200_000];
    let at = KeyInProfile { profile: "default", key: "k" };
    let set = Set { at, value: Plaintext(&value), create_only: false, expires_at: None };
    let request = message::encode_plain(&Request::Set(set));
    let recorded = sandbox.recorded(|| {
        for lost in 0..4 {
            let mut peer = Stranger::launcher(&sandbox);
            let sealed = peer.seal(&request);
            let mut pieces: Vec<&[u8]> = sealed.chunks(2 + 65_535).collect();
            assert_eq!(pieces.len(), 4);
            pieces.remove(lost);
            peer.send(&pieces.concat());
            peer.hang_up();
            assert_eq!(peer.response(), None, "without piece {lost}");
        }
    });
    assert!(recorded.is_empty(), "{recorded:?}");
    sandbox.pds(["get", "k"]).done().code(4).end();
}

/// 128 peers, each with all but the end of a message of more than one piece.
#[test]
fn messages_that_never_end_take_no_memory_from_who_is_honest() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let before = Footprint::of(&sandbox);
    let mut peers: Vec<_> = (0..128).map(|_| Stranger::new(&sandbox)).collect();
    let long = vec![0; 66_000];
    for peer in &mut peers {
        let sealed = peer.seal(&long);
        peer.send(&sealed[..sealed.len() - 1]);
    }
    // Nobody registered their keys, so they have no use for more than one piece.
    assert!(peers.iter_mut().all(|peer| peer.response().is_none()));
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
    drop(peers);
    Footprint::of(&sandbox).assert_no_more_than(&before);
}
