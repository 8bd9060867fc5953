"""A real server over a store that has everything: two advertisers, campaigns, 400 days of clicks, a sealed month with credits,
corrections, every verdict, a share link, tokens of every kind, and clicks that go on while it is looked at.

What tests of other programs begin with: Tests/browser, Tests/contract, Tests/gateway. Everything is on the loopback, in a temporary
directory that is gone at the end."""
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from datetime import datetime, timedelta, timezone

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILT = f"{ROOT}/.build/release/tally"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
# The ad that most is asked of, and how many others there are.
AD, OTHERS = "42", 90
SEED = 1


class Served:
    def __init__(self, binary=BUILT, options=(), live=0):
        """`options` are further ones of `serve`; `live` clicks a second go on over all ads."""
        self.binary = os.path.abspath(binary)
        self.directory = tempfile.mkdtemp(prefix="tally-served-")
        self.data = f"{self.directory}/data"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
        self.environment |= {"TALLY_LOG_SLOT_SIZE": "1MiB", "TALLY_DISK_RESERVE": "0", "SWIFT_BACKTRACE": "enable=no"}
        self.log, self.said = f"{self.directory}/log", ""
        self.process = self.load = None
        try:
            self.fill()
            self.start(options)
            self.click_all()
            if live:
                self.begin_load(live)
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # What is there before the server.

    def run(self, *words, status=0):
        """What a command prints; it must end with this status."""
        done = subprocess.run([self.binary, *words, "--data-dir", self.data], env=self.environment, capture_output=True, text=True)
        if done.returncode != status:
            raise RuntimeError(f"tally {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def write(self, name, lines):
        path = f"{self.directory}/{name}"
        with open(path, "w") as file:
            file.writelines(f"{line}\n" for line in lines)
        return path

    def fill(self):
        chance = random.Random(SEED)
        ads = [(AD, "acme", "spring")]
        ads += [(f"ad-{number:03}", "acme" if number % 2 else "globex", ("spring", "autumn", "")[number % 3])
                for number in range(OTHERS)]
        self.run("ads", "import", self.write("ads.csv", ["adId,redirectUrl,advertiserId,campaignId"] + [
            f"{ad},https://shop.example/{ad},{advertiser},{campaign}" for ad, advertiser, campaign in ads]))
        self.run("ads", "put", "paused", "https://shop.example/paused", "--advertiser", "acme", "--status", "paused")
        self.run("keys", "add")
        now = datetime.now(timezone.utc)

        def line(ad, moment):
            return json.dumps({"adId": ad, "impressionId": f"{chance.getrandbits(128):032x}", "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}"})

        # An ad of old with days and nights, and others for two months.
        lines = []
        for day in range(400):
            for _ in range(24):
                hour = min(23, int(abs(chance.gauss(14, 4))))
                lines.append(line(AD, now - timedelta(days=day + 1, hours=-hour, seconds=chance.randrange(3600) + 3600)))
        for ad, _, _ in ads[1:]:
            for _ in range(chance.randrange(20, 200)):
                lines.append(line(ad, now - timedelta(seconds=chance.randrange(3600, 60 * 86_400))))
        self.run("import", self.write("history.ndjson", lines), "--history")
        self.run("reconcile")
        # The month before the last one is over in any case.
        last = now.replace(day=1) - timedelta(days=1)
        month = last.replace(day=1) - timedelta(days=1)
        self.month = f"{month:%Y-%m}"
        self.run("seal", self.month)
        self.run("import", self.write("late.ndjson", [line(AD, month.replace(day=15, hour=12)) for _ in range(3)]),
                 "--history", "--into-sealed")

    # The server.

    def start(self, options):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--data-dir", self.data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
                 "--verdict-header", "--dedup-horizon", "1s", "--allowed-lateness", "1s", "--heartbeat", "1s",
                 "--reconcile-interval", "5s", *options],
                stdout=log, stderr=log, env=self.environment)
        end = time.monotonic() + 60
        self.public = None
        while self.public is None or self.get("/-/ready")[0] != 200:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the server did not start: {self.words()}")
            with contextlib.suppress(OSError):
                with open(f"{self.data}/LOCK") as file:
                    lines = dict(line.split(" ", 1) for line in file.read().splitlines() if " " in line)
                if lines.get("pid") == str(self.process.pid) and "listen" in lines:
                    self.public, self.admin = lines["listen"], lines["admin"]
            time.sleep(0.02)
        with open(f"{self.data}/admin.token") as file:
            self.token = file.read().strip()

    def words(self):
        """The end of what the server has said."""
        with contextlib.suppress(OSError):
            with open(self.log, errors="replace") as file:
                self.said = file.read()[-2000:]
        return self.said

    def get(self, path, method="GET", body=None, token=None, admin=False, fields=(), timeout=20):
        """Status, fields and body of one answer; `body` is sent as JSON unless it is bytes."""
        connection = http.client.HTTPConnection(self.admin if admin else self.public, timeout=timeout)
        sent = {"User-Agent": BROWSER} | dict(fields)
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def ask(self, *words, **more):
        """The JSON of an answer that is good."""
        status, _, body = self.get(*words, **({"token": self.token} | more))
        if status // 100 != 2:
            raise RuntimeError(f"{words[0]} was answered {status}: {body[:300]}")
        return json.loads(body) if body else None

    def new_token(self, *scopes, advertiser=None, **more):
        document = {"scopes": list(scopes)} | ({"advertiserId": advertiser} if advertiser else {}) | more
        return self.ask("/admin/v1/tokens", "POST", document, admin=True)["token"]

    def mint(self, ad=AD):
        """The path of a fresh link."""
        return "/click?" + self.ask(f"/api/v1/ads/{ad}/impressions", "POST")["clickUrl"].partition("/click?")[2]

    def clicks(self, ad=AD):
        """The clicks of the last days."""
        return self.ask(f"/api/v1/ads/{ad}/aggregates?from=-2d&to=now&granularity=day")["total"]

    def click_all(self):
        """Every verdict, and clicks that a recount takes away."""
        def click(link, fields=(), method="GET"):
            return self.get(link, method, fields=fields)[1]["X-Tally-Verdict"]

        twice = [self.untimed() for _ in range(3)]
        found = {click(link) for link in twice}
        for _ in range(5):
            link = self.mint()
            found |= {click(link), click(link), click(self.mint(), {"Sec-Purpose": "prefetch"}), click(self.mint(), method="HEAD"),
                      click(self.mint(), {"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}),
                      click(re.sub("signature=.{8}", "signature=00000000", self.mint())), click(self.mint("paused"))}
        # What the index forgets after a second is counted again, until a recount.
        time.sleep(2.5)
        click(self.mint())
        found |= {click(link) for link in twice}
        wanted = {"valid", "duplicate", "prefetch", "head", "bot", "bad-signature", "paused"}
        if found != wanted:
            raise RuntimeError(f"verdicts {sorted(found)}, wanted {sorted(wanted)}")
        self.share = self.ask("/api/v1/shares", "POST", {"advertiserId": "acme", "campaignId": "spring"})["url"]

    def untimed(self, ad=AD):
        """The path of a link whose id says no time: for such an id the dedup horizon is the rule."""
        if not hasattr(self, "secret"):
            key = self.ask("/admin/v1/keys", "POST", {"kid": "served"}, admin=True)
            self.secret = key["secret"]
        impression = uuid.uuid4().hex
        signature = hmac.new(self.secret.encode(), f"{ad}:{impression}".encode(), hashlib.sha256).hexdigest()
        return f"/click?adId={ad}&impressionId={impression}&signature={signature}"

    def begin_load(self, rate):
        self.load = subprocess.Popen(
            [self.binary, "load", "--ads", "all", "--rate", str(rate), "--duration", "30m", "--connections", "4", "--data-dir", self.data],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        """Ends everything; the server's status."""
        status = None
        for process in (self.load, self.process):
            if process is None:
                continue
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
        self.load = self.process = None
        self.words()
        shutil.rmtree(self.directory, ignore_errors=True)
        return status
