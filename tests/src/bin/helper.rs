//! The program that the tests' pods have for keeper and engine, since a test harness has its own `main`.

fn main() {
    pod_tests::execute_engines_if_asked();
    pod_tests::use_registries();
    pod_tests::pace::stop_if_held();
    pod_workloads::init_with(&pod_tests::driver::drivers());
}
