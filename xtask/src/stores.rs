//! Stores on the loopback interface: the slow matrix of `publish`, and what it takes against the AWS
//! CLI at the same server.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{Go as _, cargo, root};
use crate::setup;

const KEYS: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "xpkgkey"),
    ("AWS_SECRET_ACCESS_KEY", "xpkgsecret"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
];

/// Objects of the measured release, and the size of each in bytes.
const OBJECTS: usize = 1000;
const SIZE: usize = 1 << 20;

/// Writes a release of [`OBJECTS`] files without programs: its directory is the first argument.
const RELEASE: &str = r#"
import hashlib, json, os, sys
directory, number, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.makedirs(directory)
files, sums = [], []
for at in range(number):
    path, data = f"part-{at:04}.dat", os.urandom(size)
    open(f"{directory}/{path}", "wb").write(data)
    digest = hashlib.sha256(data).hexdigest()
    files.append({"path": path, "kind": "page", "package": None, "target": None, "format": None,
                  "size": size, "sha256": digest})
    sums.append((path, digest))
document = {"$schema": "urn:cargo-xpkg:release:1", "schema_version": 1,
            "tool": {"name": "cargo-xpkg", "version": "0"}, "name": "large", "version": "1.0.0",
            "tag": None, "commit": None, "repository": None, "url": None, "packages": [],
            "builds": [], "files": files}
text = (json.dumps(document) + "\n").encode()
open(f"{directory}/release.json", "wb").write(text)
sums.append(("release.json", hashlib.sha256(text).hexdigest()))
with open(f"{directory}/SHA256SUMS", "w") as lines:
    lines.writelines(f"{digest}  {path}\n" for path, digest in sorted(sums))
"#;

/// Runs a command and prints the most memory that it had, in KiB.
const MEMORY: &str = "import resource, subprocess, sys; \
    code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL); \
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)";

/// Loses and kills every request of `publish`.
pub fn run(args: &[String]) -> Result<(), String> {
    setup::run()?;
    let mut command = cargo(&["test", "--test", "it", "ship::publish", "--"]);
    command.args(args).env("XPKG_EVERY_REQUEST", "1");
    command.go()
}

/// What both sides took.
pub struct Measured {
    /// Times of `aws s3 cp --recursive`.
    pub aws: Vec<Duration>,
    /// Times of `publish`, with its verification.
    pub xpkg: Vec<Duration>,
    /// Most memory of `publish`, in KiB.
    pub memory: u64,
}

/// Publishes 1,000 objects of 1 MB by both, in turn.
pub fn measure(xpkg: &Path, scratch: &Path, rounds: usize) -> Result<Measured, String> {
    let place = scratch.join("publish");
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    let release = place.join("release");
    Command::new("python3")
        .args(["-c", RELEASE])
        .arg(&release)
        .args([OBJECTS.to_string(), SIZE.to_string()])
        .go()?;
    let server = Weed::start(&place)?;
    aws(&["s3api", "create-bucket", "--bucket", "large"])?;
    let mut measured = Measured {
        aws: Vec::new(),
        xpkg: Vec::new(),
        memory: 0,
    };
    let from = release.to_str().ok_or("the path is not UTF-8")?;
    for round in 0..rounds {
        let began = Instant::now();
        let to = format!("s3://large/aws-{round}");
        aws(&["s3", "cp", "--quiet", "--recursive", from, &to])?;
        measured.aws.push(began.elapsed());
        let began = Instant::now();
        let output = Command::new("python3")
            .args(["-c", MEMORY])
            .arg(xpkg)
            .args(["publish", "--quiet", from, "--channel", "main", "--to"])
            .arg(format!("s3://large/xpkg-{round}"))
            .args(["--endpoint", ENDPOINT])
            .envs(KEYS)
            .current_dir(&place)
            .output()
            .map_err(|error| error.to_string())?;
        measured.xpkg.push(began.elapsed());
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let memory = String::from_utf8_lossy(&output.stdout);
        let memory: u64 = memory.trim().parse().map_err(|_| "no figure of memory")?;
        measured.memory = measured.memory.max(memory);
    }
    drop(server);
    let _ = std::fs::remove_dir_all(&place);
    Ok(measured)
}

/// Address of the measured server.
const ENDPOINT: &str = "http://127.0.0.1:5561";

fn stores() -> PathBuf {
    root().join("target/toolchains/stores")
}

/// Runs the AWS CLI at the server.
fn aws(args: &[&str]) -> Result<(), String> {
    let mut command = Command::new("python3");
    command
        .args(["-m", "awscli", "--endpoint-url", ENDPOINT])
        .args(args)
        .env("PYTHONPATH", stores())
        .envs(KEYS)
        .stdout(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!("aws {args:?}: {other:?}")),
    }
}

/// SeaweedFS, which ends when this is dropped.
struct Weed(Child);

impl Weed {
    fn start(place: &Path) -> Result<Self, String> {
        let identities = "{\"identities\":[{\"name\":\"xpkg\",\"credentials\":[{\"accessKey\":\
                          \"xpkgkey\",\"secretKey\":\"xpkgsecret\"}],\"actions\":[\"Admin\"]}]}";
        std::fs::write(place.join("s3.json"), identities).map_err(|error| error.to_string())?;
        let child = Command::new(stores().join("bin/weed"))
            .args([
                "mini",
                "-dir=data",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-s3.port=5561",
                "-s3.config=s3.json",
                "-admin.ui=false",
                "-webdav=false",
            ])
            .current_dir(place)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("SeaweedFS (`cargo xtask setup`): {error}"))?;
        let server = Self(child);
        for _ in 0..600 {
            let answered = TcpStream::connect("127.0.0.1:5561")
                .and_then(|mut stream| stream.write_all(b"GET / HTTP/1.0\r\n\r\n"));
            if answered.is_ok() && aws(&["s3", "ls"]).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err("SeaweedFS does not answer".to_owned())
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
