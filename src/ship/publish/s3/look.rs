//! Finds the credentials of S3.

use std::time::Duration;

use camino::Utf8Path;

use crate::host::http::{Http, Request, Sent};
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};
use crate::ship::publish::codes::STORE_CREDENTIALS;
use crate::ship::publish::s3::answer::Refusal;
use crate::ship::publish::s3::credentials::{Credentials, Source, assumed, exported};
use crate::ship::publish::s3::settings::server;

/// Time limit for the AWS CLI, which may ask a server.
const CLI_LIMIT: Duration = Duration::from_secs(60);

/// Largest answer of STS in bytes.
const LARGEST: u64 = 1 << 20;

/// Largest token in bytes.
const LONGEST_TOKEN: u64 = 1 << 20;

/// Asks a source for credentials.
///
/// # Errors
/// `store-credentials`.
pub fn credentials(host: &Host, http: &Http, source: &Source, region: &str) -> Result<Credentials> {
    match source {
        Source::Variables(credentials) => Ok(credentials.clone()),
        Source::WebIdentity {
            token_file,
            role,
            session,
        } => web_identity(host, http, region, (token_file, role, session)),
        Source::AwsCli => aws_cli(host),
    }
}

/// Runs the AWS CLI, which knows profiles, SSO, and the credentials of machines and containers.
fn aws_cli(host: &Host) -> Result<Credentials> {
    let missing = |why: &str| {
        Problem::new(STORE_CREDENTIALS, "there are no credentials for the store")
            .note(
                "variables",
                ["AWS_ACCESS_KEY_ID and AWS_WEB_IDENTITY_TOKEN_FILE are not set".to_owned()],
            )
            .note("aws", [why.to_owned()])
            .help("set them: `export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…`")
            .help("or log in with the AWS CLI: `aws sso login`, `aws configure`")
    };
    if host.find("aws").is_none() {
        return Err(missing("the AWS CLI is not on PATH"));
    }
    let question = Invocation::new("aws", host.cwd()).args([
        "configure",
        "export-credentials",
        "--format",
        "process",
    ]);
    let output = host.capture_bounded(&question, CLI_LIMIT)?;
    if !output.success() {
        // Version 1 has no such command, and answers with its usage.
        if output.stderr.contains("Invalid choice") {
            return Err(missing(
                "the AWS CLI here is version 1, which exports no credentials",
            ));
        }
        return Err(missing("`aws configure export-credentials` found none").cause(&output.stderr));
    }
    exported(&output.stdout)
        .map_err(|why| missing(&format!("`aws configure export-credentials`: {why}")))
}

/// Returns the region of the AWS CLI's configuration.
pub fn cli_region(host: &Host) -> Option<String> {
    host.find("aws")?;
    let question = Invocation::new("aws", host.cwd()).args(["configure", "get", "region"]);
    let output = host.capture_bounded(&question, CLI_LIMIT).ok()?;
    let region = output.stdout.trim();
    (output.success() && !region.is_empty()).then(|| region.to_owned())
}

/// Exchanges the token of a CI service for credentials of a role.
fn web_identity(
    host: &Host,
    http: &Http,
    region: &str,
    (token_file, role, session): (&str, &str, &str),
) -> Result<Credentials> {
    let endpoint = host
        .var("AWS_ENDPOINT_URL_STS")
        .or_else(|| host.var("AWS_ENDPOINT_URL"));
    let endpoint = match endpoint {
        Some(endpoint) => server(endpoint)?.to_owned(),
        None => format!("https://sts.{region}.amazonaws.com"),
    };
    let token = host.read_small_text(&host.absolute(Utf8Path::new(token_file)), LONGEST_TOKEN)?;
    let pairs = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", session),
        ("WebIdentityToken", token.trim()),
    ];
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let pairs = pairs.map(|(name, value)| format!("{name}={}", encode(value)));
    let failed = |why: String| {
        Problem::new(
            STORE_CREDENTIALS,
            format!("`{endpoint}` gives no credentials for the role {role}"),
        )
        .note("cause", [why])
        .help("check AWS_ROLE_ARN, and that the role trusts the issuer of the token")
    };
    let request = Request {
        method: "POST",
        url: &format!("{endpoint}/"),
        headers: &[("content-type", "application/x-www-form-urlencoded")],
    };
    let body = pairs.join("&");
    let answer = http
        .send(&request, Sent::Bytes(body.as_bytes()), LARGEST)
        .map_err(failed)?;
    if answer.status != 200 {
        let Refusal {
            status,
            code,
            message,
            ..
        } = Refusal::read(answer.status, &answer.body, None);
        return Err(failed(format!("status {status}, {code}: {message}")));
    }
    assumed(&String::from_utf8_lossy(&answer.body)).map_err(failed)
}
