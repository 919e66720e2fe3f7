//! What a container does.

use pod_spec::status::{ContainerState, ContainerStateTerminated};

use super::{Page, moment};

pub fn describe(page: &mut Page, name: &str, state: &ContainerState) {
    if let Some(running) = &state.running {
        page.pair(name, "Running");
        page.within(|page| page.some("Started", running.started_at.map(moment)));
    } else if let Some(ended) = &state.terminated {
        page.pair(name, "Terminated");
        page.within(|page| terminated(page, ended));
    } else {
        page.pair(name, "Waiting");
        let waiting = state.waiting.as_ref();
        page.within(|page| {
            page.some("Reason", waiting.and_then(|waiting| waiting.reason.as_ref()));
            page.some("Message", waiting.and_then(|waiting| waiting.message.as_ref()));
        });
    }
}

fn terminated(page: &mut Page, ended: &ContainerStateTerminated) {
    page.some("Reason", ended.reason.as_ref());
    page.some(
        "Message",
        ended.message.as_ref().map(|message| message.trim_end().replace('\n', "\\n")),
    );
    page.pair("Exit Code", ended.exit_code.to_string());
    page.some(
        "Signal",
        ended.signal.filter(|signal| *signal != 0).map(|signal| signal.to_string()),
    );
    page.some("Started", ended.started_at.map(moment));
    page.some("Finished", ended.finished_at.map(moment));
}
