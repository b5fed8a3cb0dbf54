"""A policy that pins a reusable workflow, its caller, and the workflow as the builder.

The certificates are those that Fulcio makes of GitHub's claims, by a Sigstore in memory. A workflow
that calls itself another, or says that it built another repository than it ran for, is refused too.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from kit.fakesigstore import ISSUER
from kit.hosts import install_code
from kit.keyless import FakeSigner, keyless_scene
from kit.packages import APP, POLICY, Scene, key
from kit.workflow_runs import CALLER, CLAIMS, COMMIT, RELEASE, WORKFLOW, Run
from miniseal.formats.predicates import provenance
from miniseal.formats.predicates.provenance import Provenance
from miniseal.verifier.checks.provenance import WORKFLOW_BUILD, names_workflow

OWN = "https://github.com/acme/tip/.github/workflows/release.yml@refs/tags/v2.0.0"

SIGNER = f"""\
issuer = "{ISSUER}"
identity = "{RELEASE}"
source_repository_id = "1001"
source_owner_id = "2002"
source_ref = "refs/tags/*"
runner_environment = "github-hosted"
"""
PINNED = (
    POLICY.replace(
        '[signer.acme]\nkeys = [{file = "acme.pub"}]\n',
        f'[trust]\ntrusted_root = "trusted_root.json"\n\n[signer.acme]\n{SIGNER}',
    )
    .replace('id = "https://builders.example/one@v1"', f'id = "{RELEASE}"')
    .replace("level = 2\n", "level = 3\n", 1)
    .replace("min_level = 2", "min_level = 3")
    .replace('source = "https://git.example/acme/tip"', f'source = "{CALLER}"')
)
ANY_OF_OURS = PINNED.replace(
    f'identity = "{RELEASE}"',
    'identity_pattern = "https://github.com/miniseal/miniseal/.github/workflows/*"',
)
"""Under which every workflow of miniseal/miniseal signs, and one of them is the builder."""


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return keyless_scene(tmp_path, PINNED)


def test_the_pinned_workflow_for_the_pinned_caller_is_admitted(scene: Scene) -> None:
    Run().release(scene)

    admission = scene.verifier().install(APP, scene.repository, "1.0.0")

    own = [each["identity"] for each in admission.evidence if each["signers"] == ["acme"]]
    assert {each["build_signer_uri"] for each in own} == {RELEASE}
    assert {each["source_repository_id"] for each in own} == {"1001"}


def test_a_workflow_called_by_its_commit_is_pinned_by_it(scene: Scene) -> None:
    called = f"{WORKFLOW}@{'6' * 40}"
    scene.policy(PINNED.replace(RELEASE, called))

    Run(subject=called).release(scene)

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


NOT_IT = {
    "another-workflow": Run(subject=RELEASE.replace("release-mini-program", "ci")),
    "a-copy-in-another-repository": Run(subject=RELEASE.replace("miniseal/miniseal", "acme/fork")),
    "the-same-file-at-another-tag": Run(subject=f"{WORKFLOW}@refs/tags/v0.9.0"),
    "the-same-file-on-a-branch": Run(subject=f"{WORKFLOW}@refs/heads/main"),
    "the-same-file-at-a-commit": Run(subject=f"{WORKFLOW}@{'6' * 40}"),
    "another-caller": Run(claims={"15": "1002"}),
    "another-owner": Run(claims={"17": "2003"}),
    "the-same-names-with-other-numbers": Run(claims={"15": "9001", "17": "9002"}),
    "another-source-ref": Run(claims={"14": "refs/heads/main"}),
    "a-pull-request": Run(claims={"14": "refs/pull/1/merge"}),
    "a-self-hosted-runner": Run(claims={"11": "self-hosted"}),
    "a-certificate-without-a-caller": Run(claims={"15": None, "17": None}),
    "the-callers-own-workflow": Run(subject=OWN, builder=RELEASE),
}
"""Somebody else than the policy's signer: none of what they sign counts, whatever it says."""


@pytest.mark.parametrize("name", NOT_IT)
def test_what_the_policy_does_not_pin_is_somebody_else(scene: Scene, name: str) -> None:
    NOT_IT[name].release(scene)

    assert install_code(scene) == "identity-mismatch"


def test_a_signer_of_other_things_is_not_the_builder(scene: Scene) -> None:
    """The platform takes scans from the caller's own workflow, and builds from ours alone."""
    own = SIGNER.replace(RELEASE, OWN)
    both = PINNED.replace("[signer.scanner]", f"[signer.own]\n{own}\n[signer.scanner]")
    builder, rules = both.split("[[namespace]]")
    widened = rules.replace('signers = ["acme"]', 'signers = ["acme", "own"]')
    assert widened.count("own") == 4
    scene.policy(f"{builder}[[namespace]]{widened}")

    Run(subject=OWN, builder=RELEASE).release(scene)

    assert install_code(scene) == "builder-untrusted"


LIARS = {
    "the-same-file-at-another-tag": Run(subject=f"{WORKFLOW}@refs/tags/v0.9.0", builder=RELEASE),
    "another-workflow-of-the-repository": Run(
        subject=RELEASE.replace("release-mini-program", "ci"), builder=RELEASE
    ),
    "a-certificate-without-a-workflow": Run(claims={"9": None}),
    "of-a-build-type-of-its-own": Run(
        subject=f"{WORKFLOW}@refs/heads/main", builder=RELEASE, build_type="https://acme.example/x"
    ),
}
"""Whom a wide pattern lets sign, and who is not the builder that the provenance names."""


@pytest.mark.parametrize("name", LIARS)
def test_a_workflow_that_calls_itself_another_is_no_builder(scene: Scene, name: str) -> None:
    scene.policy(ANY_OF_OURS)

    LIARS[name].release(scene)

    assert install_code(scene) == "builder-untrusted"


def test_under_a_wide_pattern_the_builder_itself_is_admitted(scene: Scene) -> None:
    scene.policy(ANY_OF_OURS)

    Run().release(scene)

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def _source(uri: str | None = f"git+{CALLER}@refs/tags/v2.0.0", **digest: str) -> Run:
    members: dict[str, Any] = {} if uri is None else {"uri": uri}
    return Run(source={**members, "digest": digest or {"gitCommit": COMMIT}})


ELSEWHERE = {
    "another-repository": _source("git+https://github.com/acme/other@refs/tags/v2.0.0"),
    "another-case": _source(f"git+{CALLER.replace('tip', 'Tip')}@refs/tags/v2.0.0"),
    "another-ref": _source(f"git+{CALLER}@refs/tags/v1.0.0"),
    "another-commit": _source(gitCommit="7" * 40),
    "a-longer-commit": _source(gitCommit=f"{COMMIT}0"),
    "no-ref": _source(f"git+{CALLER}"),
    "no-commit": _source(sha256="1" * 64),
    "no-repository": _source(None),
    "a-commit-that-is-no-text": Run(
        source={"uri": f"git+{CALLER}@refs/tags/v2.0.0", "digest": {"gitCommit": 5}}
    ),
    "no-source": Run(source={}),
    "a-certificate-without-a-commit": Run(claims={"13": None}),
    "a-certificate-without-a-repository": Run(claims={"12": None}),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_workflow_that_ran_for_another_source_is_refused(scene: Scene, name: str) -> None:
    """Also where the policy names no source: it is the workflow that contradicts itself."""
    scene.policy(PINNED.replace(f'source = "{CALLER}"\n', ""))

    ELSEWHERE[name].release(scene)

    assert install_code(scene) == "source-mismatch"


def test_what_a_caller_ran_for_is_in_no_policys_hand(scene: Scene) -> None:
    """A caller that the policy pins, whose run was for a repository that it does not name."""
    other = "https://github.com/acme/other"
    Run(
        claims={"12": other},
        source={"uri": f"git+{other}@refs/tags/v2.0.0", "digest": {"gitCommit": COMMIT}},
    ).release(scene)

    assert install_code(scene) == "source-mismatch"


@pytest.mark.parametrize(
    ("builder", "build_type"),
    [
        pytest.param(
            "https://miniseal.dev/builders/local@v1",
            "https://miniseal.dev/build-types/mini-program@v1",
            id="a-local-build-in-a-workflow",
        ),
        pytest.param(RELEASE, "https://acme.example/type", id="a-workflow-that-builds-for-others"),
    ],
)
def test_other_build_types_may_be_of_another_repository(
    scene: Scene, builder: str, build_type: str
) -> None:
    """A certificate says for what the workflow ran, and only our build type that it built that."""
    other = "https://github.com/acme/other"
    text = PINNED.replace(f'source = "{CALLER}"', f'source = "{other}"')
    scene.policy(text.replace(f'id = "{RELEASE}"', f'id = "{builder}"'))

    Run(builder=builder, build_type=build_type, source={"uri": f"git+{other}"}).release(scene)

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


@pytest.mark.parametrize(
    ("build_type", "code"),
    [
        pytest.param(WORKFLOW_BUILD, "builder-untrusted", id="which-certificates-show"),
        pytest.param("https://acme.example/type", None, id="of-somebodys-own"),
    ],
)
def test_a_key_shows_no_workflow(scene: Scene, build_type: str, code: str | None) -> None:
    text = re.sub(r'issuer = .*\n(\w+ = ".*"\n)+', 'keys = [{file = "acme.pub"}]\n', PINNED)
    scene.policy(text.replace('[trust]\ntrusted_root = "trusted_root.json"\n', ""))
    made = scene.release(without=["provenance"])
    said = Provenance(
        build_type=build_type,
        builder_id=RELEASE,
        external_parameters={"source": {"uri": CALLER}},
    )
    scene.repository.say(made, (provenance.PREDICATE_TYPE, said.to_json()), key("acme"))

    if code is None:
        assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1
    else:
        assert install_code(scene) == code


REBUILDERS = """\
[signer.rebuilder]
issuer = "{issuer}"
identity_pattern = "https://github.com/rebuilds/rebuilds/.github/workflows/*"
source_repository_id = "3003"
source_owner_id = "4004"

[[builder]]
id = "{builder}"
signers = ["rebuilder"]
level = 3

"""
REBUILDER = "https://github.com/rebuilds/rebuilds/.github/workflows/rebuild.yml@refs/heads/main"


@pytest.mark.parametrize(
    ("signs", "build_type", "code"),
    [
        pytest.param(REBUILDER, "https://rebuilds.example/type", None, id="the-builder"),
        pytest.param(REBUILDER, WORKFLOW_BUILD, "rebuilds-missing", id="of-another-source"),
        pytest.param(
            REBUILDER.replace("rebuild.yml", "x.yml"),
            "https://rebuilds.example/type",
            "rebuilds-missing",
            id="another",
        ),
    ],
)
def test_a_rebuilder_that_its_certificate_contradicts_does_not_count(
    scene: Scene, signs: str, build_type: str, code: str | None
) -> None:
    added = REBUILDERS.format(issuer=ISSUER, builder=REBUILDER)
    demand = '[namespace.require.rebuilders]\nsigners = ["rebuilder"]\n\n[permission.storage]'
    text = PINNED.replace("[[namespace]]", f"{added}[[namespace]]", 1)
    scene.policy(text.replace("[permission.storage]", demand))
    made = Run().release(scene)
    claims = {**CLAIMS, "9": signs, "15": "3003", "17": "4004"}
    said = Provenance(
        build_type=build_type,
        builder_id=REBUILDER,
        external_parameters={"source": {"uri": CALLER}},
    )
    rebuilder = FakeSigner.of(subject=signs, extensions=claims)
    scene.repository.say(made, (provenance.PREDICATE_TYPE, said.to_json()), rebuilder)

    if code is None:
        assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1
    else:
        assert install_code(scene) == code


@pytest.mark.parametrize(
    ("builder", "is_one"),
    [
        pytest.param(RELEASE, True, id="github"),
        pytest.param(RELEASE.replace("github.com", "octo.ghe.com"), True, id="github-enterprise"),
        pytest.param(RELEASE.replace(".github/w", ".GitHub/W"), True, id="another-case"),
        pytest.param("https://gitlab.com/acme/tip//.gitlab-ci.yml@refs/tags/v1", True, id="gitlab"),
        pytest.param("https://miniseal.dev/builders/local@v1", False, id="a-builder-of-ours"),
        pytest.param("https://github.com/actions/runner/github-hosted", False, id="a-runner"),
        pytest.param("https://gitlab.com/acme/tip/-/runners/7", False, id="a-runner-of-gitlab"),
    ],
)
def test_what_is_the_name_of_a_workflow(builder: str, is_one: bool) -> None:
    assert names_workflow(builder) is is_one
