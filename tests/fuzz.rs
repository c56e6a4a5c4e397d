//! The targets of `fuzz/`, on their seeds and on mutations of them; `fuzz/README.md` says how to run them for longer.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

#[path = "../fuzz/harness.rs"]
mod harness;

/// Calls the target with each of its seeds, and with mutations of them.
fn fuzz(name: &str, target: fn(&[u8])) {
    let directory = format!("{}/fuzz/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<_> = files.into_iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty());
    for seed in &seeds {
        check(target, seed);
    }
    let seconds = std::env::var("AIO_STRATEGIES_FUZZ_SECONDS").map(|seconds| seconds.parse().expect("a number"));
    let began = Instant::now();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0.. {
        let enough = match seconds {
            Ok(seconds) => began.elapsed() >= Duration::from_secs(seconds),
            Err(_) => round == 3_000,
        };
        if enough {
            break;
        }
        let other = random.pick(&seeds).clone();
        let mut data = random.pick(&seeds).clone();
        for _ in 0..=random.below(5) {
            random.mutate(&mut data, &other);
        }
        check(target, &data);
    }
}

fn check(target: fn(&[u8]), data: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(data))) {
        eprintln!("with b\"{}\"", data.escape_ascii());
        resume_unwind(panic);
    }
}

/// Xorshift, the same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn mutate(&mut self, data: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(data.len() + 1);
        let end = (at + self.below(20)).min(data.len());
        match self.below(6) {
            0 => _ = data.drain(at..end),
            1 => data.insert(at, self.below(256) as u8),
            2 => data.insert(at, *self.pick(b"\r\n\0\t :;,=<>/'\"-0")),
            3 if at < data.len() => data[at] ^= 1 << self.below(8),
            4 => _ = data.splice(at..at, data[at..end].to_vec()),
            _ => {
                let from = self.below(other.len() + 1);
                drop(data.splice(at..end, other[from..].iter().copied()));
            }
        }
    }
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => { $(
        #[test]
        fn $name() {
            fuzz(stringify!($name), harness::$name);
        }
    )* };
}

targets![exchange, headers, chunked, decoding, text, url, lab_request, robots, sitemap];
