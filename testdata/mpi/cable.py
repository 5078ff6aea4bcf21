#!/usr/bin/env python3
"""A network cable with a delay, between two devices of this machine: a frame that goes into one comes out of the other
that many milliseconds later. For kernels without netem. Linux, root.

    python cable.py DEVICE DEVICE MILLISECONDS

Creates both devices, prints `ready`, and works until it is killed. Tested with Python 3.11.
"""

import collections
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000


def device(name):
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def main():
    first, second, milliseconds = sys.argv[1:]
    ends = [device(first), device(second)]
    delay = float(milliseconds) / 1000
    # Frames on their way to each end, with the time at which they arrive.
    under_way = {end: collections.deque() for end in ends}
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    print("ready", flush=True)
    while True:
        due = [frames[0][0] for frames in under_way.values() if frames]
        timeout = max(0.0, min(due) - time.monotonic()) if due else None
        for end in select.select(ends, [], [], timeout)[0]:
            try:
                frame = os.read(end, 1 << 16)
            except OSError:
                continue  # A device that is down.
            under_way[other[end]].append((time.monotonic() + delay, frame))
        for end, frames in under_way.items():
            while frames and frames[0][0] <= time.monotonic():
                try:
                    os.write(end, frames.popleft()[1])
                except OSError:
                    pass  # A device that is down loses what comes.


if __name__ == "__main__":
    main()
