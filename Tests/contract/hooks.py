"""What schemathesis has to know of streams: they go on, so a reader takes what comes in a moment and leaves."""
import time

import requests.adapters

MOMENT = 0.3
whole = requests.adapters.HTTPAdapter.send


def send(adapter, request, **more):
    answer = whole(adapter, request, **more)
    if answer.headers.get("Content-Type", "").startswith("text/event-stream"):
        end, text = time.monotonic() + MOMENT, b""
        answer.raw._fp.fp.raw._sock.settimeout(MOMENT)
        try:
            while time.monotonic() < end:
                text += answer.raw.read1(65_536)
        except Exception:  # silence
            pass
        answer._content, answer._content_consumed = text, True
        answer.raw.close()
    return answer


requests.adapters.HTTPAdapter.send = send
