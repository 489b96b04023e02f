#![allow(clippy::unwrap_used)]
use std::sync::{
    Barrier,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::{Notify, Semaphore};

use super::*;
use crate::{
    secret::OutOfSecretMemory,
    store::{InMemoryStore, TestClock},
};

fn bytes(value: &[u8]) -> SecureBytes {
    SecureBytes::copy_from(value).unwrap()
}

/// Counts what reaches the store, and holds it up on demand.
struct Watched {
    store: InMemoryStore,
    fetches: AtomicUsize,
    arrived: Notify,
    gate: Semaphore,
    gated: AtomicBool,
    memory_short_for: AtomicUsize,
}

impl Watched {
    async fn with(entries: &[(&str, &[u8])]) -> Self {
        let store = InMemoryStore::new();
        for (key, value) in entries {
            store.set(key, &bytes(value)).await.unwrap();
        }
        Self {
            store,
            fetches: AtomicUsize::new(0),
            arrived: Notify::new(),
            gate: Semaphore::new(0),
            gated: AtomicBool::new(false),
            memory_short_for: AtomicUsize::new(0),
        }
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl SecretsStore for Watched {
    async fn get(&self, key: &str) -> Result<SecureBytes, StoreError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let short = |left: usize| left.checked_sub(1);
        if self.memory_short_for.fetch_update(Ordering::SeqCst, Ordering::SeqCst, short).is_ok() {
            return Err(OutOfSecretMemory.into());
        }
        let value = self.store.get(key).await;
        if self.gated.load(Ordering::SeqCst) {
            self.arrived.notify_one();
            self.gate.acquire().await.unwrap().forget();
        }
        value
    }
    async fn set(&self, key: &str, value: &SecureBytes) -> Result<(), StoreError> {
        self.store.set(key, value).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.store.delete(key).await
    }
    async fn list_keys(&self) -> Result<Vec<String>, StoreError> {
        self.store.list_keys().await
    }
}

async fn cache(entries: &[(&str, &[u8])]) -> (JitDelivery<Watched, TestClock>, TestClock) {
    let clock = TestClock::default();
    clock.advance(Duration::from_secs(1000));
    let store = Watched::with(entries).await;
    (JitDelivery::with_clock(store, DEFAULT_TTL, clock.clone()), clock)
}

const ONE: &[(&str, &[u8])] = &[("key", b"value")];

#[tokio::test]
async fn ttl_expiry_refetches() {
    let (jit, clock) = cache(ONE).await;
    assert_eq!(jit.resolve("key").await.unwrap().expose(), b"value");
    jit.store().set("key", &bytes(b"newer")).await.unwrap();
    clock.advance(DEFAULT_TTL - Duration::from_nanos(1));
    assert_eq!(jit.resolve("key").await.unwrap().expose(), b"value");
    assert_eq!(jit.store().fetches(), 1, "not expired, so the store was not touched");
    clock.advance(Duration::from_nanos(1));
    assert_eq!(jit.resolve("key").await.unwrap().expose(), b"newer", "age == ttl is expired");
    assert_eq!(jit.store().fetches(), 2);
    assert_eq!(jit.len(), 1);
}

#[tokio::test]
async fn flush_clears_cache() {
    let (jit, _) = cache(&[("a", b"1"), ("b", b"2")]).await;
    jit.resolve("a").await.unwrap();
    jit.resolve("b").await.unwrap();
    assert_eq!(jit.len(), 2);
    jit.flush();
    assert!(jit.is_empty());
    assert_eq!(jit.resolve("a").await.unwrap().expose(), b"1");
    assert_eq!(jit.store().fetches(), 3, "a flushed value is fetched again");
}

#[tokio::test]
async fn what_is_handed_out_is_independent_of_what_is_kept() {
    let (jit, _) = cache(ONE).await;
    let mut first = jit.resolve("key").await.unwrap();
    first.expose_mut().fill(b'x');
    let mut second = jit.resolve("key").await.unwrap();
    assert_eq!(second.expose(), b"value");
    second.expose_mut().fill(b'y');
    drop(second);
    assert_eq!(jit.resolve("key").await.unwrap().expose(), b"value");
    assert_eq!(jit.store().fetches(), 1);
}

#[tokio::test]
async fn a_sweep_drops_what_expired_and_names_the_next_expiry() {
    let (jit, clock) = cache(&[("a", b"1"), ("b", b"2")]).await;
    assert_eq!(jit.sweep(), None);
    jit.resolve("a").await.unwrap();
    clock.advance(Duration::from_secs(100));
    jit.resolve("b").await.unwrap();
    assert_eq!(jit.sweep(), Some(Duration::from_secs(200)));
    clock.advance(Duration::from_secs(200));
    assert_eq!(jit.sweep(), Some(Duration::from_secs(100)));
    assert_eq!(jit.len(), 1);
    clock.advance(Duration::from_secs(36_000));
    assert_eq!(jit.sweep(), None);
    assert!(jit.is_empty());
}

#[tokio::test]
async fn a_resolve_under_way_puts_nothing_back_after_a_flush_or_a_remove() {
    for flush in [true, false] {
        let (jit, _) = cache(ONE).await;
        jit.store().gated.store(true, Ordering::SeqCst);
        let resolving = jit.resolve("key");
        let interfering = async {
            jit.store().arrived.notified().await;
            if flush {
                jit.flush()
            } else {
                jit.remove("key")
            }
            jit.store().gate.add_permits(1);
        };
        let (answer, ()) = tokio::join!(resolving, interfering);
        assert_eq!(answer.unwrap().expose(), b"value");
        assert!(jit.is_empty());
    }
}

#[tokio::test]
async fn a_closed_cache_answers_locked_even_to_a_resolve_under_way() {
    let (jit, _) = cache(ONE).await;
    jit.store().gated.store(true, Ordering::SeqCst);
    let closing = async {
        jit.store().arrived.notified().await;
        jit.close();
        jit.store().gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(jit.resolve("key"), closing);
    assert_eq!(answer.unwrap_err(), StoreError::Locked);
    assert_eq!(jit.resolve("key").await.unwrap_err(), StoreError::Locked);
    let many = jit.resolve_many(&["key"]).await;
    assert!(matches!(many[..], [Err(StoreError::Locked)]));
    assert!(jit.is_empty());
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

// Two threads resolve while this one closes. Closing is a flush after which no resolve may begin,
// so that what is found in the cache then can only have been put back.
#[test]
fn two_thousand_flushes_against_resolves_leave_nothing_behind() {
    const ROUNDS: usize = 2000;
    let store = InMemoryStore::new();
    block_on(store.set("key", &bytes(b"value"))).unwrap();
    let jit = JitDelivery::new(store, DEFAULT_TTL);
    let (start, end) = (Barrier::new(3), Barrier::new(3));
    let mut kept = 0;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    start.wait();
                    match block_on(jit.resolve("key")) {
                        Ok(value) => assert_eq!(value.expose(), b"value"),
                        Err(why) => assert_eq!(why, StoreError::Locked),
                    }
                    end.wait();
                }
            });
        }
        for round in 0..ROUNDS {
            start.wait();
            for _ in 0..round % 400 {
                std::hint::spin_loop();
            }
            while round % 2 == 0 && jit.is_empty() {
                std::thread::yield_now();
            }
            kept += jit.len();
            jit.close();
            end.wait();
            assert!(jit.is_empty(), "round {round}");
            jit.write().reopen();
        }
    });
    assert!(kept > ROUNDS / 10, "the flushes had something to flush");
}

// A flush, not a close: each fetch begins before it and ends before, during or after it.
#[test]
fn two_thousand_flushes_under_fetches_leave_nothing_behind() {
    let (jit, _) = block_on(cache(ONE));
    jit.store().gated.store(true, Ordering::SeqCst);
    let (arrived, released) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2000 {
                let resolving = async {
                    let fetch = jit.resolve("key");
                    let watch = async {
                        jit.store().arrived.notified().await;
                        arrived.wait();
                        jit.store().gate.add_permits(1);
                    };
                    tokio::join!(fetch, watch).0
                };
                assert_eq!(block_on(resolving).unwrap().expose(), b"value");
                released.wait();
            }
        });
        for round in 0..2000 {
            arrived.wait();
            jit.flush();
            released.wait();
            assert!(jit.is_empty(), "round {round}");
        }
    });
}

#[tokio::test]
async fn when_memory_is_short_the_oldest_values_make_room_and_it_is_tried_once_more() {
    let (jit, _) = cache(&[("a", b"1"), ("b", b"2")]).await;
    jit.resolve("a").await.unwrap();
    jit.store().memory_short_for.store(1, Ordering::SeqCst);
    assert_eq!(jit.resolve("b").await.unwrap().expose(), b"2");
    assert_eq!(jit.len(), 1, "`a` made room");
    jit.flush();
    jit.store().memory_short_for.store(1, Ordering::SeqCst);
    let answer = jit.resolve("a").await;
    assert!(matches!(answer, Err(StoreError::OutOfSecretMemory(_))), "there was nothing to evict");
}

#[tokio::test]
async fn evicting_takes_the_oldest() {
    let (jit, _) = cache(&[("a", b"1"), ("b", b"2"), ("c", b"3")]).await;
    for key in ["b", "c", "a"] {
        jit.resolve(key).await.unwrap();
    }
    assert_eq!(jit.evict_oldest(2), 2);
    assert_eq!(jit.len(), 1);
    jit.resolve("a").await.unwrap();
    assert_eq!(jit.store().fetches(), 3, "`a` was the youngest, and stayed");
    assert_eq!(jit.evict_oldest(9), 1);
}

#[tokio::test]
async fn many_come_in_order_from_cache_and_store() {
    let (jit, _) = cache(&[("a", b"1"), ("b", b"2")]).await;
    jit.resolve("b").await.unwrap();
    let answers = jit.resolve_many(&["a", "none", "b", "a"]).await;
    assert_eq!(answers[0].as_ref().unwrap().expose(), b"1");
    assert_eq!(*answers[1].as_ref().unwrap_err(), StoreError::NotFound);
    assert_eq!(answers[2].as_ref().unwrap().expose(), b"2");
    assert_eq!(answers[3].as_ref().unwrap().expose(), b"1");
    assert_eq!(jit.len(), 2);
}
