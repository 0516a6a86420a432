"""CPU time and memory of process trees, from /proc."""

import os
import pathlib

TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """(parent, CPU seconds) of a process, or None when it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS


def tree(root):
    """Process ids of `root` and all that descend from it."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (found := _stat(name)):
            parents[int(name)] = found[0]
    pids, grown = {root}, True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in pids} - pids
        pids |= children
        grown = bool(children)
    return sorted(pids)


def cpu_seconds(pids):
    """User and system time of the processes; finer than /proc/PID/stat where schedstat is kept."""
    total = 0.0
    for pid in pids:
        nanoseconds = 0
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                schedstat = pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text()
                nanoseconds += int(schedstat.split()[0])
        except OSError:
            nanoseconds = 0
        if nanoseconds:
            total += nanoseconds / 1e9
        elif found := _stat(pid):
            total += found[1]
    return total


def rss_mb(pids):
    total = 0
    for pid in pids:
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)
    return total / 1024
