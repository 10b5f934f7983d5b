//! A small WebDriver client: Chromium without a window, driven through chromedriver.

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use std::{fs, iter, thread};

use base64::Engine as _;
use serde_json::{Value, json};

use super::super::harness::PATIENCE;
use super::super::http;

/// The key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A port for a driver. Left to itself, chromedriver takes any port that is free in IPv6 and ends when the same one is taken in IPv4,
/// which some outgoing connection of a system under test often holds; the kernel gives those none of these numbers.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(24_000);
    let free = |port: &u16| [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()].iter().all(|ip: &IpAddr| open(*ip, *port));
    iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed)).find(free).expect("a free port")
}

/// Whether somebody could listen there; an address that this machine has not got is nobody's.
fn open(ip: IpAddr, port: u16) -> bool {
    TcpListener::bind((ip, port)).map_or_else(|error| error.kind() != ErrorKind::AddrInUse, |_| true)
}

/// A browser with one tab. It ends when this is dropped, or with the thread that started it.
pub struct Browser {
    driver: Child,
    session: String,
}

impl Browser {
    pub fn start() -> Self {
        let port = free_port();
        // The kernel ends the driver with us, however we end.
        let mut driver = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "chromedriver", &format!("--port={port}")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver starts (deploy/local/setup.sh browser)");
        let mut lines = BufReader::new(driver.stdout.take().expect("its output")).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("started successfully")), "chromedriver ended; what it said is above");
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900"];
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments, "binary": "/usr/bin/chromium"},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let base = format!("http://127.0.0.1:{port}/session");
        let answer = http::post(&base, &[], &capabilities).json();
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{answer}"));
        Self { driver, session: format!("{base}/{id}") }
    }

    fn ask(&self, path: &str, body: &Value) -> Result<Value, String> {
        let answer = http::post(&format!("{}/{path}", self.session), &[], body);
        let value = answer.json()["value"].clone();
        if answer.status == 200 { Ok(value) } else { Err(format!("{path}: {}", value["message"])) }
    }

    /// Opens an address and waits until it has loaded.
    pub fn open(&self, url: &str) {
        self.ask("url", &json!({"url": url})).expect("the page opens");
    }

    /// The value of a JavaScript expression.
    pub fn value(&self, expression: &str) -> Value {
        self.ask("execute/sync", &json!({"script": format!("return {expression}"), "args": []})).unwrap_or(Value::Null)
    }

    /// What this address, fetched from the page, answers.
    pub fn fetched(&self, path: &str) -> String {
        let script =
            format!("const done = arguments[0]; fetch({path:?}).then(answer => answer.text()).then(done, error => done(String(error)))");
        let text = self.ask("execute/async", &json!({"script": script, "args": []})).unwrap_or(Value::Null);
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The text that a person sees in the first element of this selector; empty if there is none.
    pub fn text(&self, selector: &str) -> String {
        let found = self.value(&format!("document.querySelector({selector:?})?.innerText"));
        found.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until `look` finds something in the page.
    pub fn eventually<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "{what} did not come; the page says:\n{}\n{:?}", self.text("body"), self.complaints());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the first element of this selector says this: a click returns before the page that it leads to is there.
    pub fn says(&self, selector: &str, words: &str) {
        self.eventually(&format!("{words:?} in {selector}"), || self.text(selector).contains(words).then_some(()));
    }

    fn element(&self, xpath: &str) -> Result<String, String> {
        let found = self.ask("element", &json!({"using": "xpath", "value": xpath}))?;
        found[ELEMENT].as_str().map(str::to_owned).ok_or_else(|| format!("{xpath}: {found}"))
    }

    /// Clicks as a person does, with the mouse on what is visible.
    pub fn click(&self, xpath: &str) {
        let click = || self.ask(&format!("element/{}/click", self.element(xpath).ok()?), &json!({})).ok();
        self.eventually(&format!("something to click at {xpath}"), click);
    }

    /// Types into a field.
    pub fn fill(&self, xpath: &str, text: &str) {
        let fill = || self.ask(&format!("element/{}/value", self.element(xpath).ok()?), &json!({"text": text})).ok();
        self.eventually(&format!("a field at {xpath}"), fill);
    }

    /// Types into a field what it is to say instead of what it says.
    pub fn retype(&self, xpath: &str, text: &str) {
        let clear = || self.ask(&format!("element/{}/clear", self.element(xpath).ok()?), &json!({})).ok();
        self.eventually(&format!("a field at {xpath}"), clear);
        self.fill(xpath, text);
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.ask("goog/cdp/execute", &json!({"cmd": command, "params": parameters})).expect("a command of the developer tools")
    }

    /// Looks like a screen of this size, in dark colours or light ones.
    pub fn looks_like(&self, width: u32, height: u32, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}));
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Waits until nothing fades or moves any more.
    fn still(&self) {
        let moving = "document.getAnimations().some(animation => animation.playState === 'running')";
        self.eventually("a page that stands still", || (self.value(moving) == false).then_some(()));
    }

    /// Writes what is seen to `screenshots/NAME.png` in the folder of build outputs.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        self.still();
        let taken = self.devtools("Page.captureScreenshot", &json!({"format": "png"}));
        let image = base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().expect("an image")).expect("base64");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join(format!("{name}.png"));
        fs::write(&path, image).expect("a file");
        path
    }

    /// What the console complains about: scripts that fail, what the content security policy blocks, what does not load.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.ask("se/log", &json!({"type": "browser"})).unwrap_or_default();
        let severe = |entry: &Value| (entry["level"] == "SEVERE").then(|| entry["message"].to_string());
        log.as_array().into_iter().flatten().filter_map(severe).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium; the driver alone would leave it behind.
        let _ = http::call("DELETE", &self.session, &[], None);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
