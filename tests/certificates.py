"""Certificates for tests, made by the openssl of this machine."""

import subprocess


def make(folder, name="server", hosts="DNS:localhost,IP:127.0.0.1", days=2):
    """A self-signed certificate: the paths of the certificate and of its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=localhost", "-addext", f"subjectAltName={hosts}", "-days", str(days)]
    command += ["-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return certificate, key
