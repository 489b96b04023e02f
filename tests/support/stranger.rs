//! A client that speaks the protocol by itself, with a key that nobody registered.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
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
        Self::at(sandbox, key, &sandbox.socket())
    }

    /// At another socket of the daemon's.
    pub(crate) fn at(sandbox: &Sandbox, key: &KeyPair, socket: &Path) -> Self {
        let daemon = fs::read(sandbox.home("data/daemon.pub")).unwrap().try_into().unwrap();
        let (initiator, first) = Initiator::begin(key, &daemon).unwrap();
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut framed = Vec::new();
        frame::write(&first, &mut framed).unwrap();
        stream.write_all(&framed).unwrap();
        let channel = initiator.finish(&read_frame(&mut stream).unwrap()).unwrap();
        Self { stream, channel }
    }

    /// Whether the daemon has closed the connection.
    pub(crate) fn was_cut_off(mut self) -> bool {
        read_frame(&mut self.stream)
            .is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    }

    /// The answer, as its `Debug` shows it, which shows no value.
    pub(crate) fn ask(&mut self, request: &Request<'_>) -> String {
        let mut sealed = Vec::new();
        self.channel.seal(message::encode(request).unwrap().as_slice(), &mut sealed).unwrap();
        self.stream.write_all(&sealed).unwrap();
        let mut buffer = SecureBuffer::new().unwrap();
        while !self.channel.open(&read_frame(&mut self.stream).unwrap(), &mut buffer).unwrap() {}
        let answer: message::Response<'_> = message::decode(buffer.as_slice()).unwrap();
        format!("{answer:?}")
    }
}
