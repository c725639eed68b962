//! A real SMTP server and a webhook receiver that checks signatures with the specification's own library.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Process,
    process::{answers, free_port},
};

/// A mail as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) message_id: String,
    pub(crate) body: String,
}

/// Both receivers.
pub(crate) struct Receivers {
    folder: PathBuf,
    smtp: u16,
    http: u16,
    _processes: [Process; 2],
}

impl Receivers {
    pub(crate) fn start(folder: &Path) -> Self {
        let folder = folder.join("received");
        std::fs::create_dir_all(&folder).unwrap();
        let python = std::env::var("QM_TEST_VENV_PYTHON").unwrap();
        let start = |script: &str, port: u16| {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("end_to_end/receivers").join(script);
            let arguments =
                [&python, &script.display().to_string(), &port.to_string(), &folder.display().to_string()];
            let process =
                Process::start(&arguments.map(ToString::to_string), &[], &folder.join("receivers.log"));
            let started = Instant::now();
            while !answers(&format!("127.0.0.1:{port}"), "") {
                assert!(started.elapsed() < Duration::from_secs(20), "{} does not listen", script.display());
                std::thread::sleep(Duration::from_millis(20));
            }
            process
        };
        let (smtp, http) = (free_port(), free_port());
        let processes = [start("mails.py", smtp), start("webhooks.py", http)];
        Self { folder, smtp, http, _processes: processes }
    }

    /// Where mails go.
    pub(crate) fn smtp_url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.smtp)
    }

    /// Where webhooks of this name go. The first of each is answered with 500, so that it comes again.
    pub(crate) fn webhook_url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.http)
    }

    /// Tells the receiver how webhooks of this name are signed.
    pub(crate) fn expect_webhooks(&self, name: &str, secret: &str) {
        std::fs::write(self.folder.join(format!("{name}.secret")), secret).unwrap();
    }

    /// The webhooks of this name: `verified`, `id`, `answered` and `body`.
    pub(crate) fn webhooks(&self, name: &str) -> Vec<Value> {
        self.lines(&format!("{name}.webhooks"))
    }

    /// The mails to this address.
    pub(crate) fn mails_to(&self, address: &str) -> Vec<Mail> {
        let text = |mail: &Value, name: &str| mail[name].as_str().unwrap_or_default().to_owned();
        let mail = |mail: Value| Mail {
            to: text(&mail, "to"),
            subject: text(&mail, "subject"),
            message_id: text(&mail, "message_id"),
            body: text(&mail, "body"),
        };
        self.lines("mails").into_iter().map(mail).filter(|mail| mail.to == address).collect()
    }

    fn lines(&self, file: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        // The last line may be half-written.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}
