//! Probes, hooks, and what they do.

use crate::IntOrString;
use crate::schema::{object, words};

object! {
    /// A check that is made of a container again and again.
    pub struct Probe: "v1.Probe" {
        inline handler: ProbeHandler,
        /// Seconds from the start of the container to the first check. 0 when not given.
        "initialDelaySeconds" initial_delay_seconds: Option<i32>,
        /// Seconds that one check may take. 1 when not given.
        "timeoutSeconds" timeout_seconds: Option<i32>,
        /// Seconds between checks. 10 when not given.
        "periodSeconds" period_seconds: Option<i32>,
        /// How many checks in a row must pass after one that failed. 1 when not given.
        "successThreshold" success_threshold: Option<i32>,
        /// How many checks in a row must fail. 3 when not given.
        "failureThreshold" failure_threshold: Option<i32>,
        /// Seconds between SIGTERM and SIGKILL when this probe ends the container, in place of the pod's.
        "terminationGracePeriodSeconds" termination_grace_period_seconds: Option<i64>,
    }
}

object! {
    /// What a probe does. Exactly one is given.
    pub struct ProbeHandler: "v1.ProbeHandler" {
        /// Runs a program in the container: exit code 0 is a pass.
        "exec" exec: Option<ExecAction>,
        /// Asks by HTTP: a status of 200 to 399 is a pass.
        "httpGet" http_get: Option<HttpGetAction>,
        /// Opens a connection: that is a pass.
        "tcpSocket" tcp_socket: Option<TcpSocketAction>,
        /// Asks the gRPC health service: `SERVING` is a pass.
        "grpc" grpc: Option<GrpcAction>,
    }
}

object! {
    /// What is run at the two ends of a container's life, and how it is asked to end.
    pub struct Lifecycle: "v1.Lifecycle" {
        /// Run right after the container has started; when it fails the container is killed.
        "postStart" post_start: Option<LifecycleHandler>,
        /// Run before the container is asked to end, within the grace period.
        "preStop" pre_stop: Option<LifecycleHandler>,
        /// The signal that asks it to end, in place of the image's: `SIGUSR1`.
        "stopSignal" stop_signal: Option<String>,
    }
}

object! {
    /// What a hook does. Exactly one is given.
    pub struct LifecycleHandler: "v1.LifecycleHandler" {
        /// Runs a program in the container.
        "exec" exec: Option<ExecAction>,
        /// Asks by HTTP.
        "httpGet" http_get: Option<HttpGetAction>,
        /// Once opened a connection; kept for old manifests, and fails.
        "tcpSocket" tcp_socket: Option<TcpSocketAction>,
        /// Waits.
        "sleep" sleep: Option<SleepAction>,
    }
}

object! {
    /// Runs a program in the container, without a shell.
    pub struct ExecAction: "v1.ExecAction" {
        /// The program and its arguments.
        "command" command: Vec<String>,
    }
}

object! {
    /// Asks by HTTP.
    pub struct HttpGetAction: "v1.HTTPGetAction" {
        /// The path, `/` when not given.
        "path" path: Option<String>,
        /// The port, by number or by the name of one of the container's.
        "port" port: IntOrString => required,
        /// The host; the pod itself when absent.
        "host" host: Option<String>,
        /// `HTTP` when not given.
        "scheme" scheme: Option<UriScheme>,
        /// Headers of the request.
        "httpHeaders" http_headers: Vec<HttpHeader>,
    }
}

words! {
    /// How HTTP is spoken.
    pub enum UriScheme {
        /// In the clear.
        #[default]
        Http = "HTTP",
        /// By TLS; the certificate is not checked.
        Https = "HTTPS",
    }
}

object! {
    /// A header of an HTTP request.
    pub struct HttpHeader: "v1.HTTPHeader" {
        /// Its name.
        "name" name: String => required,
        /// Its value.
        "value" value: String => required,
    }
}

object! {
    /// Opens a connection.
    pub struct TcpSocketAction: "v1.TCPSocketAction" {
        /// The port, by number or by the name of one of the container's.
        "port" port: IntOrString => required,
        /// The host; the pod itself when absent.
        "host" host: Option<String>,
    }
}

object! {
    /// Asks the gRPC health service.
    pub struct GrpcAction: "v1.GRPCAction" {
        /// The port.
        "port" port: i32 => required,
        /// The service whose health is asked for; that of the server when empty.
        "service" service: Option<String>,
    }
}

object! {
    /// Waits.
    pub struct SleepAction: "v1.SleepAction" {
        /// How many seconds.
        "seconds" seconds: i64 => required,
    }
}
