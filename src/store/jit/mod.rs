//! [`JitDelivery`]: the cache in front of a store.
//!
//! A value is fetched when it is asked for and kept for its lifetime, in secret memory of its
//! own. What is handed out is a copy: dropping either wipes that one only.

mod shelf;

use std::{
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use self::shelf::{Found, Shelf};
use super::{BootClock, Clock, SecretsStore, StoreError};
use crate::secret::SecureBytes;

/// How long a value stays in the cache, unless the daemon was told otherwise.
pub const DEFAULT_TTL: Duration = Duration::from_secs(300);

/// How many of the oldest values make room when secret memory runs out. With one at a time,
/// each following resolve would run out again.
const EVICTED_AT_ONCE: usize = 64;

/// A cache with a lifetime in front of any [`SecretsStore`].
///
/// A value is expired when its age is the lifetime or more, on a [`Clock`] that goes on during
/// suspend. Values leave the memory when they expire only if somebody calls
/// [`sweep`](Self::sweep) then.
#[derive(Debug)]
pub struct JitDelivery<S, C = BootClock> {
    store: S,
    clock: C,
    ttl: Duration,
    /// Never held across an await: a fetch does not keep others from what is cached.
    shelf: RwLock<Shelf>,
}

impl<S: SecretsStore> JitDelivery<S> {
    /// A cache in front of `store` whose values live for `ttl`. With a `ttl` of zero nothing is
    /// ever answered from the cache.
    pub fn new(store: S, ttl: Duration) -> Self {
        Self::with_clock(store, ttl, BootClock)
    }
}

impl<S: SecretsStore, C: Clock> JitDelivery<S, C> {
    /// As [`new`](JitDelivery::new), on another clock.
    pub fn with_clock(store: S, ttl: Duration, clock: C) -> Self {
        Self { store, clock, ttl, shelf: RwLock::default() }
    }

    /// The value of `key`, from the cache if it is there and not expired, else from the store.
    ///
    /// If the cache is flushed while the fetch is under way, the value is returned but not kept.
    /// When secret memory is short, the oldest values make room; a value that can't be kept even
    /// then is still returned.
    ///
    /// # Errors
    /// [`StoreError::Locked`] after [`close`](Self::close), and if it is closed meanwhile; what
    /// the store has to say, otherwise.
    pub async fn resolve(&self, key: &str) -> Result<SecureBytes, StoreError> {
        match self.attempt(key).await {
            Err(StoreError::OutOfSecretMemory(_)) if self.evict_oldest(EVICTED_AT_ONCE) > 0 => {
                self.attempt(key).await
            }
            answer => answer,
        }
    }

    async fn attempt(&self, key: &str) -> Result<SecureBytes, StoreError> {
        let generation = match self.look_up(key)? {
            Found::Value(value) => return Ok(value),
            Found::Nothing { generation } => generation,
        };
        let value = self.store.get(key).await?;
        self.keep(key, &value, generation)?;
        Ok(value)
    }

    /// The values of `keys`, in that order, each as [`resolve`](Self::resolve) would answer it.
    /// What is not cached is fetched in one go.
    pub async fn resolve_many(&self, keys: &[&str]) -> Vec<Result<SecureBytes, StoreError>> {
        let mut answers = Vec::with_capacity(keys.len());
        let mut missing = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            match self.look_up(key) {
                Ok(Found::Value(value)) => answers.push(Ok(value)),
                Ok(Found::Nothing { generation }) => {
                    missing.push((place, *key, generation));
                    answers.push(Err(StoreError::NotFound));
                }
                Err(StoreError::OutOfSecretMemory(_)) => answers.push(self.resolve(key).await),
                Err(why) => answers.push(Err(why)),
            }
        }
        let wanted: Vec<&str> = missing.iter().map(|(_, key, _)| *key).collect();
        if wanted.is_empty() {
            return answers;
        }
        let fetched = self.store.get_many(&wanted).await;
        for ((place, key, generation), value) in missing.into_iter().zip(fetched) {
            answers[place] = match value {
                Ok(value) => self.keep(key, &value, generation).map(|()| value),
                Err(StoreError::OutOfSecretMemory(_)) => self.resolve(key).await,
                Err(why) => Err(why),
            };
        }
        answers
    }

    /// The store itself, to write to and to list.
    ///
    /// After a `set` or `delete` call [`remove`](Self::remove) or [`flush`](Self::flush): the
    /// cache does not watch the store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Empties the cache, wiping what was in it. A fetch under way can't refill it.
    pub fn flush(&self) {
        let emptied = self.write().flush();
        drop(emptied);
    }

    /// Flushes for good: from now on every [`resolve`](Self::resolve), those under way included,
    /// answers [`StoreError::Locked`].
    pub fn close(&self) {
        let emptied = self.write().close();
        drop(emptied);
    }

    /// Drops the value of `key`. A fetch of the old one under way is not kept.
    pub fn remove(&self, key: &str) {
        self.write().remove(key);
    }

    /// Drops what is expired, and says in how long the next value will be.
    pub fn sweep(&self) -> Option<Duration> {
        let now = self.clock.now();
        self.write().sweep(now, self.ttl)
    }

    /// Drops the `count` oldest values, and says how many there were to drop.
    pub fn evict_oldest(&self, count: usize) -> usize {
        self.write().evict_oldest(count)
    }

    /// How many values are in the cache, expired ones that were not swept included.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether the cache is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn look_up(&self, key: &str) -> Result<Found, StoreError> {
        let now = self.clock.now();
        self.read().look_up(key, now, self.ttl)
    }

    fn keep(&self, key: &str, value: &SecureBytes, generation: u64) -> Result<(), StoreError> {
        let copy = value.try_clone().or_else(|full| {
            self.evict_oldest(EVICTED_AT_ONCE);
            value.try_clone().map_err(|_| full)
        });
        // The clock is read under the lock, so that the order of insertion is that of age.
        let mut shelf = self.write();
        let now = self.clock.now();
        let replaced = shelf.keep(key, copy.ok(), generation, now)?;
        drop(shelf);
        drop(replaced);
        Ok(())
    }

    /// A panic elsewhere must not keep the cache from being flushed.
    fn read(&self) -> RwLockReadGuard<'_, Shelf> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shelf> {
        self.shelf.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
