"""A fresh Debian 12 in a folder, which boots with systemd in namespaces of its own.

    root = DebianRoot(folder, cache)      # debootstrap, from the mirror that this machine uses
    root.install("culvert.deb", "curl")   # files and names of packages, by apt
    place = root.boot(stage)              # in this process' network namespace
"""
import glob
import os
import re
import shutil
import subprocess
import time

from mesh import Failed, Place

SUITE = "bookworm"
PRIVATE_APT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../cmake/private_apt.sh")
CACHE_SECONDS = 7 * 24 * 3600
BASE = ("systemd", "systemd-sysv", "libpam-systemd", "dbus", "dbus-user-session", "iproute2",
        "procps", "ca-certificates")

# Runs as process 1 of new mount, pid, uts, ipc and cgroup namespaces, with the root as $1.
BOOT = """set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount -t sysfs -o ro sysfs "$1/sys"
mount -t tmpfs -o mode=755 tmpfs "$1/run"
mount -t tmpfs -o mode=755 tmpfs "$1/dev"
for node in null zero full random urandom tty; do
  touch "$1/dev/$node"
  mount --bind "/dev/$node" "$1/dev/$node"
done
mkdir "$1/dev/net" "$1/dev/pts" "$1/dev/shm"
mknod "$1/dev/net/tun" c 10 200
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$1/dev/pts"
ln -s pts/ptmx "$1/dev/ptmx"
mkdir -p "$1$2"
mount --bind "$2" "$1$2"
mount -t tmpfs -o mode=755 tmpfs "$1/sys/fs/cgroup"
mkdir "$1/sys/fs/cgroup/systemd"
mount -t cgroup -o none,name=systemd cgroup "$1/sys/fs/cgroup/systemd"
exec chroot "$1" /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /lib/systemd/systemd --log-target=console --show-status=0
"""


def do(*words, timeout=600):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout, check=False)
    out = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        raise Failed("%s: exit %d\n%s" % (" ".join(words), done.returncode, out[-4000:]))
    return out


def build_packages(binaries, folder):
    """Builds the Debian packages of a build in `folder`. Returns their paths, sorted."""
    build = os.path.dirname(os.path.abspath(binaries))
    do("cpack", "--config", os.path.join(build, "CPackConfig.cmake"), "-B", folder)
    shutil.rmtree(os.path.join(folder, "_CPack_Packages"), ignore_errors=True)
    return sorted(glob.glob(os.path.join(folder, "*.deb")))


class DebianRoot:
    def __init__(self, folder, cache):
        """`cache`: an archive of the fresh root, which is made when it is missing or a week old."""
        self.folder = folder
        if os.path.exists(cache) and time.time() - os.stat(cache).st_mtime < CACHE_SECONDS:
            os.mkdir(folder)
            do("tar", "-C", folder, "-xf", cache)
        else:
            do("debootstrap", "--variant=minbase", "--include=" + ",".join(BASE), SUITE, folder,
               do("sh", "-c", '. "$0"; debian_mirror', PRIVATE_APT).strip())
            new = "%s.%d" % (cache, os.getpid())
            do("tar", "-C", folder, "-cf", new, ".")
            os.rename(new, cache)
        shutil.copy("/etc/resolv.conf", self.path("etc/resolv.conf"))
        with open(self.path("usr/sbin/policy-rc.d"), "w") as file:
            file.write("#!/bin/sh\nexit 101\n")  # installing starts nothing in the chroot
        os.chmod(self.path("usr/sbin/policy-rc.d"), 0o755)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def install(self, *packages):
        """By apt, with the packages that they depend on. A path is a package file."""
        names = []
        for package in packages:
            if os.path.isfile(package):
                shutil.copy(package, self.path("srv"))
                package = "/srv/" + os.path.basename(package)
            names.append(package)
        return do("chroot", self.folder, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y",
                  "-q", "install", "--no-install-recommends", "--reinstall", *names)

    def boot(self, stage):
        """Boots the root, and returns the place where its commands run. The stage's folder has the
        same name inside."""
        os.remove(self.path("usr/sbin/policy-rc.d"))
        stage.start("systemd", Place("host"), "unshare", "-m", "-p", "-f", "-u", "-i", "-C",
                    "--kill-child", "sh", "-c", BOOT, "boot", self.folder, stage.work, show=False)
        unshare = stage.processes[-1][1].pid
        children = "/proc/%d/task/%d/children" % (unshare, unshare)

        def first():
            with open(children) as file:
                return file.read().split()
        init = stage.until(10, "process 1 of the root", first)[0]
        place = Place("root", ["nsenter", "-t", init, "-m", "-p", "-n", "-u", "-i", "-C", "-r", "-w",
                               "--"])
        stage.until(90, "systemd runs in the root", lambda: re.search(
            r"\b(running|degraded)\b", stage.run(place, "systemctl", "is-system-running", ok=None)))
        return place
