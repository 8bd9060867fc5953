"""A store of made-up clicks and a server on it, for whoever has none: 400 days of one ad, a catalog of thousands, a sealed
month with credits, corrections, and every verdict. The same seed makes the same clicks, counted back from now.

    with Sample("/path/to/tally", "/tmp/sample") as sample:
        sample.base, sample.token, sample.other, sample.share
"""
import hashlib
import hmac
import http.client
import json
import math
import os
import random
import socket
import subprocess
import threading
import time
import urllib.parse
import uuid
from datetime import datetime, timedelta, timezone

KEY = "a key for made-up clicks, known to everybody"
AD = "42"
KINDS = ["brand-video", "social-reel", "newsletter", "winter-coats", "homepage-hero", "search-de", "city-bikes", "sneakers"]
CAMPAIGNS = ["winter-2026", "brand-q4", "always-on", "launch-eu"]
# As long as an id may be, and no word for a robot.
LONGEST = "a-campaign-whose-name-is-as-long-as-a-name-may-be-and-not-a-letter"[:64]
MINUTE = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def signed(ad, impression):
    return hmac.new(KEY.encode(), f"{ad}:{impression}".encode(), hashlib.sha256).hexdigest()


def impression(chance, moment):
    """A version 7 UUID of a time in seconds, and otherwise of chance."""
    value = (int(moment * 1000) << 80) | (7 << 76) | (chance.getrandbits(12) << 64) | (2 << 62) | chance.getrandbits(62)
    return str(uuid.UUID(int=value))


def tide(moment):
    """How much is clicked at a time of the day and of the week, 0.25 to 1.1."""
    hours = moment / 3600 % 24
    weekend = 0.8 if datetime.fromtimestamp(moment, timezone.utc).weekday() > 4 else 1
    return weekend * (0.65 + 0.4 * math.sin((hours - 9.5) / 24 * 2 * math.pi) + 0.06 * math.sin(hours * 2.7))


class Sample:
    def __init__(self, program, directory, ads=10_000, days=400, seed=7, settings=()):
        self.program, self.directory, self.ads, self.days = program, directory, ads, days
        self.chance = random.Random(seed)
        self.settings = list(settings)
        self.port, self.admin_port = free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.names = [AD] + [f"{KINDS[i % len(KINDS)]}-{i:04}" for i in range(1, ads)]
        self.server = self.traffic = None
        # What tells these tests of a server is no setting of the program.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}

    # MARK: Making it

    def __enter__(self):
        os.makedirs(self.directory, exist_ok=True)
        self.now = int(time.time()) // MINUTE * MINUTE
        self.catalog()
        self.history()
        self.start()
        self.people()
        return self

    def __exit__(self, *_):
        self.stop_traffic()
        self.stop()

    def tally(self, *words, statuses=(0,)):
        """Runs a command on the data directory, or on the server that holds it."""
        command = [self.program, *words, "--data-dir", self.directory]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        if done.returncode not in statuses:
            raise RuntimeError(f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def file(self, name, lines):
        path = f"{self.directory}/../{os.path.basename(self.directory)}-{name}"
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        return path

    def catalog(self):
        secret = self.file("key", [KEY])
        self.tally("keys", "add", "--secret-file", secret)
        rows = ["adId,redirectUrl,advertiserId,campaignId,status"]
        for i, name in enumerate(self.names):
            campaign = CAMPAIGNS[i % len(CAMPAIGNS)] if i % 97 else CAMPAIGNS[0]
            status = "paused" if i == 12 else "active"
            rows.append(f"{name},https://shop.example/{name},acme,{LONGEST if i == 9 else campaign},{status}")
        rows += [f"globex-{i},https://globex.example/,globex,theirs,active" for i in range(3)]
        rows.append("quiet-one,https://shop.example/quiet,acme,,active")
        self.tally("ads", "import", self.file("ads.csv", rows))

    def line(self, ad, moment):
        return json.dumps({"adId": ad, "impressionId": impression(self.chance, moment), "time": int(moment)}, separators=(",", ":"))

    def history(self):
        """Ad 42 by minute for the last days and thinner before, the others over two days."""
        lines = []
        end = self.now
        for day in range(self.days):
            many = 4.4 if day < 9 else 0.35
            for minute in range(24 * 60):
                moment = end - day * 86_400 - minute * MINUTE
                lines += [self.line(AD, moment + self.chance.random() * MINUTE)
                          for _ in range(self.poisson(many * tide(moment)))]
        for i, name in enumerate(self.names[1:], 1):
            for _ in range(int(12 + 5_000 / (i + 3) * (0.8 + 0.4 * self.chance.random()))):
                moment = end - self.chance.random() ** 1.1 * 2 * 86_400
                if self.chance.random() < tide(moment):
                    lines.append(self.line(name, moment))
        lines += [self.line("globex-1", end - i * 37) for i in range(300)]
        self.tally("import", self.file("history.ndjson", lines), "--history")

    def poisson(self, mean):
        limit, product, count = math.exp(-mean), self.chance.random(), 0
        while product > limit:
            product *= self.chance.random()
            count += 1
        return count

    # MARK: The server

    def start(self):
        command = [self.program, "serve", "--data-dir", self.directory, "--listen", f"127.0.0.1:{self.port}",
                   "--admin-listen", f"127.0.0.1:{self.admin_port}", "--verdict-header", "--dedup-horizon", "1s", *self.settings]
        log = open(f"{self.directory}.log", "a", encoding="utf-8")
        self.server = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment)
        for _ in range(600):
            try:
                if self.ask("GET", "/-/ready")[0] == 200:
                    return
            except OSError:
                pass
            if self.server.poll() is not None:
                raise RuntimeError(f"the server has ended: see {self.directory}.log")
            time.sleep(0.1)
        raise RuntimeError("the server is not ready after a minute")

    def stop(self):
        if self.server:
            self.server.terminate()
            self.server.wait(60)
            self.server = None

    def kill(self):
        self.server.kill()
        self.server.wait(60)
        self.server = None

    def ask(self, method, path, body=None, headers=None, token=None, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=60)
        try:
            headers = dict(headers or {})
            if token:
                headers["Authorization"] = f"Bearer {token}"
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            connection.close()

    def get(self, path):
        status, body, _ = self.ask("GET", path, token=self.token)
        if status != 200:
            raise RuntimeError(f"{path} was answered {status}: {body[:300]}")
        return json.loads(body)

    def people(self):
        with open(f"{self.directory}/admin.token", encoding="utf-8") as file:
            self.token = file.read().strip()
        made = json.loads(self.tally("tokens", "create", "--scopes", "read", "--advertiser", "globex", "--format", "json"))
        self.other = made["token"]
        made = json.loads(self.tally("tokens", "create", "--scopes", "read", "--advertiser", "acme", "--format", "json"))
        self.own = made["token"]
        body = json.dumps({"campaignId": "winter-2026", "advertiserId": "acme"})
        status, answer, _ = self.ask("POST", "/api/v1/shares", body, {"Content-Type": "application/json"}, self.token)
        if status not in (200, 201):
            raise RuntimeError(f"no share: {status} {answer[:300]}")
        self.share = json.loads(answer)["url"]

    # MARK: What happens to counts

    def repeats(self, count):
        """Clicks whose impressions say no time, and once more when the live check has forgotten them: until a recount finds the
        repeats, they count."""
        names = [f"{self.chance.getrandbits(128):032x}" for _ in range(count)]
        links = [f"/click?{urllib.parse.urlencode({'adId': AD, 'impressionId': name, 'signature': signed(AD, name)})}" for name in names]
        for _ in range(2):
            for link in links:
                self.ask("GET", link)
            time.sleep(2.5)

    def ended_month(self):
        """The last day of the newest month that can be sealed: its clicks are taken for two days after its end (`--max-lateness`)."""
        first = (datetime.fromtimestamp(self.now, timezone.utc) - timedelta(days=2, hours=1)).replace(day=1, hour=0, minute=0)
        return first - timedelta(days=1)

    def sealing(self):
        """A month that has ended is sealed, and clicks of it become credits."""
        end = self.ended_month()
        self.tally("seal", f"{end:%Y-%m}")
        moment = end.timestamp() - 9 * 86_400
        lines = [self.line(AD, moment + i) for i in range(14)]
        self.tally("import", self.file("late.ndjson", lines), "--history", "--into-sealed", statuses=(0, 1))

    # MARK: Clicks over sockets

    def link(self, ad=AD, age=0.0, signature=None):
        name = impression(self.chance, time.time() - age)
        return f"/click?{urllib.parse.urlencode({'adId': ad, 'impressionId': name, 'signature': signature or signed(ad, name)})}"

    def click(self, ad=AD):
        """One click that counts; its verdict."""
        return self.ask("GET", self.link(ad))[2].get("X-Tally-Verdict")

    def verdicts(self, times=1):
        """Requests that are no clicks, of each kind, and one that is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

        def send(link, method="GET", headers=None):
            connection.request(method, link, headers=headers or {})
            connection.getresponse().read()

        for _ in range(times):
            link = self.link()
            for _ in range(28):
                send(link)
            for _ in range(13):
                send(self.link(), headers={"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"})
            for _ in range(5):
                send(self.link(age=30 * 3600))
            for _ in range(3):
                send(self.link(), headers={"Sec-Purpose": "prefetch"})
            send(self.link(signature="0" * 64))
            send(self.link(), method="HEAD")
        connection.close()

    def start_traffic(self, rate=20):
        """So many clicks a second, a third of them of the one ad, until it is stopped."""
        self.is_over = threading.Event()

        def run():
            while not self.is_over.wait(1 / rate):
                try:
                    self.click(AD if self.chance.random() < 0.34 else self.names[min(int(self.chance.expovariate(0.05)), len(self.names) - 1)])
                except OSError:
                    pass

        self.traffic = threading.Thread(target=run, daemon=True)
        self.traffic.start()

    def stop_traffic(self):
        if self.traffic:
            self.is_over.set()
            self.traffic.join()
            self.traffic = None
