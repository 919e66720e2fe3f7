//! The keeper for programs that cannot call [`pod_sandbox::init`] themselves: see `Runtime::with_helper`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Does not return where this is a keeper.
    pod_sandbox::init();
    let said = std::io::Write::write_all(
        &mut std::io::stderr(),
        b"pod-keeper is started by pod-sandbox, not by hand\n",
    );
    ExitCode::from(if said.is_ok() { 2 } else { 3 })
}
