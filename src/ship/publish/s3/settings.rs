//! Endpoint, region and style of addresses. Pure.

use crate::problem::{Problem, Result};
use crate::ship::publish::codes::{PUBLISH_INVALID, STORE_REGION};

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Address of the server.
    pub endpoint: String,
    /// Region that requests are signed for.
    pub region: String,
    /// True if the bucket is the first part of the path, not of the host's name.
    pub is_path_style: bool,
}

/// Region of servers that have none.
const ANY_REGION: &str = "us-east-1";

/// Decides where requests go. `endpoint` and `region` are those that were chosen.
///
/// # Errors
/// `publish-invalid`: the endpoint is not one. `store-region`: Amazon's own S3 needs a region.
pub fn place(bucket: &str, endpoint: Option<&str>, region: Option<&str>) -> Result<Place> {
    if let Some(region) = region {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !region.chars().all(is_plain) {
            return Err(
                Problem::new(STORE_REGION, format!("`{region}` is not a region"))
                    .help("set it as Amazon writes it: `export AWS_REGION=eu-central-1`"),
            );
        }
    }
    match (endpoint, region) {
        (Some(endpoint), region) => Ok(Place {
            endpoint: server(endpoint)?.to_owned(),
            region: region.unwrap_or(ANY_REGION).to_owned(),
            is_path_style: true,
        }),
        (None, Some(region)) => Ok(Place {
            endpoint: format!("https://s3.{region}.{}", suffix(region)),
            region: region.to_owned(),
            // Certificates are for one label before the host's name, in lower case.
            is_path_style: bucket.contains(['.', '_']) || bucket.chars().any(char::is_uppercase),
        }),
        (None, None) => Err(Problem::new(STORE_REGION, "no region is set for S3").help(
            "set the bucket's: `export AWS_REGION=eu-central-1`; for another server: `--endpoint URL`",
        )),
    }
}

/// Returns the address of a server without its final slashes.
///
/// # Errors
/// `publish-invalid`: it is none of HTTP, or has more than a host and a path. Addresses are printed,
/// and a name, a password or a token could be in that.
pub fn server(address: &str) -> Result<&str> {
    let invalid = |message: &str| {
        Problem::new(PUBLISH_INVALID, message)
            .help("pass it as `https://HOST`: `--endpoint https://HOST`")
    };
    if address.contains(['@', '?', '#']) {
        let message = "the address of the server has more than a host and a path";
        return Err(invalid(message));
    }
    let schemes = ["http://", "https://"];
    if !schemes.iter().any(|scheme| address.starts_with(scheme)) {
        return Err(invalid(&format!(
            "`{address}` is not the address of a server"
        )));
    }
    Ok(address.trim_end_matches('/'))
}

/// Returns the domain of a region's partition.
fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_to_the_endpoint_or_to_the_region() {
        for (bucket, endpoint, region, expected) in [
            (
                "get",
                None,
                Some("eu-central-1"),
                Ok((
                    "https://s3.eu-central-1.amazonaws.com",
                    "eu-central-1",
                    false,
                )),
            ),
            (
                "get.example.org",
                None,
                Some("cn-north-1"),
                Ok(("https://s3.cn-north-1.amazonaws.com.cn", "cn-north-1", true)),
            ),
            (
                "get",
                Some("http://127.0.0.1:9000/"),
                None,
                Ok(("http://127.0.0.1:9000", "us-east-1", true)),
            ),
            (
                "get",
                Some("https://x.example"),
                Some("auto"),
                Ok(("https://x.example", "auto", true)),
            ),
            ("get", None, None, Err("no region is set for S3")),
            (
                "get",
                None,
                Some("a.evil/"),
                Err("`a.evil/` is not a region"),
            ),
            (
                "get",
                Some("x.example"),
                None,
                Err("`x.example` is not the address of a server"),
            ),
        ] {
            let found = place(bucket, endpoint, region).map_err(|problem| problem.message);
            let expected = expected
                .map(|(endpoint, region, is_path_style)| Place {
                    endpoint: endpoint.to_owned(),
                    region: region.to_owned(),
                    is_path_style,
                })
                .map_err(str::to_owned);
            assert_eq!(found, expected);
        }
    }
}
