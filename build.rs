//! Compiles the helper program beside the Python extension module.
//!
//! The package starts small processes: the lab server and the workers of `process`. A tiny program starts in half a
//! millisecond, however large the caller is; a Python interpreter takes about twenty times as long. maturin builds one
//! library and no program beside it, but it packages files from this script's `OUT_DIR` (pyproject.toml, `include`).

use std::env;
use std::path::PathBuf;
use std::process::Command;

const HELPER: &str = "aio-strategies-helper";

fn main() {
    for source in ["build.rs", "Cargo.toml", "Cargo.lock", "src"] {
        println!("cargo:rerun-if-changed={source}");
    }
    println!("cargo:rustc-env=AIO_STRATEGIES_PROFILE={}", variable("PROFILE"));
    println!("cargo:rustc-env=AIO_STRATEGIES_TARGET={}", variable("TARGET"));
    println!("cargo:rustc-env=AIO_STRATEGIES_RUSTC={}", rustc_version());
    // The nested build below runs this script again, without the feature.
    if env::var_os("CARGO_FEATURE_PYTHON").is_some() {
        build_helper();
    }
}

fn build_helper() {
    let out_dir = PathBuf::from(variable("OUT_DIR"));
    let target = variable("TARGET");
    let target_dir = out_dir.join("helper");
    let profile = variable("PROFILE"); // "debug" or "release"
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .args(["build", "--offline", "--bin", HELPER, "--target", &target])
        .arg("--manifest-path")
        .arg(PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target_dir)
        // if inherited, it would make the nested build start another one
        .env_remove("CARGO_FEATURE_PYTHON")
        // set by `cargo clippy`, but this build must produce a program, not lints
        .env_remove("RUSTC_WORKSPACE_WRAPPER");
    if profile == "release" {
        cargo.arg("--release");
    }
    let status = cargo.status().unwrap_or_else(|error| panic!("cannot start {cargo:?}: {error}"));
    assert!(status.success(), "{cargo:?}: {status}");

    // The target's suffix, which may differ from that of the machine that compiles.
    let suffix = if variable("CARGO_CFG_TARGET_OS") == "windows" { ".exe" } else { "" };
    let name = format!("{HELPER}{suffix}");
    let built = target_dir.join(&target).join(profile).join(&name);
    std::fs::copy(&built, out_dir.join(&name))
        .unwrap_or_else(|error| panic!("cannot copy {}: {error}", built.display()));
}

fn rustc_version() -> String {
    let output = Command::new(variable("RUSTC")).arg("--version").output().expect("cargo's rustc runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"))
}
