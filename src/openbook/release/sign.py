"""Who made a release: a signature over all its files in the OpenSSF model signing format, and the keys for it.

`model-signing` writes it, so that every tool of that format can check it; checking here needs Python alone.
"""

import importlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.books.note import VerifierKey, verifier_key
from openbook.books.store import atomic_path, write_bytes
from openbook.errors import OpenbookError
from openbook.release.manifest import SIGNATURE
from openbook.release.verify import Verdict, demand_sound, verify

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ed25519

NEEDED = 'this needs libraries that are not installed: pip install "openbook[sign]".'


def new_key(path: Path, kind: str = "p256", password: bytes | None = None) -> Path:
    """Write a private key (PEM, readable by its owner alone) and its public one beside it; returns the latter's path.

    `kind`: p256 for releases, ed25519 for logs and documents. Raises OpenbookError when one of the files is there.
    """
    try:
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    except ImportError:
        raise OpenbookError(NEEDED) from None
    public = path.with_name(f"{path.stem}.pub{path.suffix or '.pem'}")
    for one in (path, public):
        if one.exists():
            raise OpenbookError(f"{one} is there already; a key is never written over.")
    made: Any = ec.generate_private_key(ec.SECP256R1()) if kind == "p256" else ed25519.Ed25519PrivateKey.generate()
    locked = form.BestAvailableEncryption(password) if password else form.NoEncryption()
    data = made.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked)
    with atomic_path(path) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    shown = made.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    write_bytes(public, shown)
    return public


def sign_release(release: Path, key: Path, password: bytes | None = None) -> Path:
    """Sign a sound release with a private key on P-256 (PEM); returns the signature's path.

    Raises OpenbookError when the release was changed or the key cannot sign.
    """
    return _sign(release, lambda config: config.use_elliptic_key_signer(private_key=key, password=password), str(key))


def sign_with_sigstore(release: Path, token: str | None = None) -> Path:
    """Sign with an identity instead of a key: needs a network, and publishes the identity in a public log for good.

    Without `token` the surroundings' credentials (CI) are used, or a browser asks.
    """
    return _sign(
        release,
        lambda config: config.use_sigstore_signer(identity_token=token, use_ambient_credentials=token is None),
        "sigstore",
    )


def _sign(release: Path, choose: Callable[[Any], Any], with_what: str) -> Path:
    try:
        library: Any = importlib.import_module("model_signing")
    except ImportError:
        raise OpenbookError(NEEDED) from None
    demand_sound(verify_unsigned(release), release)
    with tempfile.TemporaryDirectory() as outside:
        written = Path(outside) / SIGNATURE
        try:
            files = library.hashing.Config().set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)
            choose(library.signing.Config()).set_hashing_config(files).sign(release, written)
        except Exception as error:  # the library lets the errors of five others through
            raise OpenbookError(_why(error, with_what)) from None
        write_bytes(release / SIGNATURE, written.read_bytes())
    return release / SIGNATURE


def verify_unsigned(release: Path) -> Verdict:
    """The verdict without that on an older signature, which is to be replaced."""
    verdict = verify(release)
    problems = tuple(one for one in verdict.problems if not one.startswith(SIGNATURE))
    return replace(verdict, problems=problems)


def _why(error: Exception, with_what: str) -> str:
    if with_what == "sigstore":
        return (
            f"sigstore could not be reached or refused ({type(error).__name__}): it needs a network and an identity. "
            "Offline, sign with a key: openbook sign RELEASE --key KEY.pem."
        )
    return f"{with_what} cannot sign: {str(error) or type(error).__name__}. It must be a private key on P-256 (PEM)."


def verify_sigstore(release: Path, identity: str, issuer: str) -> None:
    """Check a signature made with sigstore. Raises OpenbookError when it is not good, or cannot be checked here."""
    try:
        library: Any = importlib.import_module("model_signing")
    except ImportError:
        raise OpenbookError(NEEDED) from None
    if not (release / SIGNATURE).is_file():
        raise OpenbookError(f"{release} is not signed: it has no {SIGNATURE}.")
    try:
        config = library.verifying.Config().use_sigstore_verifier(identity=identity, oidc_issuer=issuer)
        config.verify(release, release / SIGNATURE)
    except Exception as error:  # as above
        raise OpenbookError(
            f"the signature of {release} is not good, or could not be checked without a network: "
            f"{str(error)[:300] or type(error).__name__}."
        ) from None


def read_signing_key(path: Path, password: bytes | None = None) -> "ed25519.Ed25519PrivateKey":
    """A private Ed25519 key (PEM). Raises OpenbookError for anything else."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise OpenbookError(NEEDED) from None
    try:
        key = load_pem_private_key(path.read_bytes(), password)
    except (OSError, ValueError, TypeError) as error:
        raise OpenbookError(f"the key {path} cannot be read: {error}.") from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise OpenbookError(f"{path} is not an Ed25519 key: make one with `openbook sign --new-key FILE --ed25519`.")
    return key


def public_bytes(key: "ed25519.Ed25519PrivateKey") -> bytes:
    """Its public key, 32 bytes."""
    return key.public_key().public_bytes_raw()


def log_key(name: str, key: "ed25519.Ed25519PrivateKey") -> VerifierKey:
    """The key of a log of this name, as others name it."""
    return verifier_key(name, public_bytes(key))
