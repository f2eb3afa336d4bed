"""A git server over http that lets one header in."""

from __future__ import annotations

import http.server
import os
import subprocess
from pathlib import Path


class Door(http.server.BaseHTTPRequestHandler):
    """git's own http server behind a door that opens for one header."""

    root: Path
    key: str
    seen: list[str]

    def do_GET(self) -> None:
        """Serve a read or a write."""
        given = self.headers.get("Authorization", "")
        self.seen.append(given)
        if given != self.key:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic realm=zoo")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": "bot",
        }
        command = ["git", "http-backend"]
        done = subprocess.run(command, input=body, capture_output=True, env=environment)
        headers, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in headers.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200 OK").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""
