//! The life of a Kubernetes Pod as a pure state machine.
//!
//! [`PodMachine`] takes the events of one pod and the time they happened, and answers with what is to be done: make
//! the sandbox, start a container, send a signal, take the sandbox down. It knows the order of init containers,
//! sidecars and main containers, the restart policy with its crash-loop back-off, when probes are due and what they lead
//! to, where hooks belong, the order and the deadlines of termination, and how all of it looks as a `v1.PodStatus`. In each of these it follows the kubelet.
//!
//! It performs nothing: no I/O, no clock, no thread, no timer. The caller hands in the time, wakes it at
//! [`PodMachine::next_deadline`], saves [`PodMachine::state`] before it carries out the actions, and after a crash
//! goes on with [`PodMachine::resume`].
//!
//! ```text
//!                 ┌──────────── PodMachine ────────────┐
//! Event, Time ───>│ apply ──> advance ──> conditions   │───> Vec<Action>
//!                 │             │                      │
//!                 │        MachineState ──> status()   │───> PodStatus
//!                 └────────────────────────────────────┘
//! ```
//!
//! It does not know manifests (the caller fills in a [`LifecycleTable`]), images, volumes or processes. It says when a
//! probe is to be made and what its result means, not how it is made; the same goes for hooks. Conditions that
//! others set ([`Event::ConditionSet`]) it keeps, and waits for those that are readiness gates.
//!
//! # Example
//!
//! ```
//! use pod_lifecycle::*;
//! use pod_spec::{Time, status::{PodPhase, QosClass}};
//!
//! let table = LifecycleTable {
//!     pod: PodIdentity { name: "job".into(), namespace: "default".into(), uid: "1".into() },
//!     containers: vec![ContainerRules {
//!         name: "main".into(),
//!         kind: ContainerKind::Main,
//!         image: "busybox".into(),
//!         probes: Probes::default(),
//!         hooks: Hooks::default(),
//!         stop_signal: None,
//!         mounts: Vec::new(),
//!         restarts: Restarts::default(),
//!     }],
//!     restart_policy: RestartPolicy::Never,
//!     grace: GraceSeconds::DEFAULT,
//!     active_deadline: None,
//!     backoff: Backoff::default(),
//!     readiness_gates: Vec::new(),
//!     qos_class: QosClass::BestEffort,
//!     observed_generation: None,
//! };
//! let now = Time::from_nanos(0);
//!
//! let (mut pod, actions) = PodMachine::new(table, now);
//! assert_eq!(actions, [Action::CreateSandbox]);
//!
//! let actions = pod.handle(now, Event::SandboxReady { addresses: Addresses::default() });
//! assert_eq!(actions, [Action::StartContainer { container: "main".into(), attempt: 0 }]);
//!
//! let actions = pod.handle(now, Event::Exited {
//!     container: "main".into(),
//!     attempt: 0,
//!     exit: Exit::with_code(0),
//!     started_at: now,
//!     finished_at: now,
//!     message: None,
//! });
//! assert_eq!(actions, [Action::RemoveSandbox]);
//! assert_eq!(pod.status().phase, PodPhase::Succeeded);
//!
//! pod.handle(now, Event::SandboxRemoved);
//! assert!(pod.is_finished());
//! ```

mod backoff;
mod conditions;
mod container;
mod event;
mod health;
mod machine;
mod probing;
mod progress;
mod replace;
mod restart_all;
mod resume;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod sim;
mod state;
mod status;
mod table;
mod termination;
mod update;

pub use backoff::Backoff;
pub use conditions::OWN_CONDITIONS;
pub use event::{Action, Event, EventKind, Exit, PodEvent, ProbeResult};
pub use machine::PodMachine;
pub use resume::{Observed, ObservedContainer, ObservedSandbox, ObservedState};
pub use state::{Addresses, MachineState};
pub use table::{
    ContainerKind, ContainerRules, ExitAction, ExitCodes, ExitRule, GraceSeconds, HookKind, Hooks,
    LifecycleTable, MountAccess, MountedVolume, PodIdentity, ProbeKind, ProbeRules, Probes,
    RestartPolicy, Restarts,
};
