"""An SMTP server that writes each mail as a line of JSON: mails.py PORT FOLDER"""

import email
import email.policy
import json
import pathlib
import signal
import sys

from aiosmtpd.controller import Controller

PORT, FOLDER = int(sys.argv[1]), pathlib.Path(sys.argv[2])


class Keep:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        line = {
            "to": envelope.rcpt_tos[0],
            "subject": mail["subject"],
            "message_id": mail["message-id"],
            "body": mail.get_body().get_content(),
        }
        with (FOLDER / "mails").open("a") as file:
            file.write(json.dumps(line) + "\n")
        return "250 OK"


# Without a name the server asks DNS for one at each connection.
Controller(Keep(), hostname="127.0.0.1", port=PORT, server_hostname="localhost").start()
signal.pause()
