//! `codegemma-complete model list`: what models there are.

use super::super::failure::Failure;
use super::super::output;
use crate::models::starter;

#[derive(clap::Args)]
pub(super) struct Flags {}

pub(super) fn run(_: &Flags) -> Result<(), Failure> {
    output::print_readable(&format!("{}\n", starter::NAME))
}
