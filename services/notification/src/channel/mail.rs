//! Sending mails: through a mail server, or into a folder.

use std::{io, path::PathBuf, time::Duration};

use chrono::{DateTime, Utc};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use qm_ids::MessageId;

use crate::{config::MailTarget, domain::template::Rendered};

/// How long one mail may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A way for mails.
#[derive(Debug, Clone)]
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder(PathBuf),
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The address or the text cannot be put in a mail; another try would fail as well.
    #[error("the mail cannot be written: {0}")]
    Malformed(String),
    /// The server refused it for good.
    #[error("the mail server refused the mail: {0}")]
    Refused(String),
    /// Anything that may pass.
    #[error("the mail could not be sent: {0}")]
    Failed(String),
}

impl MailError {
    /// True when another try would fail as well.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Failed(_))
    }
}

impl Mailer {
    /// A way to `target` for mails from `from`.
    pub fn new(target: MailTarget, from: Mailbox) -> Result<Self, lettre::transport::smtp::Error> {
        let way = match target {
            MailTarget::Smtp(url) => Way::Smtp(
                AsyncSmtpTransport::<Tokio1Executor>::from_url(&url)?.timeout(Some(TIMEOUT)).build(),
            ),
            MailTarget::Mailbox(folder) => Way::Folder(folder),
        };
        Ok(Self { from, way })
    }

    /// Sends a mail, dated `now`. The `Message-ID` is the same at every try, so that a duplicate is recognisable.
    pub async fn send(
        &self,
        id: MessageId,
        to: Mailbox,
        text: &Rendered,
        now: DateTime<Utc>,
    ) -> Result<(), MailError> {
        let domain = self.from.email.domain();
        let message = Message::builder()
            .message_id(Some(format!("<{id}@{domain}>")))
            .date(now.into())
            .from(self.from.clone())
            .to(to)
            .subject(&text.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(text.body.clone())
            .map_err(|error| MailError::Malformed(error.to_string()))?;
        match &self.way {
            Way::Smtp(transport) => match transport.send(message).await {
                Ok(_) => Ok(()),
                Err(error) if error.is_permanent() => Err(MailError::Refused(error.to_string())),
                Err(error) => Err(MailError::Failed(error.to_string())),
            },
            Way::Folder(folder) => write(folder, id, message.formatted())
                .await
                .map_err(|error| MailError::Failed(error.to_string())),
        }
    }
}

/// Writes under another name first, so that whoever watches the folder never sees half a mail.
async fn write(folder: &PathBuf, id: MessageId, mail: Vec<u8>) -> io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let part = folder.join(format!(".{id}.part"));
    tokio::fs::write(&part, mail).await?;
    tokio::fs::rename(&part, folder.join(format!("{id}.eml"))).await
}
