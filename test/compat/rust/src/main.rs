//! tour VERSION REPO: what each hf-hub can do with a repository, one line of JSON per test.
//!
//! 0.4 and 0.5 only fetch: "seed" makes the repository with 1.0 first.

mod old;
mod one;

use std::time::Instant;

pub type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Whether the tests so far passed.
pub struct Report(bool);

impl Report {
    pub fn test(&mut self, name: &str, run: impl FnOnce() -> Outcome) {
        let began = Instant::now();
        let error = run().err().map(|e| format!("{e}: {e:?}"));
        let told = error.as_ref().map_or("null".into(), |e| quote(e));
        println!(
            "{{\"name\":{},\"error\":{told},\"seconds\":{:.3}}}",
            quote(name),
            began.elapsed().as_secs_f64()
        );
        self.0 &= error.is_none();
    }
}

fn quote(s: &str) -> String {
    let escaped: String = s
        .chars()
        .flat_map(|c| if c.is_control() { vec![' '] } else { c.escape_default().collect() })
        .collect();
    format!("\"{}\"", escaped.replace("\\'", "'").replace("\\u{", "u{"))
}

/// What is not as it should be, as an error.
#[macro_export]
macro_rules! want {
    ($is:expr, $($said:tt)+) => {
        if !$is {
            return Err(format!($($said)+).into());
        }
    };
}

/// Bytes that look like weights: large and binary, so that they travel as a large file.
pub fn weights() -> Vec<u8> {
    let mut x: u64 = 88172645463325252;
    std::iter::repeat_with(|| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x as u8
    })
    .take(3_000_000)
    .collect()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut report = Report(true);
    match args[1].as_str() {
        "0.4" => old::v04(&mut report, &args[2]),
        "0.5" => old::v05(&mut report, &args[2]),
        "1.0" => one::tour(&mut report, &args[2]),
        "seed" => one::seed(&mut report, &args[2]),
        other => panic!("no version {other}"),
    }
    std::process::exit(if report.0 { 0 } else { 1 });
}
