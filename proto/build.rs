//! Compiles every contract with a compiler written in Rust, so that no `protoc` needs to be installed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    println!("cargo:rerun-if-changed=quartermaster");
    let mut files = Vec::new();
    for service in fs::read_dir(root.join("quartermaster"))? {
        for version in fs::read_dir(service?.path())? {
            for file in fs::read_dir(version?.path())? {
                let path = file?.path();
                if path.extension().is_some_and(|extension| extension == "proto") {
                    files.push(path);
                }
            }
        }
    }
    files.sort();
    let descriptors = protox::compile(&files, [&root])?;
    // gRPC reflection serves this copy.
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
