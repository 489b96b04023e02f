//! A client that speaks the protocol by itself, with a key that nobody registered.

use std::{
    fs,
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use pds::{
    secret::SecureBuffer,
    wire::{
        channel::{Channel, Initiator},
        frame,
        identity::KeyPair,
        message::{self, Request},
    },
};

use super::{DEADLINE, Sandbox};

pub(crate) struct Stranger {
    stream: UnixStream,
    channel: Channel,
}

pub(crate) fn connect(sandbox: &Sandbox) -> UnixStream {
    let stream = UnixStream::connect(sandbox.socket()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

pub(crate) fn read_frame(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut field = [0; frame::LENGTH_BYTES];
    stream.read_exact(&mut field)?;
    let mut frame = vec![0; usize::from(u16::from_be_bytes(field))];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}

impl Stranger {
    /// Shakes hands with a fresh key.
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self::with(sandbox, &KeyPair::generate().unwrap())
    }

    pub(crate) fn with(sandbox: &Sandbox, key: &KeyPair) -> Self {
        Self::over(sandbox, key, connect(sandbox)).unwrap()
    }

    /// At another socket of the daemon's.
    pub(crate) fn at(sandbox: &Sandbox, key: &KeyPair, socket: &Path) -> Self {
        Self::attempt(sandbox, key, socket).unwrap()
    }

    /// Where the daemon may well not go on with the handshake.
    pub(crate) fn attempt(sandbox: &Sandbox, key: &KeyPair, socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Self::over(sandbox, key, stream)
    }

    /// As [`new`](Self::new); `None` if the daemon does not answer within `patience`.
    pub(crate) fn within(sandbox: &Sandbox, patience: Duration) -> Option<Self> {
        let stream = connect(sandbox);
        stream.set_read_timeout(Some(patience)).unwrap();
        Self::over(sandbox, &KeyPair::generate().unwrap(), stream).ok()
    }

    fn over(sandbox: &Sandbox, key: &KeyPair, mut stream: UnixStream) -> io::Result<Self> {
        let daemon = fs::read(sandbox.home("data/daemon.pub")).unwrap().try_into().unwrap();
        let (initiator, first) = Initiator::begin(key, &daemon).unwrap();
        let mut framed = Vec::new();
        frame::write(&first, &mut framed).unwrap();
        stream.write_all(&framed)?;
        let channel = initiator.finish(&read_frame(&mut stream)?).unwrap();
        Ok(Self { stream, channel })
    }

    /// With the key of `pds` itself.
    pub(crate) fn launcher(sandbox: &Sandbox) -> Self {
        Self::with(sandbox, &Self::launcher_key(sandbox))
    }

    pub(crate) fn launcher_key(sandbox: &Sandbox) -> KeyPair {
        let mut file = fs::File::open(sandbox.home("data/launcher.key")).unwrap();
        KeyPair::read(&mut file).unwrap().unwrap()
    }

    /// Whether the daemon has closed the connection.
    pub(crate) fn was_cut_off(mut self) -> bool {
        read_frame(&mut self.stream)
            .is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    }

    /// The answer, as its `Debug` shows it, which shows no value.
    pub(crate) fn ask(&mut self, request: &Request<'_>) -> String {
        let sealed = self.seal(message::encode(request).unwrap().as_slice());
        self.stream.write_all(&sealed).unwrap();
        self.response().unwrap()
    }

    /// Asks, and does not wait for the answer.
    pub(crate) fn begin(&mut self, request: &Request<'_>) {
        let sealed = self.seal(message::encode(request).unwrap().as_slice());
        self.stream.write_all(&sealed).unwrap();
    }

    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// The connection, for whoever reads what no client would.
    pub(crate) fn into_stream(self) -> UnixStream {
        self.stream
    }

    /// The frames of a message of any bytes, the next ones of this session.
    pub(crate) fn seal(&mut self, message: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        self.channel.seal(message, &mut sealed).unwrap();
        sealed
    }

    /// Sends any bytes. The daemon may have closed before it has read them all.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Says that nothing more comes.
    pub(crate) fn hang_up(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next frame, sealed as it is; `None` if the daemon closed the connection.
    pub(crate) fn frame(&mut self) -> Option<Vec<u8>> {
        use io::ErrorKind::{ConnectionReset, UnexpectedEof};
        match read_frame(&mut self.stream) {
            Ok(frame) => Some(frame),
            Err(error) if matches!(error.kind(), ConnectionReset | UnexpectedEof) => None,
            Err(error) => panic!("neither an answer nor closed: {error}"),
        }
    }

    /// The next answer, as its `Debug` shows it; `None` if the daemon closed the connection.
    pub(crate) fn response(&mut self) -> Option<String> {
        let mut buffer = SecureBuffer::new().unwrap();
        loop {
            let frame = self.frame()?;
            if self.channel.open(&frame, &mut buffer).unwrap() {
                break;
            }
        }
        let answer: message::Response<'_> = message::decode(buffer.as_slice()).unwrap();
        Some(format!("{answer:?}"))
    }
}
