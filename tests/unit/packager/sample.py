"""A small mini-program, for tests."""

from collections.abc import Callable
from pathlib import Path

MANIFEST = """\
{"app_id": "com.acme.tip", "name": "Tip", "version": {"code": 3, "name": "1.2.0"},
 "platform_version": {"min_code": 1}, "pages": [],
 "req_permissions": [{"name": "storage", "reason": "remembers your last tip"}]}
"""
SETTINGS = """\
[build]
toolchain = "wat"
entry = "src/app.wat"

[assets]
include = ["assets/**"]

[permissions]
storage = ["host:storage/kv@1.0.0"]

[network]
allowed_hosts = ["b.acme.example", "a.acme.example"]
"""
WAT = """\
(module
  (import "host:storage/kv@1.0.0" "get" (func))
  (func (export "answer") (result i32) i32.const 42))
"""

Make = Callable[..., Path]
