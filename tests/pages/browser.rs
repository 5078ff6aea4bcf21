//! Opens pages in Chromium, without a window.

use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a page did in the browser.
pub struct Opened {
    /// The document at the end, as HTML.
    pub dom: String,
    /// Messages of the console: script errors, and what the content security policy has blocked.
    pub console: Vec<String>,
    /// Addresses outside the file that the page asked for.
    pub requests: Vec<String>,
}

/// The program: that of the environment variable `CLOZE_CHROMIUM`, or the first of the usual names. Without one,
/// says that the tests are left out; with `CLOZE_REQUIRE_CHROMIUM=1`, that is a failure.
pub fn chromium() -> Option<PathBuf> {
    let found = match std::env::var_os("CLOZE_CHROMIUM") {
        Some(named) => Some(PathBuf::from(named)),
        None => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let names = ["chromium", "chromium-browser", "google-chrome"];
            let directories = std::env::split_paths(&path);
            let mut programs =
                directories.flat_map(|directory| names.map(|name| directory.join(name)));
            programs.find(|program| program.is_file())
        }
    };
    if found.is_none() {
        let required = std::env::var("CLOZE_REQUIRE_CHROMIUM").is_ok_and(|value| value == "1");
        assert!(!required, "CLOZE_REQUIRE_CHROMIUM is 1, but there is no Chromium");
        eprintln!(
            "There is no Chromium: the browser tests are left out. Name one in CLOZE_CHROMIUM."
        );
    }
    found
}

/// Opens the file `page` and waits until its scripts are done.
pub fn open(chromium: &Path, page: &Path) -> Opened {
    let work = tempfile::tempdir().unwrap();
    let file = |name: &str| work.path().join(name);
    let mut browser = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=2000"])
        .arg(format!("--user-data-dir={}", file("profile").display()))
        .arg(format!("--log-net-log={}", file("net.json").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .stdout(File::create(file("dom")).unwrap())
        .stderr(File::create(file("log")).unwrap())
        .spawn()
        .unwrap();
    // Not a measurement: a browser that hangs would hold up the other tests for ever.
    let end = Instant::now() + Duration::from_secs(240);
    while browser.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            let _ = browser.kill();
            panic!("Chromium hangs: {}", fs::read_to_string(file("log")).unwrap_or_default());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let log = String::from_utf8_lossy(&fs::read(file("log")).unwrap()).into_owned();
    let dom = fs::read_to_string(file("dom")).unwrap();
    assert!(dom.contains("</html>"), "Chromium showed no page: {log}");
    let console = log.lines().filter(|line| line.contains(":CONSOLE")).map(String::from).collect();
    let net: Value = serde_json::from_slice(&fs::read(file("net.json")).unwrap()).unwrap();
    Opened { dom, console, requests: requests(&net) }
}

/// The addresses that pages asked for, from the log of the network. Chromium's own requests have no origin.
fn requests(net: &Value) -> Vec<String> {
    let events = net["events"].as_array().unwrap().iter().map(|event| &event["params"]);
    let of_pages = events.filter(|params| {
        params["initiator"].as_str().is_some_and(|origin| origin != "not an origin")
    });
    of_pages.map(|params| params["url"].as_str().unwrap_or("an address").to_owned()).collect()
}
