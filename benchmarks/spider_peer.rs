//! The crate `spider` as a crawler of benchmarks/crawlers.py, which builds it: it crawls the site of a URL with so many
//! requests in flight, and tells how many URLs it visited and how many seconds it took.

use std::time::Instant;

use spider::tokio;
use spider::website::Website;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("a URL");
    let in_flight = arguments.next().and_then(|number| number.parse().ok());
    let mut website = Website::new(&url);
    website
        .with_respect_robots_txt(false)
        .with_danger_accept_invalid_certs(true)
        .with_concurrency_limit(in_flight)
        .with_depth(0);
    let began = Instant::now();
    website.crawl().await;
    let seconds = began.elapsed().as_secs_f64();
    println!(r#"{{"pages": {}, "seconds": {seconds}}}"#, website.get_all_links_visited().await.len());
}
