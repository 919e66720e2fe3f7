//! Hooks: what is done at the two ends of a container's life.

use std::time::Duration;

use hyper::header::HeaderValue;
use pod_lifecycle::HookKind;
use pod_spec::{Container, LifecycleHandler};

use super::http::Get;
use super::{Failed, Prober, exec, is_secure, port, tls};

/// What a hook says that it is.
const USER_AGENT: HeaderValue = HeaderValue::from_static("kube-lifecycle/1.36");

impl Prober<'_> {
    /// Runs a hook of an attempt at a container to its end. The error is for people.
    pub async fn hook(&self, container: &str, attempt: u32, kind: HookKind) -> Result<(), String> {
        let lifecycle = |c: &'_ Container| match kind {
            HookKind::PostStart => c.lifecycle.as_ref()?.post_start.clone(),
            HookKind::PreStop => c.lifecycle.as_ref()?.pre_stop.clone(),
        };
        let container = self.plan.container(container);
        let Some((container, hook)) = container.and_then(|c| Some((c, lifecycle(c)?))) else {
            return Ok(());
        };
        self.run_hook(container, attempt, &hook).await
    }

    async fn run_hook(
        &self,
        container: &Container,
        attempt: u32,
        hook: &LifecycleHandler,
    ) -> Result<(), String> {
        let name = &container.name;
        if let Some(exec) = &hook.exec {
            let ended = exec::run(self.sandbox, name, attempt, exec.command.clone()).await;
            let why = match ended {
                Ok((0, _)) => return Ok(()),
                Ok((code, output)) if output.is_empty() => format!("exited with code {code}"),
                Ok((code, output)) => format!("exited with code {code}: {output}"),
                Err(why) => why,
            };
            let command = exec.command.join(" ");
            return Err(format!("exec hook ({command}) of container `{name}` failed: {why}"));
        }
        if let Some(action) = &hook.http_get {
            let asked = async {
                let port = port(&action.port, container)?;
                let endpoint = self.endpoint(action.host.as_deref());
                let secure = is_secure(action);
                let mut get = Get { endpoint: &endpoint, action, port, secure, agent: USER_AGENT };
                let mut answer = get.send().await;
                if answer.as_ref().is_err_and(|why| secure && why.ends_with(tls::PLAIN)) {
                    // There are manifests that say HTTPS and mean HTTP, from when the kubelet did not look.
                    get.secure = false;
                    answer = get.send().await;
                }
                // Whatever it answers: it has been told.
                answer.map_err(Failed::Probe)
            };
            return match asked.await {
                Ok(_) => Ok(()),
                Err(Failed::Probe(why) | Failed::Prober(why)) => {
                    Err(format!("HTTP hook of container `{name}` failed: {why}"))
                }
            };
        }
        if let Some(sleep) = &hook.sleep {
            let seconds = u64::try_from(sleep.seconds).unwrap_or(0);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        Ok(())
    }
}
