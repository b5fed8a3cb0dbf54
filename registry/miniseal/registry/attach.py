"""Hanging a Sigstore bundle on a manifest, as cosign v3 and actions/attest do.

One referrer manifest for each bundle (cosign specs/BUNDLE_SPEC.md), without a time: the same bundle
on the same subject is the same manifest. The bundle is not looked into.
"""

from miniseal.formats.bundle import BUNDLE_TYPE, CONTENT_ANNOTATION, PREDICATE_ANNOTATION
from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.registry.store import CONTENT_MISSING, Store

__all__ = ["attach"]


def attach(store: Store, subject: Descriptor, bundle: bytes, predicate_type: str) -> Descriptor:
    """Store `bundle` as a referrer of `subject`; doing it twice is doing it once.

    Args:
        store: holds the subject.
        subject: the manifest that the bundle's statement is about.
        bundle: a Sigstore bundle around a DSSE envelope.
        predicate_type: the statement's, which readers may choose referrers by.

    Returns:
        The referrer manifest's descriptor, as `Store.referrers` lists it.

    Raises:
        EnvironmentalError: `content-missing`, the subject is not in the store; `referrers-limit`.
    """
    if not store.has(subject):
        raise CONTENT_MISSING("the store lacks the subject to attach to", found=subject.digest)
    manifest = Manifest(
        artifact_type=BUNDLE_TYPE,
        config=store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE),
        layers=(store.put(bundle, BUNDLE_TYPE),),
        subject=Descriptor(media_type=subject.media_type, digest=subject.digest, size=subject.size),
        annotations={CONTENT_ANNOTATION: "dsse-envelope", PREDICATE_ANNOTATION: predicate_type},
    )
    return store.put_manifest(manifest.to_bytes())
