//! Where bytes come in that somebody else made, as functions that a fuzzer can call:
//! for the targets in `fuzz/`, and for the claim that replays their corpora. Each takes any
//! bytes and panics if a law of the reader does not hold for them.
#![forbid(unsafe_code)]

use std::{path::Path, sync::OnceLock};

use crate::{
    daemon, run, store,
    wire::{
        self,
        channel::{self, Channel, Initiator},
        frame,
        identity::{KEY_BYTES, KeyPair},
        message::{self, Request, Response},
    },
};

/// One target's function.
pub type Target = fn(&[u8]);

/// Every target, by the name that it has in `fuzz/`.
pub const TARGETS: [(&str, Target); 6] = [
    ("frame", frame),
    ("handshake", handshake),
    ("request", request),
    ("manifest", manifest),
    ("header", header),
    ("audit_line", audit_line),
];

/// A stream of frames, and the first and the version's answer among them. A length is
/// never more than was asked for, and what is taken is written as it was read.
pub fn frame(bytes: &[u8]) {
    let mut rest = bytes;
    while let Some((field, behind)) = rest.split_first_chunk() {
        let max = if rest.len() == bytes.len() {
            wire::UNAUTHENTICATED_FRAME_MAX_BYTES
        } else {
            wire::FRAME_MAX_BYTES
        };
        let Ok(len) = frame::length(*field, max) else { break };
        assert!((1..=max).contains(&len));
        let Some((payload, behind)) = behind.split_at_checked(len) else { break };
        let mut written = Vec::new();
        assert!(frame::write(payload, &mut written).is_ok());
        assert!(rest.starts_with(&written));
        let _ = frame::split_greeting(payload);
        if let Some((version, build)) = frame::parse_version_answer(payload) {
            assert!(payload[3] == version && payload.ends_with(build.as_bytes()));
        }
        rest = behind;
    }
}

/// The public key of 32 bytes of 0x42.
const DAEMON_PUBLIC: [u8; KEY_BYTES] = [
    0x13, 0x2c, 0x44, 0x2b, 0xe0, 0x10, 0xfb, 0xd5, 0x7e, 0x72, 0x60, 0x33, 0x28, 0xaa, 0x76, 0xe7,
    0x1f, 0xcc, 0xc1, 0x50, 0x3a, 0xae, 0x21, 0x93, 0x27, 0xd1, 0x4d, 0x9c, 0x99, 0x93, 0xf4, 0x72,
];

/// What a peer may send at each step of a handshake: the daemon's first frame, the
/// client's answer, and then the first frame of an open channel, in both directions. A first
/// frame that is taken is one that a client with a key made.
pub fn handshake(bytes: &[u8]) {
    static DAEMON: OnceLock<Option<KeyPair>> = OnceLock::new();
    // The private key is public: what was recorded for it is in the corpus.
    let key = || KeyPair::from_file_bytes([[0x42; KEY_BYTES], DAEMON_PUBLIC].as_flattened()).ok();
    let Some(daemon) = DAEMON.get_or_init(|| key().flatten()) else { return };
    if let Ok((mut channel, answer, _)) = channel::respond(daemon, None, bytes) {
        assert_eq!(bytes.len(), 4 + channel::FIRST_MESSAGE_BYTES);
        assert_eq!(answer.len(), channel::SECOND_MESSAGE_BYTES);
        refuses(&mut channel, bytes);
    }
    let Ok((initiator, _)) = Initiator::begin(daemon, daemon.public()) else { return };
    assert!(initiator.finish(bytes).is_err(), "an answer that nobody made was taken");
    let Ok((initiator, first)) = Initiator::begin(daemon, daemon.public()) else { return };
    let Ok((mut theirs, answer, _)) = channel::respond(daemon, None, &first) else {
        unreachable!("the daemon refuses its own handshake")
    };
    let Ok(mut ours) = initiator.finish(&answer) else {
        unreachable!("the client refuses its own handshake")
    };
    refuses(&mut theirs, bytes);
    refuses(&mut ours, bytes);
}

fn refuses(channel: &mut Channel, bytes: &[u8]) {
    let Ok(mut message) = crate::secret::SecureBuffer::new() else { return };
    assert!(channel.open(bytes, &mut message).is_err(), "a frame that nobody sealed was opened");
    assert!(message.as_slice().is_empty());
}

/// A request or a response. What is understood is written in a form that is understood
/// as the same.
pub fn request(bytes: &[u8]) {
    if let Ok(request) = message::decode::<Request<'_>>(bytes) {
        let again = message::encode_plain(&request);
        assert_eq!(message::decode::<Request<'_>>(&again).as_ref(), Ok(&request));
    }
    if let Ok(response) = message::decode::<Response<'_>>(bytes) {
        let again = message::encode_plain(&response);
        assert_eq!(message::decode::<Response<'_>>(&again).as_ref(), Ok(&response));
    }
}

/// A manifest, and what is said of one that is wrong.
pub fn manifest(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(run::manifest::MANIFEST_MAX_BYTES)];
    match run::manifest::Manifest::parse(bytes, Path::new("/p/pds.toml"), 1000, &|_| {
        Some(Vec::new())
    }) {
        Ok(manifest) => assert!(manifest.secrets.len() <= run::manifest::MANIFEST_MAX_ENTRIES),
        Err(invalid) => {
            assert!(!invalid.mistakes.is_empty());
            // Nothing of a stranger's file reaches the terminal as a control sequence.
            let plain = |c: char| c == '\n' || !c.is_control();
            assert!(invalid.render(false).chars().all(plain));
            let _ = (invalid.render(true), invalid.to_string());
        }
    }
}

/// A vault's header, as it is and with the checksum that it should have, which a
/// fuzzer does not guess.
pub fn header(bytes: &[u8]) {
    let _ = store::read_header(bytes);
    let sum = blake3::hash(bytes);
    let _ = store::read_header(&[bytes, format!("sum {sum}\n").as_bytes()].concat());
}

/// A file of the audit trail. Its pieces and the newlines between them are all of it.
pub fn audit_line(bytes: &[u8]) {
    let newlines = bytes.iter().filter(|&&byte| byte == b'\n').count();
    let (pieces, len) = daemon::read_audit_lines(bytes);
    assert!(pieces == newlines || pieces == newlines + 1);
    assert_eq!(len + newlines, bytes.len());
}
