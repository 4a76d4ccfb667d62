"""A whole Swift in one process: `python swift_node.py DIRECTORY PORT USER SECRET`, S3 on PORT of loopback.

Run by the Python of Swift's own environment. One device, one replica, four partitions.
"""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

import eventlet

eventlet.monkey_patch()

import eventlet.wsgi  # noqa: E402

PROXY = "catch_errors gatekeeper listing_formats bulk s3api tempauth slo dlo versioned_writes copy"
COMMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {etc}
devices = {devices}
mount_check = false
log_level = ERROR
log_address = {etc}/no-such-log
"""


def main(directory: Path, port: int, login: str, secret: str) -> None:
    etc, devices = directory / "etc", directory / "devices"
    (devices / "d1").mkdir(parents=True)
    etc.mkdir()
    (etc / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = test\n"
        "[storage-policy:0]\nname = gold\ndefault = yes\n"
    )
    from swift.common import utils

    utils.set_swift_dir(str(etc))
    utils.validate_hash_conf()
    from swift.common.wsgi import loadapp

    pool = eventlet.GreenPool(1000)
    sockets = {
        name: eventlet.listen(("127.0.0.1", 0)) for name in ("account", "container", "object")
    }
    for name, listening in sockets.items():
        build_ring(etc / f"{name}.ring.gz", listening.getsockname()[1])
    for name, listening in sockets.items():
        pipeline = f"[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n"
        conf = write_conf(etc, name, listening.getsockname()[1], devices, pipeline)
        serve(pool, listening, loadapp(str(conf), global_conf={"log_name": name}))
    conf = write_conf(etc, "proxy", port, devices, proxy_pipeline(login, secret))
    app = loadapp(str(conf), global_conf={"log_name": "proxy"})
    serve(pool, eventlet.listen(("127.0.0.1", port), backlog=256), app)
    pool.waitall()


def build_ring(path: Path, port: int) -> None:
    from swift.common.ring import RingBuilder

    builder = RingBuilder(2, 1, 1)
    builder.add_dev(
        {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d1", "weight": 1}
    )
    builder.rebalance()
    builder.get_ring().save(str(path))


def write_conf(etc: Path, name: str, port: int, devices: Path, pipeline: str) -> Path:
    path = etc / f"{name}.conf"
    common = COMMON.format(port=port, etc=etc, devices=devices, user=getpass.getuser())
    path.write_text(common + pipeline)
    return path


def proxy_pipeline(login: str, secret: str) -> str:
    account, user = login.split(":")
    filters = dict.fromkeys(PROXY.split(), "")
    filters["tempauth"] = f"user_{account}_{user} = {secret} .admin\n"
    filters["s3api"] = "location = us-east-1\nmax_bucket_listing = 50\n"
    text = f"[pipeline:main]\npipeline = {PROXY} proxy-server\n"
    text += "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n"
    return text + "".join(
        f"[filter:{name}]\nuse = egg:swift#{name}\n{rest}" for name, rest in filters.items()
    )


def serve(pool: eventlet.GreenPool, listening: object, app: object) -> None:
    pool.spawn_n(
        eventlet.wsgi.server,
        listening,
        app,
        custom_pool=pool,
        log_output=False,
        keepalive=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
