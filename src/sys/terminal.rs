//! Asking at the terminal for what must not be seen.
//!
//! The answer is read byte by byte into [`SecureBytes`](crate::secret::SecureBytes)-like
//! memory that the caller gives, with echo off. Echo comes back whatever
//! happens: on return, on a signal, on a stop. After readpassphrase(3) of OpenSSH.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    sync::atomic::{AtomicI32, Ordering},
};

const SIGNALS: [libc::c_int; 7] = [
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
];
/// Those of [`SIGNALS`] that others send, at any moment. They are held back except while
/// input is waited for: one that came between the last look at [`CAUGHT`] and the wait would
/// be noted, and the wait would go on. The other two are the kernel's answer to what this
/// process itself does to the terminal.
const FROM_OUTSIDE: [libc::c_int; 5] =
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGTSTP];
const CONTROL_D: u8 = 0x04;
const CONTROL_U: u8 = 0x15;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;

/// An answer to a visible question has at most this many bytes.
pub const ANSWER_MAX_BYTES: usize = 4_096;

/// The signal that came while a question was open, or 0.
static CAUGHT: AtomicI32 = AtomicI32::new(0);

extern "C" fn note(signal: libc::c_int) {
    CAUGHT.store(signal, Ordering::Relaxed);
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// This process has no controlling terminal.
    #[error("there is no terminal to ask at")]
    NoTerminal,
    /// End of file, or a signal that the process survives.
    #[error("cancelled")]
    Cancelled,
    /// More than fits in the buffer.
    #[error("the answer is too long")]
    TooLong,
    /// The terminal failed.
    #[error("can't use the terminal: {0}")]
    Io(#[from] io::Error),
}

/// Whether this process has a terminal that [`ask_hidden`] could use.
#[must_use]
pub fn has_terminal() -> bool {
    open_terminal().is_ok()
}

fn open_terminal() -> io::Result<File> {
    let flags = libc::O_CLOEXEC | libc::O_NOCTTY;
    OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/tty")
}

/// Shows `prompt` on `/dev/tty` and reads one line into `answer` without
/// echo. Returns the answer's length; the newline is not part of it.
///
/// Backspace removes a character, Ctrl-U the line. Ctrl-C ends the process
/// with SIGINT, as it would without a prompt; Ctrl-Z stops it and asks anew.
///
/// # Errors
/// [`PromptError`]; `answer` is then wiped.
pub fn ask_hidden(prompt: &str, answer: &mut [u8]) -> Result<usize, PromptError> {
    let terminal = open_terminal().map_err(|_| PromptError::NoTerminal)?;
    loop {
        let outcome = ask_once(&terminal, prompt, answer);
        if outcome.is_err() {
            super::arena::wipe(answer);
        }
        match CAUGHT.swap(0, Ordering::Relaxed) {
            0 => return outcome,
            // Echo is on again here, so that dying or stopping leaves nothing odd.
            stop @ (libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU) => {
                super::process::raise_by_default(stop);
            }
            end => {
                super::process::raise_by_default(end);
                return Err(PromptError::Cancelled);
            }
        }
    }
}

/// Shows `text` on `/dev/tty` and reads one line with echo, for questions whose
/// answer is no secret. At most [`ANSWER_MAX_BYTES`] are looked at.
///
/// # Errors
/// [`PromptError::NoTerminal`], or [`PromptError::Cancelled`] at an end of file.
pub fn ask(text: &str) -> Result<String, PromptError> {
    let mut terminal = open_terminal().map_err(|_| PromptError::NoTerminal)?;
    terminal.write_all(text.as_bytes())?;
    let mut answer = vec![0; ANSWER_MAX_BYTES];
    match terminal.read(&mut answer)? {
        0 => Err(PromptError::Cancelled),
        len => Ok(String::from_utf8_lossy(&answer[..len]).trim().to_owned()),
    }
}

fn ask_once(mut terminal: &File, prompt: &str, answer: &mut [u8]) -> Result<usize, PromptError> {
    let echo_off = EchoOff::new(terminal)?;
    terminal.write_all(prompt.as_bytes())?;
    let outcome = read_line(terminal, &echo_off.mask, answer);
    // The newline that was typed was not shown.
    let _ = terminal.write_all(b"\n");
    outcome
}

fn read_line(
    mut terminal: &File,
    while_waiting: &libc::sigset_t,
    answer: &mut [u8],
) -> Result<usize, PromptError> {
    let mut len = 0;
    loop {
        let mut byte = [0];
        let mut hung_up = false;
        let got = await_input(terminal, while_waiting).and_then(|up| {
            hung_up = !up;
            terminal.read(&mut byte)
        });
        let [typed] = byte;
        super::arena::wipe(&mut byte);
        match got {
            Ok(0) if hung_up => return Err(PromptError::Cancelled),
            // Ctrl-C has emptied the queue meanwhile; its signal comes with the next wait.
            Ok(0) => continue,
            Ok(_) => {}
            // The handler has noted which signal; an unrelated one goes on.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                if CAUGHT.load(Ordering::Relaxed) != 0 {
                    return Err(PromptError::Cancelled);
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        match typed {
            b'\n' | b'\r' => return Ok(len),
            CONTROL_D if len == 0 => return Err(PromptError::Cancelled),
            CONTROL_D => return Ok(len),
            CONTROL_U => len = 0,
            BACKSPACE | DELETE => len = without_last_character(&answer[..len]),
            _ => {
                *answer.get_mut(len).ok_or(PromptError::TooLong)? = typed;
                len += 1;
            }
        }
    }
}

/// Waits until there is something to read, under the signal mask `mask`. Mask and wait
/// are one step to the kernel (ppoll(2)), so that no signal falls between them.
/// False if the terminal is gone.
fn await_input(terminal: &File, mask: &libc::sigset_t) -> io::Result<bool> {
    let mut input = libc::pollfd { fd: terminal.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one live pollfd is given and counted; the mask is a live sigset_t; a null
    // timeout means none.
    match unsafe { libc::ppoll(&raw mut input, 1, std::ptr::null(), mask) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(input.revents & libc::POLLHUP == 0),
    }
}

/// The length of `line` without its last UTF-8 character.
fn without_last_character(line: &[u8]) -> usize {
    line.iter().rposition(|byte| byte & 0xC0 != 0x80).unwrap_or(0)
}

/// Echo and line editing are off, and signals are noted, for as long as this lives.
struct EchoOff {
    fd: libc::c_int,
    termios: libc::termios,
    handlers: [libc::sigaction; SIGNALS.len()],
    /// The signal mask as it was.
    mask: libc::sigset_t,
}

impl EchoOff {
    fn new(terminal: &File) -> io::Result<Self> {
        let fd = terminal.as_raw_fd();
        // SAFETY: an all-zero termios is a valid value of the type; `fd` is open.
        let termios = unsafe {
            let mut termios: libc::termios = std::mem::zeroed();
            if libc::tcgetattr(fd, &raw mut termios) != 0 {
                return Err(io::Error::last_os_error());
            }
            termios
        };
        // Held back before they are noted: one in between would be noted, and waited past.
        let mask = hold_signals();
        let guard = Self { fd, termios, handlers: catch_signals(), mask };
        let mut hidden = termios;
        hidden.c_lflag &= !(libc::ECHO | libc::ECHONL | libc::ICANON);
        // A read never waits: that is for `await_input`, which lets signals through.
        hidden.c_cc[libc::VMIN] = 0;
        hidden.c_cc[libc::VTIME] = 0;
        // SAFETY: as above. TCSAFLUSH drops what was typed ahead with echo on.
        if unsafe { libc::tcsetattr(fd, libc::TCSAFLUSH, &raw const hidden) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(guard)
    }
}

/// Notes each of [`SIGNALS`] instead of acting on it; returns what was done before.
fn catch_signals() -> [libc::sigaction; SIGNALS.len()] {
    // SAFETY: `note` only stores into an atomic, which is async-signal-safe; no
    // SA_RESTART, so that the read is interrupted. What was ignored (nohup) stays so.
    unsafe {
        let mut before: [libc::sigaction; SIGNALS.len()] = std::mem::zeroed();
        for (signal, old) in SIGNALS.iter().zip(&mut before) {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = note as *const () as libc::sighandler_t;
            libc::sigaction(*signal, &raw const action, &raw mut *old);
            if old.sa_sigaction == libc::SIG_IGN {
                libc::sigaction(*signal, &raw const *old, std::ptr::null_mut());
            }
        }
        before
    }
}

/// Holds back [`FROM_OUTSIDE`]; returns the mask as it was.
fn hold_signals() -> libc::sigset_t {
    // SAFETY: an all-zero sigset_t is a valid value of the type; sigemptyset and sigaddset
    // write to live locals, and sigprocmask reads one and writes the other.
    unsafe {
        let (mut held, mut before): (libc::sigset_t, libc::sigset_t) = std::mem::zeroed();
        libc::sigemptyset(&raw mut held);
        for signal in FROM_OUTSIDE {
            libc::sigaddset(&raw mut held, signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &raw const held, &raw mut before);
        before
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // SAFETY: these restore what `new` read. TCSAFLUSH also drops what was
        // typed after the answer, which would else reach the shell, visibly. The mask
        // goes before the handlers: what was held back until now is to be noted.
        unsafe {
            libc::tcsetattr(self.fd, libc::TCSAFLUSH, &raw const self.termios);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const self.mask, std::ptr::null_mut());
            for (signal, old) in SIGNALS.iter().zip(&self.handlers) {
                libc::sigaction(*signal, &raw const *old, std::ptr::null_mut());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::without_last_character;

    #[test]
    fn backspace_takes_a_whole_character() {
        assert_eq!(without_last_character("aé".as_bytes()), 1);
        assert_eq!(without_last_character("日本".as_bytes()), 3);
        assert_eq!(without_last_character(b""), 0);
    }
}
