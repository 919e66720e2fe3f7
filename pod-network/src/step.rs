//! The steps of an attachment, between which it can be cut short.

use crate::NetworkError;

/// What has just been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Ranges,
    Record,
    Bridge,
    Gateways,
    Forwarding,
    Veth,
    PodEnd,
    Firewall,
    Plugins,
    Pasta,
    Hosts,
    Complete,
    Marked,
    NamesGone,
    VethGone,
    FirewallGone,
    BridgeGone,
    RangesGone,
}

/// Where tests let a step fail or end the process. It does nothing else.
#[cfg(not(test))]
pub(crate) fn done(_step: Step) -> Result<(), NetworkError> {
    Ok(())
}

#[cfg(test)]
pub(crate) use tests::done;

#[cfg(test)]
pub(crate) mod tests {
    use super::{NetworkError, Step};
    use std::cell::RefCell;

    type Hook = Box<dyn FnMut(Step) -> Result<(), NetworkError>>;

    thread_local! {
        static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    pub(crate) fn done(step: Step) -> Result<(), NetworkError> {
        HOOK.with_borrow_mut(|hook| hook.as_mut().map_or(Ok(()), |hook| hook(step)))
    }

    /// Calls `hook` after each step that this thread does from now on.
    pub(crate) fn after_each(hook: impl FnMut(Step) -> Result<(), NetworkError> + 'static) {
        HOOK.set(Some(Box::new(hook)));
    }

    pub(crate) fn undisturbed() {
        HOOK.set(None);
    }
}
