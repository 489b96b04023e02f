//! The line to the daemon, on which nothing is waited for without an end: a daemon that is
//! stopped, or hangs, takes connections all the same, since the kernel does that for it.
#![forbid(unsafe_code)]

use std::{
    fs,
    io::{self, Read},
    ops::Range,
    os::{fd::AsRawFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, getsockopt, send, socket,
    sockopt::PeerCredentials,
};

use super::{ClientError, running};
use crate::wire::{FRAME_MAX_BYTES, frame, message::Request};

/// A wait is cut into pieces as long as this; after each it is seen whether the daemon is
/// stopped, in which case no time would help.
const STEP: Duration = Duration::from_secs(1);
/// For a connection and the daemon's half of the handshake, which take it a millisecond: as
/// long as hundreds that come at once, or its own start by systemd, can hold it up.
const HANDSHAKE_SILENCE_MAX: Duration = Duration::from_secs(10);
/// For an answer that takes milliseconds too, but may wait for its turn at the vault, behind
/// a large import or a new password.
const ANSWER_SILENCE_MAX: Duration = Duration::from_secs(60);

/// How long the daemon may say nothing before it answers `request`. `None` for what takes
/// as long as it takes: keys that are derived, and a whole vault or trail that is gone
/// through. That the daemon lives, the handshake has shown a moment before.
pub(super) fn silence_max(request: &Request<'_>) -> Option<Duration> {
    match request {
        Request::Unlock(_)
        | Request::Create(_)
        | Request::Passwd(_)
        | Request::Import(_)
        | Request::ImportPart(_)
        | Request::Backup(_)
        | Request::RestoreBegin(_)
        | Request::RestoreWrite(_)
        | Request::RestoreCommit(_)
        | Request::AuditVerify
        | Request::Sealed(_) => None,
        _ => Some(ANSWER_SILENCE_MAX),
    }
}

/// Which process is waited for. It is looked up when a wait gets long, and not before.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    /// The file whose lock the daemon holds. `None` for an enrolled client: there the
    /// daemon is another's, whose processes are not its to deal with.
    lock: Option<PathBuf>,
    /// Who had the socket made; the daemon, unless systemd has.
    peer: Option<u32>,
}

impl Awaited {
    /// The daemon that holds the lock of this file.
    pub(super) fn holding(lock: PathBuf) -> Self {
        Self { lock: Some(lock), peer: None }
    }

    /// To be called after each [`STEP`] in which nothing came.
    fn step(&self, silent: &mut Duration, max: Option<Duration>) -> Result<(), ClientError> {
        *silent += STEP;
        let pid = self.lock.as_deref().and_then(|lock| running::holder(lock).or(self.peer));
        match pid {
            Some(pid) if is_stopped(pid) => Err(ClientError::Stopped(pid)),
            _ if max.is_some_and(|max| *silent >= max) => {
                Err(ClientError::Silent { pid, seconds: silent.as_secs() })
            }
            _ => Ok(()),
        }
    }
}

/// Whether a process is stopped, by a signal or by whoever traces it (proc_pid_stat(5)).
/// The name before its state is in parentheses and may hold anything.
pub(super) fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
}

/// What is read at once, so that a short answer and its length come by one call.
const INBOX_BYTES: usize = 512;

/// A connection to the daemon.
#[derive(Debug)]
pub(super) struct Line {
    stream: UnixStream,
    /// What was read and is not yet a part of a frame: sealed, as all that crosses the line.
    inbox: [u8; INBOX_BYTES],
    unread: Range<usize>,
    awaited: Awaited,
    silence_max: Option<Duration>,
}

impl Line {
    /// Connects to `path`.
    pub(super) fn open(path: &Path, awaited: Awaited) -> Result<Self, ClientError> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None);
        let stream = UnixStream::from(socket.map_err(io::Error::from)?);
        stream.set_read_timeout(Some(STEP))?;
        // Of connecting as well, which waits while the kernel's queue is full.
        stream.set_write_timeout(Some(STEP))?;
        let address = UnixAddr::new(path).map_err(io::Error::from)?;
        let mut silent = Duration::ZERO;
        loop {
            match connect(stream.as_raw_fd(), &address) {
                Ok(()) => break,
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => {
                    awaited.step(&mut silent, Some(HANDSHAKE_SILENCE_MAX))?
                }
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        let silence_max = Some(HANDSHAKE_SILENCE_MAX);
        Ok(Self { stream, inbox: [0; INBOX_BYTES], unread: 0..0, awaited, silence_max })
    }

    /// Who is at the other end, for the kernel.
    pub(super) fn peer_uid(&mut self) -> Result<u32, ClientError> {
        let peer = getsockopt(&self.stream, PeerCredentials).map_err(io::Error::from)?;
        // 0 if it is in another namespace.
        self.awaited.peer = u32::try_from(peer.pid()).ok().filter(|pid| *pid != 0);
        Ok(peer.uid())
    }

    /// From now on, the daemon may say nothing for this long.
    pub(super) fn allow_silence(&mut self, max: Option<Duration>) {
        self.silence_max = max;
    }

    /// Sends without SIGPIPE: its disposition is the command's, not ours to change.
    pub(super) fn send(&self, mut bytes: &[u8]) -> Result<(), ClientError> {
        let mut silent = Duration::ZERO;
        while !bytes.is_empty() {
            match send(self.stream.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL) {
                Ok(sent) => (bytes, silent) = (&bytes[sent..], Duration::ZERO),
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => self.awaited.step(&mut silent, self.silence_max)?,
                Err(nix::Error::EPIPE | nix::Error::ECONNRESET) => return Err(ClientError::Closed),
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        Ok(())
    }

    /// The next frame that the daemon sends.
    pub(super) fn read_frame(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut field = [0; frame::LENGTH_BYTES];
        self.read_exact(&mut field)?;
        let len = frame::length(field, FRAME_MAX_BYTES).map_err(|_| ClientError::Malformed)?;
        let mut frame = vec![0; len];
        self.read_exact(&mut frame)?;
        Ok(frame)
    }

    fn read_exact(&mut self, mut bytes: &mut [u8]) -> Result<(), ClientError> {
        while !bytes.is_empty() {
            if self.unread.is_empty() && bytes.len() >= INBOX_BYTES {
                let got = receive(&self.stream, bytes, &self.awaited, self.silence_max)?;
                bytes = &mut bytes[got..];
                continue;
            }
            if self.unread.is_empty() {
                let inbox = &mut self.inbox;
                self.unread = 0..receive(&self.stream, inbox, &self.awaited, self.silence_max)?;
            }
            let (now, rest) = bytes.split_at_mut(self.unread.len().min(bytes.len()));
            let end = self.unread.start + now.len();
            now.copy_from_slice(&self.inbox[self.unread.start..end]);
            (self.unread.start, bytes) = (end, rest);
        }
        Ok(())
    }
}

/// Reads what there is, once there is something.
fn receive(
    mut stream: &UnixStream,
    bytes: &mut [u8],
    awaited: &Awaited,
    silence_max: Option<Duration>,
) -> Result<usize, ClientError> {
    let mut silent = Duration::ZERO;
    loop {
        match stream.read(bytes) {
            Ok(0) => return Err(ClientError::Closed),
            Ok(got) => return Ok(got),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => awaited.step(&mut silent, silence_max)?,
                io::ErrorKind::ConnectionReset => return Err(ClientError::Closed),
                _ => return Err(error.into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_runs_or_is_none_is_not_stopped() {
        for pid in [std::process::id(), u32::MAX] {
            assert!(!is_stopped(pid), "{pid}");
        }
    }

    #[test]
    fn frames_arrive_whole_however_they_are_cut() {
        use std::io::Write;
        let lengths = [1, 2, 24, INBOX_BYTES - 3, INBOX_BYTES - 2, INBOX_BYTES - 1, INBOX_BYTES];
        let frames: Vec<Vec<u8>> =
            lengths.iter().chain(&[5_000, 1, 65_535]).map(|len| vec![*len as u8; *len]).collect();
        let mut sent = Vec::new();
        frames.iter().for_each(|payload| frame::write(payload, &mut sent).unwrap());
        for cut in [1, 3, INBOX_BYTES - 1, INBOX_BYTES, INBOX_BYTES + 1, sent.len()] {
            let (stream, mut other) = UnixStream::pair().unwrap();
            let (awaited, inbox) = (Awaited::default(), [0; INBOX_BYTES]);
            let mut line = Line { stream, inbox, unread: 0..0, awaited, silence_max: None };
            std::thread::scope(|scope| {
                let sent = &sent;
                scope.spawn(move || sent.chunks(cut).try_for_each(|part| other.write_all(part)));
                for frame in &frames {
                    assert!(line.read_frame().unwrap() == *frame, "{} cut by {cut}", frame.len());
                }
                assert!(matches!(line.read_frame(), Err(ClientError::Closed)));
            });
        }
    }

    #[test]
    fn silence_adds_up_to_its_limit_and_what_has_none_is_waited_for() {
        let (awaited, mut silent) = (Awaited::default(), Duration::ZERO);
        for _ in 1..60 {
            awaited.step(&mut silent, Some(ANSWER_SILENCE_MAX)).unwrap();
        }
        let error = awaited.step(&mut silent, Some(ANSWER_SILENCE_MAX)).unwrap_err();
        assert!(matches!(error, ClientError::Silent { pid: None, seconds: 60 }), "{error:?}");
        awaited.step(&mut silent, None).unwrap();
    }
}
