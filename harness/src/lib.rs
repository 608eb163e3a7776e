//! `tunneltax`: replays captured packets through a plain forward and through an IPsec tunnel,
//! and prints the bill. A library only so that what reads people's files can be fuzzed.

mod captures;
mod choice;
mod cli;
mod cmd;
mod core_share;
mod cpu;
mod disturbance;
pub mod esp_keys;
mod esp_packets;
pub mod failure;
pub mod floor;
mod generated;
mod hashed;
mod host;
mod in_turns;
mod inner_sizes;
mod lane_sum;
mod libraries;
mod load;
mod looks;
mod measure;
mod output;
mod outset;
mod pace;
mod passed_over;
mod payer_sum;
mod payers;
mod pcap_file;
mod pcapng_file;
mod plan;
mod progress;
mod received;
mod records;
mod running;
mod sample;
mod scale;
pub mod scenario;
mod schedule;
mod select;
mod selftest;
mod sensitivity;
mod sides;
mod sweeps;
mod tail;

use std::process::ExitCode;

use crate::cli::{Cli, RunArguments, Verb};
use crate::failure::Failure;

/// The program, from its command line to its exit code.
pub fn main() -> ExitCode {
    let done = cpu::check()
        .and_then(|()| Cli::read())
        .and_then(|cli| cli.map_or(Ok(ExitCode::SUCCESS), act));
    done.unwrap_or_else(|failure| {
        output::say(&failure);
        failure.exit_code()
    })
}

fn act(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.verb {
        None => cmd::run::run(&RunArguments {
            files: Vec::new(),
            esp_keys: None,
            options: cli.run,
        }),
        Some(Verb::Run(arguments)) => cmd::run::run(&arguments),
        Some(Verb::Load(arguments)) => cmd::load::load(&arguments),
        Some(Verb::Verify(arguments)) => cmd::verify::verify(&arguments),
        Some(Verb::List) => cmd::list::list(),
        Some(Verb::Overhead(arguments)) => cmd::overhead::overhead(&arguments),
        Some(Verb::Report(arguments)) => cmd::report::report(&arguments),
        Some(Verb::Explain(arguments)) => cmd::explain::explain(&arguments),
        Some(Verb::Scale(arguments)) => cmd::scale::scale(&arguments),
        Some(Verb::Selftest(arguments)) => cmd::selftest::selftest(&arguments),
        Some(Verb::Compare(arguments)) => cmd::compare::compare(&arguments),
        Some(Verb::Rerun(arguments)) => cmd::rerun::rerun(&arguments),
    }
}
