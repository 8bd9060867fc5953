"""What the peer comparisons share: installing a peer, rounds that alternate, medians, and the end of everything started."""

import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

# Settings of whoever calls this are not those that are measured.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def install(program, package):
    """The path of `program`, from Debian's `package` where it is missing."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")
    if path:
        return path
    add(package)
    return install_again(program, package)


def add(package):
    """Installs Debian's `package`; no service is started."""
    print(f"installing {package}", file=sys.stderr)
    # invoke-rc.d asks this file whether it may start a service; 101 says no.
    policy = "/usr/sbin/policy-rc.d"
    made = not os.path.exists(policy)
    if made:
        with open(policy, "w") as file:
            file.write("#!/bin/sh\nexit 101\n")
        os.chmod(policy, 0o755)
    try:
        subprocess.run(["apt-get", "update", "-qq"], check=True, stdout=sys.stderr)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package],
            check=True, stdout=sys.stderr, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    finally:
        if made:
            os.unlink(policy)


def install_again(program, package):
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not path:
        sys.exit(f"{package} brought no {program}")
    return path


def arguments(parser):
    """What every comparison takes."""
    parser.add_argument("--tally", metavar="PROGRAM", help="a release build; without it, one is made of this source")
    parser.add_argument("--json", action="store_true", help="every sample as one JSON document")


def document(rows, load):
    """Prints the samples of each row by figure."""
    print(json.dumps({
        "command": " ".join(sys.argv), "load": load,
        "figures": {name: {key: [figures[key] for figures in rounds] for key in rounds[0]} for name, rounds in rows.items()}}, indent=1))


def tally(program=None):
    """The path of a release build of Tally: the one given, or else made now where it is missing or old."""
    if program:
        return os.path.abspath(program)
    subprocess.run(
        ["swift", "build", "-c", "release", "--product", "tally"], cwd=ROOT, check=True, stdout=sys.stderr)
    found = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True)
    return os.path.join(found.stdout.strip(), "tally")


def bench(program, *words, directory):
    """The figures of one `tally bench`, by name: the first sample of each."""
    done = subprocess.run(
        [program, "bench", *words, "--format", "json"], check=True, capture_output=True, text=True,
        env={**os.environ, "TMPDIR": directory})
    return {figure["name"]: figure["samples"][0] for figure in json.loads(done.stdout)["figures"]}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def workshop():
    """A temporary directory, and a list for started processes: both are gone afterwards, whatever happens."""
    def stop(*_):
        sys.exit(130)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    started = []
    with tempfile.TemporaryDirectory(prefix="tally-bench-", dir=os.environ.get("TMPDIR", "/tmp")) as directory:
        try:
            yield directory, started
        finally:
            for process in started:
                process.terminate()
            for process in started:
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def children(process):
    """Process ids of the direct children."""
    with open(f"/proc/{process}/task/{process}/children") as file:
        return [int(word) for word in file.read().split()]


def show(rows, columns):
    """A table: for each row its name and the median of each column, with least and greatest."""
    width = max(len(name) for name in rows) + 2
    print("".ljust(width) + "".join(title.rjust(26) for _, title, _ in columns))
    for name, rounds in rows.items():
        line = name.ljust(width)
        for key, _, form in columns:
            values = [figures[key] for figures in rounds if key in figures]
            text = "-"
            if values:
                text = form.format(statistics.median(values)) + f" ({form.format(min(values))}–{form.format(max(values))})"
            line += text.rjust(26)
        print(line)


def ratios(ours, theirs, key):
    """Median, least and greatest of the ratio ours / theirs, round by round."""
    values = [a[key] / b[key] for a, b in zip(ours, theirs)]
    return statistics.median(values), min(values), max(values)


def environment(directory, packages):
    """The Python of a virtual environment with these packages, which are installed where they are missing."""
    home = os.path.join(directory, "python")
    python = os.path.join(home, "bin", "python")
    if not os.path.exists(python):
        if subprocess.run([sys.executable, "-m", "venv", home], stdout=sys.stderr).returncode:
            # Debian keeps what venv needs in a package of its own.
            shutil.rmtree(home, ignore_errors=True)
            add("python3-venv")
            subprocess.run([sys.executable, "-m", "venv", home], check=True, stdout=sys.stderr)
    missing = [package for package in packages if version(python, package) is None]
    if missing:
        print("installing " + ", ".join(missing), file=sys.stderr)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *missing], check=True,
            stdout=sys.stderr)
    return python


def version(python, package):
    """Of an installed package; nil without one."""
    done = subprocess.run(
        [python, "-c", f"from importlib.metadata import version; print(version('{package}'))"], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def versions(python, tally, packages):
    """The program's and the peers'."""
    own = subprocess.run([tally, "version"], capture_output=True, text=True).stdout.split("\n")[0]
    return ", ".join([own] + [f"{package} {version(python, package)}" for package in packages])


def measured(command):
    """Runs a process. Returns wall time and CPU time (s), the most memory it had (MB), and what it printed."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        # Little is printed, so it stays in the pipes until the process has ended.
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    wall = time.perf_counter() - began
    output, errors = process.stdout.read(), process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: status {process.returncode}\n{output[-2000:]}{errors[-2000:]}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * 1024 / 1e6}, output


def expect(condition, what):
    if not condition:
        sys.exit(f"wrong answer: {what}")


def number(value):
    """Four digits that count."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def spread(values, divisor=1):
    if not values:
        return "-"
    middle, least, greatest = (number(value / divisor) for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({least}–{greatest})"
