//! Every text of every request, with what no text should have in it: the answer is a typed
//! error, or the connection is closed.

use crate::support::{Footprint, Sandbox, Stranger};

/// A value of a request. Written by hand, because the encoder of the program takes no
/// text that is none.
#[derive(Clone)]
enum Part {
    Text(Vec<u8>),
    Bytes(&'static [u8]),
    Number(u64),
    No,
    Nothing,
    Array(Vec<Part>),
}

use Part::{Array, Bytes, No, Nothing, Number};

fn text(text: &str) -> Part {
    Part::Text(text.into())
}

/// The head of a CBOR value (RFC 8949, section 3).
fn head(major: u8, number: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match number {
        0..24 => out.push(major | u8::try_from(number).unwrap()),
        _ => {
            out.push(major | 27);
            out.extend(number.to_be_bytes());
        }
    }
}

impl Part {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(bytes) => {
                head(3, bytes.len() as u64, out);
                out.extend(bytes);
            }
            Self::Bytes(bytes) => {
                head(2, bytes.len() as u64, out);
                out.extend(*bytes);
            }
            Self::Number(number) => head(0, *number, out),
            Self::No => out.push(0xF4),
            Self::Nothing => out.push(0xF6),
            Self::Array(parts) => {
                head(4, parts.len() as u64, out);
                parts.iter().for_each(|part| part.write(out));
            }
        }
    }

    /// The texts in it.
    fn texts(&mut self) -> Vec<&mut Vec<u8>> {
        match self {
            Self::Text(bytes) => vec![bytes],
            Self::Array(parts) => parts.iter_mut().flat_map(Self::texts).collect(),
            _ => Vec::new(),
        }
    }
}

/// Each request that has a text, as it could be meant. None of them is granted even so:
/// nothing but the text may be what decides.
fn requests() -> Vec<(u64, Part)> {
    let at = || Array(vec![text("default"), text("a/b")]);
    let claim = || {
        let items = Array(vec![Bytes(&[7; 32])]);
        Array(vec![text("/p/pds.toml"), Number(1000), items, Array(vec![text("default")])])
    };
    let batch = |manifest| {
        let entry = Array(vec![Array(vec![text("default")]), text("a/b"), No]);
        Array(vec![Array(vec![entry]), manifest, text("billing"), text("npm"), No])
    };
    let import =
        || Array(vec![text("default"), Array(vec![Array(vec![text("a/b"), Bytes(b"v")])]), No]);
    let password = || Bytes(b"not the password");
    vec![
        (1, Array(vec![text("default"), password(), No])),
        (2, text("default")),
        (3, batch(Nothing)),
        (3, batch(claim())),
        (4, at()),
        (5, Array(vec![at(), Bytes(b"v"), No, Nothing])),
        (6, at()),
        (7, Array(vec![at(), text("c")])),
        (8, text("default")),
        (9, import()),
        (10, Array(vec![text("default"), password(), No])),
        (12, Array(vec![text("default"), claim()])),
        (13, Array(vec![text("default"), text("/p/pds.toml")])),
        (14, text("default")),
        (24, Array(vec![text("default"), password(), password()])),
        (25, Array(vec![text("default"), Nothing, No])),
        (26, Array(vec![text("default"), Bytes(b"pds-vault 1\n"), Number(4096), No])),
        (29, at()),
        (30, Array(vec![at(), Number(1)])),
        (31, Array(vec![at(), Number(1)])),
        (32, Array(vec![import(), Number(0), No])),
    ]
}

fn hostile() -> [Vec<u8>; 8] {
    [
        b"de\0fault".to_vec(),
        b"default\n".to_vec(),
        b"default\r".to_vec(),
        b"\x1b[2Jdefault".to_vec(),
        b"default\xFF\xFE".to_vec(),
        b"\xED\xA0\x80".to_vec(), // a surrogate, which UTF-8 does not have
        Vec::new(),
        vec![b'a'; 64 << 10],
    ]
}

#[test]
fn a_text_that_is_none_gets_a_typed_error_or_a_closed_connection() {
    let sandbox = Sandbox::ready();
    sandbox.set("a/b", "v");
    let before = Footprint::of(&sandbox);
    let mut wrong = Vec::new();
    for (number, field) in requests() {
        let count = field.clone().texts().len();
        for at in 0..count {
            for hostile in hostile() {
                let mut field = field.clone();
                field.texts()[at].clone_from(&hostile);
                let mut bytes = Vec::new();
                Array(vec![Number(number), Array(vec![field])]).write(&mut bytes);
                let mut peer = Stranger::launcher(&sandbox);
                let sealed = peer.seal(&bytes);
                peer.send(&sealed);
                let answer = peer.response().unwrap_or_else(|| "closed".into());
                let fine = ["closed", "Refused(", "NotApproved("];
                if !fine.iter().any(|fine| answer.starts_with(fine)) {
                    let shown: String =
                        hostile.escape_ascii().to_string().chars().take(20).collect();
                    wrong.push(format!("{number}, text {at}, {shown:?}: {answer}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Footprint::of(&sandbox).assert_no_more_than(&before);
    assert_eq!(sandbox.pds(["get", "a/b"]).ok(), b"v");
    assert_eq!(sandbox.pds(["list"]).ok(), b"a/b\n");
    sandbox.pds(["audit", "verify"]).done().code(0).end();
}
