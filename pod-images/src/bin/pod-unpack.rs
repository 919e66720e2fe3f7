//! The program that others name as their helper when they cannot call `pod_images::init`.

fn main() -> std::process::ExitCode {
    pod_images::init();
    // Started by hand: there is nothing that it could do.
    std::process::ExitCode::from(2)
}
