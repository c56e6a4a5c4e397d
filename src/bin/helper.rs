//! The helper program: `aio-strategies-helper lab …` is the lab server, `… worker …` a worker of the process strategy.
//!
//! The package starts it and talks to it over standard input and output; it exits with its parent.

fn main() -> std::process::ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("lab") => aio_strategies::lab::main(arguments),
        Some("worker") => aio_strategies::strategies::process_way::worker_main(arguments),
        _ => {
            eprintln!("aio-strategies-helper is started by the aio_strategies package, not by hand");
            std::process::ExitCode::from(2)
        }
    }
}
