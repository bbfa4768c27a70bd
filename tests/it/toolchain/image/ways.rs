//! Engines that are reached by another way than this machine's usual one: a port, a service, a
//! context of docker's.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::{io, thread};

use crate::support::{Project, until};
use crate::toolchain::image::engines::{Engine, on_each_engine};

/// The socket of a dockerd.
fn socket(engine: &Engine) -> PathBuf {
    let named = engine
        .command()
        .get_envs()
        .find_map(|(name, value)| (name == "DOCKER_HOST").then(|| value.unwrap().to_owned()));
    named.map_or_else(
        || "/var/run/docker.sock".into(),
        |named| {
            named
                .to_str()
                .unwrap()
                .strip_prefix("unix://")
                .unwrap()
                .into()
        },
    )
}

/// Hands on what comes at a port of this machine to a socket, as long as the test's process lives.
/// The port.
fn port_of(socket: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move |client: TcpStream| {
        let server = UnixStream::connect(&socket).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        thread::spawn(move || {
            let _ = io::copy(&mut &server, &mut &client);
            let _ = client.shutdown(Shutdown::Write);
        });
    };
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
    port
}

/// A service of podman's; it ends with this.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn service(engine: &Engine, socket: &Path) -> Service {
    let place = format!("unix://{}", socket.display());
    let mut service = engine.command();
    service
        .args(["system", "service", "--time", "0", &place])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let service = Service(service.spawn().unwrap());
    until("the service listens", || UnixStream::connect(socket).ok());
    service
}

/// What `plan` says of the engine.
fn named(engine: &Engine, project: &Project) -> String {
    let plan = engine.told(&project.xpkg("plan").ok().stdout).text();
    plan.lines()
        .find_map(|line| line.strip_prefix("  image ")?.split_once(", by "))
        .unwrap()
        .1
        .to_owned()
}

#[test]
fn an_engine_behind_a_service_is_named_and_builds() {
    on_each_engine(|engine| {
        let project = engine.configured("hello", &engine.by_digest("gcc12:1"), "");
        let (variable, place, _service) = if engine.program == "docker" {
            (
                "DOCKER_HOST",
                format!("tcp://127.0.0.1:{}", port_of(socket(engine))),
                None,
            )
        } else {
            let socket = project.path("../podman.sock");
            (
                "CONTAINER_HOST",
                format!("unix://{}", socket.display()),
                Some(service(engine, &socket)),
            )
        };
        let project = project.env(variable, &place);
        assert_eq!(
            named(engine, &project),
            format!("[ENGINE], remote ({place})")
        );
        project.xpkg("build -q").ok();
        assert_eq!(engine.containers(&project), [""; 0]);
    });
}

#[test]
fn another_context_of_dockers_is_another_engine() {
    on_each_engine(|engine| {
        if engine.program != "docker" {
            return;
        }
        let project = engine.configured("hello", &engine.by_digest("gcc12:1"), "");
        let directory = project.path("../docker-config");
        std::fs::create_dir(&directory).unwrap();
        let project = project
            .env("DOCKER_CONFIG", directory.to_str().unwrap())
            .unset("DOCKER_HOST");
        // Which engine it is by default is none of this test's.
        assert!(!named(engine, &project).contains("context"));
        let host = format!("host=unix://{}", socket(engine).display());
        for words in [
            &["create", "other", "--docker", &host][..],
            &["use", "other"],
        ] {
            let mut docker = engine.command();
            docker
                .args(["context"])
                .args(words)
                .env("DOCKER_CONFIG", &directory)
                .env_remove("DOCKER_HOST");
            let output = docker.output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        assert_eq!(named(engine, &project), "[ENGINE], context other");
        project.xpkg("build -q").ok();
        assert_eq!(engine.containers(&project), [""; 0]);
    });
}
