"""Unpacks the headers of Debian's libonnxruntime-dev into a folder: fetch_onnxruntime_headers.py FOLDER

The onnxruntime wheel has the library but no headers. A system that has the package in its own archive
takes it from there. Debian 12 has not: there the machine's own package source is read once more for the
suite after it, in a private list that changes nothing on the system. Only headers are used of it.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PACKAGE = "libonnxruntime-dev"
SUITE = "trixie"


def stanzas(text):
    """The stanzas of a deb822 file as dictionaries of lower-case field names."""
    for block in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text)):
        fields = {}
        name = None
        for line in block.splitlines():
            if line[:1].isspace():
                if name:
                    fields[name] += "\n" + line
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields:
            yield fields


def from_deb822(text, own_suite):
    """The stanza of `own_suite` as a stanza of SUITE, or None."""
    for fields in stanzas(text):
        if "deb" in fields.get("types", "").split() and own_suite in fields.get("suites", "").split():
            fields |= {"types": "deb", "suites": SUITE, "components": "main"}
            return "".join(f"{name.title()}: {value}\n" for name, value in fields.items())
    return None


def from_one_line(text, own_suite):
    """The same of a one-line sources.list."""
    for line in text.splitlines():
        entry = re.match(r"\s*deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s", line + " ")
        if entry and entry[3] == own_suite:
            signed_by = re.search(r"signed-by=(\S+?)[\]\s]", entry[1] or "")
            stanza = f"Types: deb\nUris: {entry[2]}\nSuites: {SUITE}\nComponents: main\n"
            return stanza + (f"Signed-By: {signed_by[1]}\n" if signed_by else "")
    return None


def own_suite():
    release = pathlib.Path("/etc/os-release").read_text()
    return re.search(r"(?m)^VERSION_CODENAME=\"?(\w+)", release)[1]


def private_source():
    suite = own_suite()
    apt = pathlib.Path("/etc/apt")
    for path in [*sorted(apt.glob("sources.list.d/*.sources"))]:
        if found := from_deb822(path.read_text(), suite):
            return found
    for path in [apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list"))]:
        if path.exists() and (found := from_one_line(path.read_text(), suite)):
            return found
    sys.exit(
        f"No package source of {suite} was found under {apt}. Install the headers of ONNX Runtime "
        "(onnxruntime_cxx_api.h) below /usr/include/onnxruntime and run this again."
    )


def in_own_archive():
    policy = subprocess.run(["apt-cache", "policy", PACKAGE], capture_output=True, text=True)
    return re.search(r"Candidate: (?!\(none\))", policy.stdout) is not None


def download(work):
    options = []
    if not in_own_archive():
        for folder in ("lists/partial", "cache/archives/partial"):
            (work / folder).mkdir(parents=True)
        source = work / "private.sources"
        source.write_text(private_source())
        options = [
            f"-oDir::Etc::sourcelist={source}",
            "-oDir::Etc::sourceparts=/dev/null",
            f"-oDir::State::lists={work}/lists",
            f"-oDir::Cache={work}/cache",
            "-oAcquire::Languages=none",
            "-oAPT::Sandbox::User=root",
        ]
        subprocess.run(["apt-get", *options, "update", "-qq"], check=True)
    subprocess.run(
        ["apt-get", *options, "download", "-qq", PACKAGE],
        check=True,
        cwd=work,
        stdout=subprocess.DEVNULL,
    )
    return next(work.glob(f"{PACKAGE}_*.deb"))


def main():
    target = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="joey-setup-") as work:
        package = download(pathlib.Path(work))
        unpacked = pathlib.Path(work) / "unpacked"
        subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(unpacked, f"{target}.new", symlinks=True, dirs_exist_ok=True)
        os.replace(f"{target}.new", target)


if __name__ == "__main__":
    main()
