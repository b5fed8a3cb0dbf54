"""The files of the registries that tests run: certificates and configurations."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Authority", "certificate", "distribution_config", "nginx_config"]

_CA, _SERVER, _SERVER_KEY = "ca.pem", "server.pem", "server.key"
_DAYS = 2


class Authority:
    """A private authority, and a certificate of it for whatever listens on loopback."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = certificate("registries", self._key)

    def write(self, folder: Path) -> None:
        """Write the authority's certificate, and a server's with its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        server = certificate("server", key, (self._certificate, self._key))
        (folder / _CA).write_bytes(_pem(self._certificate))
        (folder / _SERVER).write_bytes(_pem(server))
        (folder / _SERVER_KEY).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def server(self, folder: Path) -> ssl.SSLContext:
        """How a server of this process shows the certificate in `folder`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / _SERVER, folder / _SERVER_KEY)
        return context


def certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None,
) -> x509.Certificate:
    """A certificate for loopback by an issuer, or an authority's own."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer[1] if issuer else key
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    public = signer.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=_DAYS))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(signer, hashes.SHA256())
    )


def distribution_config(
    address: str, store: str, auth: dict[str, object] | None
) -> dict[str, object]:
    """What distribution reads, of version 2 and 3; with TLS where somebody has to log in."""
    listen: dict[str, object] = {"addr": address, "secret": "of no use"}
    if auth is not None:
        listen["tls"] = {"certificate": _SERVER, "key": _SERVER_KEY}
    return {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": store}, "delete": {"enabled": True}},
        "http": listen,
        **({"auth": auth} if auth is not None else {}),
    }


def nginx_config(address: str, behind: str) -> str:
    """A proxy with TLS and passwords, in front of a registry that has neither."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    scratch = "".join(f" {kind}_temp_path nginx.{kind};" for kind in kinds)
    return f"""\
daemon off; master_process off; pid nginx.pid;
events {{}}
http {{
 access_log off; client_max_body_size 0;{scratch}
 server {{
  listen {address} ssl; ssl_certificate {_SERVER}; ssl_certificate_key {_SERVER_KEY};
  location / {{
   auth_basic "registry"; auth_basic_user_file htpasswd.nginx;
   proxy_pass http://{behind}; proxy_http_version 1.1; proxy_request_buffering off;
   proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto https;
   proxy_set_header Authorization "";
  }}
 }}
}}
"""


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
