"""Hostile requests, by kind. Behind each one on its connection stands a second request, for something that is there.

    refused(name, bytes, statuses)   answered with one of the statuses; the connection ends, the second is never seen
    taken(name, bytes, statuses)     answered with one of the statuses; then the second is answered too

What a proxy in front could read as one request and the server as two, or the other way round, is always refused.
"""

H = b"Host: a.example\r\n"
NDJSON = b"Content-Type: application/x-ndjson\r\n"


def refused(name, data, *statuses):
    return name, data, set(statuses) or {400}, False


def taken(name, data, *statuses):
    return name, data, set(statuses), True


def get(target=b"/-/healthy", fields=b"", version=b"HTTP/1.1"):
    return b"GET " + target + b" " + version + b"\r\n" + H + fields + b"\r\n"


def post(fields, body=b"", target=b"/click"):
    return b"POST " + target + b" HTTP/1.1\r\n" + H + fields + b"\r\n" + body


def chunked(body, fields=b""):
    return post(b"Transfer-Encoding: chunked\r\n" + fields, body)


# A small body on a path that is not there is refused by its route, before the framing of chunks is looked at; so what is
# about chunks goes to /click, whose bodies are read over.
CLICK = {204, 400, 404, 405, 413}

FRAMING = [
    refused("length twice", post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello")),
    refused("lengths that differ", post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello!")),
    refused("length list", post(b"Content-Length: 5, 5\r\n", b"hello")),
    refused("length with plus", post(b"Content-Length: +5\r\n", b"hello")),
    refused("length with minus", post(b"Content-Length: -5\r\n", b"hello")),
    refused("length in hex", post(b"Content-Length: 0x5\r\n", b"hello")),
    refused("length empty", post(b"Content-Length: \r\n")),
    refused("length with space inside", post(b"Content-Length: 1 0\r\n", b"0123456789")),
    refused("length with NUL", post(b"Content-Length: 5\0\r\n", b"hello")),
    refused("length overflows 64 bits", post(b"Content-Length: 18446744073709551621\r\n", b"hello")),
    refused("length of 40 digits", post(b"Content-Length: " + b"9" * 40 + b"\r\n", b"hello")),
    refused("length with a fraction", post(b"Content-Length: 5.0\r\n", b"hello")),
    refused("length with an exponent", post(b"Content-Length: 1e1\r\n", b"0123456789")),
    refused("length with underscore", post(b"Content-Length: 1_0\r\n", b"0123456789")),
    refused("length in quotes", post(b'Content-Length: "5"\r\n', b"hello")),
    refused("length and chunks", post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n")),
    refused("chunks and length", post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n")),
    refused("length 0 and chunks", post(b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n")),
    refused("chunks in HTTP/1.0", b"POST /click HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    refused("coding twice", chunked(b"0\r\n\r\n", b"Transfer-Encoding: chunked\r\n")),
    refused("coding list chunked twice", post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n")),
    refused("chunked not last", post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n")),
    refused("gzip, chunked", post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 501),
    refused("gzip alone", post(b"Transfer-Encoding: gzip\r\n", b"0\r\n\r\n")),
    refused("identity", post(b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n")),
    refused("xchunked", post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n")),
    refused("chunked in quotes", post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n")),
    refused("chunked with parameter", post(b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n")),
    refused("coding empty", post(b"Transfer-Encoding:\r\n", b"0\r\n\r\n")),
    refused("coding behind a vertical tab", post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n")),
    refused("coding behind a form feed", post(b"Transfer-Encoding: \x0cchunked\r\n", b"0\r\n\r\n")),
    refused("coding with NUL", post(b"Transfer-Encoding: chunked\0\r\n", b"0\r\n\r\n")),
    refused("space before the colon of length", post(b"Content-Length : 5\r\n", b"hello")),
    refused("tab before the colon of length", post(b"Content-Length\t: 5\r\n", b"hello")),
    refused("space before the colon of coding", post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n")),
    refused("folded length", post(b"X: 1\r\n Content-Length: 5\r\n", b"hello")),
    refused("folded coding value", post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n")),
    refused("length behind a bare CR", post(b"X: y\rContent-Length: 5\r\n", b"hello")),
    refused("length behind a bare LF", post(b"X: y\nContent-Length: 5\r\n", b"hello")),
    refused("NUL in front of length", post(b"\0Content-Length: 5\r\n", b"hello")),
    taken("length with zeros in front", post(b"Content-Length: 005\r\n", b"hello"), *CLICK),
    taken("length in capitals", post(b"CONTENT-LENGTH: 5\r\n", b"hello"), *CLICK),
    taken("length between tabs", post(b"Content-Length: \t5\t\r\n", b"hello"), *CLICK),
]

CHUNKS = [
    refused("size empty", chunked(b"\r\n")),
    refused("size no hex", chunked(b"g\r\n")),
    refused("size with 0x", chunked(b"0x5\r\nhello\r\n0\r\n\r\n")),
    refused("size with plus", chunked(b"+5\r\nhello\r\n0\r\n\r\n")),
    refused("size with minus", chunked(b"-5\r\nhello\r\n0\r\n\r\n")),
    refused("size with space behind", chunked(b"5 \r\nhello\r\n0\r\n\r\n")),
    refused("size with space before", chunked(b" 5\r\nhello\r\n0\r\n\r\n")),
    refused("size with underscore", chunked(b"1_0\r\nhello\r\n0\r\n\r\n")),
    refused("size overflows 64 bits", chunked(b"1" + b"0" * 16 + b"\r\nhello"), 400, 413),
    refused("size of 32 digits", chunked(b"f" * 32 + b"\r\nhello"), 400, 413),
    refused("size ends with LF", chunked(b"5\nhello\r\n0\r\n\r\n")),
    refused("size ends with CR CR LF", chunked(b"5\r\r\nhello\r\n0\r\n\r\n")),
    refused("longer than its size", chunked(b"4\r\nhello\r\n0\r\n\r\n")),
    refused("shorter than its size", chunked(b"6\r\nhello\r\n0\r\n\r\n")),
    refused("data ends with LF", chunked(b"5\r\nhello\n0\r\n\r\n")),
    refused("data ends with two CR", chunked(b"5\r\nhello\r\r0\r\n\r\n")),
    refused("last chunk ends with LF", chunked(b"0\n\r\n")),
    refused("end with bare CR", chunked(b"0\r\n\rX")),
    refused("extension with LF", chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n")),
    refused("extension with NUL", chunked(b"5;a\0\r\nhello\r\n0\r\n\r\n")),
    refused("extension with CR", chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n")),
    refused("extension without end", chunked(b"5;" + b"a" * 40_000), 400, 413, 431),
    refused("trailer without colon", chunked(b"0\r\nnonsense\r\n\r\n")),
    refused("trailer folded", chunked(b"0\r\nA: 1\r\n 2\r\n\r\n")),
    refused("trailer with space in its name", chunked(b"0\r\nX Y: 1\r\n\r\n")),
    refused("trailer with NUL", chunked(b"0\r\nA: \0\r\n\r\n")),
    refused("trailers of 40 KiB", chunked(b"0\r\n" + b"A: bcdef\r\n" * 4000 + b"\r\n"), 400, 413, 431),
    refused("a request in an extension", chunked(b"0;\n" + get() + b"\r\n0\r\n\r\n")),
]

LINES = [
    refused("LF behind the request line", b"GET /-/healthy HTTP/1.1\n" + H + b"\r\n"),
    refused("LF behind a field", b"GET /-/healthy HTTP/1.1\r\nHost: a\n\r\n"),
    refused("LF as the end", b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\n"),
    refused("CR CR LF", b"GET /-/healthy HTTP/1.1\r\r\nHost: a\r\n\r\n"),
    refused("CR in a value", get(fields=b"X: a\rb\r\n")),
    refused("three empty lines first", b"\r\n\r\n\r\n" + get()),
    refused("LF first", b"\n" + get()),
    refused("space first", b" " + get()),
    refused("NUL first", b"\0" + get()),
    refused("two spaces before the target", b"GET  /-/healthy HTTP/1.1\r\n" + H + b"\r\n"),
    refused("two spaces before the version", b"GET /-/healthy  HTTP/1.1\r\n" + H + b"\r\n"),
    refused("tab before the target", b"GET\t/-/healthy HTTP/1.1\r\n" + H + b"\r\n"),
    refused("tab before the version", b"GET /-/healthy\tHTTP/1.1\r\n" + H + b"\r\n"),
    refused("space behind the version", b"GET /-/healthy HTTP/1.1 \r\n" + H + b"\r\n"),
    refused("method empty", b" /-/healthy HTTP/1.1\r\n" + H + b"\r\n"),
    refused("method with parenthesis", b"G(T /-/healthy HTTP/1.1\r\n" + H + b"\r\n"),
    refused("method with NUL", b"GE\0T /-/healthy HTTP/1.1\r\n" + H + b"\r\n"),
    refused("method of 100 letters", b"A" * 100 + b" / HTTP/1.1\r\n" + H + b"\r\n", 400, 501),
    refused("field without colon", get(fields=b"nonsense\r\n")),
    refused("field without name", get(fields=b": x\r\n")),
    refused("space before a colon", get(fields=b"X : y\r\n")),
    refused("space in a name", get(fields=b"X Y: z\r\n")),
    refused("parenthesis in a name", get(fields=b"X(: y\r\n")),
    refused("byte above 0x7F in a name", get(fields=b"X\xe4: y\r\n")),
    refused("control in a name", get(fields=b"X\x01: y\r\n")),
    refused("control in a value", get(fields=b"X: a\x01b\r\n")),
    refused("NUL in a value", get(fields=b"X: a\0b\r\n")),
    refused("DEL in a value", get(fields=b"X: a\x7fb\r\n")),
    refused("escape in a value", get(fields=b"X: \x1b[2J\r\n")),
    refused("folded field", get(fields=b"X: 1\r\n 2\r\n")),
    refused("field folded by a tab", get(fields=b"X: 1\r\n\t2\r\n")),
    refused("first field folded", b"GET /-/healthy HTTP/1.1\r\n Host: a\r\n\r\n"),
    refused("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40),
    refused("PROXY protocol", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get()),
    refused("PROXY protocol 2", b"\r\n\r\n\x00\r\nQUIT\n!\x11\x00\x0c" + get()),
    refused("RESP", b"*1\r\n$4\r\nPING\r\n"),
    refused("SSH", b"SSH-2.0-OpenSSH_9\r\n"),
    taken("one empty line first", b"\r\n" + get(), 200),
    taken("tabs and blanks around a value", get(fields=b"X: \t y \t \r\n"), 200),
    taken("empty value", get(fields=b"X:\r\n"), 200),
    taken("a byte above 0x7F in a value", get(fields=b"X: \xe4\r\n"), 200),
]

HOST = [
    refused("missing", b"GET /-/healthy HTTP/1.1\r\n\r\n"),
    refused("twice", b"GET /-/healthy HTTP/1.1\r\n" + H + H + b"\r\n"),
    refused("twice, other case", b"GET /-/healthy HTTP/1.1\r\n" + H + b"hOST: b\r\n\r\n"),
    refused("with a space", b"GET /-/healthy HTTP/1.1\r\nHost: a b\r\n\r\n"),
    refused("with a path", b"GET /-/healthy HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    refused("with a user", b"GET /-/healthy HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    refused("with a fragment", b"GET /-/healthy HTTP/1.1\r\nHost: a#b\r\n\r\n"),
    refused("with a backslash", b"GET /-/healthy HTTP/1.1\r\nHost: a\\b\r\n\r\n"),
    refused("a list", b"GET /-/healthy HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    refused("in angle brackets", b"GET /-/healthy HTTP/1.1\r\nHost: <a>\r\n\r\n"),
    refused("space before its colon", b"GET /-/healthy HTTP/1.1\r\nHost : a\r\n\r\n"),
    taken("empty", b"GET /-/healthy HTTP/1.1\r\nHost:\r\n\r\n", 200),
    taken("behind a tab", b"GET /-/healthy HTTP/1.1\r\nHost: \ta\r\n\r\n", 200),
    taken("IPv6 with port", b"GET /-/healthy HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200),
]

VERSIONS = [
    refused("0.9 without version", b"GET /-/healthy\r\n\r\n"),
    refused("HTTP/0.9", get(version=b"HTTP/0.9"), 505),
    refused("HTTP/2.0", get(version=b"HTTP/2.0"), 505),
    refused("HTTP/3.0", get(version=b"HTTP/3.0"), 505),
    refused("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    refused("HTTP/1.10", get(version=b"HTTP/1.10")),
    refused("HTTP/1.", get(version=b"HTTP/1.")),
    refused("HTTP/11", get(version=b"HTTP/11")),
    refused("HTTP/1,1", get(version=b"HTTP/1,1")),
    refused("HTTP/-1.1", get(version=b"HTTP/-1.1")),
    refused("in lower case", get(version=b"http/1.1")),
    refused("HTTPS/1.1", get(version=b"HTTPS/1.1")),
    refused("ICAP/1.0", get(version=b"ICAP/1.0")),
    refused("RTSP/1.0", get(version=b"RTSP/1.0")),
    refused("two versions", get(version=b"HTTP/1.1 HTTP/1.1")),
    refused("1.0 closes", get(version=b"HTTP/1.0"), 200),
    taken("1.0 with keep-alive", get(version=b"HTTP/1.0", fields=b"Connection: keep-alive\r\n"), 200),
]

LIMITS = [
    refused("target of 9 KiB", get(b"/" + b"a" * 9216), 414),
    refused("query of 9 KiB", get(b"/?" + b"a" * 9216), 414),
    refused("field of 20 KiB", get(fields=b"X: " + b"a" * 20_480 + b"\r\n"), 431),
    refused("name of 20 KiB", get(fields=b"x" * 20_480 + b": a\r\n"), 431),
    refused("129 fields", get(fields=b"A: b\r\n" * 129), 431),
    refused("4,000 fields", get(fields=b"A: b\r\n" * 4000), 431),
    refused("head without end", b"GET / HTTP/1.1\r\n" + b"A: bcdefghij\r\n" * 1600, 431),
    refused("body of 70 KB for a key", post(b"Content-Length: 70000\r\n", b"", b"/api/v1/ads/x"), 401, 404, 405, 413),
    refused("body of 2⁵⁹ bytes", post(b"Content-Length: 576460752303423488\r\n"), 413),
    refused("body of 1 GiB for an import, no token", post(b"Content-Length: 1073741824\r\n", b"", b"/api/v1/ads:import"), 401),
    refused("batch without a token", post(NDJSON + b"Content-Length: 1073741824\r\n", b"", b"/api/v1/clicks"), 401),
    refused("chunk of 2⁴⁸ bytes", chunked(b"1000000000000\r\n"), 413),
    taken("90 fields", get(fields=b"A: b\r\n" * 90), 200),
    taken("query of 4 KiB", get(b"/-/healthy?" + b"a" * 4096), 200),
]

EXPECT = [
    refused("unknown expectation", post(b"Content-Length: 5\r\nExpect: 200-ok\r\n", b"hello"), 417),
    refused("two expectations", post(b"Content-Length: 5\r\nExpect: 100-continue, x\r\n", b"hello"), 417),
    refused("expectation empty", post(b"Content-Length: 5\r\nExpect:\r\n", b"hello"), 417),
    refused("import, no token", post(b"Content-Length: 5\r\nExpect: 100-continue\r\n", b"", b"/api/v1/ads:import"), 401),
    refused("batch, no token", post(NDJSON + b"Content-Length: 5\r\nExpect: 100-continue\r\n", b"", b"/api/v1/clicks"), 401),
    refused("ad, no token", b"PUT /api/v1/ads/x HTTP/1.1\r\n" + H + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", 401),
    refused("ad, token of nobody", b"PUT /api/v1/ads/x HTTP/1.1\r\n" + H
            + b"Authorization: Bearer tally_x_" + b"a" * 43 + b"\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 401),
    refused("no such path", post(b"Content-Length: 5\r\nExpect: 100-continue\r\n", b"", b"/nowhere"), 404),
    refused("no such method", b"PATCH /api/v1/ads HTTP/1.1\r\n" + H + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", 405),
    refused("admin path on the public door", post(b"Content-Length: 5\r\nExpect: 100-continue\r\n", b"", b"/admin/v1/keys"), 404),
]

UPGRADE = [
    taken("to h2c", get(fields=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), 200),
    taken("to websocket", get(fields=b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"), 200),
    taken("to TLS", get(fields=b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"), 200),
    refused("CONNECT", b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"),
    refused("close among others", get(fields=b"Connection: x, close\r\n"), 200),
    refused("close in capitals", get(fields=b"Connection: CLOSE\r\n"), 200),
    taken("Connection names Host", get(fields=b"Connection: Host\r\n"), 200),
    taken("Connection with empty members", get(fields=b"Connection: , ,\r\n"), 200),
    taken("TRACE", b"TRACE /-/healthy HTTP/1.1\r\n" + H + b"\r\n", 404, 405, 501),
]

PATHS = [
    refused("without slash", get(b"a/b")),
    refused("asterisk with GET", get(b"*")),
    refused("space inside", get(b"/a b")),
    refused("fragment", get(b"/a#b")),
    refused("NUL", get(b"/\0")),
    refused("DEL", get(b"/\x7f")),
    refused("control", get(b"/\x1b")),
    refused("absolute without host", get(b"http:///b")),
    refused("absolute with user", get(b"http://u@h/b")),
    refused("absolute, another scheme", get(b"ftp://a/b")),
    refused("absolute, file", get(b"file:///etc/passwd")),
    taken("absolute, other host", get(b"http://evil.example/-/healthy"), 200),
    taken("dots", get(b"/../../etc/passwd"), 400, 404),
    taken("dots in an API path", get(b"/api/v1/ads/../../../admin/v1/keys"), 400, 404),
    taken("escaped dots", get(b"/%2e%2e/%2e%2e/etc/passwd"), 400, 404),
    taken("escaped slash", get(b"/api%2Fv1%2Fads"), 400, 404),
    taken("escaped NUL", get(b"/api/v1/ads/%00"), 400, 401, 404),
    taken("escape cut off", get(b"/api/v1/ads/%4"), 400, 401, 404),
    taken("escape no hex", get(b"/api/v1/ads/%zz"), 400, 401, 404),
    taken("escape of half a character", get(b"/api/v1/ads/%c3"), 400, 401, 404),
    taken("overlong escape of slash", get(b"/%c0%af"), 400, 404),
    taken("escaped twice", get(b"/api/v1/ads/%2561"), 400, 401, 404),
    taken("two slashes", get(b"//-/healthy"), 400, 404),
    taken("slash behind", get(b"/-/healthy/"), 404),
    taken("semicolon", get(b"/-/healthy;x=1"), 404),
    taken("backslash", get(b"/-\\healthy"), 400, 404),
    taken("other case", get(b"/-/HEALTHY"), 404),
    taken("admin path", get(b"/admin/v1/tokens"), 404),
    taken("admin path, escaped letter", get(b"/%61dmin/v1/tokens"), 400, 404),
    taken("metrics on the public door", get(b"/metrics"), 404),
    taken("1,000 segments", get(b"/a" * 1000), 404),
    taken("ad id of 65 letters", get(b"/api/v1/ads/" + b"a" * 65), 400, 401),
]

QUERIES = [
    taken("ad without token", get(b"/api/v1/ads/x/aggregates"), 401),
    taken("token in the query", get(b"/api/v1/ads?access_token=x"), 400, 401),
    taken("click without parameters", get(b"/click"), 400),
    taken("click, empty values", get(b"/click?adId=&impressionId=&signature="), 400),
    taken("click, parameter twice", get(b"/click?adId=a&adId=b&impressionId=0&signature=0"), 400),
    taken("click, id too long", get(b"/click?adId=" + b"a" * 65 + b"&impressionId=" + b"0" * 32 + b"&signature=" + b"0" * 64), 400),
    taken("click, impression no hex", get(b"/click?adId=a&impressionId=" + b"z" * 32 + b"&signature=" + b"0" * 64), 400),
    taken("click, signature too short", get(b"/click?adId=a&impressionId=" + b"0" * 32 + b"&signature=00"), 400, 403),
    taken("click, forged", get(b"/click?adId=a&impressionId=" + b"0" * 32 + b"&signature=" + b"0" * 64), 403),
    taken("click, escape cut off", get(b"/click?adId=%4"), 400),
    taken("click, NUL", get(b"/click?adId=%00&impressionId=0&signature=0"), 400),
    taken("click, CR LF in a value", get(b"/click?adId=a%0d%0aSet-Cookie:%20x&impressionId=0&signature=0"), 400),
    taken("click by PUT", b"PUT /click HTTP/1.1\r\n" + H + b"\r\n", 400, 405),
    taken("click by DELETE", b"DELETE /click HTTP/1.1\r\n" + H + b"\r\n", 400, 405),
    taken("script in a parameter's name", get(b"/openapi.json?%3Cscript%3E=1"), 400),
    taken("300 parameters", get(b"/openapi.json?" + b"a=1&" * 300), 400),
    taken("question marks", get(b"/-/healthy????"), 200),
    taken("ampersands", get(b"/-/healthy?&&&&"), 200),
]

GROUPS = [
    ("framing", FRAMING), ("chunks", CHUNKS), ("lines", LINES), ("host", HOST), ("versions", VERSIONS), ("limits", LIMITS),
    ("expect", EXPECT), ("upgrade", UPGRADE), ("paths", PATHS), ("queries", QUERIES),
]
