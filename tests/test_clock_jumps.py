"""The machine's clock jumps by days, forth and back, while deployments live: all waiting is monotonic.

A library preloaded into `joey serve` and read by every call of the wall clock shifts it by what a file says.
"""

import pathlib
import subprocess
import time

import models
import pytest
from harness import Api, unique, wait_until

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long Shift(void) {
  const char* path = getenv("CLOCK_SHIFT_FILE");
  FILE* file = path ? fopen(path, "r") : 0;
  long seconds = 0;
  if (file) {
    if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
    fclose(file);
  }
  return seconds;
}
int clock_gettime(clockid_t clock, struct timespec* out) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, out);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) out->tv_sec += Shift();
  return result;
}
int gettimeofday(struct timeval* restrict out, void* restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}
time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
"""
DAY = 86400


@pytest.fixture
def shifted(joey_factory, tmp_path):
    """A server and a function that sets its clock that many seconds off."""
    source, library, shift = (tmp_path / name for name in ("shim.c", "shim.so", "shift"))
    source.write_text(SHIM)
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    shift.write_text("0")
    environment = {"LD_PRELOAD": str(library), "CLOCK_SHIFT_FILE": str(shift)}
    server = joey_factory("--scale-up-seconds", "0.5", "--scale-down-seconds", "2", environment=environment)

    def jump(seconds):
        new = pathlib.Path(f"{shift}.new")
        new.write_text(str(seconds))
        new.rename(shift)

    return server, jump


def test_jumps_of_a_day_change_nothing(shifted):
    server, jump = shifted
    api = Api(server.url)
    name = unique("jump")
    rows = 0
    last = None
    for number, seconds in enumerate((DAY, -DAY, 3 * DAY, 0), 2):
        deployment = api.deploy(name, models.scale(number, 3))
        jump(seconds)
        last = deployment.infer([{"tensor": [1, 2, 3]}])
        assert last[0]["out.result"] == [number, 2 * number, 3 * number]
        # A redeploy is ready and the old engine drained as on any day.
        wait_until(lambda d=deployment: len(d.status()["engines"]) == 1, what="the end of the old engine")
        rows += 1
    assert len(deployment.logs(rows=rows)) == rows
    # The shim is at work: the last deploy was three days ahead.
    pipeline = api.post("/v1/api/pipelines/get", {"pipeline_id": deployment.pipeline})
    stamp = pipeline["updated_at"][:10]
    assert stamp != time.strftime("%Y-%m-%d", time.gmtime())

    # Scaling to zero and back by the monotonic clock, too.
    version = api.upload("sleeper", models.scale(2, 3))
    scale = {"replica_min": 0, "replica_max": 1, "type": "cpu"}
    sleeper = api.deploy_versions("sleeper", [version], [], autoscale=scale)
    jump(-3 * DAY)
    assert sleeper.infer([{"tensor": [1, 2, 3]}])[0]["out.result"] == [2, 4, 6]
    wait_until(lambda: sleeper.status()["engines"] == [], what="the sleep")
    jump(0)
    assert sleeper.infer([{"tensor": [1, 2, 3]}])[0]["out.result"] == [2, 4, 6]
    for one in (sleeper, deployment):
        one.undeploy()
    api.close()
