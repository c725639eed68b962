//! One suite for both sides of the seam, and what only Redis can do: be gone.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world fails")]

use std::{
    hash::{BuildHasher as _, Hasher as _},
    sync::Arc,
    time::{Duration, Instant},
};

use qm_cache::{Cache, MAX_VALUE_BYTES, RateLimiter, SharedCache, TokenBucket, Unreachable};
use tokio::net::{TcpListener, TcpStream};

const MINUTE: Duration = Duration::from_secs(60);

fn redis_url() -> Option<String> {
    let url = std::env::var("QM_TEST_REDIS_URL").ok();
    if url.is_none() {
        eprintln!("skipped: the Redis side (QM_TEST_REDIS_URL is not set)");
    }
    url
}

/// Each side, with a key that nobody else uses.
fn sides() -> Vec<(SharedCache, String)> {
    let urls = [Some("memory://".to_owned()), redis_url()];
    urls.into_iter().flatten().map(|url| (Cache::open(&url).unwrap(), unique_key())).collect()
}

fn unique_key() -> String {
    format!("test-{:x}", std::hash::RandomState::new().build_hasher().finish())
}

fn slow(capacity: u32) -> TokenBucket {
    TokenBucket::new(capacity, 0.001).unwrap()
}

#[tokio::test]
async fn a_burst_is_let_through_up_to_the_capacity_and_comes_back_with_time() {
    for (cache, key) in sides() {
        let (limiter, bucket) = (RateLimiter::new(cache), TokenBucket::new(5, 20.0).unwrap());
        for remaining in (0..5).rev() {
            let decision = limiter.check(&key, &bucket, 1).await;
            assert!(decision.allowed);
            assert!((remaining..=5).contains(&decision.remaining) && decision.limit == 5, "{decision:?}");
            assert_eq!(decision.retry_after, Duration::ZERO);
        }
        // However slow this machine is: tokens come back while we ask, so drain until one is refused.
        let deadline = Instant::now() + Duration::from_secs(10);
        let refused = loop {
            assert!(Instant::now() < deadline, "nothing is ever refused");
            let decision = limiter.check(&key, &bucket, 1).await;
            if !decision.allowed {
                break decision;
            }
        };
        assert!(refused.remaining == 0 && refused.retry_after <= Duration::from_millis(50), "{refused:?}");
        assert!(
            refused.reset_after > Duration::from_millis(150)
                && refused.reset_after <= Duration::from_millis(250)
        );
        tokio::time::sleep(refused.retry_after + Duration::from_millis(5)).await;
        assert!(limiter.check(&key, &bucket, 1).await.allowed);
    }
}

#[tokio::test]
async fn costs_are_paid_whole_or_not_at_all_and_senders_do_not_share() {
    for (cache, key) in sides() {
        let limiter = RateLimiter::new(cache);
        assert_eq!(limiter.check(&key, &slow(10), 7).await.remaining, 3);
        let refused = limiter.check(&key, &slow(10), 4).await;
        assert!(!refused.allowed && refused.remaining == 3, "{refused:?}");
        assert!(
            (999.0..=1001.0).contains(&refused.retry_after.as_secs_f64()),
            "one token is missing: {refused:?}"
        );
        assert!(limiter.check(&key, &slow(10), 3).await.allowed);
        assert_eq!(limiter.check(&format!("{key}-other"), &slow(10), 1).await.remaining, 9);
        let never = limiter.check(&key, &slow(10), 11).await;
        assert!(!never.allowed && never.retry_after == never.reset_after, "{never:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_at_once_get_no_more_than_there_is() {
    for (cache, key) in sides() {
        let limiter = RateLimiter::new(cache);
        let asking = (0..100).map(|_| {
            let (limiter, key) = (limiter.clone(), key.clone());
            tokio::spawn(async move { limiter.check(&key, &slow(20), 1).await.allowed })
        });
        let mut allowed = 0;
        for answer in asking.collect::<Vec<_>>() {
            allowed += u32::from(answer.await.unwrap());
        }
        assert_eq!(allowed, 20);
    }
}

#[tokio::test]
async fn a_value_lives_until_its_time_is_over_or_it_is_deleted() {
    for (cache, key) in sides() {
        assert_eq!(cache.get(&key).await, None);
        cache.set(&key, b"a\0\xff", MINUTE).await;
        assert_eq!(cache.get(&key).await.as_deref(), Some(&b"a\0\xff"[..]));
        cache.set(&key, b"", MINUTE).await;
        assert_eq!(cache.get(&key).await.as_deref(), Some(&b""[..]));
        cache.delete(&key).await.unwrap();
        cache.delete(&key).await.unwrap();
        assert_eq!(cache.get(&key).await, None);

        cache.set(&key, b"short", Duration::from_millis(30)).await;
        let deadline = Instant::now() + Duration::from_secs(10);
        while cache.get(&key).await.is_some() {
            assert!(Instant::now() < deadline, "it does not expire");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cache.set(&key, b"for ever", Duration::MAX).await;
        assert!(cache.get(&key).await.is_some());
        cache.delete(&key).await.unwrap();
    }
}

#[tokio::test]
async fn what_may_not_be_stored_does_not_leave_an_older_value_behind() {
    for (cache, key) in sides() {
        cache.set(&key, b"old", MINUTE).await;
        cache.set(&key, &vec![0; MAX_VALUE_BYTES + 1], MINUTE).await;
        assert_eq!(cache.get(&key).await, None);
        cache.set(&key, b"old", MINUTE).await;
        cache.set(&key, b"new", Duration::ZERO).await;
        assert_eq!(cache.get(&key).await, None);
    }
}

#[test]
fn a_url_of_no_cache_is_refused_without_showing_it() {
    for url in ["", "memory", "postgres://qm:s3cret@db", "redis://:s3cret@", "redis://h:s3cret:x"] {
        let refusal = Cache::open(url).unwrap_err().to_string();
        assert!(refusal.contains("redis://HOST:PORT") && !refusal.contains("s3cret"), "{refusal}");
    }
}

/// Everything is allowed and missing, nobody waits, and the outage is one.
async fn goes_without(cache: &SharedCache) {
    let (limiter, started) = (RateLimiter::new(Arc::clone(cache)), Instant::now());
    for _ in 0..20 {
        let decision = limiter.check("key", &slow(1), 1).await;
        assert!(decision.allowed && decision.remaining == 0, "{decision:?}");
    }
    assert_eq!(cache.get("key").await, None);
    cache.set("key", b"value", MINUTE).await;
    assert_eq!(cache.delete("key").await, Err(Unreachable));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.outages), (23, 1));
}

#[tokio::test]
async fn a_redis_that_is_down_or_silent_is_done_without() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let cache = Cache::open(&url).unwrap();
    // It takes connections and says nothing.
    goes_without(&cache).await;
    drop(listener);
    goes_without(&Cache::open(&url).unwrap()).await;
}

#[tokio::test]
async fn when_redis_is_back_limits_hold_again() {
    let Some(real) = redis_url() else { return };
    let real = real.trim_start_matches("redis://").split('/').next().unwrap().to_owned();
    if real.contains('@') {
        eprintln!("skipped: QM_TEST_REDIS_URL needs a password, and the test's proxy knows none");
        return;
    }
    // A port of our own before the real one, so that we decide when it is gone.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let cache = Cache::open(&format!("redis://{address}")).unwrap();
    let (limiter, key) = (RateLimiter::new(Arc::clone(&cache)), unique_key());
    assert!(limiter.check(&key, &slow(1), 1).await.allowed);
    assert!(limiter.check(&key, &slow(1), 1).await.allowed, "nobody counts");

    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(&real).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    while limiter.check(&key, &slow(1), 1).await.allowed {
        assert!(Instant::now() < deadline, "limits do not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(cache.stats().outages, 1);
}
