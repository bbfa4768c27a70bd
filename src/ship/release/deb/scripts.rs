//! Scripts that dpkg runs for units of systemd. Source: deb-systemd-helper(1p), systemd.unit(5).

/// Returns the scripts of these units, by the names of their control files. Units are enabled and
/// started at the first installation, restarted after an upgrade, and stopped before a removal.
pub fn of_units<'a>(units: impl Iterator<Item = &'a str>) -> Vec<(&'static str, String)> {
    let units: Vec<&str> = units.collect();
    if units.is_empty() {
        return Vec::new();
    }
    let each = |command: &str| -> String {
        let line = |unit: &&str| format!("  {} || true\n", command.replace("UNIT", unit));
        units.iter().map(line).collect()
    };
    let script = |body: String| format!("#!/bin/sh\nset -e\n{body}");
    let running = |commands: String| format!("if [ -d /run/systemd/system ]; then\n{commands}fi\n");
    let reload = "  systemctl --system daemon-reload >/dev/null || true\n";
    let started = each("deb-systemd-invoke $action UNIT >/dev/null");
    let postinst = format!(
        "if [ \"$1\" = configure ]; then\n{}{}fi\nif [ -n \"$2\" ]; then action=restart; else \
         action=start; fi\n{}",
        each("deb-systemd-helper unmask UNIT >/dev/null"),
        each(
            "if deb-systemd-helper --quiet was-enabled UNIT; then deb-systemd-helper enable UNIT \
             >/dev/null; else deb-systemd-helper update-state UNIT >/dev/null; fi"
        ),
        running(format!("{reload}{started}")),
    );
    let stopped = running(each("deb-systemd-invoke stop UNIT >/dev/null"));
    let prerm = format!("if [ \"$1\" = remove ]; then\n{stopped}fi\n");
    let postrm = format!(
        "{}if [ \"$1\" = purge ] && command -v deb-systemd-helper >/dev/null; then\n{}{}fi\n",
        running(reload.to_owned()),
        each("deb-systemd-helper purge UNIT >/dev/null"),
        each("deb-systemd-helper unmask UNIT >/dev/null"),
    );
    vec![
        ("postinst", script(postinst)),
        ("postrm", script(postrm)),
        ("prerm", script(prerm)),
    ]
}
