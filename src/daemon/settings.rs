//! The config in force. It is read again when the file changes; a broken one is
//! reported, and the last good one stays in force.

use std::{
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    DaemonError, Options,
    gate::{Access, RateLimits},
};
use crate::{
    config::{Approval, Config, Lifetimes, TrailSync},
    home::Home,
};

/// What the config and the command line say together.
#[derive(Debug, Clone)]
pub(super) struct InForce {
    pub(super) access: Access,
    pub(super) limits: RateLimits,
    pub(super) lifetimes: Lifetimes,
    pub(super) history: u32,
    pub(super) sync: TrailSync,
    pub(super) approval_needed: bool,
    /// What is wrong with the file as it is now, if something is.
    pub(super) error: Option<String>,
}

/// What tells one state of a file from another: when, how long, and which.
type Fingerprint = Option<(i64, i64, u64, u64)>;

/// The settings, and what they were read from.
#[derive(Debug)]
pub(super) struct Settings {
    path: PathBuf,
    value_lifetime: Option<Duration>,
    idle_lifetime: Option<Duration>,
    read: Mutex<(Fingerprint, Arc<InForce>)>,
}

impl Settings {
    /// Reads the config for the first time.
    ///
    /// # Errors
    /// [`DaemonError::Config`]: there is no last good one to fall back on, and
    /// its rules may be what somebody relies on.
    pub(super) fn read(home: &Home, options: &Options) -> Result<Self, DaemonError> {
        let path = home.config_file();
        let fingerprint = fingerprint(&path);
        let config = Config::read(&path)
            .map_err(|error| DaemonError::Config { path: path.clone(), error })?;
        let settings = Self {
            path,
            value_lifetime: options.value_lifetime,
            idle_lifetime: options.idle_lifetime,
            read: Mutex::new((None, Arc::new(in_force(Config::default())))),
        };
        settings.take(fingerprint, config);
        Ok(settings)
    }

    /// The settings in force now.
    pub(super) fn current(&self) -> Arc<InForce> {
        let now = fingerprint(&self.path);
        let (then, last) = {
            let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            (read.0, Arc::clone(&read.1))
        };
        if now == then {
            return last;
        }
        match Config::read(&self.path) {
            Ok(config) => self.take(now, config),
            Err(error) => {
                tracing::error!(path = %self.path.display(), %error, "config not taken");
                let error = Some(format!("{}: {error}", self.path.display()));
                self.keep(now, InForce { error, ..(*last).clone() })
            }
        }
    }

    fn take(&self, fingerprint: Fingerprint, config: Config) -> Arc<InForce> {
        let mut fresh = in_force(config);
        fresh.lifetimes.value = self.value_lifetime.unwrap_or(fresh.lifetimes.value);
        fresh.lifetimes.idle = self.idle_lifetime.unwrap_or(fresh.lifetimes.idle);
        self.keep(fingerprint, fresh)
    }

    fn keep(&self, fingerprint: Fingerprint, fresh: InForce) -> Arc<InForce> {
        let fresh = Arc::new(fresh);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        *read = (fingerprint, Arc::clone(&fresh));
        fresh
    }
}

fn in_force(config: Config) -> InForce {
    InForce {
        access: config.acl,
        limits: RateLimits::new(config.rate),
        lifetimes: config.lifetimes,
        history: config.history,
        sync: config.audit.sync,
        approval_needed: config.approval == Approval::On,
        error: None,
    }
}

fn fingerprint(path: &std::path::Path) -> Fingerprint {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.mtime(), metadata.mtime_nsec(), metadata.len(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> (tempfile::TempDir, Home, Settings) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::below(folder.path());
        std::fs::create_dir(&home.config).unwrap();
        std::fs::write(home.config_file(), text).unwrap();
        let settings = Settings::read(&home, &Options::default()).unwrap();
        (folder, home, settings)
    }

    #[test]
    fn a_changed_config_is_in_force_at_the_next_question() {
        let (_folder, home, settings) = settings("history = 3");
        assert_eq!(settings.current().history, 3);
        std::fs::write(home.config_file(), "history = 14").unwrap();
        assert_eq!(settings.current().history, 14);
        std::fs::remove_file(home.config_file()).unwrap();
        assert_eq!(settings.current().history, 10);
    }

    #[test]
    fn a_broken_config_is_reported_and_the_last_good_one_stays() {
        let (_folder, home, settings) = settings("history = 3");
        std::fs::write(home.config_file(), "history = 3\nhistroy = 4").unwrap();
        let now = settings.current();
        assert_eq!(now.history, 3);
        assert!(now.error.as_deref().unwrap().contains("line 2, column 1"), "{:?}", now.error);
        std::fs::write(home.config_file(), "history = 5").unwrap();
        assert_eq!(settings.current().error, None);
    }
}
