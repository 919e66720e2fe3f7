//! Probes, hooks, and what they do.

use super::pod::Around;
use super::{Check, port};
use crate::fault::{FaultKind, quoted};
use crate::names::rule;
use crate::path::Path;
use crate::types::{
    Container, ExecAction, GrpcAction, HttpGetAction, Lifecycle, LifecycleHandler, OsName, Probe,
    SleepAction, TcpSocketAction,
};

/// The signals that can ask a container to end, without the real-time ones.
const SIGNALS: [&str; 34] = [
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
];

/// What a probe or a hook does.
#[derive(Clone, Copy)]
enum Action<'p> {
    Exec(&'p ExecAction),
    HttpGet(&'p HttpGetAction),
    TcpSocket(&'p TcpSocketAction),
    Grpc(&'p GrpcAction),
    /// With the most seconds that it may take.
    Sleep(&'p SleepAction, Option<i64>),
}

impl Action<'_> {
    const fn key(&self) -> &'static str {
        match self {
            Self::Exec(_) => "exec",
            Self::HttpGet(_) => "httpGet",
            Self::TcpSocket(_) => "tcpSocket",
            Self::Grpc(_) => "grpc",
            Self::Sleep(..) => "sleep",
        }
    }

    fn check(self, check: &mut Check<'_>, at: &Path<'_>) {
        match self {
            Self::Exec(exec) => {
                if exec.command.is_empty() {
                    check.required(&at.field("command"));
                }
            }
            Self::HttpGet(get) => http_get(check, get, at),
            Self::TcpSocket(tcp) => port::number_or_name(check, &tcp.port, &at.field("port")),
            Self::Grpc(grpc) => {
                port::number_or_name(check, &grpc.port.into(), &at.field("port"));
            }
            Self::Sleep(sleep, most) => {
                if let Some(most) = most {
                    check.range(at, sleep.seconds, 0..=most);
                }
            }
        }
    }
}

fn http_get(check: &mut Check<'_>, get: &HttpGetAction, at: &Path<'_>) {
    port::number_or_name(check, &get.port, &at.field("port"));
    for header in &get.http_headers {
        check.format(&at.field("httpHeaders"), &header.name, rule::header);
    }
}

/// Checks the one action that there must be.
fn one_action<const N: usize>(
    check: &mut Check<'_>,
    actions: [Option<Action<'_>>; N],
    at: &Path<'_>,
) {
    let mut actions = actions.into_iter().flatten();
    let Some(first) = actions.next() else {
        check.fault(at, FaultKind::Required, "it must say what to do, such as `exec`");
        return;
    };
    first.check(check, &at.field(first.key()));
    for second in actions {
        let message = format!("it does one thing only, and that is {}", quoted(first.key()));
        check.forbidden(&at.field(second.key()), message);
    }
}

pub(super) fn probes(check: &mut Check<'_>, container: &Container, at: &Path<'_>) {
    let liveness = ("livenessProbe", &container.liveness_probe);
    let startup = ("startupProbe", &container.startup_probe);
    for (field, one) in [liveness, startup] {
        let at = at.field(field);
        let Some(one) = one else { continue };
        probe(check, one, &at);
        if one.success_threshold.is_some_and(|times| !matches!(times, 0 | 1)) {
            check.invalid(&at.field("successThreshold"), "one success is enough: it must be 1");
        }
    }
    if let Some(one) = &container.readiness_probe {
        let at = at.field("readinessProbe");
        probe(check, one, &at);
        if one.termination_grace_period_seconds.is_some() {
            let message = "a readiness probe ends no container";
            check.invalid(&at.field("terminationGracePeriodSeconds"), message);
        }
    }
}

fn probe(check: &mut Check<'_>, probe: &Probe, at: &Path<'_>) {
    let handler = &probe.handler;
    let actions = [
        handler.exec.as_ref().map(Action::Exec),
        handler.http_get.as_ref().map(Action::HttpGet),
        handler.tcp_socket.as_ref().map(Action::TcpSocket),
        handler.grpc.as_ref().map(Action::Grpc),
    ];
    one_action(check, actions, at);
    let numbers = [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ];
    for (field, number) in numbers {
        check.not_negative(&at.field(field), number.unwrap_or(0));
    }
    if let Some(seconds) = probe.termination_grace_period_seconds.filter(|seconds| *seconds <= 0) {
        let message = format!("{seconds} is too short: it must be at least 1");
        check.invalid(&at.field("terminationGracePeriodSeconds"), message);
    }
}

pub(super) fn lifecycle(
    check: &mut Check<'_>,
    lifecycle: &Lifecycle,
    around: &Around<'_>,
    at: &Path<'_>,
) {
    let grace = around.spec.termination_grace_period_seconds;
    for (field, hook) in [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)] {
        if let Some(hook) = hook {
            self::hook(check, hook, grace, &at.field(field));
        }
    }
    if let Some(signal) = &lifecycle.stop_signal {
        stop_signal(check, signal, around.os(), &at.field("stopSignal"));
    }
}

fn hook(check: &mut Check<'_>, hook: &LifecycleHandler, grace: Option<i64>, at: &Path<'_>) {
    let actions = [
        hook.exec.as_ref().map(Action::Exec),
        hook.http_get.as_ref().map(Action::HttpGet),
        hook.tcp_socket.as_ref().map(Action::TcpSocket),
        hook.sleep.as_ref().map(|sleep| Action::Sleep(sleep, grace)),
    ];
    one_action(check, actions, at);
}

fn stop_signal(check: &mut Check<'_>, signal: &str, os: Option<OsName>, at: &Path<'_>) {
    let known = match os {
        None => {
            check.forbidden(at, "it needs `spec.os.name`, which says whose signals these are");
            return;
        }
        Some(OsName::Windows) => matches!(signal, "SIGKILL" | "SIGTERM"),
        Some(OsName::Linux) => SIGNALS.contains(&signal) || is_real_time(signal),
    };
    if !known {
        let message = format!("{} is no signal that can be sent", quoted(signal));
        let suggestion = crate::spelling::suggest(signal, SIGNALS);
        check.fault_with(at, FaultKind::NotSupported, message, suggestion);
    }
}

/// `SIGRTMIN` to `SIGRTMIN+15`, and `SIGRTMAX-14` to `SIGRTMAX`.
fn is_real_time(signal: &str) -> bool {
    let within = |text: &str, sign: char, most: u8| {
        let number = text.strip_prefix(sign).filter(|n| !n.starts_with(['0', '+']));
        text.is_empty()
            || number.and_then(|n| n.parse::<u8>().ok()).is_some_and(|n| (1..=most).contains(&n))
    };
    signal.strip_prefix("SIGRTMIN").is_some_and(|rest| within(rest, '+', 15))
        || signal.strip_prefix("SIGRTMAX").is_some_and(|rest| within(rest, '-', 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_time_signals_are_counted_from_both_ends() {
        for signal in ["SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+15", "SIGRTMAX-14", "SIGRTMAX"] {
            assert!(is_real_time(signal), "{signal}");
        }
        for signal in [
            "SIGRTMIN+16",
            "SIGRTMIN+0",
            "SIGRTMIN+01",
            "SIGRTMIN-1",
            "SIGRTMAX-15",
            "SIGRT",
            "SIGRTMIN++1",
        ] {
            assert!(!is_real_time(signal), "{signal}");
        }
    }
}
