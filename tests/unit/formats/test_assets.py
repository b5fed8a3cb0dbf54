import json
import re
import time
import tracemalloc

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.damage import damaged
from fuzz.fuzz_assets import fuzz_one
from miniseal.formats.assets import ASSET_KINDS, Executable, classify, executables
from miniseal.formats.errors import Code, FormatError
from miniseal.formats.members import Members
from miniseal.formats.signs import ACTIVE, ELEMENT, POLYGLOT, SCRIPT

CODE = Code("list-malformed", FormatError, meaning="m", cause="c", remedy="r")

SCRIPTS = {
    "call": "alert(1)",
    "call with a space": "alert (1);",
    "call of anything": "init();",
    "indented call": "\t  start.now('x')",
    "call after a value": "1;x.go()",
    "const": "const a = 1;",
    "let without a value": "let a;",
    "minified": "!function(){var a=1;a.b(2)}()",
    "arrow": "export default x=>x+1",
    "arrow alone": "f = (a) => { a }",
    "import": "import x from './x.js'",
    "side effect import": 'import "./x.js"',
    "dynamic import": "import('./x.js')",
    "require": "var x = require('x')",
    "class": "class A extends B {\n}",
    "if": "if (location.hash) {\n}",
    "for": "for(;;){}",
    "strict": "'use strict'\n",
    "assignment": "location = 'https://example.org';",
    "module.exports": "module.exports = 1",
    "comment first": "/* licence */\n// more\nalert(1)",
    "html comment in a script": "x\n<!-- \nalert(1)",
    "jsfuck": "[][(![]+[])[+[]]+([![]]+[][[]])[+!+[]+[+[]]]",
    "jjencode": "$=~[];$={___:++$};",
    "escaped identifier": "\\u0061lert(1)",
    "generator": "function* g() {}",
    "async": "export async function f() {}",
    "typescript": "export interface A { b: string }",
    "enum": "enum A { B }",
    "python import": "import os\n",
    "python from": "from os import system\n",
    "python def": "def f(a):\n    pass",
    "python class": "class A:\n    pass",
    "python print": 'print("x")',
    "python block": "while True:\n    pass",
    "python dunder": "x = ().__class__",
    "python lambda": "f = lambda x: x",
    "shell": "rm -rf /tmp/x",
    "shell substitution": "echo $(id)",
    "shell and": "make && make install",
    "shell pipe": "curl https://example.org | sh",
    "shell block": "if true; then\n  x\nfi\n",
    "shell loop": "for a in b; do c; done",
    "php": "text <?php system('id'); ?>",
    "php echo": "text <?= $a ?>",
    "lua": "local a = 1\n",
    "perl": "my $a = 1;",
    "perl module": "use strict;",
    "powershell": "$a = Get-Item x",
    "batch": "@echo off\r\ndir",
}
PLAIN = {
    "empty": "",
    "prose": "Tip calculator. Import your bills, export them, and let us know if this helps.\n"
    "For the following reasons:\nit is new, and while it works (mostly), do not return it; then "
    "try again or throw it away.\nOptions (advanced)\nyour contribution(s) alone\nClass of 2026:\n",
    "names": "constant letter variable functional classy newer",
    "licence": "Redistributions of source code must retain the above copyright notice, this list\n"
    'of conditions and the following disclaimer. THE SOFTWARE IS PROVIDED "AS IS".\n',
    "csv": 'name,price,note\n"Tea, green",3.50,a function of (x)\nx,1,=SUM(A1:A2)\na<b,2,<3\n',
    "tsv": "id\tvalue\n1\t2\n",
    "markdown": "# Tip\n\n* one\n* two [link](https://example.org)\n\n> quote\n\n"
    "a < b, <https://example.org>, `code`, **bold**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    "css": '@charset "utf-8";\n@import url(a.css);\n/* <body> */\n.class-a > a:hover {\n'
    '  color: rgb(1, 2, 3);\n  background: url("data:image/png;charset=x;base64,AA==");\n'
    "  transform:\n    translate(1px, 2px)\n    rotate(5deg);\n  box-shadow: var(--a),\n"
    "    var(--b);\n}\n@media (min-width: 1px) and (max-width: 2px) {\n  a:not(.b) { top: 0 }\n}\n"
    "input[type=text] { width: calc(100% - 1px) }\n",
    "minified css": "a{color:red;top:0}.b:nth-child(2){left:0;margin:0 auto}@media(x){a{b:c}}",
    "ini": "[section]\nkey = value\nother=1\n",
    "properties": "greeting=\\u4f60\\u597d\nname = ${user}\n",
    "toml": "[a]\nb = [1, 2]\nc = 'd'\n",
    "yaml": "a:\n  - b: c\n    d: e\n",
    "i18n": "hello = Hello {name}!\n",
    "math": "a + b = c, x => 0, $$x^2$$, f(x) = 2x\n".replace("=> 0", ">= 0"),
    "pem": "-----BEGIN CERTIFICATE-----\nMIIB+[]\n".replace("[]", "/x")
    + "-----END CERTIFICATE-----\n",
    "chinese": "\u5c0f\u7a0b\u5e8f\u8ba1\u7b97\u5668\uff08\u5c0f\u8d39\uff09\n",
}
MARKUP = {
    "doctype": "<!DOCTYPE html><p>x",
    "upper case": "<HTML><BODY>",
    "tag": "<script>alert(1)</script>",
    "whitespace first": " \r\n\t\f<b>x",
    "comment first": "<!-- x -->\n<!-- y --><iframe src=x>",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" onload="x"/>',
    "quiet svg": "<svg><path d='M0 0'/></svg>",
    "xml": '<?xml version="1.0"?><?xml-stylesheet href="x"?><a/>',
    "prefixed": '<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:script/></s:svg>',
    "entity": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "in the middle": "hello <ScRiPt src=//example.org></sCrIpT>",
    "handler": "hello <img src=x onerror=y>",
    "slashes": "x <img/src/onerror = y>",
    "link": "[click](javascript:y)",
    "element": "a <b>word</b> in Markdown",
    "attribute": 'see <a href="x">',
    "frame": "text <iframe\nsrcdoc=x>",
    "meta": "text <meta http-equiv=refresh content=0>",
    "namespace": "x xmlns='http://www.w3.org/1999/xhtml'",
}
BINARIES = {
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 4,
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(range(255, -1, -1)) * 4,
    "gif": b"GIF89a\x10\0\x10\0" + bytes(range(256)) * 4,
    "webp": b"RIFF\x10\x20\0\0WEBPVP8 " + bytes(range(256)) * 4,
    "font": b"wOF2\0\x01\0\0" + bytes(range(256)) * 4,
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Length 9>>stream\n" + bytes(range(256)) * 4,
    "zip": b"PK\x03\x04\x14\0\0\0" + bytes(range(256)) * 4,
    "zeros": bytes(4096),
}
NATIVE = {
    "elf": b"\x7fELF\x02\x01\x01",
    "pe": b"MZ\x90\0\x03",
    "mach-o": b"\xcf\xfa\xed\xfe\x0c",
    "class": b"\xca\xfe\xba\xbe\0\0\0\x34",
    "dex": b"dex\n035\0",
    "lua": b"\x1bLuaT\0",
    "pyc": b"\xa7\r\r\n" + bytes(range(32)) * 4,
    "shebang": b"#!/usr/bin/env anything\n",
}
WASM = wasmtime.wat2wasm("(module)")
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"]


def kind(data: bytes | str, name: str = "asset") -> str | None:
    return classify(name, data.encode() if isinstance(data, str) else data)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_found(name: str) -> None:
    assert kind(SCRIPTS[name]) == "script"


@pytest.mark.parametrize("name", MARKUP)
def test_markup_is_found(name: str) -> None:
    assert kind(MARKUP[name]) == "html"


@pytest.mark.parametrize("name", NATIVE)
def test_what_a_machine_runs_is_found(name: str) -> None:
    assert kind(NATIVE[name]) == "script"


@pytest.mark.parametrize("name", PLAIN)
def test_text_that_nothing_runs_has_no_kind(name: str) -> None:
    assert kind(PLAIN[name]) is None


@pytest.mark.parametrize("name", BINARIES)
def test_images_fonts_and_the_like_have_no_kind(name: str) -> None:
    assert kind(BINARIES[name]) is None


@pytest.mark.parametrize("name", ["a", "a.png", "a.js", "a.json", "a.html"])
def test_wasm_is_wasm_whatever_its_name(name: str) -> None:
    assert kind(bytes(WASM), name) == "wasm"


def test_a_component_is_wasm() -> None:
    assert kind(bytes(wasmtime.wat2wasm("(component)"))) == "wasm"


@pytest.mark.parametrize(
    "text",
    [
        "(module)",
        "( module )",
        " \n;; comment\n(module)",
        "(; comment (; nested ;) ;) (module)",
        "((; comment ;)module)",
        "(component)",
        '(import "a" "b" (func))',
        '(@custom "a" "b")',
    ],
)
def test_wasm_text_is_wasm_as_runtimes_compile_it(text: str) -> None:
    assert kind(text) == "wasm"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", MARKUP)
def test_markup_is_found_in_every_unicode_encoding(name: str, encoding: str) -> None:
    assert kind(MARKUP[name].encode(encoding)) == "html"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_found_in_every_unicode_encoding(name: str, encoding: str) -> None:
    assert kind(SCRIPTS[name].encode(encoding)) is not None


@pytest.mark.parametrize("padding", [b" " * 100_000, b"prose and more prose\n" * 5_000])
def test_padding_hides_nothing(padding: bytes) -> None:
    assert kind(padding + b"\nalert(1)\n" + padding) == "script"
    assert kind(padding + b"<script>" + padding) == "html"


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a/*" + bytes(64) + b"*/=1;alert(1)",
        b"GIF89a=1;alert(1)//" + bytes(range(256)),
        b"BM/*" + bytes(range(256)) + b"*/=1;x(1)",
        b"\xff\xd8\xff\xe0/*" + bytes(range(256)) * 4 + b"*/=y(1)/*",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) + b"<?php system('id');",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) + b"eval(atob('x'))",
    ],
)
def test_a_script_within_an_image_is_found(data: bytes) -> None:
    assert kind(data) == "script"


@pytest.mark.parametrize("start", [b"\x89PNG\r\n\x1a\n", b"GIF89a", b"%PDF-1.7\n"])
def test_markup_within_an_image_is_found(start: bytes) -> None:
    assert kind(start + bytes(range(256)) + b"<script>x</script>") == "html"


def test_a_control_character_does_not_hide_a_script() -> None:
    assert kind(b"/*\x01\x02*/ go.now();\n" + b"// prose\n" * 50) == "script"


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"a": "alert(1)", "b": "<script>alert(1)</script>"},
        ["function f() { return 1; }", "=> {"],
        {"import x from 'y'\n": {"$(id)": [1.5, None, True]}},
        "alert(1)",
    ],
    ids=str,
)
def test_json_is_not_executable_whatever_its_strings_say(value: object) -> None:
    assert kind(json.dumps(value)) is None
    assert kind(json.dumps(value, indent=2) + "\n", "a.json") is None


def test_json_too_large_to_be_parsed_is_looked_at_as_text() -> None:
    padding = " " * (4 * 1024 * 1024)

    assert kind(f'{{"a": "plain words"}}{padding}') is None
    assert kind(f'{{"a": "<script>alert(1)</script>"}}{padding}') == "script"


def test_json_does_not_grow_in_memory_beyond_a_bound() -> None:
    data = b"[" + b"{}," * (2 * 1024 * 1024) + b"{}]"
    tracemalloc.start()
    try:
        classify("a.json", data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4 * len(data)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}\nalert(1)',
        'x = {"a": 1}; alert(x)',
        '{"a": 1} // <script>',
        '{"a": alert(1)}',
    ],
)
def test_what_only_looks_like_json_is_not_excused(text: str) -> None:
    assert kind(text, "a.json") is not None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.js", "script"),
        ("A.MJS", "script"),
        ("a/b.tsx", "script"),
        ("a.min.js", "script"),
        ("a.py", "script"),
        ("a.sh", "script"),
        ("a.js.gz", "script"),
        ("a.js.br", "script"),
        ("a.js. ", "script"),
        ("a.html", "html"),
        ("a.XHTML", "html"),
        ("a.svg", "html"),
        ("a.wxml", "html"),
        ("a.wasm", "wasm"),
        ("a.wasm.br", "wasm"),
        ("a.wat", "wasm"),
        ("a.txt", None),
        ("a.json", None),
        ("a.js.txt", None),
        ("js", None),
        ("js/a", None),
        ("a.js/b", None),
        (".js", "script"),
    ],
)
def test_a_names_ending_adds_a_kind(name: str, expected: str | None) -> None:
    assert kind(b"nothing to see", name) == expected
    assert kind(BINARIES["png"], name) == expected


@pytest.mark.parametrize("name", ["a.txt", "a.png", "a.json", "a.css", "a.csv", "a.wasm", "a.js"])
@pytest.mark.parametrize("content", [*SCRIPTS.values(), *MARKUP.values()])
def test_no_name_takes_a_kind_away(name: str, content: str) -> None:
    assert kind(content, name) is not None


def test_a_script_with_markup_in_its_strings_is_a_script() -> None:
    assert kind("const a = '<div class=b></div>';", "a.js") == "script"


def test_a_page_named_as_a_script_is_a_page() -> None:
    assert kind("<html><script>alert(1)</script>", "a.js") == "html"


def test_executables_are_listed_by_name() -> None:
    entries = {"z.js": b"x", "data.csv": b"a,b", "page": b"<html>", "m": bytes(WASM)}

    assert executables(entries) == (
        Executable(name="m", kind="wasm"),
        Executable(name="page", kind="html"),
        Executable(name="z.js", kind="script"),
    )


@pytest.mark.parametrize("one", ASSET_KINDS)
def test_an_executable_reads_back(one: str) -> None:
    executable = Executable(name="a/b", kind=one)

    assert Executable.from_members(Members(executable.to_json(), "item", CODE)) == executable


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"name": "a", "kind": "image"}, "list-malformed"),
        ({"name": "a", "kind": None}, "list-malformed"),
        ({"name": "a"}, "list-malformed"),
        ({"kind": "wasm"}, "list-malformed"),
        ({"name": "a", "kind": "wasm", "size": 1}, "list-malformed"),
        ({"name": "../a", "kind": "wasm"}, "name-refused"),
    ],
)
def test_a_malformed_executable_is_refused(value: object, code: str) -> None:
    with pytest.raises(FormatError) as error:
        Executable.from_members(Members(value, "item", CODE))

    assert error.value.code == code


SPACED = (
    "function|class |return|if (|lambda |new A|<a |;;| onload|javascript:|__a|await |throw |do "
)
LINES = "\nimport |\nlet |\nfrom a |\na(|}a.b(|\\u00| |\n|a|_|$|.|;|(|)|[|]|{|}|<|>|=|/"
TOKENS = st.sampled_from([*SPACED.split("|"), *LINES.split("|")])


@settings(max_examples=100, deadline=None)
@given(TOKENS, st.lists(TOKENS, min_size=1, max_size=3).map("".join))
def test_no_sign_takes_more_than_linear_time(first: str, repeated: str) -> None:
    data = (first + repeated * (60_000 // len(repeated))).encode()
    started = time.process_time()

    classify("asset", data)

    # 60 kB quadratically are seconds for each sign
    assert time.process_time() - started < 2


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([*SCRIPTS.values(), *MARKUP.values(), *PLAIN.values()])
    .map(str.encode)
    .flatmap(damaged)
    | st.binary(max_size=200)
)
def test_any_bytes_have_a_kind_or_none(data: bytes) -> None:
    fuzz_one(data)


def test_every_sign_is_of_some_use() -> None:
    contents = [text.encode() for text in (*SCRIPTS.values(), *MARKUP.values())]
    for sign in (*SCRIPT, *POLYGLOT, *ACTIVE, *ELEMENT):
        assert any(re.search(sign, text, re.MULTILINE | re.IGNORECASE) for text in contents), sign
