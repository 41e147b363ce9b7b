"""Apps on Python's own servers, each with its own way from the path to a file.

    python3 apps.py SITE HOST:PORT...     in the order of `servers` at the end
"""
import http.server
import os
import posixpath
import socketserver
import sys
import threading
import unicodedata
from wsgiref import simple_server

SITE = sys.argv[1]


class Files(http.server.SimpleHTTPRequestHandler):
    """The file server of the standard library, with connections that stay."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, directory=SITE, **kwargs)

    def log_message(self, *args):
        pass


def answer(path, start_response):
    path = posixpath.normpath("/" + path.replace("\0", ""))
    try:
        with open(SITE + path, "rb") as file:
            body = file.read()
    except OSError:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"none"]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def path_of(environ):
    # PATH_INFO is decoded once, and has one character for each byte (PEP 3333).
    return environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")


def normal(environ, start_response):
    """By PATH_INFO, or by what a proxy in front is thought to have rewritten."""
    path = environ.get("HTTP_X_ORIGINAL_URL") or environ.get("HTTP_X_REWRITE_URL") or path_of(environ)
    if environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", environ["REQUEST_METHOD"]) == "DELETE":
        path = "/secret/report"  # what it says of a deletion is secret, too
    return answer(environ.get("HTTP_X_SCRIPT_NAME", "") + path, start_response)


def folded(environ, start_response):
    """By PATH_INFO with characters that look alike made one (NFKC)."""
    path = unicodedata.normalize("NFKC", path_of(environ))
    return answer(path.replace("\\", "/").lower(), start_response)


class Quiet(socketserver.ThreadingMixIn):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *args):
        pass  # such as a path that no file can have


class FileServer(Quiet, http.server.HTTPServer):
    pass


class WSGIServer(Quiet, simple_server.WSGIServer):
    pass


class WSGIHandler(simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


def files(address):
    return FileServer(address, Files)


def wsgi(app):
    def make(address):
        server = WSGIServer(address, WSGIHandler)
        server.set_app(app)
        return server

    return make


servers = [files, wsgi(normal), wsgi(folded)]
os.chdir(SITE)
for make, listen in zip(servers, sys.argv[2:]):
    host, port = listen.split(":")
    threading.Thread(target=make((host, int(port))).serve_forever).start()
