"""Forms as apps on Python's standard library read them: with urllib.parse, and
with the two readers of mail. Queries and JSON likewise.

    python3 readers.py HOST:PORT...     in the order of `policies`
"""
import email
import email.policy
import email.utils
import http.server
import json
import socketserver
import sys
import threading
import urllib.parse

policies = [email.policy.compat32, email.policy.HTTP]


def name_of(part, policy):
    if policy is email.policy.compat32:
        name = part.get_param("name", header="content-disposition")
        return name and email.utils.collapse_rfc2231_value(name)
    header = part["content-disposition"]
    return header and header.params.get("name")


def method_in(content_type, body, policy):
    if content_type.lower().startswith("multipart/"):
        head = ("Content-Type: " + content_type + "\r\n\r\n").encode("latin-1")
        message = email.message_from_bytes(head + body, policy=policy)
        if not message.is_multipart():
            return None
        for part in message.get_payload():
            if str(name_of(part, policy)).strip() == "_method":
                return (part.get_payload(decode=True) or b"").decode("latin-1").strip()
        return None
    if content_type.lower().startswith("application/x-www-form-urlencoded") or not content_type:
        return urllib.parse.parse_qs(body.decode("latin-1")).get("_method", [None])[0]
    return None


def value_of(method, target, body):
    if method == "GET":
        return urllib.parse.parse_qs(urllib.parse.urlsplit(target).query).get("app", [None])[0]
    read = json.loads(body)
    return read.get("app") if isinstance(read, dict) else None


def handler(policy):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # the body follows the head at once

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                if self.path.startswith("/public/value"):
                    found = value_of(self.command, self.path, body)
                else:
                    found = method_in(self.headers.get("Content-Type") or "", body, policy) or self.command
                answer = f"read:{found}:".encode("utf-8", "backslashreplace")
            except Exception:  # a form that it can't read
                answer = f"read:{self.command}:".encode() if self.command == "POST" and not self.path.startswith("/public/value") else b"unread"
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST

        def log_message(self, *args):
            pass

    return Handler


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


for policy, listen in zip(policies, sys.argv[1:]):
    host, port = listen.split(":")
    threading.Thread(target=Server((host, int(port)), handler(policy)).serve_forever).start()
