//! Credentials of S3: which source they come from, and its answers. Pure.

use std::fmt;

use serde::Deserialize;

use crate::problem::{Problem, Result};
use crate::ship::publish::codes::STORE_CREDENTIALS;
use crate::ship::publish::s3::answer::element;

/// Credentials. Never printed: `Debug` shows none.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Access key ID.
    pub key: String,
    /// Secret access key.
    pub secret: String,
    /// Session token.
    pub token: Option<String>,
    /// Time of expiry, as the source writes it.
    pub expires: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Source of credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
    Variables(Credentials),
    /// AssumeRoleWithWebIdentity of STS.
    WebIdentity {
        /// File with the token.
        token_file: String,
        /// Role.
        role: String,
        /// Name of the session.
        session: String,
    },
    /// `aws configure export-credentials`.
    AwsCli,
}

/// Chooses the source by the variables that are set.
///
/// # Errors
/// `store-credentials`: one variable of two is set.
pub fn source<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Result<Source> {
    let both = |one: &str, other: &str| match (variable(one), variable(other)) {
        (Some(first), Some(second)) => Ok(Some((first.to_owned(), second.to_owned()))),
        (None, None) => Ok(None),
        (first, _) => {
            let (set, missing) = if first.is_some() {
                (one, other)
            } else {
                (other, one)
            };
            let message = format!("{set} is set, and {missing} is not");
            Err(Problem::new(STORE_CREDENTIALS, message)
                .help(format!("set both: `export {missing}=…`")))
        }
    };
    if let Some((key, secret)) = both("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")? {
        return Ok(Source::Variables(Credentials {
            key,
            secret,
            token: variable("AWS_SESSION_TOKEN").map(str::to_owned),
            expires: None,
        }));
    }
    // AWS_ROLE_ARN alone is one of the AWS CLI's own variables.
    if variable("AWS_WEB_IDENTITY_TOKEN_FILE").is_some()
        && let Some((token_file, role)) = both("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")?
    {
        let session = variable("AWS_ROLE_SESSION_NAME").unwrap_or("cargo-xpkg");
        return Ok(Source::WebIdentity {
            token_file,
            role,
            session: session.to_owned(),
        });
    }
    Ok(Source::AwsCli)
}

/// Parses the output of `aws configure export-credentials --format process`.
///
/// # Errors
/// A clause.
pub fn exported(text: &str) -> Result<Credentials, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Exported {
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
        expiration: Option<String>,
    }
    // The error of a parser could quote the text.
    let Exported {
        access_key_id,
        secret_access_key,
        session_token,
        expiration,
    } = serde_json::from_str(text).map_err(|_| "its output is not what it documents".to_owned())?;
    Ok(Credentials {
        key: access_key_id,
        secret: secret_access_key,
        token: session_token,
        expires: expiration,
    })
}

/// Parses the answer of AssumeRoleWithWebIdentity.
///
/// # Errors
/// A clause.
pub fn assumed(text: &str) -> Result<Credentials, String> {
    let field = |name: &str| element(text, name).ok_or_else(|| format!("it has no {name}"));
    Ok(Credentials {
        key: field("AccessKeyId")?,
        secret: field("SecretAccessKey")?,
        token: Some(field("SessionToken")?),
        expires: element(text, "Expiration"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_first_source_that_is_set_counts() {
        let check = |set: &[(&str, &'static str)], expected: Result<Source, &str>| {
            let set: BTreeMap<&str, &'static str> = set.iter().copied().collect();
            let found = source(|name| set.get(name).copied()).map_err(|problem| problem.message);
            assert_eq!(found, expected.map_err(str::to_owned));
        };
        let pair = [
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
        ];
        let web = [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token"),
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ];
        let credentials = Credentials {
            key: "AKIA".to_owned(),
            secret: "s".to_owned(),
            token: None,
            expires: None,
        };
        check(&[], Ok(Source::AwsCli));
        check(&pair, Ok(Source::Variables(credentials.clone())));
        check(
            &[pair.as_slice(), &web].concat(),
            Ok(Source::Variables(credentials)),
        );
        let identity = Source::WebIdentity {
            token_file: "/run/token".to_owned(),
            role: "arn:aws:iam::1:role/r".to_owned(),
            session: "cargo-xpkg".to_owned(),
        };
        check(&web, Ok(identity));
        check(
            &pair[..1],
            Err("AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not"),
        );
        check(
            &web[..1],
            Err("AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not"),
        );
        check(&web[1..], Ok(Source::AwsCli));
    }

    #[test]
    fn answers_of_sources_are_credentials_that_are_not_printed() {
        let text = r#"{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"very secret","SessionToken":"t","Expiration":"2030-01-01T00:00:00+00:00"}"#;
        let credentials = exported(text).unwrap();
        assert_eq!(format!("{credentials:?}"), "Credentials { .. }");
        let text = "<R><Credentials><AccessKeyId>AKIA</AccessKeyId><SecretAccessKey>very \
                    secret</SecretAccessKey><SessionToken>t</SessionToken><Expiration>\
                    2030-01-01T00:00:00+00:00</Expiration></Credentials></R>";
        assert_eq!(assumed(text), Ok(credentials));
        assert_eq!(
            exported("{\"AccessKeyId\":\"very secret\""),
            Err("its output is not what it documents".to_owned())
        );
        assert_eq!(assumed("<R/>"), Err("it has no AccessKeyId".to_owned()));
    }
}
