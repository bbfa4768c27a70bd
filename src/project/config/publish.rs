//! Configuration of `publish`.

use serde::Deserialize;

/// Where releases are published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct PublishConfig {
    /// Address of the store: `s3://BUCKET/PREFIX` or `file:///DIR`.
    pub to: Option<String>,
    /// Channel; the branch by default.
    pub channel: Option<String>,
    /// Address of a server that speaks S3's protocol.
    pub endpoint: Option<String>,
    /// Region of the bucket.
    pub region: Option<String>,
    /// Program to run after a publication, and its arguments: `{paths}` is one argument for each
    /// address that may have changed; `{channel}` and `{version}` are replaced.
    pub after: Option<Vec<String>>,
}
