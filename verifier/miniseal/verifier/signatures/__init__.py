"""Who signed: keys (`keys`), or those whom Sigstore certificates were issued to (`keyless`).

`clocks`, `anchors`, `entry`, `certificate` and `reasons` are what `keyless` is made of; `identity`
compares a certificate with a policy, and a `signatory` comes out. Which trusted root counts is in
`trust`, on TUF's metadata in `material` and `tuf`. `blob`, `body` and `legacy` verify bundles about
files, and never a package's evidence. Import the module that you need.
"""

__all__: list[str] = []
