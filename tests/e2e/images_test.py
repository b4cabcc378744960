#!/usr/bin/env python3
"""The container images: each Containerfile is built on a fresh Debian by buildah, and its program runs
as the image's user with a read-only root. images_test.py BIN-FOLDER, as root.
"""
import os
import shutil
import subprocess
import sys
import tempfile

from debian_root import DebianRoot, build_packages, do
from mesh import Checks, Failed

SOURCES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IMAGES = {"agent": "culvert", "coordinator": "culvert-coordinator", "relay": "culvert-relay"}
BASE = "localhost/debian:12-slim"


class Images:
    """Images in a store of their own, which is removed at the end."""

    def __init__(self, folder):
        self.store = os.path.join(folder, "store")
        os.mkdir(self.store)
        do("mount", "-t", "tmpfs", "none", self.store)  # buildah needs a mount point

    def buildah(self, *words, timeout=300):
        return do("env", "BUILDAH_ISOLATION=chroot", "STORAGE_DRIVER=vfs", "buildah", "--root",
                  os.path.join(self.store, "root"), "--runroot", os.path.join(self.store, "run"),
                  *words, timeout=timeout)

    def close(self):
        subprocess.run(["umount", "-l", self.store], check=False)


def build_base(images, root):
    container = images.buildah("from", "scratch").split()[-1]
    archive = root.path("..", "base.tar")
    do("tar", "-C", root.folder, "-cf", archive, ".")
    images.buildah("add", container, archive, "/")
    images.buildah("commit", container, BASE)
    images.buildah("rm", container)
    os.remove(archive)


def check_image(images, context, part, check):
    name = "localhost/culvert-" + part
    images.buildah("bud", "--pull-never", "--build-arg", "BASE=" + BASE, "-f",
                   os.path.join(SOURCES, part, "deploy/Containerfile"), "-t", name, context)
    container = images.buildah("from", "--pull-never", name).split()[-1]
    program = IMAGES[part]
    said = images.buildah("run", container, "--", "/usr/bin/" + program, "--help")
    check("the %s's image runs %s" % (part, program), "Usage: " + program in said, said)
    user = images.buildah("run", container, "--", "id", "-u").strip()
    check("the %s's image does not run as root" % part, user == "65532", user)
    images.buildah("rm", container)


def main():
    if os.geteuid() != 0:
        print("%s: needs root to build images" % sys.argv[0], file=sys.stderr)
        return 1
    folder, check = tempfile.mkdtemp(prefix="culvert.images."), Checks()
    images = None
    try:
        build = os.path.dirname(os.path.abspath(sys.argv[1]))
        context = os.path.join(folder, "context")
        packages = build_packages(sys.argv[1], os.path.join(context, "build/packages"))
        check("there are three packages", len(packages) == 3, packages)
        root = DebianRoot(os.path.join(folder, "debian"), os.path.join(build, "debian-root.tar"))
        images = Images(folder)
        build_base(images, root)
        for part in IMAGES:
            check_image(images, context, part, check)
    except Failed as error:
        print("FAILED: %s" % error, file=sys.stderr)
        return 1
    finally:
        if images:
            images.close()
        shutil.rmtree(folder, ignore_errors=True)
    print("%d passed, 0 failed" % check.passed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
