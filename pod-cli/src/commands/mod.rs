//! The subcommands, one file each.

pub mod api_resources;
pub mod apply;
pub mod attach;
pub mod check;
pub mod completion;
pub mod cp;
pub mod create;
pub mod debug;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod down;
pub mod events;
pub mod exec;
pub mod explain;
pub mod get;
pub mod image;
pub mod label;
pub mod logs;
pub mod patch;
pub mod port_forward;
pub mod replace;
pub mod rollout;
pub mod run;
pub mod scale;
pub mod set;
pub mod system;
pub mod top;
pub mod up;
pub mod version;
pub mod wait;

use crate::args::{Cli, Command};
use crate::commands::label::Words;
use crate::configuration::Making;
use crate::error::CliError;

/// Runs the command and returns its exit code.
pub fn run(Cli { globals, command }: Cli) -> Result<u8, CliError> {
    match command {
        Command::Up(args) => up::run(&globals, &args),
        Command::Apply(args) => apply::run(&globals, &args, Making::Apply),
        Command::Create(args) => create::run(&globals, &args),
        Command::Replace(args) => replace::run(&globals, &args),
        Command::Diff(args) => diff::run(&globals, &args),
        Command::Run(args) => run::run(&globals, &args),
        Command::Label(args) => label::run(&globals, args, Words::Labels),
        Command::Annotate(args) => label::run(&globals, args, Words::Annotations),
        Command::Set(args) => set::run(&globals, args),
        Command::Get(args) => get::run(&globals, &args),
        Command::Describe(args) => describe::run(&globals, &args),
        Command::Events(args) => events::run(&globals, &args),
        Command::Top(args) => top::run(&globals, &args),
        Command::Logs(args) => logs::run(&globals, &args),
        Command::Exec(args) => exec::run(&globals, args),
        Command::Attach(args) => attach::run(&globals, args),
        Command::Cp(args) => cp::run(&globals, &args),
        Command::Debug(args) => debug::run(&globals, args),
        Command::Down(args) => down::run(&globals, args),
        Command::PortForward(args) => port_forward::run(&globals, &args),
        Command::Delete(args) => delete::run(&globals, &args),
        Command::Wait(args) => wait::run(&globals, &args),
        Command::Patch(args) => patch::run(&globals, &args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Image(args) => image::run(&globals, &args),
        Command::Scale(args) => scale::run(&globals, &args),
        Command::Rollout(args) => rollout::run(&globals, &args),
        Command::System(args) => system::run(&globals, &args),
        Command::ApiResources(args) => api_resources::run(&args),
        Command::Completion(args) => completion::run(&args),
        Command::Complete(args) => completion::complete(&globals, &args),
        Command::Version(args) => version::run(&args),
    }
}
