//! What the lock of [`JitDelivery`](super::JitDelivery) guards: values and their order of age.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::Arc,
    time::Duration,
};

use crate::{secret::SecureBytes, store::StoreError};

#[derive(Debug, Default)]
pub(super) struct Shelf {
    entries: HashMap<Arc<str>, Entry>,
    /// By order of insertion, which is the order of expiry.
    by_age: BTreeMap<u64, Arc<str>>,
    next_number: u64,
    /// Raised by each flush and removal. What a fetch that began before brings may be
    /// outdated by now, and is not kept.
    generation: u64,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    value: SecureBytes,
    kept_at: Duration,
    number: u64,
}

pub(super) enum Found {
    Value(SecureBytes),
    Nothing { generation: u64 },
}

/// Values that left the shelf; dropping them wipes them.
#[must_use = "dropping wipes, and is better done after the lock is released"]
pub(super) struct Emptied {
    _entries: HashMap<Arc<str>, Entry>,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn look_up(
        &self,
        key: &str,
        now: Duration,
        ttl: Duration,
    ) -> Result<Found, StoreError> {
        if self.closed {
            return Err(StoreError::Locked);
        }
        match self.entries.get(key) {
            Some(entry) if !entry.expired(now, ttl) => Ok(Found::Value(entry.value.try_clone()?)),
            _ => Ok(Found::Nothing { generation: self.generation }),
        }
    }

    /// Takes `value` in, if nothing was taken away since `generation`. Returns what it replaces.
    pub(super) fn keep(
        &mut self,
        key: &str,
        value: Option<SecureBytes>,
        generation: u64,
        now: Duration,
    ) -> Result<Option<SecureBytes>, StoreError> {
        if self.closed {
            return Err(StoreError::Locked);
        }
        let Some(value) = value else { return Ok(None) };
        if generation != self.generation {
            return Ok(Some(value));
        }
        let replaced = self.take(key);
        let (key, number) = (Arc::<str>::from(key), self.next_number);
        self.next_number += 1;
        self.by_age.insert(number, Arc::clone(&key));
        self.entries.insert(key, Entry { value, kept_at: now, number });
        Ok(replaced)
    }

    pub(super) fn flush(&mut self) -> Emptied {
        self.generation += 1;
        self.by_age.clear();
        Emptied { _entries: mem::take(&mut self.entries) }
    }

    pub(super) fn close(&mut self) -> Emptied {
        self.closed = true;
        self.flush()
    }

    #[cfg(test)]
    pub(super) fn reopen(&mut self) {
        self.closed = false;
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.generation += 1;
        drop(self.take(key));
    }

    fn take(&mut self, key: &str) -> Option<SecureBytes> {
        let entry = self.entries.remove(key)?;
        self.by_age.remove(&entry.number);
        Some(entry.value)
    }

    pub(super) fn evict_oldest(&mut self, count: usize) -> usize {
        let mut evicted = 0;
        while evicted < count {
            let Some((_, key)) = self.by_age.pop_first() else {
                break;
            };
            self.entries.remove(&key);
            evicted += 1;
        }
        evicted
    }

    /// Drops what is expired at `now`; says in how long the next value is.
    pub(super) fn sweep(&mut self, now: Duration, ttl: Duration) -> Option<Duration> {
        while let Some(oldest) = self.by_age.first_entry() {
            if let Some(entry) = self.entries.get(oldest.get()) {
                let age = entry.age(now);
                if age < ttl {
                    return Some(ttl - age);
                }
            }
            let (_, key) = oldest.remove_entry();
            self.entries.remove(&key);
        }
        None
    }
}

impl Entry {
    fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.kept_at)
    }

    fn expired(&self, now: Duration, ttl: Duration) -> bool {
        self.age(now) >= ttl
    }
}
