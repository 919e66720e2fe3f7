//! `pod create deployment` and `pod create job`.

use clap::Args;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::generated::Generated;
use crate::resource::Kind;

#[derive(Debug, Args)]
pub struct Deployment {
    /// Its name
    pub name: String,
    /// The image, or those of several containers
    #[arg(long, required = true)]
    pub image: Vec<String>,
    /// How many pods it keeps
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(0..))]
    pub replicas: i32,
    /// A port that the first container listens at
    #[arg(long)]
    pub port: Option<u16>,
    /// The command of the container, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Job {
    /// Its name, and that of its container
    pub name: String,
    /// The image
    #[arg(long)]
    pub image: String,
    /// The command of the container, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

impl Deployment {
    pub fn generate(&self, namespace: Option<&str>) -> Result<Generated, CliError> {
        if self.image.len() > 1 && !self.command.is_empty() {
            let message = "a command is that of one container: give one --image";
            return Err(CliError::Usage(message.to_owned()));
        }
        let mut containers: Vec<Value> = self
            .image
            .iter()
            .map(|image| container(container_name(image), image, &self.command))
            .collect();
        if let (Some(port), Some(first)) = (self.port, containers.first_mut()) {
            first["ports"] = json!([{"containerPort": port}]);
        }
        let labels = json!({"app": self.name});
        let mut generated = Generated::new(Kind::Deployment, &self.name, namespace);
        generated.object["metadata"]["labels"] = labels.clone();
        generated.object["spec"] = json!({
            "replicas": self.replicas,
            "selector": {"matchLabels": labels},
            "strategy": {},
            "template": {
                "metadata": {"creationTimestamp": null, "labels": labels},
                "spec": {"containers": containers},
            },
        });
        generated.object["status"] = json!({});
        Ok(generated)
    }
}

impl Job {
    pub fn generate(&self, namespace: Option<&str>) -> Generated {
        let mut generated = Generated::new(Kind::Job, &self.name, namespace);
        let container = container(self.name.clone(), &self.image, &self.command);
        generated.object["spec"] = json!({"template": {
            "metadata": {"creationTimestamp": null},
            "spec": {"containers": [container], "restartPolicy": "Never"},
        }});
        generated.object["status"] = json!({});
        generated
    }
}

fn container(name: String, image: &str, command: &[String]) -> Value {
    let mut container = json!({"name": name, "image": image, "resources": {}});
    if !command.is_empty() {
        container["command"] = json!(command);
    }
    container
}

/// The last part of an image's name, without tag and digest, in letters that a container's name may have.
fn container_name(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or_default();
    let name = last.split([':', '@']).next().unwrap_or_default();
    name.replace(['.', '_'], "-")
}
