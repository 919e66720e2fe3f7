//! The subcommands, one file each.

pub mod apply;
pub mod attach;
pub mod check;
pub mod cp;
pub mod debug;
pub mod delete;
pub mod events;
pub mod exec;
pub mod explain;
pub mod get;
pub mod image;
pub mod logs;
pub mod patch;
pub mod port_forward;
pub mod system;
pub mod up;
mod version;
pub mod wait;

use crate::args::{Cli, Command};
use crate::configuration::Making;
use crate::error::CliError;

/// Runs the command and returns its exit code.
pub fn run(Cli { globals, command }: Cli) -> Result<u8, CliError> {
    match command {
        Command::Up(args) => up::run(&globals, &args),
        Command::Apply(args) => apply::run(&globals, &args, Making::Apply),
        Command::Create(args) => apply::run(&globals, &args, Making::Create),
        Command::Get(args) => get::run(&globals, &args),
        Command::Events(args) => events::run(&globals, &args),
        Command::Logs(args) => logs::run(&globals, &args),
        Command::Exec(args) => exec::run(&globals, args),
        Command::Attach(args) => attach::run(&globals, args),
        Command::Cp(args) => cp::run(&globals, &args),
        Command::Debug(args) => debug::run(&globals, args),
        Command::PortForward(args) => port_forward::run(&globals, &args),
        Command::Delete(args) => delete::run(&globals, &args),
        Command::Wait(args) => wait::run(&globals, &args),
        Command::Patch(args) => patch::run(&globals, &args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Image(args) => image::run(&globals, &args),
        Command::System(args) => system::run(&globals, &args),
        Command::Version => version::run(),
    }
}
