//! Codes of `publish` and `yank`.

use crate::problem::code::{Code, CodeInfo, code};

/// Codes declared in this file.
pub const CODES: &[Code] = &[
    PUBLISH_INVALID,
    PUBLISH_URL,
    VERSION_IMMUTABLE,
    VERSION_UNKNOWN,
    CHANNEL_FOREIGN,
    CHANNEL_UNREADABLE,
    INDEX_UNREADABLE,
    REGISTRY_MOVED,
    STORE_UNCONDITIONAL,
    STORE_HIDES_MISSING,
    STORE_CREDENTIALS,
    STORE_DENIED,
    STORE_REGION,
    STORE_CLOCK,
    STORE_BUSY,
    STORE_UNREACHABLE,
    STORE_REFUSED,
    HOOK_FAILED,
];

/// What `publish` is asked for cannot be.
pub const PUBLISH_INVALID: Code = code(&CodeInfo {
    name: "publish-invalid",
    title: "the release cannot be published as asked",
    cause: "An address, a channel or a setting of `[workspace.metadata.xpkg.publish]` is missing or \
            has another form, or there is no release.",
    detection: "Before the store is asked for anything.",
    fix: "Pass what the message names.",
    page: "publish",
    sources: &[],
    waivable: false,
});

/// A release whose addresses are others.
pub const PUBLISH_URL: Code = code(&CodeInfo {
    name: "publish-url",
    title: "the release would not be at the address that is written in it",
    cause: "Installers, pages and packages of cargo contain the address that their files are \
            published at. It does not end with the channel and the version.",
    detection: "`url` of release.json must end with `/CHANNEL/VERSION`, and the address in the \
                registry's config.json must be that of `/CHANNEL/registry`.",
    fix: "Set `url = \"https://HOST/CHANNEL/{version}\"` and the registry's \
          `url = \"https://HOST/CHANNEL/registry\"`, and write the release again; accept it if a \
          server in front of the store maps the addresses.",
    page: "publish",
    sources: &[],
    waivable: false,
});

/// A published version with other bytes.
pub const VERSION_IMMUTABLE: Code = code(&CodeInfo {
    name: "version-immutable",
    title: "the version is published already, with other files",
    cause: "A version never changes: users have verified and installed it, and cargo keeps the \
            packages that it has downloaded. The release here was built again from other sources or \
            with other tools, or it is of another commit.",
    detection: "Every file is written on condition that there is none; of one that is there, digest \
                and size are compared.",
    fix: "Raise the version, or publish the very files that are there.",
    page: "publish",
    sources: &["The Cargo Book, Registry Index"],
    waivable: false,
});

/// A version that is not there.
pub const VERSION_UNKNOWN: Code = code(&CodeInfo {
    name: "version-unknown",
    title: "the channel has no such version",
    cause: "The version was never published to this channel, or its publication did not finish.",
    detection: "latest.json lists all versions of a channel.",
    fix: "Pass one of the versions that the message names.",
    page: "publish",
    sources: &[],
    waivable: false,
});

/// A channel of another project.
pub const CHANNEL_FOREIGN: Code = code(&CodeInfo {
    name: "channel-foreign",
    title: "the channel is of another project",
    cause: "Two projects use the same prefix and channel.",
    detection: "latest.json names the releases of its channel.",
    fix: "Give each project a prefix of its own: `--to s3://BUCKET/PREFIX`.",
    page: "publish",
    sources: &[],
    waivable: false,
});

/// A `latest.json` that cannot be read.
pub const CHANNEL_UNREADABLE: Code = code(&CodeInfo {
    name: "channel-unreadable",
    title: "the document of a channel cannot be read",
    cause: "latest.json was written by another program or another version of xpkg, or it is damaged.",
    detection: "It does not parse as schema version 1. It is never overwritten then.",
    fix: "Publish with the xpkg that wrote it, or to another channel.",
    page: "publish",
    sources: &[],
    waivable: false,
});

/// A file of the index that cannot be read.
pub const INDEX_UNREADABLE: Code = code(&CodeInfo {
    name: "index-unreadable",
    title: "the index of the registry cannot be read",
    cause: "A file of the index was written by another program, or it is damaged.",
    detection: "Each line is parsed strictly. A file with a line that does not parse is never \
                written again.",
    fix: "Repair the file at the store, or publish to another channel.",
    page: "publish",
    sources: &["The Cargo Book, Registry Index"],
    waivable: false,
});

/// A registry at another address.
pub const REGISTRY_MOVED: Code = code(&CodeInfo {
    name: "registry-moved",
    title: "the registry of the channel has another address",
    cause: "The packages of a registry contain its address: for cargo, another address is another \
            registry, and packages of both cannot be mixed.",
    detection: "config.json at the store is compared with the release's.",
    fix: "Set the registry's `url` back, or publish to another channel.",
    page: "publish",
    sources: &["The Cargo Book, Registry Index"],
    waivable: false,
});

/// A store that overwrites.
pub const STORE_UNCONDITIONAL: Code = code(&CodeInfo {
    name: "store-unconditional",
    title: "the store ignores conditions",
    cause: "Some servers that speak S3's protocol answer 200 to a write whose condition does not \
            hold. Two publishers at once would overwrite each other's files.",
    detection: "An object is created twice, and exchanged with a state that it does not have; the \
                store must refuse both.",
    fix: "Use a store with conditional writes; with a single publisher at a time, accept it: `--accept \
          store-unconditional`.",
    page: "publish",
    sources: &["Amazon S3 User Guide, Conditional writes"],
    waivable: false,
});

/// A store that says 403 of what is not there.
pub const STORE_HIDES_MISSING: Code = code(&CodeInfo {
    name: "store-hides-missing",
    title: "the store answers 403 for what is not there",
    cause: "Without the right to list a bucket, S3 answers 403 instead of 404. cargo stops at a 403: no \
            package of the registry that depends on another registry's can be installed.",
    detection: "A key of the index that no package has is read, with and without credentials.",
    fix: "Allow s3:ListBucket to readers, or let the server in front answer 404 for 403.",
    page: "publish",
    sources: &["Amazon S3 API Reference, GetObject"],
    waivable: false,
});

/// Credentials that are missing or not valid.
pub const STORE_CREDENTIALS: Code = code(&CodeInfo {
    name: "store-credentials",
    title: "there are no credentials for the store, or it does not accept them",
    cause: "No credentials are set, they have expired, or the secret does not belong to the key.",
    detection: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, then AWS_WEB_IDENTITY_TOKEN_FILE and \
                AWS_ROLE_ARN, then `aws configure export-credentials`. The first that is set counts.",
    fix: "Set the variables, or log in with the AWS CLI: `aws sso login`.",
    page: "publish",
    sources: &[],
    waivable: false,
});

/// A right that is missing.
pub const STORE_DENIED: Code = code(&CodeInfo {
    name: "store-denied",
    title: "the store denies the request",
    cause: "The credentials are valid, and do not have the right that the message names.",
    detection: "Status 403 of the store.",
    fix: "Allow s3:GetObject, s3:PutObject, s3:AbortMultipartUpload, s3:ListBucket, and s3:DeleteObject \
          below `.xpkg/`.",
    page: "publish",
    sources: &[],
    waivable: false,
});

/// Another region.
pub const STORE_REGION: Code = code(&CodeInfo {
    name: "store-region",
    title: "the bucket is in another region, or no region is set",
    cause: "Requests are signed for a region.",
    detection: "Status 301 or AuthorizationHeaderMalformed of the store.",
    fix: "Set the region: `export AWS_REGION=REGION`.",
    page: "publish",
    sources: &[],
    waivable: false,
});

/// A clock that is wrong.
pub const STORE_CLOCK: Code = code(&CodeInfo {
    name: "store-clock",
    title: "this machine's clock and the store's differ too much",
    cause: "Requests are signed with the time; a store refuses those that are more than 15 minutes off.",
    detection: "`Date` of the answers, with RequestTimeTooSkewed or AccessDenied (\"Request has \
                expired\") of the store.",
    fix: "Set the clock: `timedatectl set-ntp true`.",
    page: "publish",
    sources: &[],
    waivable: false,
});

/// A store that has too much to do.
pub const STORE_BUSY: Code = code(&CodeInfo {
    name: "store-busy",
    title: "the store has too much to do",
    cause: "The store answers 429, 500, 503 or 409, or other publishers exchange the same object.",
    detection: "Each request is sent up to 6 times, with growing pauses.",
    fix: "Publish again: what is at the store stays.",
    page: "publish",
    sources: &[],
    waivable: false,
});

/// A store that does not answer.
pub const STORE_UNREACHABLE: Code = code(&CodeInfo {
    name: "store-unreachable",
    title: "the store cannot be reached",
    cause: "The address is wrong, the network or a proxy is, or the certificate is not trusted.",
    detection: "No answer came to a request that was sent up to 6 times.",
    fix: "Check the address: `--endpoint URL`. Publish again: what is at the store stays.",
    page: "publish",
    sources: &[],
    waivable: false,
});

/// Another refusal.
pub const STORE_REFUSED: Code = code(&CodeInfo {
    name: "store-refused",
    title: "the store refuses a request",
    cause: "The message quotes the store's answer.",
    detection: "Another status than those that have a code of their own.",
    fix: "See what the store says.",
    page: "publish",
    sources: &[],
    waivable: false,
});

/// A hook that fails.
pub const HOOK_FAILED: Code = code(&CodeInfo {
    name: "hook-failed",
    title: "everything is published, and the hook failed",
    cause: "The command of `after` exited with an error: a cache in front of the store may serve the \
            pointers of before.",
    detection: "Its exit code. That of `publish` is 3 then.",
    fix: "Publish again: the hook runs each time.",
    page: "publish",
    sources: &[],
    waivable: false,
});
