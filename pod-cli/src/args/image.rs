//! Images.

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum Image {
    /// Pull images from their registries
    ///
    /// Prints the id of each. Registries are reached as `registries.conf`, `auth.json`, Docker's `config.json` and `certs.d`
    /// say, and through the proxies of the environment.
    Pull(ImagePull),
    /// Load images from an archive or directory
    ///
    /// Takes an OCI image layout, as a directory or a tar, and what `docker save` and `podman save` write.
    Load(ImageLoad),
    /// Save images as an archive that podman, skopeo and `docker load` read
    Save(ImageSave),
    /// Show the images of this machine, their size on disk and the pods that use them
    #[command(visible_alias = "list")]
    Ls(ImageLs),
    /// Print everything about images, as JSON
    Inspect(ImageNames),
    /// Remove images
    ///
    /// An image with several names loses the one that is given. One that a pod uses is not removed.
    #[command(visible_alias = "remove")]
    Rm(ImageNames),
    /// Remove what nothing uses
    Prune(ImagePrune),
    /// Give an image one more name
    Tag(ImageTag),
}

#[derive(Debug, Args)]
pub struct ImageNames {
    /// Names or ids; an id may be cut short
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<String>,
}

#[derive(Debug, Args)]
pub struct ImagePull {
    /// Such as `nginx`, `nginx:1.25`, `quay.io/a/b:c` or `localhost:5000/x@sha256:…`
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct ImageLoad {
    /// The archive or directory [default: standard input]
    #[arg(short, long, value_name = "PATH", default_value = "-", hide_default_value = true)]
    pub input: String,
}

#[derive(Debug, Args)]
pub struct ImageSave {
    /// Names or ids
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<String>,
    /// The archive [default: standard output]
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub output: String,
}

#[derive(Debug, Args)]
pub struct ImageLs {
    /// How to print them
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<ImageFormat>,
    /// Leave the headings out
    #[arg(long)]
    pub no_headers: bool,
    /// Print ids only
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageFormat {
    /// Everything
    Json,
    /// A table with whole ids and digests
    Wide,
}

#[derive(Debug, Args)]
pub struct ImagePrune {
    /// Also images that have a name, when no pod uses them
    #[arg(short, long)]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct ImageTag {
    /// A name or id
    pub image: String,
    /// The further name
    pub name: String,
}
