//! Somebody in the middle who has both static keys: what crosses the socket, decrypted.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use pds::{
    secret::SecureBuffer,
    wire::{
        channel::{self, Channel, Initiator},
        frame,
        identity::KeyPair,
        message::{self, Problem, Reason, Response},
    },
};

use super::{Sandbox, read_frame};

/// Stands between the launcher and the daemon of a sandbox for as long as both live.
pub(crate) struct Tap {
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    lock: PathBuf,
    socket: PathBuf,
}

/// What becomes of a request.
enum Answers {
    /// The daemon's own.
    Passed,
    /// This message, in the daemon's place.
    Made(Vec<u8>),
    /// None, for ever.
    None,
}

/// What each of the connections needs.
struct Middle {
    daemon: KeyPair,
    launcher: KeyPair,
    socket: PathBuf,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    answers: Answers,
}

impl Tap {
    /// Lets everything pass.
    pub(crate) fn listening(sandbox: &Sandbox) -> Self {
        Self::new(sandbox, Answers::Passed)
    }

    /// Answers each request with this reason.
    pub(crate) fn refusing(sandbox: &Sandbox, reason: Reason) -> Self {
        Self::answering(sandbox, &Response::Refused(vec![Problem::with_request(reason)]))
    }

    /// Answers each request with this.
    pub(crate) fn answering(sandbox: &Sandbox, answer: &Response<'_>) -> Self {
        let answer = message::encode(answer).unwrap();
        Self::new(sandbox, Answers::Made(answer.as_slice().to_vec()))
    }

    /// Answers nothing, once hands are shaken.
    pub(crate) fn mute(sandbox: &Sandbox) -> Self {
        Self::new(sandbox, Answers::None)
    }

    fn new(sandbox: &Sandbox, answers: Answers) -> Self {
        let key = |name| KeyPair::read(&mut File::open(sandbox.home(name)).unwrap());
        let seen = Arc::new(Mutex::default());
        let middle = Arc::new(Middle {
            daemon: key("data/daemon.key").unwrap().unwrap(),
            launcher: key("data/launcher.key").unwrap().unwrap(),
            socket: sandbox.socket(),
            seen: Arc::clone(&seen),
            answers,
        });
        let path = sandbox.home("run/tap.sock");
        // Another's, that is over.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        // Where clients look for the socket.
        let lock = sandbox.home("data/lock");
        fs::write(&lock, path.to_str().unwrap()).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let middle = Arc::clone(&middle);
                // A connection that ends is no fault of the test's.
                thread::spawn(move || middle.serve(stream).ok());
            }
        });
        Self { seen, lock, socket: sandbox.socket() }
    }

    /// Every message so far, in both directions.
    pub(crate) fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let _ = fs::write(&self.lock, self.socket.to_str().unwrap());
    }
}

impl Middle {
    fn serve(&self, mut client: UnixStream) -> io::Result<()> {
        let first = read_frame(&mut client)?;
        let (mut to_client, answer, _) = channel::respond(&self.daemon, None, &first).unwrap();
        write_frame(&mut client, &answer)?;
        let (initiator, first) = Initiator::begin(&self.launcher, self.daemon.public()).unwrap();
        let mut daemon = UnixStream::connect(&self.socket)?;
        write_frame(&mut daemon, &first)?;
        let mut to_daemon = initiator.finish(&read_frame(&mut daemon)?).unwrap();
        loop {
            let request = self.read(&mut client, &mut to_client)?;
            let answer = match &self.answers {
                Answers::Made(answer) => answer.clone(),
                Answers::None => continue,
                Answers::Passed => {
                    write(&mut daemon, &mut to_daemon, &request)?;
                    self.read(&mut daemon, &mut to_daemon)?
                }
            };
            write(&mut client, &mut to_client, &answer)?;
        }
    }

    fn read(&self, stream: &mut UnixStream, channel: &mut Channel) -> io::Result<Vec<u8>> {
        let mut buffer = SecureBuffer::new().unwrap();
        while !channel.open(&read_frame(stream)?, &mut buffer).unwrap() {}
        let message = buffer.as_slice().to_vec();
        self.seen.lock().unwrap().push(message.clone());
        Ok(message)
    }
}

fn write(stream: &mut UnixStream, channel: &mut Channel, message: &[u8]) -> io::Result<()> {
    let mut sealed = Vec::new();
    channel.seal(message, &mut sealed).unwrap();
    stream.write_all(&sealed)
}

fn write_frame(stream: &mut UnixStream, payload: &[u8]) -> io::Result<()> {
    let mut framed = Vec::new();
    frame::write(payload, &mut framed).unwrap();
    stream.write_all(&framed)
}
