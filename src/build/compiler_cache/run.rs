//! Runs sccache's server for one build.

use camino::Utf8Path;

use crate::build::compiler_cache::codes::SCCACHE_SERVER;
use crate::build::compiler_cache::{CacheReport, Statistics};
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};
use crate::project::compiler_cache::SCCACHE;

/// Variable with the path of the server's socket.
const SOCKET: &str = "SCCACHE_SERVER_UDS";

/// Variable with the seconds after which a server without requests ends.
const IDLE: &str = "SCCACHE_IDLE_TIMEOUT";

/// Two hours: longer than any link. If this program is killed, nobody else ends the server.
const IDLE_SECONDS: &str = "7200";

/// The server of a build. It ends with this value.
pub struct Server<'a> {
    host: &'a Host,
    version: String,
    socket: String,
    /// Holds the socket.
    _directory: tempfile::TempDir,
}

impl<'a> Server<'a> {
    /// Starts a server, and checks its store.
    ///
    /// # Errors
    /// `sccache-server` and `compiler-cache-location`.
    pub fn start(host: &'a Host, version: String) -> Result<Self> {
        let directory = host.scratch()?;
        let place = Utf8Path::from_path(directory.path()).unwrap_or(Utf8Path::new("/tmp"));
        let socket = place.join("sccache").into_string();
        let server = Self {
            host,
            version,
            socket,
            _directory: directory,
        };
        let output = host.capture(&server.call("--start-server"))?;
        if !output.success() {
            let said = format!("{}\n{}", output.stdout, output.stderr);
            let lines = said.lines().map(str::trim);
            let line = lines
                .filter(|line| !line.is_empty())
                .find_map(|line| line.strip_prefix("sccache: error: "))
                .unwrap_or("it printed no error")
                .to_owned();
            return Err(Problem::new(
                SCCACHE_SERVER,
                format!("sccache's server does not start: {line}"),
            )
            .help(
                "see what it says: `SCCACHE_NO_DAEMON=1 SCCACHE_LOG=debug sccache --start-server`",
            )
            .help("or build without: `--compiler-cache none`"));
        }
        let is_set = |name: &str| host.var(name).is_some();
        server.statistics()?.check_location(is_set)?;
        Ok(server)
    }

    /// Returns the variables by which the build's compilers find the server.
    pub fn variables(&self) -> [(String, String); 2] {
        [(SOCKET, self.socket.as_str()), (IDLE, IDLE_SECONDS)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    }

    /// Returns what the server has counted.
    ///
    /// # Errors
    /// `sccache-server`: it does not answer.
    pub fn report(&self) -> Result<CacheReport> {
        Ok(self.statistics()?.report(&self.version))
    }

    /// Asks the server.
    fn statistics(&self) -> Result<Statistics> {
        let call = self.call("--show-stats").arg("--stats-format=json");
        let output = self.host.capture(&call)?;
        Statistics::parse(&output.stdout).ok_or_else(|| {
            let message = "the statistics of sccache's server cannot be read";
            Problem::new(SCCACHE_SERVER, message).cause(&output.stderr)
        })
    }

    /// Returns a call of sccache.
    fn call(&self, argument: &str) -> Invocation {
        let call = Invocation::new(SCCACHE, self.host.cwd()).arg(argument);
        let variables = self.variables().into_iter();
        variables.fold(call, |call, (name, value)| call.env(name, value))
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let call = self.call("--stop-server");
        // After a signal, only cleanups run.
        if self.host.interrupted().is_some() || self.host.capture(&call).is_err() {
            self.host.end(&call);
        }
    }
}
