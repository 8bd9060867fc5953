"""Pages that carry links, and a gateway in front of Tally that writes down what a browser asks of it.

    http://localhost:P/…          the publisher, another site than
    http://127.0.0.1:G/click?…    the gateway, which hands every request on as it came, and has pages of its own under /pages/
"""
import contextlib
import http.client
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Request:
    """One request to /click, and its answer."""

    def __init__(self, method, path, fields):
        self.method, self.path, self.fields = method, path, fields
        self.status = self.verdict = self.cache = None

    @property
    def impression(self):
        return urllib.parse.parse_qs(self.path.partition("?")[2])["impressionId"][0]

    @property
    def purpose(self):
        return self.fields.get("Sec-Purpose") or self.fields.get("Purpose") or ""

    def __repr__(self):
        return f"{self.method} {self.purpose or 'no purpose'} -> {self.status} {self.verdict}"


class Publisher:
    def __init__(self, tally):
        """`tally` is the address of the public listener."""
        self.tally = tally
        self.pages, self.requests, self.lock = {}, [], threading.Lock()
        self.servers = [self.serve(), self.serve()]
        self.site, self.gateway = (f"http://{name}:{server.server_port}" for name, server in
                                   zip(("localhost", "127.0.0.1"), self.servers))

    def serve(publisher):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def log_message(self, *_):
                pass

            def answer(self):
                path, _, _ = self.path.partition("?")
                if path == "/click":
                    return self.hand_on()
                page = publisher.pages.get(path)
                if page is None and not path.startswith("/landing"):
                    return self.send(404, b"")
                self.send(200, (page or "<!doctype html><title>landing</title><h1>landing</h1>").encode())

            def hand_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, self.headers)
                with publisher.lock:
                    publisher.requests.append(request)
                connection = http.client.HTTPConnection(publisher.tally, timeout=20)
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body or None)
                answer = connection.getresponse()
                data = answer.read()
                request.verdict, request.cache = answer.headers["X-Tally-Verdict"], answer.headers["Cache-Control"]
                request.status = answer.status
                connection.close()
                # A browser that has changed its mind is gone.
                with contextlib.suppress(ConnectionError):
                    self.send(answer.status, data, answer.headers.items())

            def send(self, status, data, fields=(("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store"))):
                self.send_response_only(status)
                for name, value in fields:
                    if name.lower() not in ("content-length", "connection"):
                        self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_POST = do_HEAD = do_OPTIONS = answer

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def of(self, link):
        """The requests for a link so far, in their order, those without an answer left out."""
        with self.lock:
            return [request for request in self.requests if request.path == link and request.status]

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
