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

use crate::args::{Cli, Command, Later};
use crate::commands::label::Words;
use crate::configuration::Making;
use crate::error::CliError;

/// Runs the command and returns its exit code.
pub fn run(Cli { globals, command }: Cli) -> Result<u8, CliError> {
    match command {
        Command::Up(Later(args)) => up::run(&globals, &args),
        Command::Apply(Later(args)) => apply::run(&globals, &args, Making::Apply),
        Command::Create(Later(args)) => create::run(&globals, &args),
        Command::Replace(Later(args)) => replace::run(&globals, &args),
        Command::Diff(Later(args)) => diff::run(&globals, &args),
        Command::Run(Later(args)) => run::run(&globals, &args),
        Command::Label(Later(args)) => label::run(&globals, args, Words::Labels),
        Command::Annotate(Later(args)) => label::run(&globals, args, Words::Annotations),
        Command::Set(Later(args)) => set::run(&globals, args),
        Command::Get(Later(args)) => get::run(&globals, &args),
        Command::Describe(Later(args)) => describe::run(&globals, &args),
        Command::Events(Later(args)) => events::run(&globals, &args),
        Command::Top(Later(args)) => top::run(&globals, &args),
        Command::Logs(Later(args)) => logs::run(&globals, &args),
        Command::Exec(Later(args)) => exec::run(&globals, args),
        Command::Attach(Later(args)) => attach::run(&globals, args),
        Command::Cp(Later(args)) => cp::run(&globals, &args),
        Command::Debug(Later(args)) => debug::run(&globals, args),
        Command::Down(Later(args)) => down::run(&globals, args),
        Command::PortForward(Later(args)) => port_forward::run(&globals, &args),
        Command::Delete(Later(args)) => delete::run(&globals, &args),
        Command::Wait(Later(args)) => wait::run(&globals, &args),
        Command::Patch(Later(args)) => patch::run(&globals, &args),
        Command::Check(Later(args)) => check::run(&args),
        Command::Explain(Later(args)) => explain::run(&args),
        Command::Image(Later(args)) => image::run(&globals, &args),
        Command::Scale(Later(args)) => scale::run(&globals, &args),
        Command::Rollout(Later(args)) => rollout::run(&globals, &args),
        Command::System(Later(args)) => system::run(&globals, &args),
        Command::ApiResources(Later(args)) => api_resources::run(&args),
        Command::Completion(Later(args)) => completion::run(&args),
        Command::Complete(Later(args)) => completion::complete(&globals, &args),
        Command::Version(Later(args)) => version::run(&args),
    }
}
