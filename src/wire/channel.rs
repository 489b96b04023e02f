//! Noise IK: a handshake, and then messages that only the two peers can read.

use std::sync::{Arc, Mutex};

use snow::{Builder, HandshakeState, TransportState, params::NoiseParams};

use super::{
    FRAME_MAX_BYTES, MESSAGE_MAX_BYTES, PROTOCOL_VERSION,
    frame::{self, FrameError},
    identity::{KEY_BYTES, KeyPair, PublicStaticKey},
    resolver::{Resolver, TAG_BYTES},
};
use crate::{
    secret::{OutOfSecretMemory, SecureBuffer, SecureBytes},
    sys::stack::with_secret_stack,
};

/// The Noise protocol name (Noise, section 8).
pub const NOISE_NAME: &str = "Noise_IK_25519_AESGCM_BLAKE2s";
/// The flag byte of a frame that more of the same message follows.
pub const MORE: u8 = 0;
/// The flag byte of a message's last frame.
pub const LAST: u8 = 1;

/// Bytes of the first handshake message with an empty payload: e, encrypted s, tag.
pub const FIRST_MESSAGE_BYTES: usize = KEY_BYTES + KEY_BYTES + TAG_BYTES + TAG_BYTES;
/// Bytes of the second one: e, tag.
pub const SECOND_MESSAGE_BYTES: usize = KEY_BYTES + TAG_BYTES;
/// Bytes of a message that one frame carries.
const PIECE_BYTES: usize = FRAME_MAX_BYTES - TAG_BYTES - 1;

/// Why a channel can't be opened or used any more.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The handshake failed, or a frame was not what the peer sealed: altered,
    /// replayed, out of order, or for somebody else.
    #[error("the channel's cryptography refused a message")]
    Refused,
    /// A frame's flag is neither [`MORE`] nor [`LAST`], or a message is endless.
    #[error("a message is malformed or too long")]
    Malformed,
    /// A frame can't be one.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// No room for the plaintext.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
}

impl From<snow::Error> for ChannelError {
    fn from(_: snow::Error) -> Self {
        Self::Refused
    }
}

fn builder<'k>(
    local: &'k KeyPair,
    ephemeral: Option<KeyPair>,
    prologue: &'k [u8],
) -> Result<Builder<'k>, ChannelError> {
    let params: NoiseParams = NOISE_NAME.parse()?;
    let (shared, ephemeral) = (local.shared().cloned(), Arc::new(Mutex::new(ephemeral)));
    let resolver = Resolver { static_public: *local.public(), shared, ephemeral };
    Ok(Builder::with_resolver(params, Box::new(resolver))
        .local_private_key(local.private().expose())?
        .prologue(prologue)?)
}

/// The client's half of a handshake that waits for the daemon's answer.
#[derive(Debug)]
pub struct Initiator {
    state: HandshakeState,
}

impl Initiator {
    /// Begins a handshake with the daemon whose static key is `daemon`.
    /// Returns the first frame's payload: greeting and handshake message.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] if `daemon` is no usable key.
    pub fn begin(
        local: &KeyPair,
        daemon: &PublicStaticKey,
    ) -> Result<(Self, Vec<u8>), ChannelError> {
        let greeting = frame::greeting(PROTOCOL_VERSION);
        let mut state =
            builder(local, None, &greeting)?.remote_public_key(daemon)?.build_initiator()?;
        let mut first = greeting.to_vec();
        first.resize(greeting.len() + FIRST_MESSAGE_BYTES, 0);
        let len = with_secret_stack(|| state.write_message(&[], &mut first[greeting.len()..]))?;
        first.truncate(greeting.len() + len);
        Ok((Self { state }, first))
    }

    /// Ends the handshake with the daemon's answer.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] if it is not the answer of that daemon to this handshake.
    pub fn finish(mut self, answer: &[u8]) -> Result<Channel, ChannelError> {
        with_secret_stack(|| self.state.read_message(answer, &mut []))?;
        with_secret_stack(|| Channel::over(self.state))
    }
}

/// Answers a client's first frame. Returns the channel, the answer to send, and
/// the client's static key, which the caller looks up before it trusts anything.
/// `ephemeral` is a pair that was made ahead for this handshake alone, if there is one.
/// What it [remembers](KeyPair::remember) of the client's static key need not be computed
/// while the client waits.
///
/// # Errors
/// [`FrameError::Version`] for a protocol that is not served, otherwise
/// [`ChannelError::Refused`] or another [`FrameError`].
pub fn respond(
    local: &KeyPair,
    ephemeral: Option<KeyPair>,
    first_frame: &[u8],
) -> Result<(Channel, Vec<u8>, PublicStaticKey), ChannelError> {
    let message = frame::split_greeting(first_frame)?;
    let greeting = frame::greeting(PROTOCOL_VERSION);
    let mut state = builder(local, ephemeral, &greeting)?.build_responder()?;
    // A payload here could be replayed by anybody, so none is accepted.
    with_secret_stack(|| state.read_message(message, &mut []))?;
    let client = state.get_remote_static().and_then(|key| key.try_into().ok());
    let client = client.ok_or(ChannelError::Refused)?;
    let mut answer = vec![0; SECOND_MESSAGE_BYTES];
    let len = with_secret_stack(|| state.write_message(&[], &mut answer))?;
    answer.truncate(len);
    Ok((with_secret_stack(|| Channel::over(state))?, answer, client))
}

/// An open channel.
#[derive(Debug)]
pub struct Channel {
    state: TransportState,
}

impl Channel {
    fn over(state: HandshakeState) -> Result<Self, ChannelError> {
        Ok(Self { state: state.into_transport_mode()? })
    }

    /// Seals `message` into frames, appended to `out`.
    ///
    /// # Errors
    /// [`ChannelError::Malformed`] beyond [`MESSAGE_MAX_BYTES`].
    pub fn seal(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<(), ChannelError> {
        let mut plaintext = SecureBytes::zeroed(message.len().min(PIECE_BYTES) + 1)?;
        self.seal_through(plaintext.expose_mut(), message, out)
    }

    /// As [`seal`](Self::seal), for a message without secrets: in ordinary memory.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_plain(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<(), ChannelError> {
        let mut plaintext = vec![0; message.len().min(PIECE_BYTES) + 1];
        self.seal_through(&mut plaintext, message, out)
    }

    fn seal_through(
        &mut self,
        plaintext: &mut [u8],
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), ChannelError> {
        if message.len() > MESSAGE_MAX_BYTES {
            return Err(ChannelError::Malformed);
        }
        let mut pieces = message.chunks(PIECE_BYTES).peekable();
        loop {
            let piece = pieces.next().unwrap_or_default();
            let flag = if pieces.peek().is_some() { MORE } else { LAST };
            plaintext[0] = flag;
            plaintext[1..=piece.len()].copy_from_slice(piece);
            self.seal_frame(&plaintext[..=piece.len()], out)?;
            if flag == LAST {
                return Ok(());
            }
        }
    }

    fn seal_frame(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), ChannelError> {
        let sealed = plaintext.len() + TAG_BYTES;
        let field = u16::try_from(sealed).map_err(|_| FrameError::TooLong)?;
        out.extend_from_slice(&field.to_be_bytes());
        let start = out.len();
        out.resize(start + sealed, 0);
        let (state, sealed_to) = (&mut self.state, &mut out[start..]);
        let written = with_secret_stack(|| state.write_message(plaintext, sealed_to))?;
        if written == sealed { Ok(()) } else { Err(ChannelError::Refused) }
    }

    /// Opens one frame and appends its piece to `message`. True when the message is whole.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] for a frame that the peer did not seal next,
    /// [`ChannelError::Malformed`] for a bad flag or a message over [`MESSAGE_MAX_BYTES`].
    pub fn open(&mut self, frame: &[u8], message: &mut SecureBuffer) -> Result<bool, ChannelError> {
        let len = frame.len().checked_sub(TAG_BYTES).ok_or(ChannelError::Refused)?;
        let piece_len = len.checked_sub(1).ok_or(ChannelError::Malformed)?;
        if message.as_slice().len() + piece_len > MESSAGE_MAX_BYTES {
            return Err(ChannelError::Malformed);
        }
        // Opened at its place: a buffer between would be as many secret pages again.
        let opened = &mut message.spare(len)?[..len];
        let state = &mut self.state;
        with_secret_stack(|| state.read_message(frame, opened))?;
        let flag = opened[0];
        opened.copy_within(1.., 0);
        message.advance(piece_len);
        match flag {
            MORE if piece_len > 0 => Ok(false),
            LAST => Ok(true),
            _ => Err(ChannelError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Channel, Channel, PublicStaticKey, KeyPair) {
        let (daemon, client) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let (initiator, first) = Initiator::begin(&client, daemon.public()).unwrap();
        let (responder, answer, seen) = respond(&daemon, None, &first).unwrap();
        (initiator.finish(&answer).unwrap(), responder, seen, client)
    }

    fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut frames = Vec::new();
        while let Some((field, rest)) = bytes.split_first_chunk() {
            let (frame, rest) = rest.split_at(usize::from(u16::from_be_bytes(*field)));
            frames.push(frame);
            bytes = rest;
        }
        frames
    }

    #[test]
    fn the_daemon_learns_the_clients_static_key_and_no_other() {
        let (_, _, seen, client) = pair();
        assert_eq!(&seen, client.public());
    }

    #[test]
    fn messages_of_every_length_arrive_whole() {
        let (mut client, mut daemon, ..) = pair();
        for len in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 1 << 20] {
            let message: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            let mut sealed = Vec::new();
            client.seal(&message, &mut sealed).unwrap();
            let mut opened = SecureBuffer::new().unwrap();
            let frames = frames(&sealed);
            for (n, frame) in frames.iter().enumerate() {
                assert_eq!(daemon.open(frame, &mut opened).unwrap(), n + 1 == frames.len());
            }
            assert!(opened.as_slice() == message);
        }
    }

    #[test]
    fn a_message_over_the_limit_is_neither_sealed_nor_opened() {
        let (mut client, ..) = pair();
        let long = vec![0; MESSAGE_MAX_BYTES + 1];
        assert!(client.seal(&long, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_flipped_bit_a_replay_and_a_foreign_frame_are_refused() {
        let (mut client, mut daemon, ..) = pair();
        let (mut other, ..) = pair();
        let mut buffer = SecureBuffer::new().unwrap();
        let mut sealed = Vec::new();
        client.seal(b"request", &mut sealed).unwrap();
        let frame = sealed[2..].to_vec();
        for at in 0..frame.len() {
            let mut flipped = frame.clone();
            flipped[at] ^= 1;
            assert!(daemon.open(&flipped, &mut buffer).is_err(), "byte {at}");
        }
        assert!(daemon.open(&frame, &mut buffer).unwrap());
        assert!(daemon.open(&frame, &mut buffer).is_err(), "replayed");
        let mut foreign = Vec::new();
        other.seal(b"request", &mut foreign).unwrap();
        assert!(daemon.open(&foreign[2..], &mut buffer).is_err(), "from another session");
    }

    #[test]
    fn a_first_frame_flipped_cut_or_trailed_anywhere_opens_nothing() {
        let (daemon, client) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let (_, first) = Initiator::begin(&client, daemon.public()).unwrap();
        assert_eq!(first.len(), 4 + FIRST_MESSAGE_BYTES);
        for at in 0..first.len() {
            let mut flipped = first.clone();
            flipped[at] ^= 0x40;
            // The top bit of a point is ignored by X25519, so another is flipped;
            // the transcript covers every byte all the same.
            assert!(respond(&daemon, None, &flipped).is_err(), "byte {at}");
            assert!(respond(&daemon, None, &first[..at]).is_err(), "cut at {at}");
        }
        assert!(respond(&daemon, None, &[first.as_slice(), b"x"].concat()).is_err());
    }

    #[test]
    fn an_answer_flipped_cut_or_from_another_daemon_is_refused() {
        let (daemon, client) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        for at in 0..SECOND_MESSAGE_BYTES {
            let (initiator, first) = Initiator::begin(&client, daemon.public()).unwrap();
            let (_, mut answer, _) = respond(&daemon, None, &first).unwrap();
            answer[at] ^= 1;
            assert!(initiator.finish(&answer).is_err(), "byte {at}");
        }
        let (initiator, _) = Initiator::begin(&client, daemon.public()).unwrap();
        let (_, unrelated) = Initiator::begin(&client, daemon.public()).unwrap();
        let (_, answer, _) = respond(&daemon, None, &unrelated).unwrap();
        assert!(initiator.finish(&answer).is_err(), "an answer to another handshake");
    }

    #[test]
    fn a_point_of_low_order_is_refused() {
        let client = KeyPair::generate().unwrap();
        assert!(Initiator::begin(&client, &[0; KEY_BYTES]).is_err());
    }
}
