//! What crosses the socket: bytes ↔ values, and no I/O.
//!
//! A connection is `Noise_IK_25519_AESGCM_BLAKE2s` (Noise specification,
//! revision 34, section 7.5) over a Unix stream socket:
//!
//! ```text
//! client → daemon   frame: "pds" version handshake-message-1
//! daemon → client   frame: handshake-message-2
//! client → daemon   frames of one request        (then again, or close)
//! daemon → client   frames of its answer
//! ```
//!
//! A frame is a length of two bytes, big endian, and that many bytes. After the
//! handshake each frame is one Noise transport message, whose plaintext is a
//! flag byte ([`channel::MORE`] or [`channel::LAST`]) and a piece of a CBOR
//! message. The end of a message is thus authenticated, and there is no count
//! that a peer could lie about.
//!
//! The launcher drives this with blocking reads, the daemon with tokio; both
//! through the same code here.
#![forbid(unsafe_code)]

pub mod channel;
mod client;
pub mod field;
pub mod frame;
pub mod identity;
mod manifest;
pub mod message;
mod names;
mod reason;
mod resolver;
mod state;
mod trail;
mod whole;

pub use names::NAMES_MAX;

/// The protocol spoken here. A daemon serves its own and the one before.
pub const PROTOCOL_VERSION: u8 = 1;

/// The first bytes of a connection, so that a stray client is told apart from an old one.
pub const MAGIC: [u8; 3] = *b"pds";

/// A frame has at most this many bytes while the peer is not authenticated.
/// The longest it needs to be: four bytes and an IK message of 96.
pub const UNAUTHENTICATED_FRAME_MAX_BYTES: usize = 256;

/// A Noise message, and so a frame, has at most this many bytes (Noise, section 3).
pub const FRAME_MAX_BYTES: usize = 65_535;

/// A request or answer has at most this many bytes over all its frames: a
/// value of 1 MiB fits, and so does an environment as large as Linux takes.
pub const MESSAGE_MAX_BYTES: usize = 8 << 20;

/// A batch has at most this many entries, as a manifest has.
pub const BATCH_MAX_ENTRIES: usize = 4_096;

/// The name of a project or a command, as a client claims it, has at most this many bytes:
/// 128 characters of four.
pub const LABEL_MAX_BYTES: usize = 512;

/// A manifest's path in a claim has at most this many bytes: as many as Linux takes
/// (`PATH_MAX`), each of them escaped.
pub const CLAIM_PATH_MAX_BYTES: usize = 4 * 4_096;

/// A backup crosses the socket in pieces of at most this many bytes: small against
/// what an unprivileged process may lock.
pub const TRANSFER_CHUNK_BYTES: usize = 256 << 10;

/// A vault that is restored has a database of at most this many bytes (16 GiB).
pub const RESTORE_MAX_BYTES: u64 = 16 << 30;

/// All parts of one import have at most this many bytes, names and values together.
pub const IMPORT_STAGED_MAX_BYTES: usize = 256 << 20;

/// A secret is expiring when it has this many days or fewer left.
pub const EXPIRES_SOON_DAYS: i64 = 14;

/// What a daemon says on its standard output once it accepts connections.
pub const READY: &str = "ready\n";
