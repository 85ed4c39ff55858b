//! Prints how fast each kernel is on this machine, in each form that it runs:
//! `cargo bench -p codegemma-model --bench kernels [-- PART-OF-A-KERNEL'S-NAME]`.
//!
//! `cargo test --bench kernels` runs each once, on small operands, to see that they run.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::process::ExitCode;
use std::time::Duration;

use codegemma_model::bench::{KernelOptions, KernelTime, kernels};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let measured = arguments.iter().any(|argument| argument == "--bench");
    let only = arguments.iter().find(|argument| !argument.starts_with('-'));
    let options = KernelOptions {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        weight_bytes: if measured { 96 << 20 } else { 1 << 20 },
        each: Duration::from_millis(if measured { 300 } else { 0 }),
    };
    println!(
        "{} threads; one row is read at the speed of memory at best, 512 are bound by arithmetic",
        options.threads
    );
    println!(
        "{:<20} {:>4}  {:<24} {:>10} {:>9} {:>7}",
        "kernel", "rows", "form", "ms", "GFLOP/s", "GB/s"
    );
    match kernels(&options, only.map_or("", String::as_str), print) {
        Ok(bandwidth) => {
            println!("memory gives {:.1} GB/s", bandwidth / 1e9);
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print(kernel: &KernelTime) {
    let seconds = kernel.time.as_secs_f64();
    println!(
        "{:<20} {:>4}  {:<24} {:>10.4} {:>9.1} {:>7.2}",
        kernel.kernel,
        kernel.rows,
        kernel.form,
        1e3 * seconds,
        kernel.flops / seconds / 1e9,
        kernel.bytes / seconds / 1e9,
    );
}
