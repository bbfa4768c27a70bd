"""Serves a directory on loopback: over HTTP, and over HTTPS for clients that take nothing else."""

import functools
import http.server
import ssl
import sys
import threading


class Plain(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Secure(Plain):
    """The addresses of packages are those of the server without TLS: here they lead to this one."""

    def do_GET(self):
        if not self.path.endswith("/index/config.json"):
            return super().do_GET()
        with open(self.translate_path(self.path), "rb") as file:
            text = file.read()
        host = self.headers["Host"].encode()
        text = text.replace(PLAIN.encode(), b"https://" + host)
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that has gone is none of our business."""


directory, port, secure_port, certificate, key = sys.argv[1:]
PLAIN = f"http://127.0.0.1:{port}"


def server(handler, port):
    return Server(("127.0.0.1", int(port)), functools.partial(handler, directory=directory))


plain, secure = server(Plain, port), server(Secure, secure_port)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=secure.serve_forever, daemon=True).start()
plain.serve_forever()
