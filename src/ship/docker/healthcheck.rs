//! The health check of an image's container, in the three forms in which it is written.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::project::config::HealthcheckConfig;

/// A health check. Docker's defaults are in force for what is `None`.
///
/// Source: <https://docs.docker.com/reference/dockerfile/#healthcheck>
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Healthcheck {
    /// Program and arguments, started without a shell.
    pub command: Vec<String>,
    /// Time between two checks.
    pub interval: Option<Duration>,
    /// Time limit of a check.
    pub timeout: Option<Duration>,
    /// Time in which failures do not count.
    pub start_period: Option<Duration>,
    /// Number of failures in a row after which the container is unhealthy.
    pub retries: Option<u32>,
}

/// A time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Duration(u64);

impl Duration {
    /// Parses a duration as Docker writes it, in whole numbers: `30s`, `1m30s`, `500ms`, `1h`.
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut sum = 0_u64;
        while !rest.is_empty() {
            let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
            let number: u64 = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            let units = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];
            let (unit, size) = units.iter().find(|(unit, _)| rest.starts_with(unit))?;
            rest = &rest[unit.len()..];
            sum = sum.checked_add(number.checked_mul(*size)?)?;
        }
        // Docker counts nanoseconds in 63 bits.
        (sum > 0 && sum < 9_000_000_000_000).then_some(Self(sum))
    }

    /// Formats it: `90s`, `1500ms`.
    pub fn label(self) -> String {
        match self.0 {
            whole if whole % 1000 == 0 => format!("{}s", whole / 1000),
            part => format!("{part}ms"),
        }
    }
}

impl Healthcheck {
    /// Parses the table of the configuration.
    ///
    /// # Errors
    /// What is wrong with it, after `has a healthcheck`, and what to write.
    pub fn parse(config: &HealthcheckConfig) -> Result<Self, (String, &'static str)> {
        let HealthcheckConfig {
            command,
            interval,
            timeout,
            start_period,
            retries,
        } = config;
        if command
            .first()
            .is_none_or(|program| !program.starts_with('/'))
        {
            return Err((
                "without a program by its path".to_owned(),
                "write a path in the image: `command = [\"/usr/local/bin/NAME\", \"--health\"]`",
            ));
        }
        if *retries == Some(0) {
            return Err(("with 0 `retries`".to_owned(), "use 1 or more"));
        }
        let time = |key: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Duration::parse(text).map(Some).ok_or((
                format!("with the invalid `{key}` `{}`", text.escape_debug()),
                "write it as `30s`, `1m30s` or `500ms`",
            )),
        };
        Ok(Self {
            command: command.clone(),
            interval: time("interval", interval)?,
            timeout: time("timeout", timeout)?,
            start_period: time("start-period", start_period)?,
            retries: *retries,
        })
    }

    /// Returns the times that are set, by Docker's names.
    pub fn times(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        let times = [
            ("interval", self.interval),
            ("timeout", self.timeout),
            ("start_period", self.start_period),
        ];
        times
            .into_iter()
            .filter_map(|(name, time)| Some((name, time?)))
    }

    /// Returns the flags of a Dockerfile's HEALTHCHECK: `--interval=30s `.
    pub fn flags(&self) -> String {
        let times = self.times().map(|(name, time)| (name, time.label()));
        let retries = self.retries.map(|retries| ("retries", retries.to_string()));
        times
            .chain(retries)
            .map(|(name, value)| format!("--{}={value} ", name.replace('_', "-")))
            .collect()
    }

    /// Returns Docker's key `Healthcheck` of an image's configuration. OCI defines none, and all
    /// engines of Docker's read it.
    pub fn document(&self) -> Value {
        let test = ["CMD"]
            .into_iter()
            .chain(self.command.iter().map(String::as_str));
        let mut document = Map::new();
        document.insert("Test".to_owned(), test.map(Value::from).collect());
        for (name, time) in self.times() {
            let name = match name {
                "interval" => "Interval",
                "timeout" => "Timeout",
                _ => "StartPeriod",
            };
            document.insert(name.to_owned(), json!(time.0 * 1_000_000));
        }
        if let Some(retries) = self.retries {
            document.insert("Retries".to_owned(), json!(retries));
        }
        Value::Object(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_docker_writes_them() {
        let read = |text| Duration::parse(text).map(Duration::label);
        for (text, expected) in [
            ("30s", Some("30s")),
            ("1m30s", Some("90s")),
            ("1h", Some("3600s")),
            ("1500ms", Some("1500ms")),
            ("2s500ms", Some("2500ms")),
            ("0s", None),
            ("", None),
            ("30", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("30 s", None),
            ("99999999999h", None),
        ] {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_check_is_the_same_in_each_form() {
        let config: HealthcheckConfig = toml::from_str(
            "command = ['/bin/a', '--health']\ninterval = '30s'\nstart-period = '1500ms'\nretries = 3\n",
        )
        .unwrap();
        let check = Healthcheck::parse(&config).unwrap();
        assert_eq!(
            check.flags(),
            "--interval=30s --start-period=1500ms --retries=3 "
        );
        assert_eq!(
            check.document(),
            json!({
                "Test": ["CMD", "/bin/a", "--health"], "Interval": 30_000_000_000_u64,
                "StartPeriod": 1_500_000_000, "Retries": 3
            })
        );
    }
}
