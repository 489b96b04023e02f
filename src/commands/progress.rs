//! A bar for what takes a while, for a person alone.
#![allow(clippy::print_stderr, reason = "a line that is written over and over")]

use std::io::{self, Write};

use crate::say::is_seen;

const WIDTH_CHARS: u64 = 40;

/// Shows how much is done. Nothing unless standard error is a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    total: u64,
    shown: Option<u64>,
}

impl Progress {
    pub(super) fn new(total: u64) -> Self {
        Self { total: total.max(1), shown: None }
    }

    pub(super) fn reach(&mut self, done: u64) {
        let filled = done.min(self.total) * WIDTH_CHARS / self.total;
        if !is_seen() || self.shown == Some(filled) {
            return;
        }
        self.shown = Some(filled);
        let bar: String = (0..WIDTH_CHARS).map(|n| if n < filled { '#' } else { '.' }).collect();
        let _ = io::stderr().write_all(format!("\rpds: [{bar}]").as_bytes());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            // The line is wiped: what is said next begins at its start.
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}
