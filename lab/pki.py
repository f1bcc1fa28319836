"""Keys and certificates of a lab: one authority, a certificate per component, the administrator's kubeconfig."""

import base64
import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=365)


class Authority:
    """A certificate authority made anew for every start of a lab; files lie in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = subject("tidegate-lab", [])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        builder = self._builder(self.name, self.key.public_key()).add_extension(constraints, critical=True)
        self._write("ca", self.key, builder.sign(self.key, hashes.SHA256()))

    def issue(
        self, file: str, common_name: str, *, organizations: Sequence[str] = (), addresses: Sequence[str] = ()
    ) -> None:
        """Write FILE.crt and FILE.key.

        Parameters
        ----------
        common_name, organizations
            User and groups, as the API server reads them from a client certificate.
        addresses
            Host names and IP addresses of a server certificate.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        builder = self._builder(subject(common_name, organizations), key.public_key()).add_extension(usage, False)
        if addresses:
            names = [general_name(address) for address in addresses]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        self._write(file, key, builder.sign(self.key, hashes.SHA256()))

    def write_signing_key(self, file: str) -> None:
        """Write FILE.key: what service-account tokens are signed with."""
        (self.directory / f"{file}.key").write_bytes(key_bytes(ec.generate_private_key(ec.SECP256R1())))

    def _builder(self, name: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(public_key)
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + LIFETIME)

    def _write(self, file: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        (self.directory / f"{file}.key").write_bytes(key_bytes(key))
        (self.directory / f"{file}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def subject(common_name: str, organizations: Sequence[str]) -> x509.Name:
    """Return the distinguished name of a user and its groups."""
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization) for organization in organizations]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def general_name(address: str) -> x509.GeneralName:
    """Return an IP address or a host name as a certificate holds it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def write_kubeconfig(file: Path, server: str, pki: Path, client: str) -> None:
    """Write a kubeconfig that holds its certificates itself, so that the file can be copied."""

    def data(name: str) -> bytes:
        return (pki / name).read_bytes()

    cluster: dict[str, str | bytes] = {"server": server, "certificate-authority-data": data("ca.crt")}
    user: dict[str, str | bytes] = {
        "client-certificate-data": data(f"{client}.crt"),
        "client-key-data": data(f"{client}.key"),
    }
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": encode(cluster)}],
        "users": [{"name": client, "user": encode(user)}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": client}}],
        "current-context": "lab",
    }
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def encode(fields: dict[str, str | bytes]) -> dict[str, str]:
    """Return the fields with bytes as base64, as kubeconfig wants them."""
    return {key: value if isinstance(value, str) else base64.b64encode(value).decode() for key, value in fields.items()}
