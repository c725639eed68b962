//! Sending mails: through a mail server, or into a folder.

use std::{fmt::Debug, io, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
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
#[async_trait]
pub trait Post: Debug + Send + Sync {
    /// Sends a mail. It may be sent again under the same `id` if nobody says that it was taken.
    async fn send(&self, id: MessageId, mail: Message) -> Result<(), MailError>;
}

/// Writes mails and sends them.
#[derive(Debug, Clone)]
pub struct Mailer {
    from: Mailbox,
    post: Arc<dyn Post>,
}

#[derive(Debug)]
struct Smtp(AsyncSmtpTransport<Tokio1Executor>);

/// A folder in which each mail is a file.
#[derive(Debug)]
struct Folder(PathBuf);

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

/// The way to a target.
pub fn way_to(target: MailTarget) -> Result<Arc<dyn Post>, lettre::transport::smtp::Error> {
    Ok(match target {
        MailTarget::Smtp(url) => Arc::new(Smtp(
            AsyncSmtpTransport::<Tokio1Executor>::from_url(&url)?.timeout(Some(TIMEOUT)).build(),
        )),
        MailTarget::Mailbox(folder) => Arc::new(Folder(folder)),
    })
}

#[async_trait]
impl Post for Smtp {
    async fn send(&self, _: MessageId, mail: Message) -> Result<(), MailError> {
        match self.0.send(mail).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(MailError::Refused(error.to_string())),
            Err(error) => Err(MailError::Failed(error.to_string())),
        }
    }
}

#[async_trait]
impl Post for Folder {
    async fn send(&self, id: MessageId, mail: Message) -> Result<(), MailError> {
        write(&self.0, id, mail.formatted()).await.map_err(|error| MailError::Failed(error.to_string()))
    }
}

impl Mailer {
    /// Sends mails from `from` by `post`.
    pub fn new(post: Arc<dyn Post>, from: Mailbox) -> Self {
        Self { from, post }
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
        self.post.send(id, message).await
    }
}

/// Writes under another name first, so that whoever watches the folder never sees half a mail.
async fn write(folder: &PathBuf, id: MessageId, mail: Vec<u8>) -> io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let part = folder.join(format!(".{id}.part"));
    tokio::fs::write(&part, mail).await?;
    tokio::fs::rename(&part, folder.join(format!("{id}.eml"))).await
}
