"""Checks webhooks with the official Standard Webhooks library and writes each as a line of JSON: webhooks.py PORT FOLDER

The path names the endpoint; FOLDER/<name>.secret holds its secret. The first webhook of each endpoint is answered with 500,
so that it has to come again."""

import json
import pathlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

PORT, FOLDER = int(sys.argv[1]), pathlib.Path(sys.argv[2])


class Receive(BaseHTTPRequestHandler):
    def do_POST(self):
        name = self.path.strip("/")
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {key.lower(): value for key, value in self.headers.items()}
        try:
            Webhook((FOLDER / f"{name}.secret").read_text()).verify(body, headers)
            verified = True
        except (WebhookVerificationError, FileNotFoundError):
            verified = False
        log = FOLDER / f"{name}.webhooks"
        status = 204 if log.exists() else 500
        line = {"verified": verified, "id": headers.get("webhook-id"), "answered": status, "body": json.loads(body)}
        with log.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Receive).serve_forever()
